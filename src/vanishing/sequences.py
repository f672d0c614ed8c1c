"""Long-range sequence tasks, and stacks of small recurrent networks that are trained on them side by side.

The notation of `vanishing.recurrent`, batch first in every product: z_t = h_{t−1} Wᵀ + x_t Uᵀ + b. A plain network
has h_t = tanh z_t. In an LSTM (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000) z_t has four parts,
for the input, forget and output gates i, f, o = σ(·) and the candidate g = tanh(·), in this order i, f, o, g, and

    c_t = f_t c_{t−1} + i_t g_t,    h_t = o_t tanh(c_t).

A stack holds `nets` independent networks: parameters have shape (nets, …), inputs (T, nets, batch, m), labels
(nets, batch). No network hears of another, so a stack of five is five runs at the price of little more than one.
"""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

POSITIONS, WORD, BLOCK = 100_000, 1000, 10  # of the enhancer task, in bases


class Stack:
    """Independent networks of one kind, a recurrent layer of `hidden` units and a linear readout of two logits.

    kind     "rnn", "lstm", or "max" (no recurrence: the largest value over time of each input)
    m        inputs a step;  seeds: one network for each, its weights uniform in ±1/√hidden, as in PyTorch
    forget   None (as drawn) or one bias for all forget gates;  write: the same for the input gates
    gap      chrono initialisation (Tallec and Ollivier 2018, arXiv:1804.11188) for that gap, which replaces both:
             b_f = ln u with u uniform in [1, gap − 1], and b_i = −b_f
    orthogonal   draw W orthogonal (rnn only);  front: the number of features of the word-pooling front end
    """

    def __init__(
        self,
        kind,
        m,
        hidden,
        seeds,
        forget=None,
        write=None,
        gap=None,
        orthogonal=False,
        front=None,
        dtype=torch.float32,
    ):
        if kind not in ("rnn", "lstm", "max"):
            raise ValueError(f"The kind must be rnn, lstm or max, not {kind!r}.")
        self.kind, self.hidden, self.front = kind, hidden, front
        m = front or m
        drawn = [self._draw(m, np.random.default_rng(seed), forget, write, gap, orthogonal) for seed in seeds]
        self.parameters = {
            name: torch.tensor(np.stack([one[name] for one in drawn]), dtype=dtype).requires_grad_()
            for name in drawn[0]
        }

    def _draw(self, m, rng, forget, write, gap, orthogonal):
        n, rows = self.hidden, {"rnn": 1, "lstm": 4, "max": 0}[self.kind] * self.hidden

        def uniform(*shape):
            return rng.uniform(-1, 1, shape) / np.sqrt(n)

        one = {"V": uniform(2, n if rows else m), "a": uniform(1, 2)}
        if rows:
            one |= {"W": uniform(rows, n), "U": uniform(rows, m), "b": uniform(1, rows)}
        if orthogonal:
            one["W"] = np.linalg.qr(rng.normal(size=(n, n)))[0]
        if forget is not None:
            one["b"][:, n : 2 * n] = forget
        if write is not None:
            one["b"][:, :n] = write
        if gap is not None:
            one["b"][:, n : 2 * n] = np.log(rng.uniform(1, gap - 1, n))
            one["b"][:, :n] = -one["b"][:, n : 2 * n]
        if self.front:
            one["K"] = rng.uniform(-1, 1, (4 * BLOCK, self.front)) / np.sqrt(4 * BLOCK)
        return one

    def join(self, other):
        """This stack with the networks of `other`, of the same kind and sizes, behind its own; returns itself."""
        for name, values in self.parameters.items():
            both = torch.cat([values.detach(), other.parameters[name].detach()])
            self.parameters[name] = both.requires_grad_()
        return self

    def states(self, x):
        """Lists of h_1 … h_T and, of an LSTM, c_1 … c_T, each (nets, batch, hidden), for x (T, nets, batch, m)."""
        W, U, b = (self.parameters[name] for name in "WUb")
        drive = (x.to(W.dtype) @ U.mT + b).unbind(0)
        h = c = torch.zeros(*drive[0].shape[:2], self.hidden, dtype=W.dtype)
        hs, cs, n = [], [], self.hidden
        for d in drive:
            z = torch.baddbmm(d, h, W.mT)
            if self.kind == "rnn":
                h = torch.tanh(z)
            else:
                i, f, o = torch.sigmoid(z[..., : 3 * n]).chunk(3, dim=-1)
                c = torch.addcmul(f * c, i, torch.tanh(z[..., 3 * n :]))
                h = o * torch.tanh(c)
                cs.append(c)
            hs.append(h)
        return hs, cs

    def words(self, bases):
        """Features of each word, standardised over batch and words: (words, nets, batch, front) for bases (batch, n).

        A convolution of width and stride 10 over the one-hot bases, ReLU, and the mean over each word of 1000.
        """
        K, batch = self.parameters["K"], len(bases)
        x = torch.eye(4, dtype=K.dtype)[bases].reshape(-1, 4 * BLOCK)  # (batch * blocks, 40)
        kernels = K.transpose(0, 1).reshape(4 * BLOCK, -1)  # (40, nets * front)
        features = torch.relu(x @ kernels).reshape(batch, -1, WORD // BLOCK, kernels.shape[1]).mean(dim=2)
        features = features.reshape(batch, -1, *K.shape[::2]).permute(1, 2, 0, 3)
        spread, mean = torch.std_mean(features, dim=(0, 2), keepdim=True)
        return (features - mean) / (spread + 1e-5)

    def logits(self, x):
        """(nets, batch, 2) for x (T, nets, batch, m), or for bases (batch, n) if there is a front end."""
        x = self.words(x) if self.front else x
        last = x.amax(dim=0) if self.kind == "max" else self.states(x)[0][-1]
        return last @ self.parameters["V"].mT + self.parameters["a"]


def train(stack, task, steps, eta=5e-3, threshold=1.0, batch=32, seed=0):
    """Train all networks with Adam on fresh sequences; yields the accuracy on each batch before its step, (nets,).

    `task(nets, batch, generator)` gives x and y; each network's own gradient is clipped to norm `threshold`.
    """
    values = list(stack.parameters.values())
    adam = torch.optim.Adam(values, lr=eta)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        x, y = task(len(values[0]), batch, generator)
        logits = stack.logits(x)
        adam.zero_grad()
        (cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").sum() / batch).backward()
        norm = sum(v.grad.flatten(1).square().sum(dim=1) for v in values).sqrt()
        factor = (threshold / (norm + 1e-6)).clamp(max=1.0)
        for v in values:
            v.grad *= factor.reshape(-1, *[1] * (v.ndim - 1))
        adam.step()
        yield (logits.argmax(dim=-1) == y).double().mean(dim=1).detach().numpy()


def judged(stack, task, batch=256, seed=10_000):
    """The accuracy of each network on `batch` new sequences, (nets,)."""
    x, y = task(len(stack.parameters["V"]), batch, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return (stack.logits(x).argmax(dim=-1) == y).double().mean(dim=1).numpy()


def input_gradient_ratio(stack, steps, seed=0):
    """|∂L/∂x_1| / |∂L/∂x_T| of each network for noise inputs (T, nets, 16, 2): (nets,). L is the latch's loss."""
    x, y = latch(steps)(len(stack.parameters["V"]), 16, torch.Generator().manual_seed(seed))
    x = x.to(stack.parameters["V"].dtype).requires_grad_()
    loss = cross_entropy(stack.logits(x).flatten(0, 1), y.flatten(), reduction="sum")
    (g,) = torch.autograd.grad(loss, x)
    size = g.flatten(2).norm(dim=2).numpy()  # (T, nets)
    return size[0] / size[-1]


def latch(gap):
    """The latch: one of two classes is shown in the first step, then `gap` steps of noise; asked for at the end.

    Returns task(nets, batch, generator) -> x (gap + 1, nets, batch, 2), y (nets, batch). x_1 is one-hot, every step
    bears normal noise of deviation 0.1 (Hochreiter and Schmidhuber 1997, section 5, has tasks of this kind).
    """

    def task(nets, batch, generator):
        x = 0.1 * torch.randn(gap + 1, nets, batch, 2, generator=generator)
        y = torch.randint(2, (nets, batch), generator=generator)
        x[0] += torch.eye(2)[y]
        return x, y

    return task


def contact(separation, margin=5):
    """Two sites of a protein chain, `separation` apart: a bridge forms if there is a cysteine at both.

    Returns task(nets, batch, generator) -> x (separation + 1 + margin, nets, batch, 4), one-hot over cysteine, serine,
    another polar and a hydrophobic residue, and y (nets, batch): 1 for two cysteines, else 0. A site bears cysteine or
    serine, no other place does; the first site is one of the first `margin` + 1 places. Half the pairs are two
    cysteines, the others one of each, so that whoever knows only the second site is right three times in four.
    """

    def task(nets, batch, generator):
        chain = torch.randint(2, 4, (separation + 1 + margin, nets, batch), generator=generator)
        y = torch.randint(2, (1, nets, batch), generator=generator)
        first = torch.randint(2, y.shape, generator=generator)  # where there is no pair: is the cysteine second?
        place = torch.randint(margin + 1, y.shape, generator=generator)
        chain.scatter_(0, place, (1 - y) * first).scatter_(0, place + separation, (1 - y) * (1 - first))
        return torch.eye(4)[chain], y[0]

    return task


def enhancer(nets, batch, generator):
    """DNA of 100000 bases in which one word of 1000, among the first ten, is rich in G and C (y = 1) or in A and T.

    Returns bases (batch, 100000), 0 … 3 for A, C, G, T, and y (nets, batch), the same sequences for every network.
    In the word, 60 % of the places are drawn from its class's two letters and the others, like all other words,
    from all four alike.
    """
    bases = torch.randint(4, (batch, POSITIONS), generator=generator)
    y = torch.randint(2, (batch,), generator=generator)
    at = torch.randint(10, (batch,), generator=generator) * WORD
    pair = torch.tensor([[0, 3], [1, 2]])[y]  # (batch, 2): A and T, or C and G
    rich = pair.gather(1, torch.randint(2, (batch, WORD), generator=generator))
    biased = torch.rand(batch, WORD, generator=generator) < 0.6
    for k in range(batch):
        word = bases[k, at[k] : at[k] + WORD]
        word[biased[k]] = rich[k][biased[k]]
    return bases, y.expand(nets, batch)
