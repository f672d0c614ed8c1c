"""Signs that are no lengths: how the network is fed, judged and moved, as far as a probe can see it.

What is heard here is a fact of the run (a softmax in front of a loss that has its own, a layer in no optimiser), not a
size that would have to be compared with a threshold. Each is kept with the first record that showed it and a count.
"""

import math
import weakref

import torch
from torch import nn

from vanishing.probe.lengths import length
from vanishing.probe.overhear import DIFFERENCES, LOSSES, STOPS, WEIGHTED, F

TURNS = ("View", "Transpose", "Permute", "Squeeze", "Unsqueeze", "Reshape", "Clone", "Slice", "Select", "T", "Alias")
NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
PROBABILITIES = {"Softmax": "softmax", "Sigmoid": "sigmoid", "LogSoftmax": "log_softmax"}
LOGITS = {"cross_entropy": "a softmax", "binary_cross_entropy_with_logits": "a sigmoid"}
SQUARED = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
LIMITS = {"Sigmoid": (0, 1), "Tanh": (-1, 1), "Relu": (0, math.inf), "Softmax": (0, 1)}
MANY = 10**5  # entries from which statistics of an input or a target are taken from some of them
QUERIES = 64  # of one attention, in one pass, whose weights are looked at
SHARP = 0.99  # the weight on one place from which a query looks at nothing else


class Fact:
    """Something that was seen in `count` records of `of` looks, first at backward pass `first`."""

    def __init__(self, kind, text, first, layers=()):
        self.kind, self.text, self.first, self.layers, self.count = kind, text, first, tuple(layers), 0


