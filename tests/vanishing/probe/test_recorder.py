"""The probe against torch's own gradients, on every kind of module, and what it leaves behind: nothing."""

import copy
import importlib.util
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from vanishing.probe import probe

QUIET = "ignore:.*torch.jit.*deprecated:DeprecationWarning"


@pytest.fixture(autouse=True)
def same_draws():
    """Each test draws the same numbers."""
    torch.manual_seed(0)


def mlp(phi=nn.Tanh, depth=4, width=12):
    layers = [part for _ in range(depth - 1) for part in (nn.Linear(width, width), phi())]
    return nn.Sequential(*layers, nn.Linear(width, 3))


def data(width=12, batch=20):
    return torch.randn(batch, width), torch.randint(3, (batch,))


def loss_of(model, x, y):
    return F.cross_entropy(model(x), y)


def norm(t):
    return t.detach().double().norm().item()


def by_name(p, step=-1):
    return {row.name: row for row in p.rows(step)}


def lengths_by_hand(model, x, y):
    """Norms of each Linear's weight gradient, output and gradient in the output, by retain_grad on a copy."""
    model, kept = copy.deepcopy(model), {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda m, a, out, name=name: kept.update({name: out}) or out.retain_grad())
    loss_of(model, x, y).backward()
    modules = dict(model.named_modules())
    return {name: (norm(modules[name].weight.grad), norm(out), norm(out.grad)) for name, out in kept.items()}


# What it measures


@pytest.mark.parametrize("phi", [nn.Tanh, nn.Sigmoid, nn.ReLU, lambda: nn.ReLU(inplace=True), nn.GELU, nn.Identity])
def test_lengths_equal_those_of_torch(phi):
    model, (x, y) = mlp(phi), data()
    judge = copy.deepcopy(model)
    for k in (1, 3, 5):
        if isinstance(judge[k], nn.ReLU):
            judge[k].inplace = False  # which would change what retain_grad keeps
    exact = lengths_by_hand(judge, x, y)
    with probe(model) as p:
        loss_of(model, x, y).backward()
    rows = by_name(p)
    assert list(rows) == list(exact) == ["0", "2", "4", "6"]
    for name, (gradient, activation, delta) in exact.items():
        assert rows[name].gradient == pytest.approx(gradient, rel=1e-6)
        assert rows[name].gradient == pytest.approx(norm(dict(model.named_modules())[name].weight.grad), rel=1e-6)
        assert rows[name].activation == pytest.approx(activation, rel=1e-6)
        assert rows[name].rms == pytest.approx(activation / (20 * rows[name].width) ** 0.5, rel=1e-6)
        assert rows[name].delta == pytest.approx(delta, rel=1e-6)


def test_gradients_far_below_what_float32_can_square():
    model = mlp(nn.Identity, depth=8)
    with torch.no_grad():
        for layer in model[:-1:2]:
            layer.weight.mul_(1e-4)
    x, y = data()
    with probe(model) as p:
        loss_of(model, x, y).backward()
    exact = lengths_by_hand(model, x, y)
    assert exact["0"][2] < 1e-24
    assert by_name(p)["0"].delta == pytest.approx(exact["0"][2], rel=1e-6)
    assert model[0].weight.grad.norm() == 0  # float32's own norm
    assert by_name(p)["0"].gradient == pytest.approx(norm(model[0].weight.grad), rel=1e-6)


def test_each_backward_pass_is_a_record():
    model, (x, y) = mlp(), data()
    optimizer, seen = torch.optim.SGD(model.parameters(), lr=0.1), []
    with probe(model) as p:
        for _ in range(4):
            optimizer.zero_grad()
            loss_of(model, x, y).backward()
            seen.append([norm(layer.weight.grad) for layer in model[::2]])
            optimizer.step()
    assert p.steps == [0, 1, 2, 3]
    np.testing.assert_allclose(p.series("gradient"), seen, rtol=1e-6)
    assert p.rows(1)[0].gradient == pytest.approx(seen[1][0], rel=1e-6)


