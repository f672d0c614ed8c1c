"""A stethoscope for any torch model: what each layer says, what it hears back, and how far it then moves.

    with probe(model) as p:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    print(p)

A layer is a module that has parameters of its own. Each backward pass inside the block makes one record, which a step
of any torch.optim.Optimizer completes. What a record says of a layer is a `Row` of vanishing.probe.readings.

Nothing is changed: after the block the model is without hooks, and its parameters, gradients and buffers and torch's
random state are what they would be without a probe. Where measuring itself fails, the probe says so in `notes` and
stops listening; the training goes on.
"""

import contextlib
import functools
import gc
import math
import sys
from collections import OrderedDict
from contextlib import ExitStack
from itertools import accumulate, pairwise

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from vanishing.probe import history, overhear, show
from vanishing.probe.diagnosis import SHAPED, Finding
from vanishing.probe.lengths import known, length, lengths, plain, together
from vanishing.probe.overhear import ACTIVATIONS, BACKWARD, FLAT, FLAT_BELOW, Overhear
from vanishing.probe.readings import (
    GRADIENT,
    HALF,
    KEPT,
    NAN,
    NOTHING_FOLDED,
    NOTHING_KEPT,
    OUTPUT,
    PHIS,
    Row,
    Shelf,
    alt,
    table,
)
from vanishing.probe.signs import Signs

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
CHANNELS_FIRST = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)
TABLES = (nn.Embedding, nn.EmbeddingBag)
WHOLE = (nn.MultiheadAttention, torch.jit.ScriptModule)  # modules that do not call their own parts
BAGS = (nn.ParameterList, nn.ParameterDict)
LONG = 12  # letters of a beginning that is cut
SHORT_FLOATS = torch.float16, torch.bfloat16
HOOK = "vanishing.probe"  # the key of a hook on a tensor, where torch has numbers
SAMPLE = 2**14  # entries that are looked at where a share or a ratio is asked for
NOTHING = "Nothing was recorded: no backward pass through this model ran inside the block."
AFAR = "Backward was called {} times, and never reached this model, though it ran: the loss is cut off from it"
AFAR += " (item(), detach(), argmax, numpy, or a tensor made anew)."
UNSEEN = "No forward pass ran inside the block: call the model there, too, to see its layers."
PASSED_BY = "The model ran, and called none of its layers: of those that are passed by, only gradients are seen."
EAGER = "The model is compiled: it ran eagerly inside the block, since compiled code calls no hooks."
OPAQUE = "{} is scripted: only the gradients of its weights are seen."
FUNCTORCH = "Calls under torch.func (vmap, grad, jvp, …) were not listened to."
SHARDED = "Weights are spread over processes: their lengths are those of this process's part."
DEAF = "The probe itself failed at backward pass {} ({}: {}) and stopped listening; the training was not touched."
NUMBER = {phi: k for k, phi in enumerate(PHIS)}


def guarded(method):
    """A method that listens: an exception of its own makes the probe deaf and reaches nobody."""

    @functools.wraps(method)
    def heard(self, *args, **kwargs):
        if self._deaf:
            return None
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # whatever it is, somebody's training matters more than a measurement
            self._fail(error)
            return None

    return heard


