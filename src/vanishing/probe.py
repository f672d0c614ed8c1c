"""A stethoscope for any torch model: what each layer says, what it hears back, and how far it then moves.

    with probe(model) as p:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    print(p)

A layer is a module that has parameters of its own. Each backward pass inside the block makes one record, which a step
of any torch.optim.Optimizer completes. What a record says of a layer is a `Row` of vanishing.readings.

Nothing is changed: after the block the model is without hooks, and its parameters, gradients and buffers and torch's
random state are what they would be without a probe.
"""

import math
from contextlib import ExitStack

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from vanishing.findings import examine
from vanishing.lengths import length, lengths, together
from vanishing.readings import NAN, Row, alt, table
from vanishing.style import figure, label_line, log_axis

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
CHANNELS_FIRST = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)
WHOLE = (nn.MultiheadAttention, torch.jit.ScriptModule)  # modules that do not call their own parts
SAMPLE = 2**14  # entries that are looked at where a share or a ratio is asked for
NOTHING = "Nothing was recorded: no backward pass through this model ran inside the block."
UNSEEN = "No forward pass ran inside the block: call the model there, too, to see its layers."
EAGER = "The model is compiled: it ran eagerly inside the block, since compiled code calls no hooks."
OPAQUE = "{} is scripted: only the gradients of its weights are seen."