def test_every_third_pass_with_and_without_tensor_backward():
    for run in (torch.Tensor.backward, torch.autograd.backward):
        model, (x, y) = mlp(), data()
        optimizer, seen = torch.optim.SGD(model.parameters(), lr=0.1), []
        with probe(model, every=3) as p:
            for _ in range(8):
                optimizer.zero_grad()
                run(loss_of(model, x, y))
                seen.append(norm(model[0].weight.grad))
                optimizer.step()
        assert p.steps == [0, 3, 6]
        np.testing.assert_allclose(p.series("gradient")[:, 0], seen[::3], rtol=1e-6)
        assert np.isfinite(p.series("update")).all()


OPTIMIZERS = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "LBFGS": lambda parameters: torch.optim.LBFGS(parameters, max_iter=3),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_update_is_the_step_over_the_weights(kind):
    model, (x, y) = mlp(), data()
    optimizer = OPTIMIZERS[kind](model.parameters())
    before = [layer.weight.detach().clone() for layer in model[::2]]

    def closure():
        optimizer.zero_grad()
        loss = loss_of(model, x, y)
        loss.backward()
        return loss

    with probe(model) as p:
        if kind == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    exact = [norm(layer.weight.detach() - w) / norm(w) for layer, w in zip(model[::2], before, strict=True)]
    rows = p.rows(0 if kind != "LBFGS" else -1)
    if kind == "LBFGS":
        assert len(p.steps) == 3
    else:
        assert [row.update for row in rows] == pytest.approx(exact, rel=1e-4)


def test_update_of_a_large_layer_is_judged_by_some_of_its_rows():
    model = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 3))
    x, y = data(300)
    optimizer, before = torch.optim.SGD(model.parameters(), lr=0.1), model[0].weight.detach().clone()
    with probe(model) as p:
        loss_of(model, x, y).backward()
        optimizer.step()
    assert by_name(p)["0"].update == pytest.approx(norm(model[0].weight.detach() - before) / norm(before), rel=0.1)


def test_an_optimizer_of_other_weights_leaves_no_update():
    model, other, (x, y) = mlp(), mlp(), data()
    optimizer = torch.optim.SGD([*other.parameters(), *model[0].parameters()], lr=0.1)
    with probe(model) as p:
        loss_of(model, x, y).backward()
        optimizer.step()
    assert np.isfinite(p.series("update")).tolist() == [[True, False, False, False]]


PHI = {
    "sigmoid": (torch.sigmoid, lambda h: ((h * (1 - h)) < 0.0025).double().mean()),
    "tanh": (torch.tanh, lambda h: ((1 - h**2) < 0.01).double().mean()),
    "softmax": (lambda z: z.softmax(-1), lambda h: (h.amax(-1) > 0.99).double().mean()),
    "hardsigmoid": (F.hardsigmoid, lambda h: ((h <= 0) | (h >= 1)).double().mean()),
}


@pytest.mark.parametrize("phi", PHI)
def test_saturated_share(phi):
    function, share = PHI[phi]
    layer, x = nn.Linear(6, 5).double(), 8 * torch.randn(50, 6, dtype=torch.float64)
    h = function(layer(x))
    with probe(layer) as p:
        function(layer(x)).square().sum().backward()
    (row,) = p.rows()
    assert row.phi == phi
    assert 0.05 < share(h) < 0.95
    assert row.saturated == pytest.approx(share(h).item(), abs=1e-12)
    assert np.isnan(row.dead)


SIGMOIDS = [nn.Sigmoid(), torch.sigmoid, F.sigmoid, torch.special.expit, torch.Tensor.sigmoid, lambda z: z.sigmoid_()]


@pytest.mark.parametrize("function", SIGMOIDS)
def test_an_activation_is_known_however_it_is_called(function):
    layer = nn.Linear(6, 5)
    with probe(layer) as p:
        function(layer(torch.randn(50, 6))).square().sum().backward()
    assert p.rows()[0].phi == "sigmoid"


