"""The page that a learner gets back: one HTML file without scripts, which fetches nothing.

It shows the learner's own code, what passed, and for a known mistake its sentence: never an input or a value of the
secret seed, and never a reference answer.
"""

import hashlib
import re
from html import escape

from coursekit.checking.checks import SIGNS
from coursekit.checking.marks import clean
from coursekit.grading.gradebook import lateness
from coursekit.grading.visible import visible

MOST_CODE = 20_000
VERDICTS = {
    "right": ("right", "Right"),
    "wrong": ("wrong", "Not right yet"),
    "blank": ("blank", "Not answered"),
    "missing": ("blank", "Its cell is missing"),
    "lost": ("error", "Stopped"),
}
STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6472; --page: #fff; --box: #f4f5f7; --line: #d9dce1;
  --right: #17694c; --wrong: #b13a0a; --blank: #5b6472; --error: #b13a0a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ec; --soft: #a3abb8; --page: #15181d; --box: #20252d;
  --line: #39414d; --right: #6fd0a7; --wrong: #ff9d6e; --blank: #a3abb8; --error: #ff9d6e } }
body { margin: 0 auto; max-width: 46rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 } h2 { font-size: 1.1rem; margin: 0 0 .4rem }
header p { color: var(--soft); margin: .3rem 0 } .total { color: var(--ink); font-size: 1.15rem; font-weight: 600 }
section { border-left: 4px solid var(--kind); padding: .1rem 0 .1rem .9rem; margin: 1.8rem 0 }
section > p { margin: .35rem 0 } .verdict { color: var(--kind); font-weight: 600 }
.right { --kind: var(--right) } .wrong { --kind: var(--wrong) } .blank { --kind: var(--blank) }
.error { --kind: var(--error) } .decided { --kind: var(--ink) }
pre { background: var(--box); border: 1px solid var(--line); border-radius: 4px; padding: .7rem .8rem; overflow-x: auto;
  font: .86rem/1.5 ui-monospace, monospace; tab-size: 4 }
summary { cursor: pointer; color: var(--soft) }
@media print { pre { white-space: pre-wrap } details { display: block } }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p><bdi>{learner}</bdi></p>
<p class="total">{total}</p>
{remarks}
</header>
<main>
{sections}
</main>
</body>
</html>
"""


UNJUDGED = f'<section class="error">\n<p class="verdict">{SIGNS["error"]} Not graded</p>\n<p>{{}}</p>\n</section>'


def file_name(learner):
    """A file name that any system takes, told apart by a digest where names look alike."""
    stem = re.sub(r"[^\w-]+", "_", clean(learner)).strip("_")[:40]
    return f"{stem or 'learner'}-{hashlib.sha256(clean(learner).encode()).hexdigest()[:8]}.html"


def page(row, lesson):
    """The HTML text of one learner's feedback."""
    remarks = [f"Handed in: {row.file}" + (" (late)" if row.late else ""), row.note]
    shown = [o for o in row.outcomes if not row.unjudged or o.exercise in row.decided]
    sections = [_section(row, outcome, heading_of(lesson, outcome.exercise)) for outcome in shown]
    if row.unjudged:
        sections.insert(0, UNJUDGED.format(harmless(_sentence(row.unjudged))))
    return PAGE.format(
        title=harmless(f"{lesson.number} · {lesson.title}"),
        style=STYLE,
        learner=harmless(row.learner),
        total=_total(row),
        remarks="\n".join(f"<p>{harmless(_sentence(remark))}</p>" for remark in remarks if remark),
        sections="\n".join(sections),
    )


def _total(row):
    total = f"{float(row.total):g} of {row.of} points"
    if row.left != 1:
        total += f" · {lateness(row)}: {1 - row.left:.0%} less"
    return total + (f" · counts as {row.grade:g} of {row.most:g}" if row.left != 1 or row.out_of else "")


def heading_of(lesson, exercise):
    """An exercise's heading in the lesson, without its points."""
    found = re.search(
        rf"^#+ (Exercise {re.escape(exercise)}\b.*?)(?: \(\d+ points?\))?\s*$", lesson.prose, re.MULTILINE
    )
    return found[1] if found else f"Exercise {exercise}"


def _section(row, outcome, heading):
    said = [outcome.practice, outcome.reason] if outcome.status in ("right", "wrong", "lost") else []
    said = [_sentence(sentence) for sentence in said if sentence]
    if decision := row.decided.get(outcome.exercise):
        kind, verdict = "decided", "Decided by your teacher"
        said = [decision.comment, f"The check said: {' '.join(said)}" if said else ""]
    else:
        kind, verdict = VERDICTS[outcome.status]
        verdict = f"{SIGNS[kind]} {verdict}"
    if outcome.exercise in row.to_look_at:
        said.append("It counts for now; a person will look at it.")
    points = f"{float(row.points(outcome)):g} of {outcome.of} point{'s' * (outcome.of != 1)}"
    lines = [f'<section class="{kind}">', f"<h2>{harmless(heading)}</h2>"]
    lines.append(f'<p class="verdict">{verdict} · {points}</p>')
    lines += [f"<p>{harmless(sentence)}</p>" for sentence in said if sentence]
    if source := row.answers.get(outcome.exercise, ""):
        lines.append(f"<details{' open' if outcome.status != 'blank' else ''}><summary>Your answer</summary>")
        lines.append(f"<pre>{harmless(shortened(source))}</pre></details>")
    return "\n".join([*lines, "</section>"])


def shortened(source):
    """An answer's code as the page shows it, cut where it is longer than anybody reads."""
    return source if len(source) <= MOST_CODE else f"{source[:MOST_CODE]}\n… cut here, after {MOST_CODE} characters"


def _sentence(text):
    """A remark as a sentence: a capital, and a full stop unless it ends in a sign of its own."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!", ":")) else ".")


def harmless(text):
    """Text as HTML that shows it: markup escaped, control characters as pictures of themselves, nothing hidden."""
    pictures = {k: 0x2400 + k for k in range(32) if chr(k) not in "\t\n"} | {0x7F: 0x2421}
    return escape(visible(clean(text).translate(pictures), kept="\t\n"))