class probe:
    """Listen to `model` inside a `with` block, at every `every`-th backward pass.

    Read it after the block, or inside: `print(p)`, `findings()`, `rows()`, `table()`, `series(name)`, `plot()`,
    `curves()`, `report(path)`, `to_pandas()`, `to_json()`. `steps` are the numbers of the backward passes that are in
    the records, from 0; `notes` say what could not be heard, and why. Where a method takes a `step`, it is an index
    into the records, by default the last.

    keep        how many records are kept at most; of later ones every second goes when there are more, so memory does
                not grow with the run (some 80 bytes a layer and record). Findings have heard all of them
    on_finding  a function that is called inside the block with each new Finding, when it is first made

    Forward passes without gradients (evaluation) are not recorded. A model compiled by torch.compile runs eagerly
    inside the block, since compiled code calls no hooks. Of a scripted module only the weights' gradients are seen.
    TypeError for what is not a torch.nn.Module, ValueError for `every` below 1 and `keep` below 10.
    """

    def __init__(self, model, every=1, keep=1000, on_finding=None):
        if not isinstance(model, nn.Module):
            raise TypeError(f"probe needs a torch.nn.Module, not {type(model).__name__}.")
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"every must be a whole number from 1 on, not {every!r}.")
        if not isinstance(keep, int) or keep < 10:
            raise ValueError(f"keep must be a whole number from 10 on, not {keep!r}.")
        if on_finding is not None and not callable(on_finding):
            raise TypeError(f"on_finding must be a function of a finding, not {type(on_finding).__name__}.")
        self.model, self.every, self.on_finding = model, every, on_finding
        self.notes = []
        self._layers, self._order, self._shelf = [], [], Shelf(keep)
        self._signs, self._story = Signs(), history.Story()
        self._passes, self._open, self._deaf, self._told = 0, None, False, set()
        self._elsewhere, self._prints = 0, None  # passes through other models; some weights as they were at first
        self._forget()

    @property
    def steps(self):
        """The numbers of the backward passes that the records are of."""
        return [record.step for record in self._records]

    @property
    def _records(self):
        return self._shelf.records

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
            if error[0] is None:
                self._finish()
        finally:
            stack.close()
            self._forget()

    @guarded
    def _finish(self):
        if self._missed():
            self._close()

    def _fail(self, error):
        """Note what went wrong in measuring, and be deaf from now on."""
        self._deaf = True
        text = str(error).strip().splitlines()
        self._note(DEAF.format(self._passes, type(error).__name__, text[0] if text else "no words"))
        with contextlib.suppress(Exception):
            self._resume()

    def _forget(self):
        """Be deaf, and hold on to nothing of the model's."""
        self._now, self._awake = _Record(), False
        self._last = self._head = self._before = self._pause = self._closure = self._fresh = self._mode = None
        self._mine, self._carried, self._outputs, self._versions = {}, {}, {}, {}
        self._inside, self._stepping, self._audible, self._called_model = 0, None, False, False

    def _attach(self, stack):
        """Put hooks on the model, each with its removal on the stack."""
        self._deaf = False
        known_layers = {id(layer.module): layer for layer in self._layers}
        self._layers = [known_layers.get(id(found[1])) or _Layer(*found) for found in _found(self.model)]
        self._ours = {id(p): layer for layer in self._layers for p in layer.everything}
        self._all = list({id(p): p for layer in self._layers for p in layer.everything}.items())
        self._first, self._grads = self._passes, self._seen()
        if _compiled(self.model):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            self._note(EAGER)
        if any(hasattr(p, "to_local") for layer in self._layers for p in layer.weights):
            self._note(SHARDED)
        self._signs.look_at(self.model, self._layers)
        stack.callback(self.model.register_forward_pre_hook(_Hook(self._enter_model)).remove)
        stack.callback(self.model.register_forward_hook(_Hook(self._leave_model), always_call=True).remove)
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
        BACKWARD.add(self._backward)
        stack.callback(BACKWARD.remove, self._backward)
        stack.callback(self._mode_off)
        stack.callback(self._resume)
        self._depth, self._studied = overhear.depth(), 0
        self._begin()

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    # The mode that overhears torch's functions costs some microseconds a call. It is on while the network is being
    # learned, in the records 1, 2, 4, 8, … of a block; in the others a layer's output tells what follows it.

    def _mode_on(self):
        if self._mode is None and overhear.depth() == self._depth:
            self._mode = Overhear(self)
            self._mode.__enter__()

    def _mode_off(self):
        if self._mode is not None and overhear.take_off(self._mode):
            self._mode = None

    def _enter_model(self, *args):
        if not self._inside:
            self._audible = torch.is_grad_enabled()
            self._called_model |= self._audible
        self._inside += 1

    def _leave_model(self, *args):
        self._inside = max(0, self._inside - 1)

    # What the hooks hear: a call, an output, an activation, a gradient. They run in every layer of every step, so
    # they take no detour.

    @guarded
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
        if torch.compiler.is_compiling():
            return None
        if torch._C._functorch.maybe_current_level() is not None:
            self._note(FUNCTORCH)
            return None
        if layer.number is None:
            self._count(layer)
        if not torch.is_grad_enabled():
            layer.muted |= self._inside > 0 and self._audible
            return None
        record = self._now
        record.ran = True
        if not self._awake:
            return None
        heard = record.heard.get(layer)
        if heard is None:
            if not record.heard:
                self._signs.input(args, record, self._study)
            heard = record.heard[layer] = _Heard()
        if self._study:
            self._learn(layer, heard, args)
        return heard

    def _learn(self, layer, heard, args):
        """Whose outputs a layer reads, and what is to be known of its input."""
        layer.asked += 1
        if layer.asked > 3 or torch._C._current_graph_task_id() != -1:
            return
        given = [t for t in args if isinstance(t, torch.Tensor)]
        parents, sources = set(), layer.source
        for t in given:
            found = [other for node in _walk(t.grad_fn, self) for other in node]
            twin = self._outputs.get(id(t))
            if twin is not None and twin[0] is t:
                found.append(twin[1])
            parents.update(found)
            if not found and sources is None:
                sources = t.data_ptr() if t.device.type != "meta" else id(t)
        layer.parents |= parents
        layer.source = sources

    def _returned(self, layer, args, output):
        """A layer that was called with `args` has returned `output`."""
        if self._deaf:
            return
        try:
            heard = self._start(layer, args) if layer.plain else self._now.heard.get(layer)
            if heard is None or not torch.is_grad_enabled() or torch._C._functorch.maybe_current_level() is not None:
                return
            if not isinstance(output, torch.Tensor):
                output = _tensor(output)
            if output is None or not (output.is_floating_point() or output.is_complex()):
                return
            self._listen(layer, heard, args, output)
        except Exception as error:
            self._fail(error)

    def _listen(self, layer, heard, args, output):
        record, h = self._now, output.detach()
        late = torch._C._current_graph_task_id() != -1  # checkpointing repeats a forward pass within the backward pass
        if not late or heard.late or not heard.lengths:
            if late:
                heard.late = late
            heard.lengths.append(length(h))
            if not h.is_cpu:
                heard.quick = False
            heard.entries += h.numel()
            if not layer.width:
                layer.width = h.shape[layer.axis] if h.dim() else 1
            if h.dtype is torch.float16:
                heard.half = True
            record.last = record.top = layer
            self._last, self._head = layer, h
            phi = layer.phi or (layer.follows if not self._study else "")
            if phi:
                self._activated(phi, h, layer, heard, below=not layer.phi)
            if layer.picks and args and isinstance(args[0], torch.Tensor):
                heard.picked = args[0].reshape(-1)[:: -(-args[0].numel() // 256)]
        if output.requires_grad:
            call = len(heard.lengths)
            _follow(output, lambda grad: self._heard(record, layer, heard, call, grad))
            if self._study and output.grad_fn is not None:
                output.grad_fn.metadata.setdefault(self, []).append(layer)
        elif self._study:
            self._outputs[id(output)] = output, layer

    def _heard(self, record, layer, heard, call, grad):
        """The gradient in a layer's output has arrived."""
        if not self._awake or self._deaf:
            return
        try:
            if torch._C._functorch.maybe_current_level() is not None:
                self._note(FUNCTORCH)
                return
            now = self._now
            if now is not record:
                if layer not in now.heard:  # a second backward pass through a graph that was retained
                    now.heard[layer] = heard.again()
                    now.last = now.top = self._last_of(record)
                    now.source = record.source
                heard = now.heard[layer]
            heard.deltas[call] = length(grad)
            if now.top is layer and heard.phi in SHAPED and self._head.shape == grad.shape and not grad.is_complex():
                now.head = (grad.detach() * self._head).abs_().sum(dtype=torch.float64)
        except Exception as error:
            self._fail(error)

    def _last_of(self, record):
        """The layer that was called last in a record that may be closed."""
        return self._order[record.last - 1] if isinstance(record.last, int) and record.last else record.top

    @guarded
    def _heard_in_time(self, heard, grad, time):
        """The gradient in the input of a recurrent layer has arrived; `time` is the dimension of time."""
        if self._awake:
            others = [d for d in range(grad.dim()) if d != time]
            heard.times = torch.linalg.vector_norm(grad.detach().double(), dim=others)

    @guarded
    def _overheard(self, func, args, kwargs, result):
        """A function of torch was called by name, in a pass in which the network is learned."""
        if not self._awake or not torch.is_grad_enabled() or torch._C._functorch.maybe_current_level() is not None:
            return
        with torch._C.DisableTorchFunction():
            if func in ACTIVATIONS:
                phi, h = ACTIVATIONS[func], result
                if not isinstance(h, torch.Tensor) or not h.numel():
                    return
                layer = self._whose(args, kwargs, h)
                self._signs.activation(phi, args, kwargs, h, layer, self._passes)
                heard = layer and self._now.heard.get(layer)
                if heard is not None and phi != "log_softmax" and heard.phi in ("", phi):
                    self._activated(phi, h, layer, heard)
                    layer.follows = phi
            else:
                self._signs.heard(func, args, kwargs, result, self._now, self._inside > 0, self)

    def _whose(self, args, kwargs, h):
        """The layer whose output an activation function was given; None if that is not plain to see."""
        given = args[0] if args else kwargs.get("input")
        if not isinstance(given, torch.Tensor):
            return None
        twin = self._outputs.get(id(given))
        if twin is not None and twin[0] is given:
            return twin[1]
        node = given.grad_fn
        if given is h and node is not None:  # in place: what it was given is one node further down
            node = next((n for n, _ in node.next_functions if n is not None), None)
        for _ in range(6 if self._inside else 1):
            if node is None:
                return None
            found = node.metadata.get(self)
            if found:
                return found[0]
            below = [n for n, _ in node.next_functions if n is not None]
            own = [self._ours.get(id(getattr(n, "variable", None))) for n in below]
            if any(own):
                return next(layer for layer in own if layer)
            own = [self._ours.get(id(v)) for n in below for v in _through(n)]
            if (any(own) and len(below) > 1) or (any(own) and not node.metadata.get(self) and _is_product(node)):
                return next(layer for layer in own if layer)
            node = below[0] if len(below) == 1 else None
        return None

    def _activated(self, phi, h, layer, heard, below=False):
        """An activation function has given `h`; with `below`, is about to be given it."""
        if heard.phi not in ("", phi):
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
        elif phi in FLAT and h.dim():
            flat = (FLAT_BELOW if below else FLAT)[phi](_some(h))
            count = torch.count_nonzero(flat)
            heard.flat.append(count.item() if count.is_cpu else count)
            heard.looked += flat.numel()

    # Where a record begins and ends.

    def _begin(self):
        """Begin a record, or skip one."""
        self._now, self._last = _Record(), None
        self._awake = self._passes % self.every == 0 and not self._deaf
        self._outputs.clear()
        self._study = False
        if self._awake:
            self._studied += 1
            mixed = any(layer.mixed for layer in self._layers)
            self._study = mixed or self._studied & (self._studied - 1) == 0
        (self._mode_on if self._study else self._mode_off)()

    def _gradients(self):
        """The gradients that the weights have."""
        with torch._C.DisableTorchFunction():
            return {key: g for key, p in self._all if (g := p.grad) is not None}

    def _seen(self):
        """Which gradients the weights have, and in which version."""
        return _versions(self._gradients())

    def _missed(self):
        """Whether a backward pass has gone by that did not go through Tensor.backward."""
        if self._passes == self._first and self._seen() != self._grads:
            return True
        now = self._now
        return any(heard.deltas for heard in now.heard.values()) or (now.ran and not self._awake)

    def _backward(self, loss, run):
        """Tensor.backward is called on `loss`: run it, and end the record if it reached this model."""
        before = self._arriving(loss)
        run()
        self._arrived(loss, before)

    @guarded
    def _arriving(self, loss):
        """What gradients there are before a backward pass, and whether a step has used them already."""
        if self._pause is not None:
            self._resume()
        before = self._seen()
        if self._carried:
            self._carried = {p: seen for p, seen in self._carried.items() if before.get(p) == seen}
        if self._awake:
            self._signs.loss(loss, self._now, self._study)
        return before

    @guarded
    def _arrived(self, loss, before):
        gradients = self._gradients()
        after = _versions(gradients)
        self._carried = {p: after[p] for p in self._carried if p in after}
        if before is None or (after == before and not self._missed()):
            self._elsewhere += self._now.ran  # another model's pass, or one that should have been this model's
            return
        self._fresh = {p for p, seen in after.items() if before.get(p) != seen} if before else set(after)
        if loss.numel() == 1 and not loss.is_complex():
            self._now.loss, self._now.lossy = loss.detach(), True
        self._close(gradients)

    def _close(self, gradients=None):
        """A backward pass is over: take the weights' gradients, keep the record, begin the next."""
        if gradients is None:
            gradients = self._gradients()
        self._versions = seen = _versions(gradients)
        if self._awake:
            record, fresh = self._now, self._fresh
            if fresh is None:  # nobody said when it began
                reached = {id(p) for layer, h in record.heard.items() if h.deltas for p in layer.everything}
                fresh = {p for p, s in seen.items() if self._grads.get(p) != s or p in reached}
            if not any(heard.lengths for heard in record.heard.values()):
                self._note(PASSED_BY if self._called_model else UNSEEN)
            record.fresh = fresh | record.early.keys()
            with torch._C.DisableTorchFunction():
                record.lengths = record.early | dict(zip(gradients, lengths(gradients.values()), strict=True))
            if len(self._order) < len(self._layers):
                for layer in self._layers:
                    if layer.number is None:
                        self._count(layer)
            self._fold(record)
            if record.walked is not None:
                self._walked(record, *record.walked)
            if self._prints is None:
                self._prints = self._fingerprint()
            record.step = self._passes
            self._story.hear(self)
            self._shelf.add(record)
            record.place = self._shelf.count - 1
        self._grads, self._fresh = seen, None
        self._passes += 1
        self._begin()

    def _count(self, layer):
        self._order.append(layer)
        layer.number = len(self._order)

    def _fold(self, record):
        """What was heard of each layer, as numbers of fixed size."""
        _settle(record)
        record.total = together([v for p, v in record.lengths.items() if p in record.fresh])
        rows = [NOTHING_FOLDED] * len(self._order)
        for layer, heard in record.heard.items():
            sizes, deltas = heard.lengths, heard.deltas
            times = [deltas[call] for call in sorted(deltas)] if len(deltas) > 1 else list(deltas.values())
            if heard.times is not None:
                record.times[layer.number] = tuple(heard.times.tolist())
            elif len(times) > 1:
                record.times[layer.number] = tuple(times)
            size, delta = together(sizes), together(times)
            flags = HALF * heard.half
            if not math.isfinite(size) and sizes:
                flags |= OUTPUT * (not all(map(math.isfinite, sizes)))
            if not math.isfinite(delta) and times:
                flags |= GRADIENT * (not all(map(math.isfinite, times)))
            saturated = sum(heard.flat) / heard.looked if heard.looked else NAN
            off, samples = (NAN, 0) if heard.peaks is None else (heard.off, heard.samples)
            calls, phi = min(len(sizes), 2**16 - 1), NUMBER.get(heard.phi, 0)
            row = (NAN, NAN, delta, size, saturated, NAN, NAN, heard.entries, off, samples, calls, phi, flags)
            rows[layer.number - 1] = row
            if heard.picked is not None:
                layer.picked = heard.picked
        record.layers = np.array(rows, dtype=KEPT)
        self._lay_down(record, record.lengths, ("gradient", "raw"))
        record.last, record.top = (record.last.number if record.last else 0), None
        record.heard = {}

    def _lay_down(self, record, sizes, fields):
        """Put the lengths of weights' gradients into the record of each layer."""
        column, broken, fresh = record.layers[fields[0]].tolist(), [], record.fresh
        for layer in self._layers:
            parts = [sizes[key] for key in layer.keys if key in fresh and key in sizes]
            if parts:
                size = parts[0] if len(parts) == 1 else together(parts)
                column[layer.number - 1] = size
                if not math.isfinite(size) and not all(map(math.isfinite, parts)):
                    broken.append(layer.number - 1)
        for field in fields:
            record.layers[field] = column
        if broken:
            record.layers["flags"][broken] |= GRADIENT

    # The optimiser's step. It calls torch functions by the hundred, which nobody overhears meanwhile.

    @guarded
    def _before_step(self, optimizer, args, kwargs):
        if torch._C._current_graph_task_id() != -1:
            self._before_early_step(optimizer)
            return
        if self._missed():
            self._close()
        closure = kwargs.get("closure") or (args[1] if len(args) > 1 else None)
        if torch.compiler.is_compiling():
            return
        if closure is not None:
            self._before = None
            if self._awake:
                with torch.no_grad(), torch._C.DisableTorchFunction():
                    self._closure = self._passes, self._steered(optimizer).remember()
            return
        if self._records and self._records[-1].step == self._passes - 1:
            with torch.no_grad(), torch._C.DisableTorchFunction():
                steered = self._steered(optimizer)
                if steered.ids:
                    self._used(self._records[-1], optimizer, steered)
                    self._before = self._records[-1], steered.remember()
        self._signs.step(self, optimizer)
        if self._mode is not None and not torch._C._is_torch_function_all_disabled():
            self._pause = torch._C.DisableTorchFunction()
            self._pause.__enter__()

    def _before_early_step(self, optimizer):
        """A step inside the backward pass, whose gradients may be gone when that is over."""
        self._signs.step(self, optimizer)
        if not self._awake or torch._C._functorch.maybe_current_level() is not None:
            return
        with torch.no_grad(), torch._C.DisableTorchFunction():
            steered, gradients = self._steered(optimizer), self._gradients()
            some = {p: gradients[p] for p in steered.every if p in gradients}
            self._now.early |= dict(zip(some, known(lengths(some.values())), strict=True))
            self._before = self._now, steered.remember()

    def _steered(self, optimizer):
        """This model's weights that an optimiser moves."""
        key = id(optimizer), len(optimizer.param_groups)
        if key not in self._mine:
            self._mine[key] = _Steered(optimizer, self._layers)
        return self._mine[key]

    def _used(self, record, optimizer, steered):
        """The gradients as the optimiser is about to use them, where somebody has clipped or unscaled them."""
        scale = getattr(optimizer, "grad_scale", None)
        gradients = self._gradients()
        self._stepping = seen = _versions(gradients)
        if scale is None and seen == self._versions:
            return
        mine, fresh = steered.every, record.fresh
        due = [p for p in mine if p in fresh]
        gone = bool(due) and record.total > 0 and not any(p in seen for p in due)
        changed = [p for p in due if p in seen and seen[p] != self._versions.get(p)]
        if scale is not None or changed:
            asked = changed if scale is None else [p for p in mine if p in gradients]
            found = known(lengths([gradients[p] for p in asked]))
            if scale is not None:
                found = [v / float(scale) for v in found]
            record.lengths |= dict(zip(asked, found, strict=True))
            self._lay_down(record, record.lengths, ("gradient",))
            record.used = together([v for p, v in record.lengths.items() if p in fresh])
            gone |= record.used == 0 < record.total and len(changed) == len(due)
        self._signs.emptied += gone

    @guarded
    def _after_step(self, optimizer, args, kwargs):
        self._resume()
        if self._closure is not None:
            (first, before), self._closure = self._closure, None
            if self._missed():
                self._close()
            if self._records and self._records[-1].step >= first:
                with torch.no_grad(), torch._C.DisableTorchFunction():
                    steered = self._steered(optimizer)
                    self._used(self._records[-1], optimizer, steered)
                    self._moved(self._records[-1], steered, before, optimizer)
            self._signs.step(self, optimizer)
        elif self._before is not None:
            (record, before), self._before = self._before, None
            with torch.no_grad(), torch._C.DisableTorchFunction():
                self._moved(record, self._steered(optimizer), before, optimizer)
        self._signs.stepped(self, optimizer)
        self._tell()

    def _moved(self, record, steered, before, optimizer):
        """The lengths of the weights before a step and of the step."""
        found = steered.moved(before)
        group = max(optimizer.param_groups, key=lambda g: float(g.get("lr", NAN)))
        rate = float(group.get("lr", NAN))
        if record is not self._now:
            self._walked(record, *found, rate)
        elif record.walked is None:
            record.walked = *found, rate
        else:
            for all_of_them, some in zip(record.walked, found, strict=False):
                all_of_them |= some

    def _walked(self, record, weights, steps, still, rate):
        if not steps:
            return
        lines, updates = record.layers["weight"].tolist(), record.layers["update"].tolist()
        for layer in self._layers:
            if layer.number and layer.number <= len(lines) and layer.keys and all(p in steps for p in layer.keys):
                weight = together([weights[p] for p in layer.keys])
                lines[layer.number - 1] = weight
                updates[layer.number - 1] = together([steps[p] for p in layer.keys]) / weight if weight > 0 else NAN
                if still:
                    layer.still = max(still.get(p, 0.0) for p in layer.keys)
        record.layers["weight"], record.layers["update"] = lines, updates
        record.stepped, record.rate = True, rate
        self._story.complete(self, record)

    def _unmoved(self):
        """Whether the weights are what they were when the first record was closed, as far as was looked."""
        return self._prints is not None and self._prints == self._fingerprint()

    @torch.no_grad()
    def _fingerprint(self):
        some = [plain(p).reshape(-1)[:64] for layer in self._layers for p in layer.weights]
        return [t.double().sum().item() for t in some if t.numel() and t.device.type != "meta"]

    def _resume(self):
        if self._pause is not None:
            self._pause.__exit__(None, None, None)
            self._pause = None

    def _tell(self):
        """Call on_finding with what is new; a mistake in that function is the user's, and is told."""
        if self.on_finding is None or not self._records:
            return
        for finding in self._story.findings(self, live=True):
            if finding.kind not in self._told:
                self._told.add(finding.kind)
                try:
                    self.on_finding(finding)
                except Exception as error:
                    self._note(f"on_finding raised {type(error).__name__}: {error}")

    # What a reader asks for.

    def rows(self, step=-1):
        """A record as a list of Row, in the order in which layers were first called; empty if there is none."""
        if not self._records:
            return []
        return self._rows(self._records[step])

    def _told_rows(self, record):
        """The rows as a finding names them: without a long beginning that all names share."""
        rows, cut = self._rows(record), show.named(self._rows(record))
        return cut if rows and len(rows[0].name) - len(cut[0].name) > LONG else rows

    def _rows(self, record):
        return [_row(layer, record) for layer in self._order]

    def series(self, name):
        """The field `name` of Row over all records: an array (records, layers), NaN where there is nothing.

        Also `loss`, `total` (length of the gradient in all weights and biases) and `rate` (the largest learning rate
        of the step): arrays (records,).
        """
        if name in ("loss", "total", "rate"):
            return np.array([getattr(record, name) for record in self._records], dtype=float)
        if name in KEPT.names and name not in ("phi", "calls", "entries"):
            table = np.full((len(self._records), len(self._order)), NAN)
            for k, record in enumerate(self._records):
                table[k, : len(record.layers)] = record.layers[name]
            return table
        table = [[getattr(row, name) for row in self.rows(k)] for k in range(len(self._records))]
        return np.array(table, dtype=float).reshape(len(table), len(self._order))

    def table(self, step=-1):
        """A record as plain text, one line for each layer."""
        return "\n".join(table(show.named(self.rows(step)))) if self._records else NOTHING

    def findings(self, step=None):
        """What is wrong, as a list of Finding, causes before symptoms; empty if nothing is.

        Over the whole run, each with the first record that had it and how many did; with `step`, in that record alone.
        """
        if not self._records:
            return [Finding("unheard", [], AFAR.format(self._elsewhere))] if self._elsewhere else []
        if step is not None:
            return self._story.single(self, self._records[step])
        return self._story.findings(self)

    def remarks(self):
        """What may be meant and is worth a look: frozen layers, layers that were never used. No alarm."""
        return self._signs.remarks(self) if self._records else []

    def draw(self, ax, step=-1):
        """Draw a record on a matplotlib axis: gradients and output of each layer on a log scale."""
        if not self._records:
            raise ValueError(NOTHING)
        show.draw(self.rows(step), ax)

    def plot(self, step=-1):
        """Show a record as a figure in the house style, in a notebook; needs matplotlib and IPython."""
        if not self._records:
            raise ValueError(NOTHING)
        from vanishing.figures.style import figure

        with figure(alt=alt(self.rows(step))) as (_, ax):
            self.draw(ax, step)

    def curves(self, ax, name="delta", layers=None):
        """Draw `name` (see `series`) over steps on a matplotlib axis; of `layers` (numbers), by default all."""
        if not self._records:
            raise ValueError(NOTHING)
        show.curves(self, ax, name, layers)

    def report(self, path):
        """Write everything as one HTML file that asks no other host for anything; returns its path."""
        if not self._records:
            raise ValueError(NOTHING)
        return show.report(self, path)

    def to_json(self, path=None):
        """The records, findings and notes as JSON text (null where nothing was seen); written to `path` if given."""
        return show.to_json(self, path)

    def to_pandas(self):
        """A pandas DataFrame with a line for each record and layer; needs pandas."""
        return show.to_pandas(self)

    def to_tensorboard(self, writer):
        """Give every number to a torch.utils.tensorboard.SummaryWriter, by layer and field."""
        show.to_tensorboard(self, writer)

    def __str__(self):
        if not self._records:
            return "\n".join([*(f"! {finding}" for finding in self.findings()), NOTHING, *self.notes])
        found = [f"! {finding}" for finding in self.findings()]
        if not found:
            found = [" ".join(["No alarm.", *self.remarks()])]
        return "\n".join([*found, "", self.table(), *([""] if self.notes else []), *self.notes])


class _Layer:
    """A module with parameters of its own, and how it is listened to."""

    def __init__(self, name, module, parameters):
        self.name, self.module, self.number = name or "model", module, None
        self.kind = getattr(module, "original_name", "") or type(module).__name__  # a scripted module keeps its name
        if self.kind.startswith("Lazy"):
            cls = getattr(module, "cls_to_become", None)
            self.kind = cls.__name__ if cls else self.kind
        parameters = [(n, p) for n, p in parameters if p.is_floating_point() or p.is_complex()] or parameters
        short = [(n.rpartition(".")[2], p) for n, p in parameters]
        weights = [p for n, p in short if not (n.startswith("bias") or n.endswith("bias"))]
        self.everything = [p for _, p in parameters]
        self.weights = weights or self.everything
        self.keys = [id(p) for p in self.weights]
        self.opaque = isinstance(module, torch.jit.ScriptModule)
        self.axis = 1 if isinstance(module, CHANNELS_FIRST) else -1  # the dimension of units
        self.recurrent = isinstance(module, RECURRENT)
        self.phi = module.nonlinearity if isinstance(module, (nn.RNN, nn.RNNCell)) else ""
        # Inside one of torch's own layers nothing happens that would have to be told apart: a hook after it will do.
        inner = self.recurrent or any(True for _ in module.children())
        torchs = type(module).__module__.startswith("torch.nn.modules.") and not isinstance(module, BAGS)
        self.plain = torchs and not inner
        ready = [p for p in self.weights if not isinstance(p, nn.parameter.UninitializedParameter)]
        self.picks = isinstance(module, TABLES) and any(p.numel() > SAMPLE for p in ready)
        least = 1 if torchs else 2  # a scale for each channel, with dimensions of one to broadcast, is no matrix
        self.matrix = any(p.dim() > 1 and (torchs or sum(n > 1 for n in p.shape) >= least) for p in ready)
        self.natural = math.sqrt(sum(_some_numel(p) / max(1, p[0].numel()) for p in ready if p.dim() > 1))
        self.width, self.follows, self.mixed, self.muted, self.still = 0, "", False, False, NAN
        self.parents, self.source, self.asked, self.picked = set(), None, 0, None
        self.shut = False

    def rounding(self):
        """The largest relative error of rounding one of the weights; 0 for whole numbers."""
        floats = [p.dtype for p in self.weights if p.is_floating_point() or p.is_complex()]
        return max((torch.finfo(d).eps for d in floats), default=0.0) / 2


class _Record:
    """One backward pass: what was heard of each layer, the loss, the sizes at both ends."""

    step, place, used, rate, total = 0, 0, NAN, NAN, NAN
    stepped = lossy = fed = False  # whether a step followed, a loss was given, and whether the input was one of floats
    layers = np.zeros(0, dtype=KEPT)
    walked = None  # what steps inside the backward pass have moved

    def __init__(self):
        self.heard, self.times, self.lengths, self.fresh = {}, {}, {}, set()
        self.early = {}  # lengths of gradients that were used inside the backward pass
        self.loss = self.source = self.head = NAN  # source: rms of the input; head: Σ |∂loss/∂z · z| of the last layer
        self.last = self.top = None  # the layer that was called last; its number, once the record is closed
        self.ran = False  # whether a forward pass was seen, be it in a pass that is not recorded


class _Steered:
    """The weights of a model that one optimiser moves, some rows of each, and room to remember them before a step."""

    def __init__(self, optimizer, layers):
        moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
        self.pairs = [(layer, p) for layer in layers for p in layer.weights if id(p) in moved and p.numel()]
        self.ids = [id(p) for _, p in self.pairs]
        self.every = [id(p) for layer in layers for p in layer.everything if id(p) in moved]
        self.some, self.room = [_some(plain(p)) for _, p in self.pairs], None
        self.picking = any(layer.picks for layer, _ in self.pairs)
        self.places = [t.data_ptr() for t in self.some]

    def look(self):
        """Some rows of each of the weights, as they are now: views, or of large tables the rows that were looked up."""
        if not self.picking and [p.data_ptr() for _, p in self.pairs] == self.places:
            return self.some
        for k, (layer, p) in enumerate(self.pairs):
            if layer.picks and layer.picked is not None:
                self.some[k] = plain(p)[layer.picked.to(p.device)]
            elif p.data_ptr() != self.places[k]:  # somebody has given the parameter other storage
                self.some[k], self.places[k], self.room = _some(plain(p)), p.data_ptr(), None
        return self.some

    def remember(self):
        """Copies of these rows; they are good until the next call."""
        some = self.look()
        if self.picking or self.room is None:
            self.room = [torch.empty_like(t) for t in some]
        if some:
            torch._foreach_copy_(self.room, some)
        return self.room

    def moved(self, before):
        """By parameter: the length of these rows `before`, that of the way from there, and the share that stands still.

        The last is of half precision alone. `before` is used up.
        """
        after, ids = self.look(), self.ids
        if any(a.shape != b.shape for a, b in zip(before, after, strict=True)):
            same = [k for k, (a, b) in enumerate(zip(before, after, strict=True)) if a.shape == b.shape]
            before, after, ids = ([some[k] for k in same] for some in (before, after, ids))
        if not before:
            return {}, {}, {}
        weights = lengths(before)
        halves = [(p, a, b) for p, a, b in zip(ids, before, after, strict=True) if a.dtype in SHORT_FLOATS]
        still = {p: float((a == b).double().mean()) for p, a, b in halves}
        torch._foreach_sub_(before, after)
        read = known([*weights, *lengths(before)])
        return dict(zip(ids, read, strict=False)), dict(zip(ids, read[len(ids) :], strict=True)), still


class _Heard:
    """What was heard of one layer in one record."""

    entries = looked = samples = 0
    late = half = False
    quick = True  # whether all that was heard are floats, and no tensors on another device
    off = NAN
    phi, peaks, times, picked = "", None, None, None

    def __init__(self):
        self.lengths, self.flat = [], []  # of the outputs, and counts of saturated values, one for each call
        self.deltas = {}  # call -> length of the gradient in its output

    def again(self):
        """The same forward pass, about to hear of another backward pass."""
        other = _Heard()
        for name, value in vars(self).items():
            if name not in ("deltas", "times"):
                setattr(other, name, value)
        return other


class _Hook:
    """A hook of which a copy, in a copy of the model made inside the block, does nothing."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        self.function()

    def __reduce__(self):
        return _Silent, ()


class _Silent:
    def __call__(self, *args, **kwargs):
        """Do nothing."""


class _Before(_Hook):
    def __init__(self, owner, layer):
        self.owner, self.layer = owner, layer

    def __call__(self, module, args, kwargs=None):
        if self.owner._pause is not None:
            self.owner._resume()
        with torch._C.DisableTorchFunction():
            twin = self.owner._called(self.layer, args)
        return None if twin is None else ((twin, *args[1:]), kwargs)


class _After(_Hook):
    def __init__(self, owner, layer):
        self.owner, self.layer = owner, layer

    def __call__(self, module, args, output):
        owner = self.owner
        if owner._pause is not None:
            owner._resume()
        if type(output) is torch.Tensor and not torch._C._len_torch_function_stack():
            owner._returned(self.layer, args, output)
            return
        with torch._C.DisableTorchFunction():
            owner._returned(self.layer, args, output)


def _follow(output, hook):
    """Have `hook` called with the gradient in a tensor, as `output.register_hook(hook)` has, at half the cost.

    That method makes a handle to take the hook off again. Here the hook goes with the graph, and none is needed.
    """
    node = output.grad_fn
    if node is None or not hasattr(node, "_register_hook_dict") or output._backward_hooks is not None:
        output.register_hook(hook)
        return
    output._backward_hooks = hooks = OrderedDict()
    hooks[HOOK] = hook
    node._register_hook_dict(output)


def _compiled(model):
    """Whether torch.compile has been at a model or a part of it, be the compiled object somebody else's variable."""
    if any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) for m in model.modules()):
        return True
    if "torch._dynamo.eval_frame" not in sys.modules:
        return False
    # Asking all objects who refers to the model takes a tenth of a second: not where nothing has been compiled. The
    # backends that were asked for are kept, None for a function that is left alone; torch._dynamo.reset forgets all.
    backends = getattr(sys.modules["torch._dynamo.eval_frame"], "cached_backends", None)
    if backends and not any(backends.values()):
        return False
    return any(isinstance(r, dict) and r.get("_orig_mod") is model for r in gc.get_referrers(model))


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