def test_a_large_activation_is_judged_by_some_of_its_rows():
    layer, x = nn.Linear(6, 64), 8 * torch.randn(1000, 6)
    with probe(layer) as p:
        torch.tanh(layer(x)).sum().backward()
    assert p.rows()[0].saturated == pytest.approx(PHI["tanh"][1](torch.tanh(layer(x))).item(), abs=0.02)


@pytest.mark.parametrize("relu", [torch.relu, torch.relu_, F.relu, nn.ReLU(inplace=True), F.relu6])
def test_dead_units(relu):
    layer = nn.Linear(6, 8)
    with torch.no_grad():
        layer.bias[:3] = -100
    with probe(layer) as p:
        (relu(layer(torch.randn(40, 6))).sum() + relu(layer(torch.randn(30, 6))).sum()).backward()
    assert p.rows()[0].dead == 3 / 8
    assert p.rows()[0].samples == 70


def test_dead_channels_of_a_convolution():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    with torch.no_grad():
        model[0].bias[1] = -100
    with probe(model) as p:
        loss_of(model, torch.randn(5, 1, 6, 6), torch.randint(3, (5,))).backward()
    row = p.rows()[0]
    assert (row.dead, row.samples, row.width, row.kind) == (0.25, 5 * 16, 4, "Conv2d")


def test_a_unit_that_is_on_in_one_call_is_alive():
    layer = nn.Linear(1, 1, bias=False)
    with probe(layer) as p:
        (torch.relu(layer(torch.ones(3, 1))) + torch.relu(layer(-torch.ones(3, 1)))).sum().backward()
    assert p.rows()[0].dead == 0


# Kinds of modules


class Loop(nn.Module):
    """One layer called `steps` times."""

    def __init__(self, steps=6, width=5):
        super().__init__()
        self.cell, self.out, self.steps = nn.Linear(width, width), nn.Linear(width, 3), steps

    def forward(self, x):
        self.seen = [x]
        for _ in range(self.steps):
            z = self.cell(self.seen[-1])
            if z.requires_grad:
                z.retain_grad()
            self.seen += [z, torch.tanh(z)]
        return self.out(self.seen[-1])


def test_a_module_that_is_called_several_times():
    model = Loop()
    with probe(model) as p:
        loss_of(model, torch.randn(4, 5), torch.randint(3, (4,))).backward()
    row = by_name(p)["cell"]
    deltas = [norm(z.grad) for z in model.seen[1::2]]
    assert row.calls == 6
    assert row.times == pytest.approx(deltas, rel=1e-6)
    assert row.delta == pytest.approx(np.linalg.norm(deltas), rel=1e-6)
    assert row.activation == pytest.approx(np.linalg.norm([norm(z) for z in model.seen[1::2]]), rel=1e-6)
    assert row.gradient == pytest.approx(norm(model.cell.weight.grad), rel=1e-6)


def test_a_module_that_is_registered_twice_is_one_layer():
    layer = nn.Linear(5, 5)
    model = nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(5, 3))
    with probe(model) as p:
        loss_of(model, torch.randn(4, 5), torch.randint(3, (4,))).backward()
    assert [(row.name, row.calls) for row in p.rows()] == [("0", 2), ("4", 1)]


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_recurrent_modules_show_the_gradient_at_each_time_step(kind, batch_first, asked):
    model = kind(3, 4, num_layers=2, batch_first=batch_first)
    x = torch.randn(7, 2, 3) if not batch_first else torch.randn(2, 7, 3)
    own = x.clone().requires_grad_()
    model(own)[0].square().sum().backward()
    time = 1 if batch_first else 0
    model.zero_grad()
    x.requires_grad_(asked)
    with probe(model) as p:
        model(x)[0].square().sum().backward()
    (row,) = p.rows()
    assert row.times == pytest.approx([norm(part) for part in own.grad.unbind(time)], rel=1e-5)
    weights = [w.grad.double().square().sum() for name, w in model.named_parameters() if "weight" in name]
    assert row.gradient == pytest.approx(sum(weights).sqrt().item(), rel=1e-6)
    assert (x.grad is not None) == asked