class Signs:
    """The facts of a run."""

    def __init__(self):
        self.facts, self.strangers = {}, {}
        self.moved, self._groups = set(), {}
        self.steps = self.own_steps = self.still = 0
        self.rates, self.decay, self.decoupled = [], 0.0, False
        self.model, self.layers, self.inputs = None, [], []
        self.loss_name, self.baseline, self.targets, self.outputs = "", math.nan, math.nan, math.nan
        self.summed, self.batch, self.input_max = False, 0, math.nan
        self.scale = math.nan  # of the loss that backward was called on, over what the loss function gave
        self.factors = []  # the same, where the loss is nothing but a multiple of it
        self.emptied = 0  # steps that found none of the gradients that the backward pass had left
        self.stops = set()  # functions without a derivative, through which the network leads
        self.eps, self.plain = 0.0, False  # of Adam and its like; whether a step is as long as the gradient
        self.attentions = {}  # by backward pass that was studied: the shares of sharp queries, one for each attention
        self._value = self._node = None

    def look_at(self, model, layers):
        """A block begins."""
        self.model, self.layers = weakref.ref(model), layers
        self.fickle = [m for m in model.modules() if isinstance(m, NORMS) and getattr(m, "p", 1) > 0]
        for layer in layers:
            if isinstance(layer.module, nn.LayerNorm) and math.prod(layer.module.normalized_shape) == 1:
                text = (
                    f"The layer norm {layer.name} has one unit to normalise over, and so gives a constant: take it out"
                )
                self._say("one unit", text, 0)

    def _say(self, kind, text, first, layers=()):
        fact = self.facts.setdefault(kind, Fact(kind, text, first, layers))
        fact.count += 1
        return fact

    def input(self, args, record, study):
        """The network's first layer is given `args`."""
        if not args or not isinstance(args[0], torch.Tensor) or not args[0].numel():
            return
        x = args[0].detach()
        if x.is_floating_point():
            record.source, record.fed = length(x) / math.sqrt(x.numel()), True
        if study and x.dim() and not x.is_complex():
            some = x[:64] if x.numel() > MANY else x
            if len(some) > 1:
                self.inputs.append(bool((some == some[:1]).all()))

    def _looked(self, largest, step):
        """The largest weight of some queries of an attention; those that may look at one place alone do not count."""
        if len(largest):
            self.attentions.setdefault(step, []).append((largest > SHARP).float().mean())

    def sharpness(self):
        """The share of queries with more than SHARP of their weight on one place, in each pass that was studied."""
        return [float(torch.stack(shares).mean()) for shares in self.attentions.values()]

    def activation(self, phi, args, kwargs, h, layer, step):
        """An activation function was called by name."""
        given = args[0] if args else kwargs.get("input")
        if not isinstance(given, torch.Tensor):
            return
        if phi == "sigmoid" and given is not h and _made_by(given) == "Sigmoid":
            text = (
                "A sigmoid is applied to the output of a sigmoid, so that nothing below a half comes out: take one off"
            )
            self._say("activation twice", text, 0)
        if phi == "softmax" and h.dim() > 2 and h.shape[-1] > 1 and given is not h:
            queries = h.detach().flatten(0, -2)
            some = queries[:: max(1, len(queries) // QUERIES)][:QUERIES].float()
            self._looked(some.amax(-1)[(some > 0).sum(-1) > 1], step)
        if phi == "softmax" and h.is_floating_point() and bool(h.isnan().any()):
            dim = kwargs.get("dim", args[1] if len(args) > 1 and isinstance(args[1], int) else -1)
            if given is not h and not given.isnan().any() and given.isneginf().all(-1 if dim is None else dim).any():
                text = "A softmax was given −∞ and nothing else, which is 0/0: a mask that hides everything"
                self._say("not finite", text, 0, [layer.number] if layer else ())
        if phi in ("softmax", "log_softmax") and h.dim() > 1:
            dim = kwargs.get("dim", args[1] if len(args) > 1 and isinstance(args[1], int) else None)
            if dim is not None and h.shape[dim] == 1 and layer is not None:
                text = f"A {phi} over one unit is a constant: use a sigmoid, or two units"
                self._say("one unit", text, 0, [layer.number])

    def heard(self, func, args, kwargs, result, record, inside, owner):
        """A loss, a difference or a layer's function was called by name."""
        step = owner._passes
        if func in LOSSES:
            self._judged(LOSSES[func], args, kwargs, result, step)
        elif func in DIFFERENCES and not inside and len(args) > 1:
            self._subtracted(args[0], args[1], step)
        elif func is F.scaled_dot_product_attention:
            self._attended(*args[:3], kwargs, step) if len(args) == 3 else None
        elif func in STOPS:
            given = args[0] if args else kwargs.get("input")
            if isinstance(given, torch.Tensor) and given.requires_grad:
                self.stops.add(STOPS[func])
        elif func in WEIGHTED and inside and len(args) > 1:
            weight = args[WEIGHTED[func]]
            known = id(weight) in owner._ours
            if isinstance(weight, nn.Parameter) and weight.requires_grad and not known:
                self.strangers[id(weight)] = weakref.ref(weight), func.__name__, tuple(weight.shape)

    def _attended(self, q, k, v, kwargs, step):
        """A fused attention without a mask, or with the causal one; its weights are made again for the last queries."""
        if kwargs.get("attn_mask") is not None or q.dim() < 3 or q.shape[-1] != k.shape[-1]:
            return
        first = (0,) * (q.dim() - 2)
        q, k = q.detach()[first].float(), k.detach()[first].float()
        logits = q[-QUERIES:] @ k.mT * (kwargs.get("scale") or q.shape[-1] ** -0.5)
        if kwargs.get("is_causal"):
            seen = torch.ones(len(q), len(k), dtype=torch.bool, device=q.device).tril()[-QUERIES:]
            logits = logits.masked_fill(~seen, -math.inf)[seen.sum(-1) > 1]
        self._looked(logits.softmax(-1).amax(-1), step)

    def _judged(self, name, args, kwargs, result, step):
        """What a loss function was given."""
        given = args[0] if args else kwargs.get("input")
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if not isinstance(given, torch.Tensor) or not isinstance(target, torch.Tensor) or not given.requires_grad:
            return
        made = _made_by(given)
        self.loss_name = name
        self.summed = kwargs.get("reduction") == "sum"
        self.batch = given.shape[0] if given.dim() else 1
        single = isinstance(result, torch.Tensor) and result.numel() == 1
        self._value, self._node = (result.detach(), result.grad_fn) if single else (None, None)
        if name in ("cross_entropy", "nll_loss") and single and bool(self._value.isnan()):
            self._averaged_over_nothing(name, given, target, kwargs, step)
        if name == "nll_loss" and target.dim() == 1 and given.dim() == 2 and len(given) > 1 and _over_batch(given):
            text = "The softmax in front of nll_loss is taken over the batch and not over the classes"
            self._say("wrong dimension", f"{text}: say dim=1", step)
        if name in LOGITS and made in ("Softmax", "Sigmoid"):
            twice = f"{PROBABILITIES[made]} in front of {name}, which has {LOGITS[name]} of its own"
            self._say("activation twice", f"There is a {twice}: give it the pre-activations", step)
        if name == "cross_entropy" and made == "Relu":
            text = "There is a relu in front of cross_entropy, so that no logit falls below zero: take it off"
            self._say("activation twice", text, step)
        if name in ("nll_loss", "kl_div") and made in ("Softmax", "Sigmoid", "Addmm", "Relu", "Mm", "Convolution"):
            text = f"{name} was given no logarithms of probabilities: put log_softmax in front of it"
            self._say("no logarithm", text, step)
        if name == "cross_entropy" and given.dim() > 1 and given.shape[1] == 1:
            text = "cross_entropy over one class is zero whatever the network says: give it a unit for each class"
            self._say("one unit", f"{text}, or use binary_cross_entropy_with_logits", step)
        if name == "cross_entropy" and given.dim() > 1:
            self.baseline = math.log(max(2, given.shape[1]))
        if name.startswith("binary"):
            self.baseline = math.log(2)
        if name.startswith("binary") and target.numel() and target.shape == given.shape:
            low, high = target.min().item(), target.max().item()
            if low < -1e-3 or high > 1 + 1e-3:
                text = f"{name} was given targets from {low:g} to {high:g}: they must lie between 0 and 1"
                self._say("target range", text, step)
        if name in SQUARED and given.shape != target.shape:
            self._mismatch(given.shape, target.shape, step)
        elif name in SQUARED and target.numel() and target.is_floating_point():
            some, out = target.detach().reshape(-1)[:MANY], given.detach().reshape(-1)[:MANY]
            self.targets, self.outputs = _rms(some), _rms(out)
            spread = some.double().var(correction=0).item()
            self.baseline = spread if name == "mse_loss" else math.sqrt(spread)
            low, high = LIMITS.get(made, (-math.inf, math.inf))
            outside = ((some < low - 0.05) | (some > high + 0.05)).double().mean().item()
            if outside > 0.1:
                text = f"{outside:.0%} of the targets lie where a {made.lower()} never gets: take it off the output"
                self._say("target range", f"{text}, or scale the targets", step)

    def _averaged_over_nothing(self, name, given, target, kwargs, step):
        """A loss of classes is not a number: whether no sample counts in it."""
        weight, ignored = kwargs.get("weight"), kwargs.get("ignore_index", -100)
        if not given.isfinite().all() or target.is_floating_point():
            return
        if bool((target == ignored).all()):
            self._say("not finite", f"Every target of {name} is {ignored}, which it ignores: a mean over nothing", step)
        elif isinstance(weight, torch.Tensor) and not weight[target.clamp(min=0)].any():
            self._say("not finite", f"The classes of all targets weigh 0 in {name}: a mean over nothing", step)

    def _mismatch(self, given, target, step):
        shapes = f"outputs of shape {tuple(given)} and targets of shape {tuple(target)}"
        text = f"{shapes} were broadcast against each other: every output is compared with every target"
        self._say("broadcast", f"{text[0].upper()}{text[1:]}; make the shapes equal", step)

    def _subtracted(self, a, b, step):
        if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor) or a.requires_grad == b.requires_grad:
            return
        given, target = (a, b) if a.requires_grad else (b, a)
        column = given.dim() == 2 and given.shape[1] == 1 and target.dim() == 1 and len(target) == len(given) > 1
        row = target.dim() == 2 and target.shape[1] == 1 and given.dim() == 1 and len(target) == len(given) > 1
        if column or row:
            self._mismatch(given.shape, target.shape, step)

    def loss(self, loss, record, study):
        """A backward pass begins at `loss`."""
        if study and self._value is not None and loss.numel() == 1:
            value = self._value.item()
            self.scale = loss.item() / value if value else math.nan
            self.factors.append(self.scale if _multiple(loss.grad_fn, self._node) else math.nan)
        self._value = self._node = None

    def step(self, owner, optimizer):
        """An optimiser is about to move, or has moved, its weights."""
        self.steps += 1
        if self.model is None:
            return
        key = id(optimizer), len(optimizer.param_groups)
        if key not in self._groups:
            ids = {id(p) for group in optimizer.param_groups for p in group["params"]}
            self._groups[key] = ids & owner._ours.keys()
            self.moved |= ids
        mine = self._groups[key]
        if not mine:
            return
        self.own_steps += 1
        rates = [float(group.get("lr", math.nan)) for group in optimizer.param_groups]
        self.rates.append(max(rates))
        if len(self.rates) > 1000:
            del self.rates[100::2]
        self.decay = max(float(group.get("weight_decay", 0) or 0) for group in optimizer.param_groups)
        self.eps = max(float(group.get("eps", 0) or 0) for group in optimizer.param_groups)
        self.plain = isinstance(optimizer, torch.optim.SGD)
        self.decoupled = type(optimizer).__name__ == "AdamW" or optimizer.defaults.get("decoupled_weight_decay", False)
        carried = [p for p in mine if p in owner._carried]
        if len(carried) > len(mine) / 2:
            text = "The gradients of earlier steps are still in .grad when the next backward pass adds its own"
            self._say("no zero_grad", f"{text}: call optimizer.zero_grad() before each", owner._passes - 1)
        model = self.model()
        if model is not None and self.fickle and not model.training and not any(m.training for m in self.fickle):
            text = "The model is in evaluation mode while it is trained, so dropout is off and batch norm frozen"
            self._say("eval mode", f"{text}: call model.train()", owner._passes - 1)

    def _moments(self, optimizer, step):
        """Whether an optimiser of Adam's kind keeps squares of gradients in a format in which they are zero."""
        told = [(p, optimizer.state.get(p, {}).get("exp_avg_sq")) for g in optimizer.param_groups for p in g["params"]]
        told = [(p.grad, v) for p, v in told if isinstance(v, torch.Tensor) and p.grad is not None]
        short = [(g, v) for g, v in told if v.dtype == torch.float16 and v.shape == g.shape]
        if not short or self.eps >= 1e-4:  # where eps is that large, nobody misses them
            return
        heard = sum((g != 0).sum() for g, _ in short)
        lost = sum(((v == 0) & (g != 0)).sum() for g, v in short)
        if 2 * lost > heard:
            text = "The optimiser keeps the squares of gradients in float16, where most of them are zero though the"
            text += " gradients are not: keep its moments in float32 or bfloat16"
            self._say("flushed moments", text, step)

    def stepped(self, owner, optimizer):
        """An optimiser has moved its weights: whatever is in .grad now is used up."""
        if self._groups.get((id(optimizer), len(optimizer.param_groups))):
            self._moments(optimizer, owner._passes - 1)
        key = id(optimizer), len(optimizer.param_groups)
        seen = owner._stepping or owner._seen()
        owner._stepping = None
        for p in self._groups.get(key, ()):
            if p in seen:
                owner._carried[p] = seen[p]

    def outside(self):
        """Weights that took part inside the model, get gradients, and belong neither to it nor to any optimiser."""
        alive = [(ref(), name, shape) for key, (ref, name, shape) in self.strangers.items() if key not in self.moved]
        return [(name, shape) for w, name, shape in alive if w is None or w.grad is not None or w.requires_grad]

    def raw(self, owner):
        """The layers that are frozen, beside others that are not, and look as torch draws them."""
        frozen = [layer for layer in owner._order if not any(p.requires_grad for p in layer.weights)]
        raw = [layer for layer in frozen if _as_torch_draws_it(layer)]
        return raw if len(frozen) < len(owner._order) else []

    def remarks(self, owner):
        """Sentences about what may be meant."""
        said = []
        if not self.steps and owner._story.number >= 8 and owner._unmoved():
            said.append("No optimiser stepped, and no weight has changed: is step() called?")
        if raw := self.raw(owner):
            names = ", ".join(layer.name for layer in raw[:3]) + (", …" if len(raw) > 3 else "")
            said.append(f"Frozen at the random weights that torch draws: {names}. Is that meant?")
        unused = [layer for layer in owner._order if not (layer.width or layer.muted or layer.opaque) and layer.matrix]
        if unused and len(unused) < len(owner._order) and not any("No forward pass" in n for n in owner.notes):
            names = ", ".join(layer.name for layer in unused[:3]) + (", …" if len(unused) > 3 else "")
            said.append(f"Never called: {names}.")
        return said


def _made_by(t):
    """The name of the function that made a tensor, without Backward0; views do not count."""
    name, _ = _maker(t.grad_fn)
    return name


def _maker(node):
    """The name of a node of the graph, without Backward0, and the node; views do not count."""
    for _ in range(5):
        if node is None:
            break
        name = node.name().replace("Backward", "").rstrip("0123456789").lstrip("_")
        if name not in TURNS and not name.endswith("View"):
            return name, node
        node = _only(node)
    return "", None


def _only(node):
    """What a node is fed by, if that is one thing."""
    below = [n for n, _ in node.next_functions if n is not None]
    return below[0] if len(below) == 1 else None


def _over_batch(t):
    """Whether a matrix holds the logarithms of a softmax over its first dimension."""
    name, node = _maker(t.grad_fn)
    if name == "Log":
        name, node = _maker(_only(node))
    dim = getattr(node, "_saved_dim", None) if name in ("LogSoftmax", "Softmax") else None
    return dim in (0, 2**64 - 2)  # -2 is kept as a number without a sign


def _multiple(node, other):
    """Whether a node of the graph is another one times or over a constant."""
    for _ in range(6):
        if node is other:
            return other is not None
        if node is None or node.name().rstrip("0123456789") not in ("MulBackward", "DivBackward", "NegBackward"):
            return False
        node = _only(node)
    return False


def _rms(t):
    return length(t) / math.sqrt(max(t.numel(), 1))


def _as_torch_draws_it(layer):
    """Whether a layer's weights look as torch initialises a linear layer or a convolution: uniform within 1/√n_in."""
    p = layer.weights[0].detach()
    if (
        not isinstance(layer.module, (nn.Linear, nn.modules.conv._ConvNd))
        or p.numel() < 100
        or not p.is_floating_point()
    ):
        return False
    bound = 1 / math.sqrt(p[0].numel())
    return p.abs().max().item() <= bound * 1.0001 and abs(p.std().item() * math.sqrt(3) / bound - 1) < 0.05
