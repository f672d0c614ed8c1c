"""`course mutate` tries mutants, wrong answers generated automatically, on a lesson's checks and lists those that pass.

All of a lesson's mutants run in one warm process, the cells that its checks need before them.
"""

import ast
import builtins
import contextlib
import io
import json
import os
import re
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from coursekit.checking import checks
from coursekit.checking.agreement import same_outcomes
from coursekit.checking.checks import EXAMPLE, PRACTICE_SEED, Question, judge
from coursekit.lessons.course import Course
from coursekit.lessons.fill import equivalents, fill, mistakes, reference
from coursekit.lessons.notebook import code_cells, mark
from coursekit.lessons.slices import essential
from coursekit.proving.kernels import ask, asked
from coursekit.proving.mutants import Mutant, mutants

SEEDS = (11, 23, 47)  # as good as any secret seed
LIMIT = 8 * 1024**3  # bytes of address space: a mutant may ask for more than there is
OTHER = "another right answer: it keeps the bounds of an open exercise where it passes"
CONSTANT = "the example's value, whatever is asked"
KINDS = ("named", "example", "raised", "shown", "bounds", "late", "blank", "case")
HELPFUL = KINDS[:-1]  # all but a case that is too large to be shown
LARGE = re.compile(r"\ban? (?:array of shape|sequence of|object of|dict\b|function\b)")


@dataclass
class Tried:
    """The outcome of one mutant.

    practice   "passes", or what the practice check tells it: "named" (the sentence of a mistake), "example" (what the
               exercise's own Example gives), "raised" (in which line), "shown" (a case whole, with both values),
               "bounds" (what was measured, and its bounds), "late", "blank", or "case", one too large to be shown
    passes     the credit seeds on which it passes, of those tried
    misnamed   whether no mistake with the sentence that it was told gives on a credit seed what it gives
    """

    exercise: str
    line: int
    change: str
    practice: str
    passes: list
    says: str = ""
    why: str = ""  # why it is no wrong answer, as the solutions say
    misnamed: bool = False

    @property
    def survives(self):
        return bool(self.passes) and not self.why


@dataclass
class Report:
    """All mutants of a lesson; `made` counts them by exercise, with those that were not tried for lack of time."""

    lesson: str
    made: dict
    tried: list
    stale: list = field(default_factory=list)  # changes that the solutions call equivalent and that no mutant makes

    @property
    def survivors(self):
        return [mutant for mutant in self.tried if mutant.survives]

    @property
    def misnamed(self):
        """The mutants that were told a sentence that belongs to another mistake."""
        return [mutant for mutant in self.tried if mutant.misnamed and not mutant.why]

    @property
    def row(self):
        """The lesson's line in a table: made, tried, killed in practice and on credit seeds, equivalent, the share of
        those killed in practice that were told something helpful, and what."""
        wrong = [mutant for mutant in self.tried if not mutant.why]
        kinds = Counter(mutant.practice for mutant in wrong)
        practice = len(wrong) - kinds["passes"]
        credit = sum(not mutant.passes for mutant in wrong)
        told = " ".join(f"{kind} {kinds[kind]}" for kind in KINDS)
        counts = (sum(self.made.values()), len(self.tried), practice, credit, len(self.tried) - len(wrong))
        share = f"{sum(kinds[kind] for kind in HELPFUL) / practice:7.1%}" if practice else "      -"
        return f"{self.lesson[:2]}  " + "  ".join(f"{count:6}" for count in counts) + f"  {share}   {told}"


HEADER = "      made   tried  practice  credit  equivalent  helped   what practice says"


def mutate(course, lesson, exercises=(), seconds=60.0, seeds=SEEDS, most=None):
    """The Report of a lesson, from a process of its own; `seconds` bounds the CPU time of an exercise.

    most  tries only so many of an exercise's mutants, spread over its lines
    """
    job = {
        "root": str(course.root),
        "lesson": lesson.path.name,
        "exercises": list(exercises),
        "seconds": seconds,
        "seeds": list(seeds),
        "most": most,
    }
    found = ask("coursekit.proving.mutate", job, f"{lesson.name}: the mutants could not be tried")
    return Report(lesson.name, found["made"], [Tried(**one) for one in found["tried"]], found["stale"])