def _walk(node, owner, limit=150):
    """The layers whose outputs went into a node of the graph, without passing through one of them."""
    todo, seen = [node], set()
    while todo and len(seen) < limit:
        node = todo.pop(0)
        if node is None or node in seen:
            continue
        seen.add(node)
        found = node.metadata.get(owner)
        if found:
            yield found
        else:
            todo += [n for n, _ in node.next_functions]


def _is_product(node):
    return any(word in node.name() for word in ("Mm", "Addmm", "Bmm", "Convolution", "Dot", "Mv"))


def _through(node):
    """The parameter at the end of a node that only turns or casts it."""
    for _ in range(3):
        if node is None:
            return
        if hasattr(node, "variable"):
            yield node.variable
            return
        below = [n for n, _ in node.next_functions if n is not None]
        node = below[0] if len(below) == 1 else None


def _tensor(output):
    """The first tensor of floats in a tuple, list, dict or PackedSequence; None if there is none."""
    if isinstance(output, torch.Tensor):
        return output if output.is_floating_point() or output.is_complex() else None
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return next((t for part in parts if (t := _tensor(part)) is not None), None)


def _versions(gradients):
    return {key: (id(g), g._version) for key, g in gradients.items()}


def _settle(record):
    """Turn what a record has heard into floats, and add to the peaks of units the share of those that are off.

    What is on another device is waited for once.
    """
    every = list(record.heard.values())
    peaked = [heard for heard in every if heard.peaks is not None]
    for heard, share in zip(peaked, _shares_off([heard.peaks for heard in peaked]), strict=True):
        heard.off = share
    own = [record.loss, record.source, record.head, *record.lengths.values()]
    if not all(heard.quick for heard in every):
        waiting = [v for heard in every for v in (*heard.lengths, *heard.deltas.values(), *heard.flat)]
        read = iter(known([*own, *waiting]))
        own = [next(read) for _ in own]
        for heard in every:
            heard.lengths = [next(read) for _ in heard.lengths]
            heard.deltas = {call: next(read) for call in heard.deltas}
            heard.flat = [next(read) for _ in heard.flat]
    else:
        own = known(own)
    record.loss, record.source, record.head = own[:3]
    record.lengths = dict(zip(record.lengths, own[3:], strict=True))


