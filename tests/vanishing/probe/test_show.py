"""What leaves a probe: JSON, a report, curves, and callbacks of other people's trainers."""

import json
import re
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vanishing.probe import probe


def run(model, steps=5, **options):
    torch.manual_seed(0)
    x, y = torch.randn(40, 8), torch.randint(3, (40,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with probe(model, **options) as p:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return p


@pytest.fixture
def heard():
    """A probe of five steps."""
    torch.manual_seed(0)
    return run(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)))


def test_json_is_valid_and_has_null_where_nothing_was_seen(heard, tmp_path):
    def refuse(word):
        raise AssertionError(word)

    text = heard.to_json(tmp_path / "run.json")
    read = json.loads(text, parse_constant=refuse)
    assert json.loads((tmp_path / "run.json").read_text()) == read
    assert [record["step"] for record in read["records"]] == heard.steps
    assert read["records"][0]["layers"][0]["saturated"] is None
    assert read["records"][2]["loss"] == heard.series("loss")[2]
    assert read["findings"] == []


def test_total_is_what_clipping_would_measure():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    with probe(model) as p:
        F.cross_entropy(model(torch.randn(40, 8)), torch.randint(3, (40,))).backward()
    assert p.series("total")[0] == pytest.approx(nn.utils.get_total_norm([w.grad for w in model.parameters()]).item())


def test_the_report_asks_no_other_host_and_has_the_numbers(heard, tmp_path):
    path = heard.report(tmp_path / "run.html")
    page = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|@import|url\(", page)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["steps"] == heard.steps
    np.testing.assert_allclose(data["fields"]["delta"], heard.series("delta").T, rtol=1e-3)
    assert "No alarm." in page
    assert path.read_bytes() == heard.report(tmp_path / "again.html").read_bytes()


def test_the_report_tells_names_as_text(tmp_path):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("</script><b>", nn.Linear(8, 3))

        def forward(self, x):
            return self._modules["</script><b>"](x).softmax(-1)

    page = run(Odd()).report(tmp_path / "run.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "softmax in front of cross_entropy" in page


def test_tensorboard_gets_every_number(heard):
    given = []
    writer = types.SimpleNamespace(add_scalar=lambda *what: given.append(what))
    heard.to_tensorboard(writer)
    assert ("probe/loss", heard.series("loss")[0], 0) in given
    assert ("delta/0", heard.rows()[0].delta, 4) in given
    assert all(np.isfinite(value) for _, value, _ in given)


def test_pandas_gets_a_line_for_each_record_and_layer(heard, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=lambda lines: lines))
    lines = heard.to_pandas()
    assert len(lines) == 10
    assert (lines[3]["step"], lines[3]["name"]) == (1, "2")


def test_common_beginnings_of_names_are_cut():
    model = nn.ModuleDict({"base": nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))})
    with probe(model) as p:
        model["base"](torch.randn(40, 8)).sum().backward()
    assert [line.split()[1] for line in p.table().splitlines()[1:]] == ["0", "2"]
    assert [row.name for row in p.rows()] == ["base.0", "base.2"]


def test_curves(heard):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    heard.curves(ax, "delta")
    heard.curves(ax, "loss")
    assert len(ax.lines) == 3
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), heard.series("delta")[:, 0])


class _Callback:
    """Stands in for the base class of either library."""


def test_lightnings_callback(monkeypatch, tmp_path):
    from vanishing.probe.trainers import lightning_callback

    pytorch = types.ModuleType("lightning.pytorch")
    pytorch.Callback = _Callback
    monkeypatch.setitem(sys.modules, "lightning", types.ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", pytorch)
    shown, model = [], nn.Linear(8, 3)
    callback = lightning_callback(report=tmp_path / "run.html", show=shown.append)
    callback.on_train_start(None, model)
    F.cross_entropy(model(torch.randn(40, 8)), torch.randint(3, (40,))).backward()
    callback.on_train_end(None, model)
    assert shown == [callback.probe]
    assert callback.probe.steps == [0]
    assert (tmp_path / "run.html").is_file()
    callback.on_train_start(None, model)
    callback.on_exception(None, model, ValueError())
    assert torch._C._len_torch_function_stack() == 0


def test_hugging_faces_callback(monkeypatch):
    from vanishing.probe.trainers import transformers_callback

    library = types.ModuleType("transformers")
    library.TrainerCallback = _Callback
    monkeypatch.setitem(sys.modules, "transformers", library)
    shown, model = [], nn.Linear(8, 3)
    callback = transformers_callback(show=shown.append)
    callback.on_train_begin(None, None, None, model=model)
    F.cross_entropy(model(torch.randn(40, 8)), torch.randint(3, (40,))).backward()
    callback.on_train_end(None, None, None)
    assert shown == [callback.probe]


def test_what_cannot_be_told_ends_no_training(monkeypatch):
    from vanishing.probe.trainers import transformers_callback

    library = types.ModuleType("transformers")
    library.TrainerCallback = _Callback
    monkeypatch.setitem(sys.modules, "transformers", library)

    def choke(heard):
        raise ZeroDivisionError("no steps")

    callback = transformers_callback(show=choke)
    callback.on_train_begin(None, None, None, model=nn.Linear(8, 3))
    with pytest.warns(UserWarning, match=r"could not be told \(ZeroDivisionError: no steps\); the training is whole"):
        callback.on_train_end(None, None, None)
    assert torch._C._len_torch_function_stack() == 0


SCRIPT = """
import sys, torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(-1))
optimizer, loss = torch.optim.Adam(model.parameters(), 1e-3), nn.CrossEntropyLoss()
for _ in range(3):
    optimizer.zero_grad()
    loss(model(torch.randn(32, 8)), torch.randint(3, (32,))).backward()
    optimizer.step()
print("trained", *sys.argv[1:])
raise SystemExit(3)
"""


def test_a_script_runs_as_it_is(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "vanishing.probe", "--report", "run.html", "train.py", "--rate", "7"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout.startswith("trained --rate 7\n\nProbe of Sequential:\n! There is a softmax in front of")
    assert (tmp_path / "run.html").is_file()
    done = subprocess.run([*command[:3], "none.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no file none.py" in done.stderr


def test_torch_and_numpy_are_all_that_it_imports():
    code = (
        "import sys; from vanishing.probe import probe;"
        "print(sorted({'matplotlib', 'IPython', 'scipy', 'pandas', 'sklearn', 'lightning'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