def test_recurrent_modules_without_batch_packed_and_frozen():
    model = nn.RNN(3, 4)
    with probe(model) as p:
        model(torch.randn(7, 3))[0].sum().backward()
    assert len(p.rows()[0].times) == 7
    assert p.rows()[0].phi == "tanh"
    packed = nn.utils.rnn.pack_sequence([torch.randn(4, 3), torch.randn(2, 3)])
    with probe(model) as p:
        model(packed)[0].data.sum().backward()
    assert p.rows()[0].times == ()
    assert p.rows()[0].activation > 0
    frozen = nn.Sequential(nn.RNN(3, 4), _First(), nn.Linear(4, 3))
    frozen[0].requires_grad_(False)
    with probe(frozen) as p:
        frozen(torch.randn(7, 2, 3)).sum().backward()
    assert p.rows()[0].times == ()
    assert np.isnan(p.rows()[0].delta)


class _First(nn.Module):
    def forward(self, outputs):
        return outputs[0]


def test_a_recurrent_cell_is_read_call_by_call():
    cell, h = nn.RNNCell(3, 4, nonlinearity="relu"), torch.zeros(2, 4)
    with probe(cell) as p:
        for _ in range(6):
            h = cell(torch.randn(2, 3), h)
        h.sum().backward()
    (row,) = p.rows()
    assert (row.calls, len(row.times), row.phi) == (6, 6, "relu")
    assert row.times[-1] == pytest.approx(8**0.5)


def test_attention_and_transformer_blocks():
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    with probe(model) as p:
        model(torch.randn(2, 5, 8)).square().sum().backward()
    rows = by_name(p)
    assert list(rows) == ["self_attn", "norm1", "linear1", "linear2", "norm2"]
    attention = [w.grad.double().square().sum() for n, w in model.self_attn.named_parameters() if "bias" not in n]
    assert len(attention) == 2
    assert rows["self_attn"].gradient == pytest.approx(sum(attention).sqrt().item(), rel=1e-6)
    assert rows["self_attn"].delta > 0
    assert rows["linear1"].phi == "relu"
    with probe(nn.MultiheadAttention(8, 2)) as p:
        p.model(*torch.randn(3, 5, 2, 8))[0].sum().backward()
    assert [row.kind for row in p.rows()] == ["MultiheadAttention"]


class Own(nn.Module):
    """Parameters and an activation of its own, and a parameter that is used nowhere."""

    def __init__(self):
        super().__init__()
        self.W, self.spare = nn.Parameter(torch.randn(4, 4)), nn.ParameterList([nn.Parameter(torch.ones(2, 2))])
        self.inner = nn.Linear(4, 4)

    def forward(self, x):
        return {"hidden": None, "out": self.inner(torch.sigmoid(x @ self.W))}


def test_parameters_outside_of_torchs_own_layers():
    model = Own()
    with probe(model) as p:
        model(torch.randn(6, 4))["out"].sum().backward()
    rows = by_name(p)
    assert list(rows) == ["model", "inner", "spare"]
    assert rows["model"].phi == "sigmoid"
    assert rows["inner"].phi == ""
    assert rows["model"].gradient == pytest.approx(norm(model.W.grad), rel=1e-6)
    assert rows["model"].delta == rows["inner"].delta == pytest.approx(24**0.5)
    assert np.isnan(rows["spare"].gradient)
    assert [f.kind for f in p.findings()] == ["unheard"]
    assert p.findings()[0].layers == (3,)


def test_frozen_layers():
    model, (x, y) = mlp(), data()
    model[0].requires_grad_(False)
    model[4].weight.requires_grad_(False)
    with probe(model) as p:
        loss_of(model, x, y).backward()
    rows = by_name(p)
    assert np.isnan([rows["0"].gradient, rows["0"].delta, rows["4"].gradient]).all()
    assert rows["0"].rms > 0
    assert rows["4"].delta > 0
    assert [row.trainable for row in p.rows()] == [False, True, False, True]
    assert "Linear, frozen" in p.table()
    assert p.findings() == []


