"""Findings from the records of a run: causes before symptoms, each with its first record and a count.

Rules of diagnosis.py look at one record. Here they are asked of every record, and put together with the facts of
signs.py: what was seen first stands before what came after it, and a symptom that follows a cause keeps its
description and loses its advice. A run that has learned raises no alarm about sizes.
"""

import math

import numpy as np

from vanishing.probe.diagnosis import DEAD, EXPLODED, LARGE_INPUT, SATURATED, Finding, examine, layers_of, short, verb
from vanishing.probe.lengths import plain
from vanishing.probe.readings import GRADIENT, HALF, OUTPUT

LATE = 200  # records that may wait before they are looked at
SLOW = 3e-5  # a step over its weights
SMALL_INPUT = 1e-3  # root mean square
SHORT = 8  # records that are too few to speak of a run
CAUSES = (  # what a thing is rather than what it does; in this order if they come together
    "bad data", "flushed moments", "not finite", "outside", "unheard", "no optimiser", "no gradient", "no zero_grad",
    "activation twice", "no logarithm", "wrong dimension", "one unit", "broadcast", "target range", "wrong sign",
    "sharp attention", "equal weights", "zero weights", "constant input", "eval mode", "frozen", "dropout",
    "no derivative", "unscaled input",
    "unscaled targets", "summed loss", "scaled loss", "clipped", "decay", "underflow", "no rate",
)  # fmt: skip
PASSING = {"vanishing", "exploding", "dead", "saturated", "fast", "silent loss", "lost in rounding"}


class _Event:
    """A kind of finding, over the records: the first that had it, how many did, and which was the last."""

    def __init__(self, finding, record):
        self.finding, self.first, self.place = finding, record.step, record.place
        self.count, self.last = 0, record.place