class probe:
    """Listen to `model` inside a `with` block, at every `every`-th backward pass.

    Read it after the block: `rows()`, `series(name)`, `table()`, `findings()`, `plot()`, `print(p)`. `steps` are the
    numbers of the backward passes that were recorded, from 0; `notes` say what could not be heard, and why. Each `step`
    is an index into the records, by default the last.
    Forward passes without gradients (evaluation) are not recorded. A model compiled by torch.compile runs eagerly
    inside the block, since compiled code calls no hooks. Of a scripted module only the weights' gradients are seen.
    TypeError for what is not a torch.nn.Module, ValueError for `every` below 1.
    """

    def __init__(self, model, every=1):
        if not isinstance(model, nn.Module):
            raise TypeError(f"probe needs a torch.nn.Module, not {type(model).__name__}.")
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"every must be a whole number from 1 on, not {every!r}.")
        self.model, self.every = model, every
        self.steps, self.notes = [], []
        self._layers, self._order, self._records = [], [], []
        self._passes, self._open = 0, None
        self._forget()

    def __enter__(self):
        if self._open is not None:
            raise RuntimeError("This probe is listening already: make another one for a block inside its block.")
        with ExitStack() as stack:
            self._attach(stack)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error):
        stack, self._open = self._open, None
        try:
            if error[0] is None and self._missed():
                self._close()
        finally:
            stack.close()
            self._forget()

    def _forget(self):
        """Be deaf, and hold on to nothing of the model's."""
        self._now, self._awake = _Record(), False
        self._last = self._head = self._before = self._pause = None
        self._mine = {}

    def _attach(self, stack):
        """Put hooks on the model, each with its removal on the stack."""
        known = {id(layer.module): layer for layer in self._layers}
        self._layers = [known.get(id(found[1])) or _Layer(*found) for found in _found(self.model)]
        self._first, self._grads = self._passes, self._seen()
        if any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) for m in self.model.modules()):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            self._note(EAGER)
        for layer in self._layers:
            if layer.opaque:
                self._note(OPAQUE.format(layer.name))
                continue
            if not layer.plain:
                before = layer.module.register_forward_pre_hook(_Before(self, layer), with_kwargs=layer.recurrent)
                stack.callback(before.remove)
            stack.callback(layer.module.register_forward_hook(_After(self, layer)).remove)
        stack.callback(register_optimizer_step_pre_hook(self._before_step).remove)
        stack.callback(register_optimizer_step_post_hook(self._after_step).remove)
        stack.enter_context(_Overhear(self))
        stack.callback(self._resume)
        self._begin()

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    # What the hooks hear: a call, an output, an activation, a gradient. They run in every layer of every step, so
    # they take no detour.

    def _called(self, layer, args):
        """A layer is about to be called with `args`; returns what its first argument should be, or None to keep it."""
        heard = self._start(layer, args)
        if heard is None or not layer.recurrent or not args or not isinstance(args[0], torch.Tensor):
            return None
        if not any(p.requires_grad for p in layer.weights):
            return None
        # The same values as a tensor of its own, whose gradient is that of this call alone.
        twin = args[0].view_as(args[0]) if args[0].requires_grad else args[0].detach().requires_grad_()
        time = 1 if twin.dim() == 3 and layer.module.batch_first else 0
        twin.register_hook(lambda grad: self._heard_in_time(heard, grad, time))
        return twin

    def _start(self, layer, args):
        """Take note that a layer is called; returns what is heard of it in this record, or None if nobody listens."""
        if layer.number is None:
            self._count(layer)
        if not torch.is_grad_enabled():
            return None
        self._now.ran = True
        if not self._awake:
            return None
        self._last, record = layer, self._now
        heard = record.heard.get(layer)
        if heard is None:
            if not record.heard and args and isinstance(args[0], torch.Tensor) and args[0].is_floating_point():
                record.source = length(args[0]) / math.sqrt(max(args[0].numel(), 1))
            heard = record.heard[layer] = _Heard()
        return heard

    def _returned(self, layer, args, output):
        """A layer that was called with `args` has returned `output`."""
        heard = self._start(layer, args) if layer.plain else self._now.heard.get(layer)
        if heard is None or not torch.is_grad_enabled():
            return
        if not isinstance(output, torch.Tensor):
            output = _tensor(output)
        if output is None or not output.is_floating_point():
            return
        record, h = self._now, output.detach()
        late = torch._C._current_graph_task_id() != -1  # checkpointing repeats a forward pass within the backward pass
        if not late or heard.late or not heard.lengths:
            heard.late = late
            heard.lengths.append(length(h))
            heard.entries += h.numel()
            heard.width = h.shape[layer.axis] if h.dim() else 1
            record.last, self._head = layer, h
            if layer.phi:
                self._activated(layer.phi, h, layer)
        if output.requires_grad:
            call = len(heard.lengths)
            output.register_hook(lambda grad: self._heard(record, layer, call, grad))

    def _heard(self, record, layer, call, grad):
        """The gradient in a layer's output has arrived."""
        if not self._awake:
            return
        now = self._now
        if now is not record and layer not in now.heard:  # a second backward pass through a graph that was retained
            now.heard[layer] = record.heard[layer].again()
            now.last, now.source = record.last, record.source
        now.heard[layer].deltas[call] = length(grad)
        if now.last is layer and self._head is not None and self._head.shape == grad.shape:
            now.head = (grad.detach() * self._head).abs_().sum(dtype=torch.float64)

    def _heard_in_time(self, heard, grad, time):
        """The gradient in the input of a recurrent layer has arrived; `time` is the dimension of time."""
        if self._awake:
            others = [d for d in range(grad.dim()) if d != time]
            heard.times = torch.linalg.vector_norm(grad.detach().double(), dim=others)

    def _activated(self, phi, h, layer=None):
        """An activation function has given `h`; it belongs to the layer that was called last."""
        layer = layer or self._last
        if layer is None or not self._awake or not torch.is_grad_enabled() or not isinstance(h, torch.Tensor):
            return
        heard = self._now.heard.get(layer)
        if heard is None or heard.phi not in ("", phi) or not h.numel():
            return  # the first function after a layer is the layer's own
        heard.phi, h = phi, h.detach()
        if phi in ("relu", "relu6") and h.dim():
            axis = layer.axis % h.dim()
            peaks = h.amax([d for d in range(h.dim()) if d != axis]) if h.dim() > 1 else h.clone()
            if heard.peaks is not None and heard.peaks.shape == peaks.shape:
                peaks = torch.maximum(heard.peaks, peaks)
            else:
                heard.samples = 0
            heard.peaks = peaks
            heard.samples += h.numel() // len(peaks)
        elif phi in _FLAT:
            flat = _FLAT[phi](_some(h))
            heard.flat.append(torch.count_nonzero(flat))
            heard.looked += flat.numel()

    # Where a record begins and ends.

    def _begin(self):
        """Begin a record, or skip one."""
        self._now, self._last = _Record(), None
        self._awake = self._passes % self.every == 0

    def _seen(self):
        """Which gradients the weights have, and in which version."""
        with torch._C.DisableTorchFunction():
            weights = [p for layer in self._layers for p in layer.weights]
            return [(id(p.grad), p.grad._version) for p in weights if p.grad is not None]

    def _missed(self):
        """Whether a backward pass has gone by that did not go through Tensor.backward."""
        heard = any(heard.deltas for heard in self._now.heard.values()) or (self._now.ran and not self._awake)
        return heard or (self._passes == self._first and self._seen() != self._grads)

    def _backward(self, loss, run):
        """Tensor.backward is called on `loss`: run it, and end the record if it reached this model."""
        before = None if self._now.ran else self._seen()
        run()
        if self._missed() or (before is not None and before != self._seen()):
            self._now.loss = loss.detach()
            self._close()

    def _close(self):
        """A backward pass is over: take the weights' gradients, keep the record, begin the next."""
        if self._awake:
            with torch._C.DisableTorchFunction():
                grads = [[p.grad for p in layer.weights if p.grad is not None] for layer in self._layers]
                flat = iter(lengths([grad for some in grads for grad in some]))
            if not any(heard.lengths for heard in self._now.heard.values()):
                self._note(UNSEEN)
            for layer, some in zip(self._layers, grads, strict=True):
                self._count(layer)
                if layer not in self._now.heard:
                    self._now.heard[layer] = _Heard()
                self._now.heard[layer].gradient = [next(flat) for _ in some]
            self._records.append(self._now)
            self.steps.append(self._passes)
        self._passes += 1
        self._begin()

    def _count(self, layer):
        if layer.number is None:
            self._order.append(layer)
            layer.number = len(self._order)

    # The optimiser's step. It calls torch functions by the hundred, which nobody overhears meanwhile.

    def _before_step(self, optimizer, args, kwargs):
        if self._missed():
            self._close()
        if self._records and self.steps[-1] == self._passes - 1:
            with torch.no_grad(), torch._C.DisableTorchFunction():
                ids, some = self._steered(optimizer)
                self._before = (self._records[-1], ids, some, [t.clone() for t in some])
        closure = kwargs.get("closure") or (args[1] if len(args) > 1 else None)
        if closure is None and not torch._C._is_torch_function_all_disabled():
            self._pause = torch._C.DisableTorchFunction()
            self._pause.__enter__()

    def _steered(self, optimizer):
        """The ids of this model's weights that an optimiser moves, and some rows of each."""
        key = id(optimizer), len(optimizer.param_groups)
        if key not in self._mine:
            moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
            mine = {id(p): p for layer in self._layers for p in layer.weights if id(p) in moved}
            self._mine[key] = list(mine), [_some(p.detach()) for p in mine.values()]
        return self._mine[key]

    def _after_step(self, optimizer, args, kwargs):
        self._resume()
        if self._before is None:
            return
        (record, ids, after, before), self._before = self._before, None
        with torch.no_grad(), torch._C.DisableTorchFunction():
            weights = dict(zip(ids, lengths(before), strict=True))
            if before:
                torch._foreach_sub_(before, after)
            steps = dict(zip(ids, lengths(before), strict=True))
        for layer, heard in record.heard.items():
            if all(id(p) in steps for p in layer.weights):
                heard.weight = [weights[id(p)] for p in layer.weights]
                heard.update = [steps[id(p)] for p in layer.weights]

    def _resume(self):
        if self._pause is not None:
            self._pause.__exit__(None, None, None)
            self._pause = None

    # What a reader asks for.

    def rows(self, step=-1):
        """A record as a list of Row, in the order in which layers were first called; empty if there is none."""
        if not self._records:
            return []
        record = self._records[step]
        return [_row(layer, record.heard.get(layer) or _Heard()) for layer in self._order]

    def series(self, name):
        """The field `name` of Row over all records: an array (records, layers), NaN where there is nothing."""
        table = [[getattr(row, name) for row in self.rows(k)] for k in range(len(self._records))]
        return np.array(table, dtype=float).reshape(len(table), len(self._order))

    def table(self, step=-1):
        """A record as plain text, one line for each layer."""
        return "\n".join(table(self.rows(step))) if self._records else NOTHING

    def findings(self, step=-1):
        """What is wrong in a record: a list of Finding (sentences, see vanishing.findings), empty if nothing is."""
        if not self._records:
            return []
        record = self._records[step]
        sizes = {name: float(getattr(record, name)) for name in ("loss", "source", "head")}
        return examine(self.rows(step), {**sizes, "last": record.last.number if record.last else 0})

    def draw(self, ax, step=-1):
        """Draw a record on a matplotlib axis: gradients and output of each layer on a log scale."""
        rows = self.rows(step)
        if not rows:
            raise ValueError(NOTHING)
        names = {"gradient": "gradient in weights", "delta": "gradient in output", "rms": "output (rms)"}
        for name, text in names.items():
            values = np.array([getattr(row, name) for row in rows])
            if (values > 0).any():
                (line,) = ax.plot(range(1, len(rows) + 1), np.where(values > 0, values, NAN), "o-", label=text)
                label_line(ax, line)
        ax.set(xlabel="layer, in the order of calls", ylabel="size")
        log_axis(ax)

    def plot(self, step=-1):
        """Show a record as a figure in the house style."""
        if not self._records:
            raise ValueError(NOTHING)
        with figure(alt=alt(self.rows(step))) as (_, ax):
            self.draw(ax, step)

    def __str__(self):
        if not self._records:
            return NOTHING
        found = [f"! {finding}" for finding in self.findings()] or ["No alarm."]
        return "\n".join([self.table(), "", *found, *self.notes])