def _main():
    """Read a job from standard input and write what was found to standard output."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    job, out = asked()
    course = Course(Path(job["root"]))
    lesson = course.lesson(job["lesson"])
    ward = Ward(course, lesson)
    found = {"made": {}, "tried": [], "stale": []}
    for exercise in job["exercises"] or lesson.gaps:
        made, tried, stale = ward.try_all(exercise, job["seconds"], job["seeds"], job["most"])
        found["made"][exercise] = made
        found["tried"] += map(asdict, tried)
        found["stale"] += [f"{exercise}: {change}" for change in stale]
    json.dump(found, out)
    out.flush()
    os._exit(0)  # a mutant may have left threads behind


class Ward:
    """A lesson's cells in this process, with the reference's answers, and its checks held still."""

    def __init__(self, course, lesson):
        self.solutions = course.solutions(lesson)
        self.answers = reference(self.solutions).by_exercise
        self.excused = equivalents(self.solutions)
        self.named = mistakes(self.solutions)
        self.known = {}  # by (exercise, sentence, seed): the outcomes of the mistakes that have it
        path = course.expected / f"{lesson.name}.json"
        self.records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self.lesson, self.asked = lesson, []
        self._hold_checks()
        builtins.display = lambda *_, **__: None
        notebook = essential(fill(lesson, reference(self.solutions)))
        self.checks = {mark(cell).exercise: cell.source for cell in code_cells(notebook) if _kind(cell) == "check"}
        self.names = {"__name__": "__main__"}
        for cell in code_cells(notebook):
            if _kind(cell) != "check":
                _run(cell.source, self.names)

    def _hold_checks(self):
        """Let `check` build its question without calling the answer."""

        def held(exercise, answer, draw=None, *, within=None, **options):
            self.asked.append(Question(exercise, answer, draw, within=within or {}, **options))

        import coursekit

        coursekit.check = checks.check = held

    def question(self, exercise, source):
        """The question of an exercise whose answer is this source; None where its cell raises."""
        names = dict(self.names)
        self.asked.clear()
        try:
            with _silence(), checks.time_limit(20):
                _run(source, names)
                _run(self.checks[exercise], names)
        except (Exception, checks.TooLong, SystemExit):
            return None
        return self.asked[-1] if self.asked else None

    def try_all(self, exercise, seconds, seeds, most=None):
        """(how many mutants there are, what became of each that was tried, equivalents that no mutant is)."""
        right = self.question(exercise, self.answers[exercise])
        started = time.process_time()
        values = {seed: right.outcomes(seed) for seed in [PRACTICE_SEED, *seeds]}
        pace = (time.process_time() - started) / (len(values) * len(values[PRACTICE_SEED]))
        made, excused = mutants(self.answers[exercise]), self.excused.get(exercise, {})
        stale = set(excused) - {mutant.change for mutant in made}
        if right.example is not None and not right.measure:
            made.append(Mutant(0, CONSTANT, ""))
        chosen, tried = _spread(made, most), []
        limit = min(right.seconds, 0.3 + 20 * pace)
        for mutant in _spread(chosen, len(chosen), step=7):
            if time.process_time() - started > seconds:
                break
            asked = self._asked(exercise, mutant, right)
            tried.append(self._try(exercise, mutant, asked and replace(asked, seconds=limit), values))
            another = OTHER if right.within and tried[-1].passes else ""
            tried[-1].why = excused.get(mutant.change, another)
        return len(made), sorted(tried, key=lambda one: one.line), sorted(stale)

    def tried(self, exercise, source, values):
        """What becomes of an answer with this source, given the reference's values by seed: a Tried."""
        return self._try(exercise, Mutant(0, "", source), self.question(exercise, source), values)

    def _asked(self, exercise, mutant, right):
        if mutant.change != CONSTANT:
            return self.question(exercise, mutant.source)
        with _silence():
            value = right.answer(**right.inputs(PRACTICE_SEED, EXAMPLE))
        return replace(right, answer=lambda **_: value)

    def _try(self, exercise, mutant, question, values):
        about = (exercise, mutant.line, mutant.change)
        if question is None:
            return Tried(*about, "raised", [], "its cell does not run")
        with _silence():
            record = {"cases": values[PRACTICE_SEED], "mistakes": []} | self.records.get(exercise, {})
            verdict = judge(replace(question, seen={}), record)
            passes = [seed for seed in values if seed != PRACTICE_SEED and self._passes(question, values[seed], seed)]
            told = _how_told(verdict, record, question)
            misnamed = told == "named" and self._misnamed(exercise, question, verdict.text, max(values))
        return Tried(*about, told, passes, verdict.text, misnamed=misnamed)

    def _misnamed(self, exercise, question, says, seed):
        """Whether no mistake with this sentence gives on this seed what the question's answer gives."""
        key = (exercise, says, seed)
        if key not in self.known:
            sources = [source for number, text, source in self.named if (number, text) == (exercise, says)]
            asked = filter(None, (self.question(exercise, source) for source in sources))
            self.known[key] = [replace(one, seconds=question.seconds, example=None).outcomes(seed) for one in asked]
        got = replace(question, example=None).outcomes(seed)
        return not any(same_outcomes(got, known, question.rtol, question.atol) for known in self.known[key])

    @staticmethod
    def _passes(question, right, seed):
        """Whether a question's answer passes on a seed; the first case that differs ends it."""
        pairs = zip(question.asked(seed), right, strict=True)
        return all(question.difference(question.outcome(seed, k), case) is None for k, case in pairs)


def _kind(cell):
    found = mark(cell)
    return found.kind if found else ""


def _run(source, names):
    """Run a cell's source; lines for IPython are left out."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    exec(compile(ast.parse("\n".join(lines)), "cell", "exec"), names)


@contextlib.contextmanager
def _silence():
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def _spread(items, most, step=1):
    """At most so many items, taken evenly; with a step, in an order that comes by all parts of the list early."""
    if most is not None and most < len(items):
        items = [items[k * len(items) // most] for k in range(most)]
    return [item for start in range(step) for item in items[start::step]]


def _how_told(verdict, record, question):
    """What the practice check told a mutant, one of KINDS, or "passes"."""
    if verdict.kind != "wrong":
        return {"right": "passes"}.get(verdict.kind, "blank")
    if any(mistake["says"] == verdict.text for mistake in record["mistakes"]):
        return "named"
    if verdict.text.startswith("On the example"):
        return "example"
    if "it raised" in verdict.text:
        return "raised"
    if "longer than" in verdict.text:
        return "late"
    if question.within:
        return "bounds"
    return "case" if LARGE.search(verdict.shown) else "shown"


if __name__ == "__main__":
    _main()
