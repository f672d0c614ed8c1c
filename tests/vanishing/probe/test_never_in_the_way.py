"""Whatever is trained, and however: the probe raises nothing, and each record has what the optimiser used."""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap
from torch.nn import functional as F

from vanishing.probe import probe
from vanishing.probe import recorder as home


@pytest.fixture(autouse=True)
def same_draws():
    """Each test draws the same numbers."""
    torch.manual_seed(0)


def mlp(*end):
    return nn.Sequential(nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 3), *end)


def data(n=20):
    return torch.randn(n, 12), torch.randint(3, (n,))


def norm(t):
    return t.detach().double().norm().item()


@pytest.mark.parametrize("method", ["length", "lengths", "_walk", "_some"])
def test_a_probe_that_fails_itself_leaves_the_training_alone(method, monkeypatch):
    def trained(listen):
        torch.manual_seed(0)
        model, (x, y) = mlp(), data()
        optimizer = torch.optim.Adam(model.parameters())
        p = probe(model)
        if listen:
            p.__enter__()
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        if listen:
            p.__exit__(None, None, None)
        return p, list(model.parameters())

    _, plain = trained(False)

    def broken(*args, **kwargs):
        raise RuntimeError("no such device")

    monkeypatch.setattr(home, method, broken)
    p, heard = trained(True)
    assert all(torch.equal(a, b) for a, b in zip(plain, heard, strict=True))
    assert any("failed" in note and "no such device" in note for note in p.notes)
    assert torch._C._len_torch_function_stack() == 0
    assert torch._C._is_torch_function_enabled()
    str(p)


def test_spread_weights_are_measured_by_their_part():
    class Spread(torch.Tensor):
        def to_local(self):
            return self.as_subclass(torch.Tensor)

    t = torch.ones(3).as_subclass(Spread)
    assert home.length(t) == pytest.approx(3**0.5)
    assert home.lengths([t, torch.ones(4)]) == pytest.approx([3**0.5, 2.0])


@pytest.mark.filterwarnings("ignore")
def test_fsdp2(tmp_path):
    dist = pytest.importorskip("torch.distributed")
    if not dist.is_available():
        pytest.skip("torch was built without torch.distributed")
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        model, (x, y) = mlp(), data()
        fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with probe(model) as p:
            for _ in range(2):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
        assert p.steps == [0, 1]
        assert p.rows()[0].gradient == pytest.approx(norm(model[0].weight.grad.to_local()), rel=1e-6)
        assert np.isfinite(p.series("update")).all()
        assert not any("failed" in note for note in p.notes)
    finally:
        dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")  # torch's own, in jvp
def test_functional_transforms_are_left_alone_and_told():
    model, (x, y) = mlp(), data(5)
    weights = {name: w.detach() for name, w in model.named_parameters()}

    def loss(w, a, b):
        return F.cross_entropy(functional_call(model, w, (a[None],)), b[None])

    exact = vmap(grad(loss), (None, 0, 0))(weights, x, y)
    with probe(model) as p:
        heard = vmap(grad(loss), (None, 0, 0))(weights, x, y)
        jvp(lambda a: model(a), (x,), (x,))
        F.cross_entropy(model(x), y).backward()
    assert all(torch.equal(exact[name], heard[name]) for name in exact)
    assert p.steps == [0]
    assert p.notes == [home.FUNCTORCH]


def test_whole_numbers_and_complex_numbers_as_weights():
    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.q = nn.Parameter(torch.randint(-9, 9, (3, 12), dtype=torch.int8), requires_grad=False)
            self.a = nn.Linear(12, 3)

        def forward(self, x):
            return x @ (self.q.float() / 100).T + self.a(x)

    model, (x, y) = Quantised(), data()
    with probe(model) as p:
        F.cross_entropy(model(x), y).backward()
    assert p.rows()[0].rounding == 0
    assert str(p).startswith("No alarm.")
    model = nn.Linear(4, 4, dtype=torch.cfloat)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with probe(model) as p:
        for _ in range(5):
            optimizer.zero_grad()
            model(torch.randn(8, 4, dtype=torch.cfloat)).abs().square().mean().backward()
            optimizer.step()
    assert p.steps == [0, 1, 2, 3, 4]
    assert p.notes == []
    for name in ("delta", "rms", "gradient", "update"):
        assert np.isfinite(p.series(name)).all()


def test_a_step_with_a_closure_belongs_to_the_record_inside_it():
    updates = []
    for closed in (False, True):
        torch.manual_seed(0)
        model, (x, y) = mlp(), data()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

        def backward(model=model, x=x, y=y, optimizer=optimizer):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        with probe(model) as p:
            for k in range(3):
                optimizer.param_groups[0]["lr"] = 10.0 ** -(k + 1)
                if closed:
                    optimizer.step(backward)
                else:
                    backward()
                    optimizer.step()
        updates.append(p.series("update"))
        assert p.series("rate").tolist() == [0.1, 0.01, 0.001]
    np.testing.assert_array_equal(*updates)
    assert np.isfinite(updates[0]).all()


def test_gradients_are_those_that_the_optimiser_used():
    model, (x, y) = mlp(), data()
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=1024.0)
    with probe(model) as p:
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1e-2)
        used = [norm(layer.weight.grad) for layer in model[::2]]
        scaler.step(optimizer)
    assert [row.gradient for row in p.rows()] == pytest.approx(used, rel=1e-6)
    assert p.rows()[0].raw > 1e3 * p.rows()[0].gradient