class _Layer:
    """A module with parameters of its own, and how it is listened to."""

    def __init__(self, name, module, parameters):
        self.name, self.module, self.number = name or "model", module, None
        self.kind = getattr(module, "original_name", "") or type(module).__name__  # a scripted module keeps its name
        short = [(n.rpartition(".")[2], p) for n, p in parameters]
        weights = [p for n, p in short if not (n.startswith("bias") or n.endswith("bias"))]
        self.weights = weights or [p for _, p in parameters]
        self.opaque = isinstance(module, torch.jit.ScriptModule)
        self.axis = 1 if isinstance(module, CHANNELS_FIRST) else -1  # the dimension of units
        self.recurrent = isinstance(module, RECURRENT)
        self.phi = module.nonlinearity if isinstance(module, (nn.RNN, nn.RNNCell)) else ""
        # Inside one of torch's own layers nothing happens that would have to be told apart: a hook after it will do.
        inner = self.recurrent or any(True for _ in module.children())
        self.plain = type(module).__module__.startswith("torch.nn.modules.") and not inner


class _Record:
    """One backward pass: what was heard of each layer, the loss, the sizes at both ends."""

    def __init__(self):
        self.heard = {}
        self.loss = self.source = self.head = NAN  # source: rms of the input; head: Σ |∂loss/∂z · z| of the last layer
        self.last = None  # the layer that was called last
        self.ran = False  # whether a forward pass was seen, be it in a pass that is not recorded