class Story:
    """What was found in the records so far."""

    def __init__(self):
        self.events, self.waiting, self.number = {}, [], 0
        self.losses, self.reached, self.weights, self.first_weights = [], set(), {}, {}
        self.symmetric, self.blank, self.shrunk, self.looked = set(), set(), math.nan, False
        self.paces, self.clips, self.gradients, self.totals, self.sources = [], [], set(), [], []
        self.roundings = np.zeros(0)

    # While the block runs: as little as can be.

    def hear(self, owner):
        """A record has been closed, and awaits its step."""
        record = owner._now
        record.place = self.number
        self.number += 1
        if not self.looked:
            self.looked = True
            self._look_at_weights(owner)
        self.losses.append(record.loss)
        self.sources.append(record.source)
        for sizes in (self.losses, self.sources):
            if len(sizes) > 2000:
                del sizes[200::2]
        self.waiting.append(record)
        if len(self.waiting) > LATE:
            self.digest(owner)

    def complete(self, owner, record):
        """A step has followed a record."""

    def _look_at_weights(self, owner):
        """Whether hidden layers start with equal or zero weights."""
        for layer in owner._layers:
            layer.shut = any(w.numel() and not plain(w).any() for w in layer.weights)
            p = layer.weights[0].detach()
            p = p.to_local() if hasattr(p, "to_local") else p
            if not layer.matrix or p.dim() < 2 or p.shape[0] < 2 or not p.is_floating_point() or layer.picks:
                continue
            some = p[:8].reshape(min(8, len(p)), -1)
            same = bool((some == some[:1]).all())
            if same and bool((p == p[:1]).all()):
                (self.symmetric if bool((p != 0).any()) else self.blank).add(layer)

    def digest(self, owner):
        """Look at the records that wait."""
        waiting, self.waiting = self.waiting, []
        for record in waiting:
            self._take(owner, record)

    def _take(self, owner, record):
        layers = record.layers
        heard = ~np.isnan(layers["gradient"])
        self.reached |= {int(k) + 1 for k in np.flatnonzero(heard)}
        matrix = np.array([layer.matrix for layer in owner._order[: len(layers)]], dtype=bool)
        if record.stepped:
            with np.errstate(all="ignore"):
                moved = layers["update"][matrix & np.isfinite(layers["update"]) & (layers["gradient"] > 0)]
            if len(moved):
                self.paces.append(float(np.median(moved)))
            if record.used == record.used and record.total > 0:
                self.clips.append(record.used / record.total)
        if record.stepped and not math.isnan(np.nansum(layers["weight"])):
            weights = np.where(matrix, layers["weight"], np.nan)
            if not self.first_weights:
                self.first_weights = {"w": weights}
            with np.errstate(all="ignore"):
                n = min(len(weights), len(self.first_weights["w"]))
                ratio = weights[:n] / self.first_weights["w"][:n]
                ratio = ratio[np.isfinite(ratio)]
                self.shrunk = float(np.median(ratio)) if len(ratio) else math.nan
        if not self._suspect(owner, record):
            return
        for finding in examine(owner._told_rows(record), self.situation(owner, record)):
            if finding.kind == "unheard":
                continue  # asked of the run as a whole
            event = self.events.get(finding.kind)
            if event is None:
                event = self.events[finding.kind] = _Event(finding, record)
            event.count, event.last = event.count + 1, record.place

    def _suspect(self, owner, record):
        """Whether any rule could find anything in a record: asked cheaply, of all layers at once."""
        layers = record.layers
        with np.errstate(all="ignore"):
            if not math.isfinite(record.loss) or (layers["flags"] & (OUTPUT | GRADIENT | HALF)).any() or record.times:
                return True
            delta = np.where(np.isnan(layers["delta"]), layers["gradient"], layers["delta"])
            delta = delta[~np.isnan(delta)]
            if len(delta) and delta.min() * EXPLODED / 2 < delta.max():
                return True
            if (layers["dead"] >= DEAD).any() or (layers["saturated"] >= SATURATED).any():
                return True
            if len(self.roundings) != len(layers):
                self.roundings = np.array([layer.rounding() for layer in owner._order[: len(layers)]])
            short = np.maximum(1e-2 * SLOW, self.roundings)
            return bool((layers["update"] > 0.05).any() or (layers["update"] < short).any())

    def situation(self, owner, record):
        """What the rules are told beside the rows."""
        still = {layer.number: layer.still for layer in owner._order if layer.still == layer.still}
        return {
            "loss": record.loss,
            "judged": not math.isnan(record.loss) or record.lossy,
            "source": record.source,
            "fed": record.fed,
            "head": record.head,
            "last": record.last,
            "rate": record.rate,
            "still": still,
            "reached": self.reached,
            "judge": owner._signs.loss_name,
        }

    # When somebody asks.

    def single(self, owner, record):
        """The findings in one record alone."""
        self.digest(owner)
        return examine(owner._told_rows(record), self.situation(owner, record))

    def findings(self, owner, live=False):
        """The findings of the run, causes first."""
        self.digest(owner)
        causes = list(self._facts(owner, live))
        symptoms = self._symptoms(owner, {f.kind for f in causes})
        causes += self._causes(owner, symptoms)
        causes.sort(key=lambda f: CAUSES.index(f.kind) if f.kind in CAUSES else len(CAUSES))
        known = {f.kind for f in causes}
        symptoms = [f for f in symptoms if f.kind != "not finite" or f.kind not in known]
        first = min((f.first for f in symptoms if f.kind == "fast"), default=None)
        said = []
        for finding in symptoms:
            after = next((c.kind for c in causes if c.kind in CAUSES), None)
            if after is None and first is not None and finding.kind != "fast" and first < finding.first:
                after = "fast"
            said.append(self._told(finding, after))
        if known & {"unscaled input", "unscaled targets", "summed loss"}:
            said = [f for f in said if f.kind != "lost in rounding"]
        return causes + said

    def learned(self, owner):
        """Whether the loss has come well below what guessing gives, and stays there."""
        losses = np.array(self.losses)
        if len(losses) < SHORT or not np.isfinite(losses[-3:]).all():
            return False
        signs = owner._signs
        base = signs.baseline * (signs.scale if signs.scale == signs.scale and not signs.summed else 1)
        start, end = np.nanmedian(losses[:3]), float(np.median(losses[-max(3, len(losses) // 10) :]))
        if signs.summed:
            base *= signs.batch
        if math.isnan(base):
            base = start
        return 0 <= end < 0.6 * min(base, start) if base > 0 else False

    def _symptoms(self, owner, known):
        """Events of the records that last or matter, in the order of their first records."""
        run = self.number >= SHORT
        learned = self.learned(owner)
        said = []
        for kind, event in self.events.items():
            if run and kind in PASSING:
                rare = event.count < max(2, self.number // 20)
                gone = event.last < 0.7 * self.number or event.count < (self.number - event.place) / 2
                if learned or (rare and gone and kind != "fast"):
                    continue
                if kind in ("saturated", "dead") and event.place > 3 and not self._worse():
                    continue
            if kind == "fast" and run and event.count < 3 and not self._worse() and "not finite" not in self.events:
                continue
            finding = event.finding
            said.append(Finding(kind, finding.layers, finding, finding.symptom, event.first, event.count))
        said.sort(key=lambda f: f.first)
        return said

    def _worse(self):
        """Whether the loss has not fallen since the beginning."""
        losses = np.array(self.losses)
        if len(losses) < SHORT:
            return False
        end = np.median(losses[-max(3, len(losses) // 10) :])
        return not end < 0.9 * np.median(losses[:3])

    def _told(self, finding, after):
        """A finding with when it was seen, and without advice if something else came first."""
        text = str(finding) if after is None else finding.symptom
        if self.number > 1:
            when = f"from backward pass {finding.first} on, in {finding.records} of {self.number} records"
            text = f"{text.rstrip('.')} ({when})."
        if after is not None and finding.kind != after:
            text = f"{text.rstrip('.')}: follows from what stands above."
        return Finding(finding.kind, finding.layers, text, finding.symptom, finding.first, finding.records)

    def _facts(self, owner, live):
        """Findings that are facts of the run."""
        signs = owner._signs
        for fact in signs.facts.values():
            if fact.kind in ("no zero_grad", "eval mode") and fact.count < min(3, max(1, signs.own_steps - 1)):
                continue
            yield Finding(fact.kind, fact.layers, f"{fact.text}.", None, fact.first, fact.count)
        if signs.inputs and all(signs.inputs) and any(s == s for s in self.sources):
            zero = all(s == 0 for s in self.sources if s == s)
            what = "zero" if zero else "the same for every sample"
            text = f"The network's input is {what}: nothing can be told apart; look at how the data is made."
            yield Finding("constant input", [], text, None, 0, len(signs.inputs))
        outside = signs.outside()
        if outside:
            shapes = ", ".join(f"{name} {shape}" for name, shape in outside[:3])
            text = f"{len(outside)} weights that are used inside the model do not belong to it ({shapes})"
            cure = "a list or a layer made in forward is not seen by parameters(): use nn.ModuleList, or make it once"
            yield Finding("outside", [], f"{text}: {cure}.", None, 0, 1)
        yield from self._unmoved(owner, live)
        yield from self._symmetry(owner)

    def _unmoved(self, owner, live):
        """Layers that hear nothing over the whole run, or that no optimiser moves."""
        signs = owner._signs
        order = [layer for layer in owner._order if any(p.requires_grad for p in layer.weights)]
        rows = {row.number: row for row in owner._told_rows(owner._records[-1])}
        lost = [rows[layer.number] for layer in order if layer.number not in self.reached]
        unseen = any("No forward pass" in note for note in owner.notes)
        called = [row for row in lost if row.calls or row.width or owner._order[row.number - 1].muted]
        if lost and self.reached and not unseen and not (live and signs.own_steps < 3):
            some = called or (lost if self.number < SHORT and not signs.own_steps else [])
            if some:
                for finding in examine([*some, *[rows[k] for k in sorted(self.reached) if k in rows]], _NOTHING):
                    if finding.kind == "unheard":
                        yield self._told(Finding("unheard", finding.layers, finding, None, 0, self.number), None)
        if not signs.steps or (live and signs.own_steps < 5):
            return
        still = [rows[layer.number] for layer in order if layer.number in self.reached]
        still = [r for r in still if not any(id(p) in signs.moved for p in owner._order[r.number - 1].weights)]
        if still and (signs.own_steps or len(still) == len(order)):
            text = f"{layers_of(still)} {verb(still, 'gets', 'get')} a gradient and {verb(still, 'is', 'are')} in no"
            cure = "give the optimiser model.parameters() after the model is complete"
            yield Finding(
                "no optimiser", [r.number for r in still], f"{text} optimiser that stepped: {cure}.", None, 0, 1
            )

    def _symmetry(self, owner):
        """Equal units that can never become different."""
        rows = {row.number: row for row in owner._told_rows(owner._records[-1])}
        same = [rows[layer.number] for layer in owner._order if layer in self.symmetric and layer.number in rows]
        fed = {k for row in same for k in (row.parents or ())}
        if len(same) > 1 and (fed & {row.number for row in same} or same[0].parents is None):
            text = f"{layers_of(same)}: all units of a layer start with equal weights, and so stay equal"
            yield Finding(
                "equal weights", [r.number for r in same], f"{text}: draw them at random.", None, 0, self.number
            )
        blank = [rows[layer.number] for layer in owner._order if layer in self.blank and layer.number in rows]
        first = self._first_rows(owner)
        stuck = [row for row in blank if first and row.trainable and not first[row.number - 1].gradient > 0]
        stuck = [row for row in stuck if not rows[row.number].gradient > 0]
        if stuck and len(blank) > 1:
            text = f"{layers_of(blank)} {'starts' if len(blank) == 1 else 'start'} with weights of zero one after the"
            text += " other, so that neither gets a gradient"
            yield Finding(
                "zero weights", [r.number for r in blank], f"{text}: draw them at random.", None, 0, self.number
            )

    def _first_rows(self, owner):
        return owner._told_rows(owner._records[0]) if owner._records else []

    def _causes(self, owner, symptoms):
        """What explains symptoms: how the network is fed, judged and stepped."""
        signs, kinds = owner._signs, {f.kind for f in symptoms}
        long = self.number >= SHORT
        early = min((f.first for f in symptoms), default=0)
        source = np.nanmax(self.sources[:3]) if any(s == s for s in self.sources[:3]) else math.nan
        harmed = {"fast", "dead", "saturated", "exploding", "not finite", "vanishing"} & kinds
        lost = long and not self.learned(owner)
        found = []
        large = source > LARGE_INPUT and (harmed or (lost and self._worse()))
        if math.isfinite(source) and (large or (0 < source < SMALL_INPUT and lost and self._worse())):
            text = f"The network's inputs have a root mean square of {short(source)}: scale them to about 1"
            found.append(Finding("unscaled input", [], f"{text}.", None, 0, self.number))
        if signs.targets > 100 and signs.targets > 30 * signs.outputs and (harmed or lost):
            text = f"The targets have a root mean square of {short(signs.targets)} and the outputs one of"
            found.append(
                Finding("unscaled targets", [], f"{text} {short(signs.outputs)}: scale the targets.", None, 0, 1)
            )
        hasty = signs.plain and {"fast", "not finite", "dead", "exploding"} & kinds
        if signs.summed and signs.batch > 1 and hasty:
            text = f"The loss is a sum over {signs.batch} samples, and so is the step: take the mean"
            found.append(Finding("summed loss", [], f"{text}, or divide the learning rate.", None, early, 1))
        factor = min(map(abs, signs.factors), default=math.nan)
        if factor > 100 and hasty and not (self.clips and min(self.clips) < 0.1):
            text = f"The loss is multiplied by {short(factor)} before the backward pass, and so is the step: divide the"
            found.append(Finding("scaled loss", [], f"{text} gradients again (GradScaler.unscale_).", None, early, 1))
        found += self._standing(owner, symptoms, lost)
        if signs.decay > 0 and long and self.shrunk < 0.5 and not self.learned(owner):
            text = f"The weights have shrunk to {short(self.shrunk)} of what they were: weight decay of"
            found.append(Finding("decay", [], f"{text} {signs.decay:g} is too strong; lower it.", None, 0, self.number))
        if signs.rates and max(signs.rates) == 0:
            found.append(Finding("no rate", [], "The learning rate is 0 at every step.", None, 0, self.number))
        elif lost and len(signs.rates) >= 20 and np.median(signs.rates) < 1e-3 * signs.rates[0]:
            text = (
                f"The learning rate falls from {short(signs.rates[0])} to {short(signs.rates[-1])}, and for most of the"
            )
            found.append(
                Finding("no rate", [], f"{text} run there is next to none: let it fall more slowly.", None, 0, 1)
            )
        found += self._slow(owner, kinds)
        if {f.kind for f in found} & {"clipped", "slow", "no rate", "scaled loss", "no gradient"}:
            symptoms[:] = [f for f in symptoms if f.kind != "lost in rounding"]
        return found

    def _standing(self, owner, symptoms, lost):
        """Why a loss may stand where it is: what the network is made of, and what is done with its gradients."""
        signs, found = owner._signs, []
        kinds = {f.kind for f in symptoms}
        if signs.emptied and signs.emptied >= 0.5 * signs.own_steps:
            text = "The gradients are gone when the optimiser steps: zero_grad() stands between backward() and step()"
            found.append(
                Finding("no gradient", [], f"{text}; call it before the backward pass.", None, 0, signs.emptied)
            )
        if {"vanishing", "silent loss"} & kinds and signs.stops and self._zero(owner):
            names = " and ".join(f"torch.{name}" for name in sorted(signs.stops))
            where = "where it clips" if signs.stops <= {"clamp", "clip"} else "everywhere"
            text = f"{names} has derivative zero {where}, and nothing comes back through it: lead the gradient past it"
            found.append(Finding("no derivative", [], f"{text} (a straight-through estimator).", None, 0, self.number))
        if not lost or self.number < 20:
            return found
        share = max((m.p for m in signs.fickle if hasattr(m, "p") and m.training), default=0)
        if share >= 0.9:
            text = f"Dropout takes {share:.0%} of the units away, and nothing is learned: lower it to 50% or less"
            found.append(Finding("dropout", [], f"{text}.", None, 0, self.number))
        if len(signs.factors) > 2 and max(signs.factors) < 0 and signs.loss_name and self._grows():
            text = f"backward() is called on minus {signs.loss_name}, which therefore grows: turn the sign"
            found.append(Finding("wrong sign", [], f"{text}.", None, 0, self.number))
        sharp = signs.sharpness()  # at passes 0, 1, 3, 7, 15, 31, …
        if len(sharp) > 4 and max(sharp[:2]) < 0.5 and min(sharp[-2:]) > 0.7:
            text = f"In attention {sharp[-1]:.0%} of the queries look at one place alone, and at first {sharp[0]:.0%}"
            text += " did: the logits have grown; normalise queries and keys, or lower the learning rate"
            found.append(Finding("sharp attention", [], f"{text}.", None, 0, self.number))
        raw, rows = signs.raw(owner), owner._told_rows(owner._records[-1])
        trained = [layer for layer in owner._order if any(p.requires_grad for p in layer.weights)]
        above = [layer.number for layer in trained] if all(layer.width for layer in trained) else []
        if raw and above and max(layer.number for layer in raw) < min(above) and not self._fell(0.95):
            rows = [row for row in rows if row.number in {layer.number for layer in raw}]
            text = f"{layers_of(rows)} {verb(rows, 'is', 'are')} frozen at the random weights that torch draws"
            text += ", and the loss does not fall: set requires_grad, or load what they should have learned"
            found.append(Finding("frozen", [r.number for r in rows], f"{text}.", None, 0, self.number))
        return found

    def _zero(self, owner):
        """Whether a layer received exactly nothing from the first record on."""
        layers = owner._records[0].layers
        return bool((layers["delta"] == 0).any())

    def _grows(self):
        """Whether the loss has gone on below zero, and doubled."""
        losses = np.array(self.losses)
        return bool(losses[-1] < 2 * losses[0] < 0)

    def _fell(self, share):
        """Whether the loss has come below a share of what it was."""
        losses = np.array(self.losses)
        return bool(np.median(losses[-max(3, len(losses) // 10) :]) < share * np.median(losses[:3]))

    def _slow(self, owner, kinds):
        """Steps that are far too short, and what makes them so."""
        signs = owner._signs
        if not self.paces or signs.emptied or "underflow" in kinds or "silent loss" in kinds or "vanishing" in kinds:
            return []
        lengthening = len(signs.rates) > 2 and signs.rates[-1] > 1.2 * signs.rates[0]
        if max(self.paces) >= SLOW or lengthening or max(signs.rates, default=0) == 0:
            return []
        if not any(t > 0 for t in (r.total for r in owner._records)):
            return []
        if "lost in rounding" in kinds and any(layer.still == layer.still for layer in owner._order):
            return []
        scale = signs.scale if signs.scale == signs.scale and signs.scale > 0 else 1.0
        if self.clips and max(self.clips) * max(scale, 1.0) < 0.01:
            used = max((r.used for r in owner._records if r.used == r.used), default=math.nan)
            text = f"Gradients are clipped to a length of {short(used)}, {short(max(self.clips))} of what they are"
            return [Finding("clipped", [], f"{text}: clip at about 1.", None, 0, self.number)]
        if self.number >= 20 and self._crept():
            text = f"Steps are at most {short(max(self.paces))} of the weights, and the loss stands still"
            factor = max(map(abs, signs.factors), default=math.nan)
            if factor < 1e-3 and signs.plain:
                text = f"{text}: the loss is multiplied by {short(factor)} before the backward pass"
                return [Finding("scaled loss", [], f"{text}; take that off.", None, 0, self.number)]
            if signs.eps > 1e-3:
                text = f"{text}: the optimiser's eps of {signs.eps:g} stands in the way"
                return [Finding("slow", [], f"{text}; 1e-8 is usual.", None, 0, self.number)]
            return [Finding("slow", [], f"{text}: raise the learning rate.", None, 0, self.number)]
        return []

    def _crept(self):
        """Whether the loss has hardly moved."""
        losses = np.array(self.losses)
        start, end = np.median(losses[: len(losses) // 4]), np.median(losses[-(len(losses) // 4) :])
        return abs(end - start) < 0.05 * abs(start)


_NOTHING = {"loss": math.nan, "source": math.nan, "head": math.nan, "last": 0, "judged": False}
