"""Records as figures, as an HTML report, and as data for other programs."""

import dataclasses
import json
import math
import re
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np


def named(rows):
    """Rows whose names have lost the beginning that all of them share."""
    names = [row.name.split(".") for row in rows]
    if len(names) < 2:
        return rows
    common = 0
    while all(len(name) > common + 1 for name in names) and len({name[common] for name in names}) == 1:
        common += 1
    if not common:
        return rows
    return [dataclasses.replace(row, name=".".join(name[common:])) for row, name in zip(rows, names, strict=True)]


def draw(rows, ax):
    """Gradients and output of each layer on a log scale, on a matplotlib axis."""
    from vanishing.figures.style import label_line, log_axis

    names = {"gradient": "gradient in weights", "delta": "gradient in output", "rms": "output (rms)"}
    for name, text in names.items():
        values = np.array([getattr(row, name) for row in rows])
        if (values > 0).any():
            (line,) = ax.plot(range(1, len(rows) + 1), np.where(values > 0, values, math.nan), "o-", label=text)
            label_line(ax, line)
    ax.set(xlabel="layer, in the order of calls", ylabel="size")
    log_axis(ax)


def curves(p, ax, name, layers):
    """A field over the backward passes, on a matplotlib axis."""
    values = p.series(name)
    values = values[:, None] if values.ndim == 1 else values
    chosen = range(1, values.shape[1] + 1) if layers is None else layers
    rows = p.rows()
    for k in chosen:
        label = f"{k} {rows[k - 1].name}" if values.shape[1] > 1 else name
        ax.plot(p.steps, np.where(values[:, k - 1] > 0, values[:, k - 1], math.nan), label=label)
    ax.set(xlabel="backward pass", ylabel=name, yscale="log")


def plain(p):
    """Everything as lists, dicts and numbers; None where nothing was seen."""
    records = []
    for k, record in enumerate(p._records):
        rows = [{key: _number(v) for key, v in dataclasses.asdict(row).items()} for row in p.rows(k)]
        head = {"step": record.step, "loss": _number(record.loss), "total": _number(record.total)}
        records.append({**head, "rate": _number(record.rate), "layers": rows})
    findings = [
        {"kind": f.kind, "layers": list(f.layers), "text": str(f), "first": f.first, "records": f.records}
        for f in p.findings()
    ]
    return {"findings": findings, "remarks": p.remarks(), "notes": p.notes, "records": records}


def _number(v):
    if isinstance(v, float) and not math.isfinite(v):
        return None
    return [_number(x) for x in v] if isinstance(v, tuple) else v


def to_json(p, path):
    text = json.dumps(plain(p), ensure_ascii=False, allow_nan=False)
    if path is not None:
        Path(path).write_text(text + "\n", encoding="utf-8")
    return text


def to_pandas(p):
    import pandas

    lines = []
    for k, record in enumerate(p._records):
        head = {"step": record.step, "loss": record.loss, "total": record.total, "rate": record.rate}
        lines += [{**head, **dataclasses.asdict(row)} for row in p.rows(k)]
    return pandas.DataFrame(lines)


def to_tensorboard(p, writer):
    for k, record in enumerate(p._records):
        for name in ("loss", "total", "rate"):
            if math.isfinite(getattr(record, name)):
                writer.add_scalar(f"probe/{name}", getattr(record, name), record.step)
        for row in p.rows(k):
            for name in ("gradient", "delta", "rms", "saturated", "dead", "update"):
                if math.isfinite(getattr(row, name)):
                    writer.add_scalar(f"{name}/{row.name}", getattr(row, name), record.step)


FIELDS = {
    "delta": "gradient in output",
    "gradient": "gradient in weights",
    "rms": "output (rms)",
    "update": "step / weights",
    "saturated": "saturated share",
    "dead": "dead share",
}
POINTS = 300  # records that a report draws at most


def report(p, path):
    """One HTML file: findings, curves over steps, and the table of any record, without another host or library."""
    records = p._records
    chosen = sorted({round(k) for k in np.linspace(0, len(records) - 1, min(POINTS, len(records)))})
    names = [row.name for row in named(p.rows())]
    fields = {}
    for key in FIELDS:
        values = p.series(key)[chosen]
        if np.isfinite(values).any():
            fields[key] = [[_digits(v) for v in line] for line in values.T.tolist()]
    whole = {key: [_digits(v) for v in p.series(key)[chosen].tolist()] for key in ("loss", "total", "rate")}
    data = {
        "steps": [records[k].step for k in chosen],
        "layers": [f"{k} {name}" for k, name in enumerate(names, start=1)],
        "fields": fields,
        "labels": FIELDS,
        "whole": {key: values for key, values in whole.items() if any(v is not None for v in values)},
    }
    found = [f"<li>{escape(str(finding))}</li>" for finding in p.findings()]
    quiet = escape(" ".join(["No alarm.", *p.remarks()]))
    page = files("vanishing.probe").joinpath("report.html").read_text(encoding="utf-8")
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    marks = {
        "FINDINGS": f"<ol>{''.join(found)}</ol>" if found else f"<p>{quiet}</p>",
        "NOTES": "".join(f"<p>{escape(note)}</p>" for note in p.notes),
        "TITLE": escape(type(p.model).__name__),
        "DATA": text,
    }
    page = re.sub(r"@(\w+)@", lambda found: marks.get(found[1], found[0]), page)
    Path(path).write_text(page, encoding="utf-8")
    return Path(path)


def _digits(v):
    return float(f"{v:.4g}") if math.isfinite(v) else None