class _Heard:
    """What was heard of one layer in one record."""

    entries = looked = samples = width = 0
    late, phi, peaks, times = False, "", None, None
    gradient = weight = update = ()  # a length for each of the weights

    def __init__(self):
        self.lengths, self.flat = [], []  # of the outputs, and counts of saturated values, one for each call
        self.deltas = {}  # call -> length of the gradient in its output

    def again(self):
        """The same forward pass, about to hear of another backward pass."""
        other = _Heard()
        other.__dict__.update(self.__dict__, deltas={}, gradient=(), weight=(), update=())
        return other


class _Hook:
    """A hook of which a copy, in a copy of the model made inside the block, does nothing."""

    def __init__(self, owner, layer):
        self.owner, self.layer = owner, layer

    def __reduce__(self):
        return _Silent, ()


class _Silent:
    def __call__(self, *args, **kwargs):
        """Do nothing."""


class _Before(_Hook):
    def __call__(self, module, args, kwargs=None):
        self.owner._resume()
        with torch._C.DisableTorchFunction():
            twin = self.owner._called(self.layer, args)
        return None if twin is None else ((twin, *args[1:]), kwargs)


class _After(_Hook):
    def __call__(self, module, args, output):
        self.owner._resume()
        with torch._C.DisableTorchFunction():
            self.owner._returned(self.layer, args, output)