def test_what_an_earlier_pass_left_is_no_gradient_of_this_one():
    model = nn.ModuleDict({"trunk": nn.Linear(12, 12), "a": nn.Linear(12, 3), "b": nn.Linear(12, 3)})
    x, y = data()
    with probe(model) as p:
        for name in "ab":
            F.cross_entropy(model[name](torch.relu(model["trunk"](x))), y).backward()
    rows = {row.name: row for row in p.rows()}
    assert np.isnan(rows["a"].gradient)
    assert rows["b"].gradient > 0
    assert p.findings() == []


def test_a_compiled_object_that_is_another_variable():
    model, (x, y) = mlp(), data()
    fast = torch.compile(model, backend="eager")
    F.cross_entropy(fast(x), y).backward()
    with probe(model) as p:
        F.cross_entropy(fast(x), y).backward()
    assert p.notes == [home.EAGER]
    assert p.rows()[0].delta > 0


def test_an_activation_belongs_to_the_layer_whose_output_it_was_given():
    a, b = nn.Linear(12, 12), nn.Linear(12, 12)
    model = nn.ModuleList([a, b])
    x, _ = data()
    with probe(model) as p:
        first, second = a(x), b(x)
        (torch.relu(first) + torch.tanh(second)).sum().backward()
    assert [row.phi for row in p.rows()] == ["relu", "tanh"]
    with probe(model) as p:  # a hinge in the loss is no unit of the network
        torch.relu(1 - b(torch.relu(a(x)))).sum().backward()
    assert [row.phi for row in p.rows()] == ["relu", ""]


def test_the_same_signs_with_and_without_the_mode():
    """Records 1, 2, 4, 8 overhear functions; the others tell dead and saturated units from a layer's output."""
    model, (x, y) = nn.Sequential(nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 3)), data()
    with probe(model) as p:
        for _ in range(9):
            F.cross_entropy(model(8 * x), y).backward()
    for name in ("dead", "saturated"):
        values = p.series(name)
        assert np.isfinite(values).any()
        np.testing.assert_array_equal(values, np.repeat(values[:1], 9, axis=0))


def test_backward_is_torchs_own_again_whoever_leaves_first():
    own = torch.Tensor.backward
    first, second = probe(mlp()), probe(mlp())
    first.__enter__(), second.__enter__()
    first.__exit__(None, None, None)
    x, y = data()
    F.cross_entropy(second.model(x), y).backward()
    second.__exit__(None, None, None)
    assert torch.Tensor.backward is own
    assert torch._C._len_torch_function_stack() == 0
    assert second.steps == [0]


def test_a_large_embedding_is_judged_by_the_rows_that_were_used():
    model = nn.Sequential(nn.Embedding(50_000, 64), nn.Flatten(), nn.Linear(640, 3))
    words, before = torch.randint(50_000, (4, 10)), model[0].weight.detach().clone()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    with probe(model) as p:
        F.cross_entropy(model(words), torch.randint(3, (4,))).backward()
        optimizer.step()
    rows = words.flatten()
    exact = norm((model[0].weight - before)[rows]) / norm(before[rows])
    assert p.rows()[0].update == pytest.approx(exact, rel=1e-4)


def test_memory_does_not_grow_with_the_run():
    model, (x, y) = mlp(), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with probe(model, keep=20) as p:
        for _ in range(500):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert len(p.steps) <= 20
    assert p.steps[:10] == list(range(10))
    assert p.steps[-1] == 499
    gaps = set(np.diff(p.steps[10:-1]).tolist())
    assert len(gaps) == 1
    assert p._records[0].layers.nbytes <= 110 * len(p.rows())


def test_refusals():
    with pytest.raises(ValueError, match="keep must be a whole number from 10 on"):
        probe(mlp(), keep=3)
    with pytest.raises(TypeError, match="on_finding must be a function"):
        probe(mlp(), on_finding=3)


def test_a_finding_is_told_while_the_block_runs():
    told = []
    model, (x, y) = mlp(nn.Softmax(-1)), data()
    optimizer = torch.optim.Adam(model.parameters())
    with probe(model, on_finding=told.append) as p:
        for k in range(6):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            assert [f.kind for f in told] == ["activation twice"], k
    assert p.findings()[0].kind == "activation twice"
    with probe(model, on_finding=lambda finding: 1 / 0) as p:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert p.notes == ["on_finding raised ZeroDivisionError: division by zero"]


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.AdamW])
def test_accumulation_several_optimisers_and_odd_losses(make):
    results = []
    for listen in (False, True):
        torch.manual_seed(1)
        model, (x, _) = mlp(), data()
        first, second = make(model[0].parameters(), lr=1e-2), make(model[2].parameters(), lr=1e-2)
        p = probe(model)
        if listen:
            p.__enter__()
        for k in range(6):
            out = model(x)
            out.backward(torch.ones_like(out) / out.numel())
            if k % 2:
                first.step(), second.step()
                first.zero_grad(), second.zero_grad()
        if listen:
            p.__exit__(None, None, None)
            assert p.steps == list(range(6))
            assert np.isfinite(p.series("update")[1::2]).all()
            assert p.findings() == []
        results.append(copy.deepcopy(list(model.parameters())))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_warnings_of_torch_stay_warnings():
    model = nn.Sequential(nn.Linear(12, 1))
    x, _ = data()
    with warnings.catch_warnings(record=True) as seen, probe(model) as p:
        warnings.simplefilter("always")
        F.mse_loss(model(x), x[:, 0]).backward()
    assert len(seen) >= 1
    assert p.findings()[0].kind == "broadcast"
