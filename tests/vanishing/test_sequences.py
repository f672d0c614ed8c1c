"""The sequence tasks and the stacks of networks, against PyTorch's own cells and against counting."""

import numpy as np
import pytest
import torch

from vanishing.sequences import Stack, contact, enhancer, input_gradient_ratio, judged, latch, train


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def copied(stack, k):
    """Network k of a recurrent stack as PyTorch's own module, whose gates stand in the order i, f, g, o."""
    p = {name: values[k].detach() for name, values in stack.parameters.items()}
    n, lstm = stack.hidden, stack.kind == "lstm"
    order = torch.cat([torch.arange(2 * n), torch.arange(3 * n, 4 * n), torch.arange(2 * n, 3 * n)])
    order = order if lstm else torch.arange(n)
    net = (torch.nn.LSTM if lstm else torch.nn.RNN)(p["U"].shape[1], n).double()
    with torch.no_grad():
        net.weight_ih_l0.copy_(p["U"][order])
        net.weight_hh_l0.copy_(p["W"][order])
        net.bias_ih_l0.copy_(p["b"][0, order])
        net.bias_hh_l0.zero_()
    return net


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_states_are_those_of_pytorchs_own_module(kind):
    stack = Stack(kind, m=3, hidden=5, seeds=range(2), dtype=torch.float64)
    x = torch.randn(7, 2, 4, 3, generator=generator(), dtype=torch.float64)
    h, c = stack.states(x)
    assert len(h) == 7
    assert len(c) == (7 if kind == "lstm" else 0)
    for k in range(2):
        expected = copied(stack, k)(x[:, k])[0]
        torch.testing.assert_close(torch.stack(h)[:, k], expected)


def test_forget_and_chrono_biases():
    n = 50
    b = Stack("lstm", 2, n, [0, 1], forget=3.0, write=-2.0).parameters["b"]
    assert (b[..., :n] == -2).all()
    assert (b[..., n : 2 * n] == 3).all()
    b = Stack("lstm", 2, n, [0], gap=100).parameters["b"][0, 0]
    assert (b[n : 2 * n] >= 0).all()
    assert (b[n : 2 * n] <= np.log(99)).all()
    torch.testing.assert_close(b[:n], -b[n : 2 * n])


def test_orthogonal_start():
    W = Stack("rnn", 2, 6, [0], orthogonal=True, dtype=torch.float64).parameters["W"][0]
    torch.testing.assert_close(W @ W.T, torch.eye(6, dtype=torch.float64))


def test_refuses_an_unknown_kind():
    with pytest.raises(ValueError, match="rnn, lstm or max"):
        Stack("gru", 2, 4, [0])


def test_no_network_hears_of_another():
    def last(stack, nets):
        def task(count, batch, g):
            x, y = latch(4)(3, batch, g)
            return x[:, nets], y[nets]

        list(train(stack, task, 3, batch=8))
        return stack.parameters["W"]

    together = last(Stack("lstm", 2, 4, [0, 1]).join(Stack("lstm", 2, 4, [2])), [0, 1, 2])
    alone = last(Stack("lstm", 2, 4, [2]), [2])
    torch.testing.assert_close(together[2:], alone)


def test_training_solves_a_short_latch():
    stack = Stack("lstm", 2, 8, [0, 1], gap=5)
    accuracy = np.array(list(train(stack, latch(3), 60, eta=2e-2, batch=16)))
    assert accuracy.shape == (60, 2)
    assert (judged(stack, latch(3)) > 0.95).all()


def test_input_gradient_ratio_by_central_differences():
    stack = Stack("rnn", 2, 4, [0], dtype=torch.float64)
    x, y = latch(3)(1, 16, generator())
    x = x.double()

    def gradient(t, h=1e-5):
        g = []
        for i in range(16):
            for j in range(2):
                losses = []
                for sign in (1, -1):
                    moved = x.clone()
                    moved[t, 0, i, j] += sign * h
                    logits = stack.logits(moved)[0]
                    losses.append(torch.nn.functional.cross_entropy(logits, y[0], reduction="sum").item())
                g.append((losses[0] - losses[1]) / (2 * h))
        return np.linalg.norm(g)

    assert input_gradient_ratio(stack, 3)[0] == pytest.approx(gradient(0) / gradient(3), rel=1e-6)


def test_latch_shows_the_class_once():
    x, y = latch(10)(3, 20, generator())
    assert x.shape == (11, 3, 20, 2)
    assert (x[0].argmax(dim=-1) == y).all()
    assert x[1:].abs().max() < 0.6


def test_contact_needs_both_sites():
    x, y = contact(12)(2, 500, generator())
    assert x.shape == (18, 2, 500, 4)
    assert (x.sum(dim=-1) == 1).all()
    letters = x.argmax(dim=-1)
    sites = (letters < 2).sum(dim=0)
    assert (sites == 2).all()
    first = (letters < 2).int().argmax(dim=0, keepdim=True)
    pair = torch.cat([letters.gather(0, first), letters.gather(0, first + 12)])  # 0 is cysteine
    assert ((pair == 0).all(dim=0) == (y == 1)).all()
    near = (pair[1] == 0).long()
    assert (near == y).double().mean() == pytest.approx(0.75, abs=0.04)


def test_enhancer_has_one_biased_word_among_the_first_ten():
    bases, y = enhancer(2, 4, generator())
    assert bases.shape == (4, 100_000)
    rich = ((bases == 1) | (bases == 2)).double().reshape(4, 100, 1000).mean(dim=2)
    odd = (rich - 0.5).abs().argmax(dim=1)
    assert (odd < 10).all()
    assert ((rich[range(4), odd] > 0.5).long() == y[0]).all()
    assert rich[range(4), odd].sub(0.5).abs().numpy() == pytest.approx(0.3, abs=0.06)


def test_words_are_a_strided_convolution_then_means():
    stack = Stack("max", 4, 4, [0, 1], front=3, dtype=torch.float64)
    bases = torch.randint(4, (2, 3000), generator=generator())
    words = stack.words(bases)
    assert words.shape == (3, 2, 2, 3)
    x = torch.eye(4, dtype=torch.float64)[bases].mT  # (batch, 4, n)
    for k in range(2):
        kernel = stack.parameters["K"][k].T.reshape(3, 10, 4).mT  # (front, 4, 10)
        out = torch.relu(torch.nn.functional.conv1d(x, kernel, stride=10)).reshape(2, 3, 3, 100).mean(dim=3)
        out = (out - out.mean(dim=(0, 2), keepdim=True)) / (out.std(dim=(0, 2), keepdim=True) + 1e-5)
        torch.testing.assert_close(words[:, k], out.permute(2, 0, 1))
    assert stack.logits(bases).shape == (2, 2, 2)