class _Overhear(TorchFunctionMode):
    """Hears activation functions and Tensor.backward, wherever the block calls them."""

    def __init__(self, owner):
        super().__init__()
        self.owner = owner

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.backward:
            return self.owner._backward(args[0], lambda: func(*args, **(kwargs or {})))
        result = func(*args, **kwargs) if kwargs else func(*args)
        if func in _ACTIVATIONS:
            self.owner._activated(_ACTIVATIONS[func], result)
        return result


def _named_functions():
    """The activation functions as torch offers them, each with its one name."""
    names = {n: n for n in ("relu", "relu6", "sigmoid", "tanh", "hardsigmoid", "hardtanh", "softmax", "softplus")}
    names |= {n: n for n in ("leaky_relu", "elu", "selu", "gelu", "silu")}
    names |= {"relu_": "relu", "sigmoid_": "sigmoid", "tanh_": "tanh"}
    homes = (torch, torch.Tensor, nn.functional, torch._C._nn)
    found = {getattr(home, n): name for n, name in names.items() for home in homes if hasattr(home, n)}
    return found | {torch.special.expit: "sigmoid", torch.special.softmax: "softmax"}


_ACTIVATIONS = _named_functions()
_FLAT = {  # where the slope is below a hundredth of its largest, told from the output
    "sigmoid": lambda h: (h - 0.5).abs_() > math.sqrt(0.25 - 0.0025),
    "hardsigmoid": lambda h: (h - 0.5).abs_() >= 0.5,
    "tanh": lambda h: h.abs() > math.sqrt(0.99),
    "softmax": lambda h: h.amax(-1) > 0.99,
}


def _found(model):
    """(name, module, [(parameter name, parameter)]) of each layer, in the order of registration."""
    taken = []
    for name, module in model.named_modules():
        if any(name.startswith(other) for other in taken) or ".parametrizations" in f".{name}":
            continue
        whole = isinstance(module, WHOLE)
        if whole:
            taken.append(f"{name}." if name else "")
        parameters = list(module.named_parameters(recurse=whole))
        if hasattr(module, "parametrizations"):
            parameters += [(n.split(".")[0], p) for n, p in module.parametrizations.named_parameters()]
        if parameters:
            yield name.replace("_orig_mod.", "").replace("_orig_mod", ""), module, parameters


def _tensor(output):
    """The first tensor of floats in a tuple, list, dict or PackedSequence; None if there is none."""
    if isinstance(output, torch.Tensor):
        return output if output.is_floating_point() else None
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return next((t for part in parts if (t := _tensor(part)) is not None), None)


def _some(t):
    """Some SAMPLE entries of a tensor: every k-th of its rows, all of them if they are few."""
    return t[:: -(-t.numel() // SAMPLE)] if t.numel() > SAMPLE and t.dim() else t


def _row(layer, heard):
    """A layer's Row from what was heard of it."""
    deltas = [float(heard.deltas[k]) for k in sorted(heard.deltas)]
    activation, weight, step = together(heard.lengths), together(heard.weight), together(heard.update)
    times = heard.times.tolist() if heard.times is not None else deltas if len(deltas) > 1 else ()
    sizes = [*map(float, heard.lengths), *map(float, heard.gradient), *deltas]
    return Row(
        number=layer.number,
        name=layer.name,
        kind=layer.kind,
        gradient=together(heard.gradient),
        delta=together(deltas),
        activation=activation,
        rms=activation / math.sqrt(heard.entries) if heard.entries else NAN,
        phi=heard.phi,
        saturated=sum(map(int, heard.flat)) / heard.looked if heard.looked else NAN,
        dead=float((heard.peaks <= 0).double().mean()) if heard.peaks is not None else NAN,
        samples=heard.samples,
        update=step / weight if weight > 0 else NAN,
        width=heard.width,
        calls=len(heard.lengths),
        times=tuple(times),
        matrix=any(p.dim() > 1 for p in layer.weights),
        trainable=any(p.requires_grad for p in layer.weights),
        overflow=not all(map(math.isfinite, sizes)),
        rounding=max(torch.finfo(p.dtype).eps for p in layer.weights) / 2,
    )