def test_parametrized_and_norm_layers():
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(12, 12)), nn.BatchNorm1d(12), nn.ReLU())
    model.append(nn.Linear(12, 3))
    x, y = data()
    with probe(model) as p:
        loss_of(model, x, y).backward()
    rows = by_name(p)
    assert list(rows) == ["0", "1", "3"]
    assert rows["0"].gradient == pytest.approx(norm(model[0].parametrizations.weight.original.grad), rel=1e-6)
    assert (rows["1"].matrix, rows["1"].phi) == (False, "relu")


def test_sparse_gradients_and_whole_numbers_as_input():
    model = nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Flatten(), nn.Linear(12, 3))
    optimizer = torch.optim.SparseAdam([model[0].weight])
    with probe(model) as p:
        loss_of(model, torch.randint(10, (5, 3)), torch.randint(3, (5,))).backward()
        optimizer.step()
    row = p.rows()[0]
    assert row.gradient == pytest.approx(norm(model[0].weight.grad.to_dense()), rel=1e-6)
    assert row.update > 0


def test_half_precision_and_autocast():
    model, (x, y) = mlp(), data()
    with probe(model) as p, torch.autocast("cpu", dtype=torch.bfloat16):
        loss_of(model, x, y).backward()
    assert np.isfinite(p.series("delta")).all()
    half = mlp().bfloat16()
    with probe(half) as p:
        loss_of(half, x.bfloat16(), y).backward()
    assert p.rows()[0].rounding == 2**-8
    assert p.rows()[0].gradient == pytest.approx(norm(half[0].weight.grad), rel=1e-6)