def _shares_off(peaks):
    """The share of entries that are at most 0 in each of some vectors."""
    if len({(p.device, p.dtype) for p in peaks}) > 1:
        return [share for p in peaks for share in _shares_off([p])]
    if not peaks:
        return []
    off = (torch.cat(peaks) <= 0).cpu().numpy()
    ends = [0, *accumulate(p.numel() for p in peaks)]
    return [np.count_nonzero(off[a:b]) / (b - a) if b > a else NAN for a, b in pairwise(ends)]


def _some(t):
    """Some SAMPLE entries of a tensor: every k-th of its rows, all of them if they are few."""
    return t[:: -(-t.numel() // SAMPLE)] if t.numel() > SAMPLE and t.dim() else t


def _some_numel(t):
    return len(range(0, len(t), -(-t.numel() // SAMPLE))) * (t.numel() // len(t)) if t.numel() > SAMPLE else t.numel()


def _row(layer, record):
    """A layer's Row in a record."""
    known_here = layer.number is not None and layer.number <= len(record.layers)
    kept = record.layers[layer.number - 1] if known_here else NOTHING_KEPT
    flags = int(kept["flags"])
    entries, activation = float(kept["entries"]), float(kept["activation"])
    return Row(
        number=layer.number,
        name=layer.name,
        kind=layer.kind,
        gradient=float(kept["gradient"]),
        raw=float(kept["raw"]),
        delta=float(kept["delta"]),
        activation=activation,
        rms=activation / math.sqrt(entries) if entries else NAN,
        phi=PHIS[kept["phi"]],
        saturated=float(kept["saturated"]),
        dead=float(kept["dead"]),
        samples=int(kept["samples"]),
        update=float(kept["update"]),
        weight=float(kept["weight"]),
        natural=layer.natural,
        width=layer.width,
        calls=int(kept["calls"]),
        times=record.times.get(layer.number, ()),
        matrix=layer.matrix,
        trainable=any(p.requires_grad for p in layer.weights),
        overflow=bool(flags & (OUTPUT | GRADIENT)),
        broken=" ".join(word for bit, word in ((OUTPUT, "output"), (GRADIENT, "gradient")) if flags & bit),
        half=bool(flags & HALF),
        rounding=layer.rounding(),
        parents=tuple(sorted(other.number for other in layer.parents if other.number)) if layer.asked else None,
        source=layer.source or 0,
        chained=layer.recurrent or _chained(layer),
        shut=layer.shut,
    )


def _chained(layer):
    """Whether a layer's output comes back to it."""
    todo, seen = list(layer.parents), set()
    while todo:
        other = todo.pop()
        if other is layer:
            return True
        if other not in seen:
            seen.add(other)
            todo += other.parents
    return False
