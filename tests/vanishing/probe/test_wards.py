"""The sick networks of benchmarks/sick and a sample of the healthy ones; its run.py has them all."""

import sys

import pytest
import torch


@pytest.fixture(scope="module")
def wards(root):
    """The modules of benchmarks/sick."""
    sys.path.insert(0, str(root / "benchmarks" / "sick"))
    try:
        import healthy
        import networks
        import strange
    finally:
        sys.path.pop(0)
    return networks.SICK, healthy.HEALTHY, strange


def test_there_are_enough_of_both(wards):
    sick, healthy, strange = wards
    assert len(sick) >= 60
    assert len(healthy) >= 60
    assert len(strange.STRANGE) >= 10


@pytest.mark.parametrize("part", range(4))
def test_the_first_finding_names_the_cause(wards, part):
    wrong = []
    for name, (kinds, listen) in list(wards[0].items())[part::4]:
        torch.manual_seed(0)
        found = listen().findings()
        if not found or found[0].kind not in kinds:
            wrong.append((name, [f.kind for f in found]))
    assert wrong == []


@pytest.mark.parametrize("part", range(4))
def test_the_healthy_raise_no_alarm(wards, part):
    alarms = []
    for name, listen in list(wards[1].items())[part::12]:
        torch.manual_seed(0)
        p = listen()
        if p.findings() or p.notes:
            alarms.append((name, p.findings(), p.notes))
    assert alarms == []


@pytest.mark.parametrize("sick", [False, True])
def test_strange_networks_are_told_right_and_train_to_the_same_bits(wards, sick):
    strange, wrong = wards[2], []
    for name, (kinds, make) in strange.STRANGE.items():
        outcomes = []
        for listen in (False, True):
            torch.manual_seed(0)
            model, losses, p = strange.trained(make, sick, listen, steps=20)
            state = [t.nan_to_num() for t in model.state_dict().values()]
            outcomes.append((state, torch.tensor(losses).nan_to_num(), torch.get_rng_state()))
        (a, losses, drawn), (b, others, drawn_too) = outcomes
        same = all(map(torch.equal, a, b)) and torch.equal(losses, others) and torch.equal(drawn, drawn_too)
        found = [f.kind for f in p.findings()]
        told = found[:1] != [] and found[0] in kinds if sick else not found
        if not (same and told) or p.notes:
            wrong.append((name, same, found, p.notes))
    assert wrong == []