class Small(nn.Module):
    """A network of one's own, which torch compiles in both ways."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(12, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


@pytest.mark.parametrize("whole", [True, False])
def test_compiled_modules_run_eagerly_and_are_not_compiled_again(whole):
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    model, (x, y) = Small(), data()
    exact = lengths_by_hand(model, x, y)
    if whole:
        fast = torch.compile(model, backend=backend)
    else:
        model.compile(backend=backend)
        fast = model
    loss_of(fast, x, y).backward()
    count = len(compiled)
    assert count >= 1
    model.zero_grad()
    with probe(fast) as p:
        loss_of(fast, x, y).backward()
    assert {name: (row.gradient, row.activation, row.delta) for name, row in by_name(p).items()} == {
        name: pytest.approx(values, rel=1e-6) for name, values in exact.items()
    }
    assert "ran eagerly" in p.notes[0]
    loss_of(fast, x, y).backward()
    assert len(compiled) == count


@pytest.mark.filterwarnings(QUIET)
@pytest.mark.parametrize("make", [torch.jit.script, lambda part: torch.jit.trace(part, torch.randn(2, 12))])
def test_scripted_modules_say_that_their_inside_is_unseen(make):
    scripted = make(nn.Sequential(nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 12)))
    model, (x, y) = nn.Sequential(scripted, nn.Linear(12, 3)), data()
    with probe(model) as p:
        loss_of(model, x, y).backward()
    assert p.notes == ["0 is scripted: only the gradients of its weights are seen."]
    rows = by_name(p)
    assert rows["0"].kind == "Sequential"
    squares = [w.grad.double().square().sum() for name, w in scripted.named_parameters() if "weight" in name]
    assert rows["0"].gradient == pytest.approx(sum(squares).sqrt().item(), rel=1e-6)
    assert rows["1"].delta > 0
    assert p.notes[0] in str(p)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_layers(reentrant):
    model, (x, y) = mlp(), data()
    exact = lengths_by_hand(model, x, y)
    x.requires_grad_()
    with probe(model) as p:
        F.cross_entropy(model[4:](checkpoint(model[:4], x, use_reentrant=reentrant)), y).backward()
    for name, row in by_name(p).items():
        assert (row.gradient, row.activation, row.delta) == pytest.approx(exact[name], rel=1e-6)
        assert row.calls == 1


# Where a record begins and ends


def test_a_forward_pass_before_the_block_leaves_the_weights_gradients():
    model, (x, y) = mlp(), data()
    loss = loss_of(model, x, y)
    with probe(model) as p:
        loss.backward()
    assert [row.gradient for row in p.rows()] == pytest.approx(
        [norm(layer.weight.grad) for layer in model[::2]], rel=1e-6
    )
    assert np.isnan(p.series("delta")).all()
    assert "No forward pass ran inside the block" in p.notes[0]


def test_a_backward_pass_that_is_not_overheard_counts_all_the_same():
    model, (x, y) = mlp(), data()
    with probe(model) as p:
        torch.autograd.backward(loss_of(model, x, y))
    assert p.steps == [0]
    assert p.rows()[0].delta > 0
    loss = loss_of(model, x, y)
    with probe(model) as p:
        torch.autograd.backward(loss)
    assert p.steps == [0]


def test_evaluation_is_not_recorded():
    model, (x, y) = mlp(), data()
    with probe(model) as p:
        with torch.no_grad():
            model(x)
        loss_of(model, x, y).backward()
        model.eval()
        with torch.inference_mode():
            model(x)
    assert p.steps == [0]
    assert p.rows()[0].calls == 1
    with probe(model) as p, torch.no_grad():
        model(x)
    assert str(p) == p.table() == "Nothing was recorded: no backward pass through this model ran inside the block."
    assert p.rows() == p.findings() == []
    assert p.series("delta").shape == (0, 4)


def test_accumulated_gradients_are_read_as_the_optimizer_will():
    model, (x, y) = mlp(), data()
    with probe(model) as p:
        for _ in range(2):
            loss_of(model, x, y).backward()
    np.testing.assert_allclose(p.series("gradient")[1], 2 * p.series("gradient")[0], rtol=1e-5)
    np.testing.assert_allclose(p.series("delta")[1], p.series("delta")[0], rtol=1e-6)


def test_two_backward_passes_through_one_graph():
    model, (x, y) = mlp(), data()
    with probe(model) as p:
        out = model(x)
        F.cross_entropy(out, y).backward(retain_graph=True)
        (3 * F.cross_entropy(out, y)).backward()
    np.testing.assert_allclose(p.series("delta")[1], 3 * p.series("delta")[0], rtol=1e-5)
    np.testing.assert_allclose(p.series("rms")[1], p.series("rms")[0])
    assert p.notes == []


def test_another_models_backward_pass_is_not_recorded():
    model, other, (x, y) = mlp(), mlp(), data()
    with probe(model) as p:
        loss_of(other, x, y).backward()
        loss_of(model, x, y).backward()
        loss_of(other, x, y).backward()
    assert p.steps == [0]


def test_clipping_and_zeroing_make_no_records():
    model, (x, y) = mlp(), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with probe(model) as p:
        for _ in range(3):
            optimizer.zero_grad(set_to_none=False)
            loss_of(model, x, y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
            optimizer.step()
    assert p.steps == [0, 1, 2]
    assert p.series("raw").max() > 1e-2
    used = np.linalg.norm(p.series("gradient"), axis=1)
    np.testing.assert_allclose(used, 1e-3, rtol=0.2)  # what the optimiser was given; biases have the rest


def test_two_networks_two_probes():
    first, second, (x, _) = mlp(), mlp(), data()
    first[-1] = nn.Linear(12, 12)
    optimizers = [torch.optim.Adam(net.parameters()) for net in (first, second)]
    with probe(first) as p, probe(second) as q:
        for _ in range(2):
            for optimizer in optimizers:
                optimizer.zero_grad()
            second(torch.sigmoid(first(x))).square().sum().backward()
            for optimizer in optimizers:
                optimizer.step()
    assert torch._C._len_torch_function_stack() == 0
    for listener in (p, q):
        assert listener.steps == [0, 1]
        for name in ("gradient", "delta", "rms", "update"):
            assert np.isfinite(listener.series(name)).all()
    assert p.rows()[-1].phi == "sigmoid"


def test_a_probe_can_listen_again():
    model, (x, y) = mlp(), data()
    p = probe(model)
    for _ in range(2):
        with p:
            loss_of(model, x, y).backward()
    assert p.steps == [0, 1]
    assert p.series("gradient").shape == (2, 4)


# What it leaves behind


def state(model):
    """Everything of a model that a hook or a careless measurement could have touched."""
    modules = [{k: v for k, v in vars(m).items() if not k.startswith("_parameters")} for m in model.modules()]
    hooks = [[len(v) for k, v in m.items() if k.endswith("hooks")] for m in modules]
    names = [sorted(m) for m in modules]
    own = [(p._backward_hooks, p._post_accumulate_grad_hooks, p.requires_grad) for p in model.parameters()]
    return hooks, names, own, sorted(dir(model))


def train(model, steps=3, listen=None):
    x, y = data()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model, x, y).backward()
        optimizer.step()


def with_dropout():
    return nn.Sequential(nn.Linear(12, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 3))


def test_training_is_the_same_to_the_last_bit():
    results = []
    for listen in (False, True):
        torch.manual_seed(3)
        model = with_dropout()
        before = state(model)
        if listen:
            with probe(model):
                train(model)
        else:
            train(model)
        assert state(model) == before
        grads = [p.grad for p in model.parameters()]
        results.append([*model.state_dict().values(), *grads, torch.get_rng_state()])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


class Stumbles(nn.Module):
    """Raises where it is told to."""

    def __init__(self, where):
        super().__init__()
        self.first, self.where = nn.Linear(4, 4), where

    def forward(self, x):
        x = torch.relu(self.first(x))
        if self.where == "forward":
            raise ZeroDivisionError
        if self.where == "backward":
            x.register_hook(lambda grad: 1 / 0)
        return x


def stumble(model, optimizer):
    with probe(model):
        model(torch.randn(2, 4)).sum().backward()
        optimizer.step()
        raise ZeroDivisionError


@pytest.mark.parametrize("where", ["forward", "backward", "step", "after"])
def test_an_exception_takes_the_hooks_along(where):
    model = Stumbles(where)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if where == "step":
        optimizer.register_step_pre_hook(lambda *args: 1 / 0)
    before = state(model)
    with pytest.raises(ZeroDivisionError):
        stumble(model, optimizer)
    assert state(model) == before
    assert torch._C._len_torch_function_stack() == 0
    assert torch._C._is_torch_function_enabled()
    if where != "step":
        optimizer.step()  # by now deaf


def test_an_exception_that_the_block_survives():
    model, (x, y) = mlp(), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    handle = optimizer.register_step_pre_hook(lambda *args: 1 / 0)
    with probe(model) as p:
        loss_of(model, x, y).backward()
        with pytest.raises(ZeroDivisionError):
            optimizer.step()
        handle.remove()
        loss_of(model, x, y).backward()
        optimizer.step()
    assert p.steps == [0, 1]
    assert np.isfinite(p.series("update")[1]).all()
    assert p.rows(1)[0].phi == "tanh"


def test_a_model_that_cannot_be_hooked_is_left_as_it_was(monkeypatch):
    model = mlp()
    before = state(model)
    monkeypatch.setattr(type(model[2]), "register_forward_hook", lambda *args: 1 / 0, raising=False)
    with pytest.raises(ZeroDivisionError), probe(model):
        pass
    monkeypatch.undo()
    assert state(model) == before
    assert torch._C._len_torch_function_stack() == 0


def test_a_graph_that_outlives_the_block_is_deaf():
    model, (x, y) = mlp(), data()
    with probe(model) as p:
        loss = loss_of(model, x, y)
        loss.backward(retain_graph=True)
    first = p.series("delta")
    (10 * loss).backward()
    np.testing.assert_array_equal(p.series("delta"), first)


def test_copies_made_inside_the_block_do_not_listen():
    model, (x, y) = mlp(), data()
    with probe(model) as p:
        twin, thawed = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
        loss_of(twin, x, y).backward()
        loss_of(thawed, x, y).backward()
        loss_of(model, x, y).backward()
    assert p.steps == [0]
    for other in (twin, thawed):
        assert torch.equal(other[0].weight.grad, model[0].weight.grad)


# Misuse, and what is shown


def test_misuse_is_refused_in_a_sentence():
    with pytest.raises(TypeError, match=r"needs a torch\.nn\.Module, not function"):
        probe(mlp)
    for every in (0, 1.5):
        with pytest.raises(ValueError, match="whole number from 1 on"):
            probe(mlp(), every=every)
    p = probe(mlp())
    with p, pytest.raises(RuntimeError, match="listening already"), p:
        pass
    with pytest.raises(ValueError, match="Nothing was recorded"):
        p.plot()
    with pytest.raises(ValueError, match="Nothing was recorded"):
        p.draw(None)


def test_a_model_without_parameters_has_no_layers():
    with probe(nn.Tanh()) as p:
        p.model(torch.randn(3, requires_grad=True)).sum().backward()
    assert p.rows() == []


def test_table_and_text():
    model, (x, y) = mlp(nn.ReLU), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with probe(model) as p:
        loss_of(model, x, y).backward()
        optimizer.step()
    lines = p.table().splitlines()
    assert lines[0].split("  ")[0] == "layer"
    assert len(lines) == 5
    for head in ("grad W", "grad out", "rms out", "then", "dead", "step / W"):
        assert head in lines[0]
    assert "saturated" not in lines[0]
    assert f"{norm(model[0].weight.grad):.1e}" in lines[1]
    assert str(p) == f"No alarm.\n\n{p.table()}"


def test_plot_is_a_figure_with_a_text(monkeypatch):
    shown = []
    monkeypatch.setattr("vanishing.figures.style.display", shown.append)
    model, (x, y) = mlp(), data()
    with probe(model) as p:
        loss_of(model, x, y).backward()
    p.plot()
    (still,) = shown
    assert "Sizes over 4 layers" in still.alt
    assert f"{p.rows()[0].delta:.1e}" in still.alt
    assert "<svg" in still.html or "svg+xml" in still.html


def test_the_benchmark_measures(root, capsys):
    spec = importlib.util.spec_from_file_location("probe_overhead", root / "benchmarks" / "probe_overhead.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for made in (module.training(depth=3, width=64, batch=16), module.reading(batch=2, length=4)):
        seconds = module.overhead(made, rounds=2, block=4)
        assert {name: [len(block) for block in blocks] for name, blocks in seconds.items()} == {
            "plain": [4, 4],
            "probe": [4, 4],
        }
        middle, low, high, fastest = module.compared(seconds, "probe")
        assert low <= middle <= high
        assert fastest > 0


def test_layers_that_are_passed_by_are_no_missing_forward_pass():
    model = mlp()
    model.forward = lambda x: F.linear(x, model[0].weight)
    with probe(model) as p:
        model(data()[0]).square().mean().backward()
    assert "passed by" in " ".join(p.notes)


def test_findings_lose_a_long_beginning_that_all_names_share():
    model = nn.ModuleDict(
        {"base_model": nn.ModuleDict({"transformer": nn.Sequential(*(nn.Linear(4, 4) for _ in range(5)))})}
    )
    inner = model["base_model"]["transformer"]
    for layer in inner:
        nn.init.normal_(layer.weight, std=1e-4)
    with probe(model) as p:
        inner(torch.randn(8, 4)).square().sum().backward()
    assert p.findings()
    assert "(0" in p.findings()[0]
    assert "transformer" not in p.findings()[0]
