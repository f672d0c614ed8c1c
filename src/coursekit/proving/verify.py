"""The proofs of a lesson, which must hold before anyone sees it; each yields a sentence for every failure."""

import json
import re
import secrets

from coursekit.checking.checks import EXAMPLE, VALUES_MIME, VERDICT_MIME, Question
from coursekit.checking.words import brief
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import Answers, fill, hints, mistakes, reference
from coursekit.lessons.folding import folded
from coursekit.lessons.notebook import canonical, code_cells, first_line, mark, text_of
from coursekit.lessons.slices import names_of, within_reach
from coursekit.proving import examples, kernels, shake
from coursekit.proving.comparison import recorded_moves
from coursekit.proving.prose import unbound, unsteady
from coursekit.proving.record import PRACTICE_SEED, expected_text, trial, unfit
from coursekit.proving.stats import minutes

FEWEST_MISTAKES = 3


def form(course, lesson):
    """Canonical notebooks, a heading that states the facts, numbered exercises, enough mistakes."""
    solutions = course.solutions(lesson)
    for notebook, path in (
        (lesson.notebook, lesson.path),
        (solutions, course.root / "solutions" / lesson.path.name),
    ):
        if path.read_text(encoding="utf-8") != text_of(canonical(notebook)):
            yield f"{path.parent.name}/{path.name} is not in canonical form: run `course record {lesson.number}`"
    if shake.known(course.expected / shake.FOLDER / f"{lesson.name}.json", lesson.notebook) is None:
        yield f"nobody knows what of the recording hangs on the last bit: run `course record {lesson.number}`"
    if lesson.facts is None:
        yield "the heading lacks its line of facts: 50 min · ★ 10 min · CPU 5 s · after: 01, 02 (or: nothing)"
    elif lesson.minutes != minutes(lesson):
        yield "the heading says {} min and ★ {} min, words, code and exercises make {} and {}".format(
            *lesson.minutes, *minutes(lesson)
        )
    for cell in code_cells(lesson.notebook):
        if only_draws(lesson.notebook, cell) and not folded(cell):
            yield f"a cell only draws, and its first line does not say what (# Draws …): {first_line(cell.source)}"
    right = reference(solutions).by_exercise
    for exercise in lesson.gaps:
        if exercise.split(".")[0].zfill(2) != lesson.number:
            yield f"exercise {exercise} is numbered for another lesson"
        if exercise not in right:
            yield f"exercise {exercise} has no reference answer"
        elif leaks := _leaks(lesson, right[exercise], lesson.gaps[exercise]):
            yield f"a line of the answer to {exercise} stands in the lesson: {leaks[0]}"
        named = [says for number, says, _ in mistakes(solutions) if number == exercise]
        if len(set(named)) < FEWEST_MISTAKES:
            yield f"exercise {exercise} has {len(set(named))} named mistakes, fewer than {FEWEST_MISTAKES}"
        if not all(named):
            yield f"a mistake of exercise {exercise} has no sentence"
    for exercise, told in hints(solutions).items():
        if exercise not in lesson.gaps:
            yield f"a hint is for exercise {exercise}, which the lesson does not have"
        elif not all(told):
            yield f"a hint of exercise {exercise} says nothing"
        elif given := _given_away(told, right.get(exercise, ""), lesson.gaps[exercise]):
            yield f"a hint of exercise {exercise} has a line of the answer in it: {given[0]}"


FIGURE_LINES = 4  # shorter code may stay in sight


def only_draws(notebook, cell):
    """Whether a cell of a recorded notebook shows pictures and live figures alone, and no later cell needs it."""
    if mark(cell) or len(cell.source.splitlines()) < FIGURE_LINES or not cell.outputs:
        return False
    data = [output.get("data", {}) for output in cell.outputs]
    if not all(map(_is_picture, data)):
        return False
    cells = code_cells(notebook)
    below = cells[next(k for k, each in enumerate(cells) if each.id == cell.id) + 1 :]
    return not names_of(cell.source)[0] & set().union(*(names_of(each.source)[1] for each in below))


def _is_picture(data):
    return "text/html" in data or any(kind.startswith("image/") for kind in data)


def _leaks(lesson, answer, gap):
    """Lines of an answer that stand somewhere in the lesson."""
    shown = "\n".join(cell.source for cell in lesson.notebook.cells)
    return sorted(line for line in telling_lines(answer, gap) if line in shown)


def _given_away(told, answer, gap):
    """Lines of an answer that stand in a hint."""
    return sorted(line for line in telling_lines(answer, gap) if any(line in hint for hint in told))


def telling_lines(answer, gap):
    """The lines of an answer that would give it away: not the gap's own, not too short or too common."""
    own = {line.strip() for line in gap.splitlines()}
    lines = {line.strip() for line in answer.splitlines()}
    return {line for line in lines - own if len(line) >= 12 and not line.startswith(("#", "import ", "from "))}


def reproduces(course, lesson):
    """Filled with the solutions, nbval reproduces every recorded output."""
    filled = fill(lesson, reference(course.solutions(lesson)))
    moves = recorded_moves(course.expected / shake.FOLDER, lesson.name)
    cells = kernels.compare(filled, course.expected, moves=moves)
    if len(cells) != len(code_cells(filled)):
        yield f"nbval reported {len(cells)} of {len(code_cells(filled))} cells"
    for cell in cells:
        if not cell["passed"]:
            yield f"cell {cell['id']}: {cell['why']}"


def unsolved(course, lesson):
    """With nothing solved no cell raises, and each check says "not answered yet".

    Cells that no answer can affect are left out: `reproduces` runs them.
    """
    ran = kernels.run(within_reach(fill(lesson, Answers({}))), course.expected)
    for source, message in kernels.errors(ran):
        yield f"unsolved, a cell raises {message} in: {first_line(source)}"
    for exercise, text in verdicts(ran).items():
        if text != f"○ {exercise}  not answered yet":
            yield f"unsolved, check {exercise} says: {text}"


def verdicts(notebook):
    """The line that each check showed, by exercise."""
    lines = {}
    for cell in notebook.cells:
        found = mark(cell)
        if found and found.kind == "check":
            shown = [o.get("data", {}) for o in cell.outputs if VERDICT_MIME in o.get("data", {})]
            lines[found.exercise] = shown[-1]["text/plain"] if shown else ""
    return lines


def answers(course, lesson, seed=None, arithmetic=None):
    """Reference answers pass, named mistakes fail, and `expected/` holds their values, within the checks' bounds.

    In practice each mistake fails with its own sentence and with no other's; on a seed that nobody has seen
    (`seed`, drawn when it is not given) the reference can be graded and each mistake fails.
    """
    seed = secrets.randbits(63) if seed is None else seed
    tried = trial(lesson, course.solutions(lesson))
    practice, unseen, spoken = tried.run([PRACTICE_SEED, seed, None], course.expected, arithmetic)
    yield from _fail(tried.order, [bundle[VALUES_MIME] for bundle in unseen], seed)
    told = hints(course.solutions(lesson))
    yield from _current(course, lesson, tried.order, [bundle[VALUES_MIME] for bundle in practice], told)
    yield from _speak(tried.order, [bundle["text/plain"] for bundle in spoken])


AT_A_TIME = 20  # seeds in one kernel


def by_chance(course, lesson, seeds):
    """What `answers` finds on none or few seeds: how often of `seeds` new ones a mistake passes, and on which one."""
    tried, often = trial(lesson, course.solutions(lesson)), {}
    drawn = [secrets.randbits(63) for _ in range(seeds)]
    for k in range(0, seeds, AT_A_TIME):
        some = drawn[k : k + AT_A_TIME]
        for seed, shown in zip(some, tried.run(some, course.expected), strict=True):
            for told in _fail(tried.order, [bundle[VALUES_MIME] for bundle in shown], seed):
                often.setdefault(told.partition(" the ")[2], []).append(told)
    for told in often.values():
        yield f"{len(told)} of {seeds} times: {told[0]}"


def _speak(order, lines):
    for (exercise, says), text in zip(order, lines, strict=True):
        line = text.partition("\n")[0]
        if says is None and not line.startswith(f"✓ {exercise}"):
            yield f"the reference answer to {exercise} says: {line}"
        elif says is not None and line != f"✗ {exercise}  {says}":
            yield f"the mistake {exercise} “{says}” says: {line}"


def _fail(order, values, seed):
    right = {exercise: value for (exercise, says), value in zip(order, values, strict=True) if says is None}
    for (exercise, says), value in zip(order, values, strict=True):
        if says is None:
            if case := unfit(value["cases"]):
                yield f"on seed {seed} the reference answer to {exercise} gives {brief(case)}"
        elif agree(value, right[exercise]):
            yield f"on seed {seed} the mistake {exercise} “{says}” passes"


def agree(value, right):
    """Whether handed-out values agree with the reference's, by its tolerances and bounds."""
    if value["blank"] or value.get("measured") != right.get("measured") or len(value["cases"]) != len(right["cases"]):
        return False
    question = Question.of(right)
    pairs = zip(value["cases"], right["cases"], strict=True)
    return all(question.difference(got, expected) is None for got, expected in pairs)


def _current(course, lesson, order, values, told):
    path, again = course.expected / f"{lesson.name}.json", f"run `course record {lesson.number}`"
    if not path.is_file():
        yield f"{path.name} is missing: {again}"
        return
    try:
        stored = {
            key: ([m["says"] for m in entry["mistakes"]], _told(entry), entry.get("hints"))
            for key, entry in json.loads(path.read_text(encoding="utf-8")).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"expected/{path.name} is damaged: {again}"
        return
    fresh = json.loads(expected_text(lesson, order, values, told))
    right = {exercise: value for (exercise, says), value in zip(order, values, strict=True) if says is None}
    if stored.keys() != fresh.keys():
        yield f"expected/{path.name} has other exercises than the lesson: {again}"
        return
    for exercise, now in fresh.items():
        named, then, hinted = stored[exercise]
        if [m["says"] for m in now["mistakes"]] != named:
            yield f"the mistakes of {exercise} have changed: {again}"
        elif now.get("hints") != hinted:
            yield f"the hints of {exercise} have changed: {again}"
        elif difference := _apart(_told(now), then, right[exercise]):
            yield f"expected values of {exercise} have changed ({difference}): {again}"


def _told(entry):
    """The recorded cases of an exercise, and its example's value."""
    return [*entry["cases"], *([entry[EXAMPLE]] if EXAMPLE in entry else [])]


def _apart(now, then, value):
    """How recorded cases differ from present ones by more than the check's tolerance; None where they do not."""
    if len(now) != len(then):
        return f"{len(now)} cases with the example, recorded {len(then)}"
    question = Question.of(value)
    differences = (question.difference(*pair) for pair in zip(now, then, strict=True))
    return next(filter(None, differences), None)


def text(course, lesson):
    """Numbers in prose are printed by a cell, and examples are those of the checks; pictures have alt text; five
    practice questions explain themselves."""
    yield from examples.unshown(course, lesson)
    for number, line in unbound(lesson.notebook):
        yield f"no cell prints {number}, stated in: {line[:100]}"
    for number, line in unsteady(lesson.notebook, recorded_moves(course.expected / shake.FOLDER, lesson.name)):
        yield f"{number} hangs on the last bit, and is stated in: {line[:100]}"
    for cell in lesson.notebook.cells:
        if any(map(_lacks_alt, cell.get("outputs", []))):
            yield f"a picture has no alt text, in: {first_line(cell.source)}"
    yield from _questions(lesson.prose)


def _lacks_alt(output):
    """Whether an output shows an image without alt text."""
    data, metadata = output.get("data", {}), output.get("metadata", {})
    bare = [mime for mime in data if mime.startswith("image/") and not metadata.get(mime, {}).get("alt")]
    return bool(bare or re.search(r'<img\b(?![^>]*\balt="[^"]{20,}")', data.get("text/html", "")))


OPTION = re.compile(r"<details>\s*<summary>(.+?)</summary>\n\n(.*?)\n\s*</details>", re.DOTALL)


def _questions(prose):
    parts = re.split(r"^## Practice questions\s*$", prose, flags=re.MULTILINE)
    questions = re.split(r"^\*\*\d\.\s", parts[1], flags=re.MULTILINE)[1:] if len(parts) == 2 else []
    if len(questions) != 5:
        yield f"there are {len(questions)} practice questions under “## Practice questions”, there should be five"
    for k, question in enumerate(questions, start=1):
        options = OPTION.findall(question)
        right = [explained for _, explained in options if explained.strip().startswith("✓")]
        if len(options) < 3 or len(right) != 1:
            yield f"practice question {k} has {len(options)} options, {len(right)} of them right"
        for option, explained in options:
            if not explained.strip().startswith(("✓", "✗")) or len(explained.strip()) < 20:
                yield f"practice question {k}: the option “{option[:40]}” does not explain itself"


PROOFS = (form, text, reproduces, unsolved, answers)


def problems(course, lesson, proofs=PROOFS):
    """All failures of a lesson's proofs: [(proof, sentence)]."""
    return [(proof.__name__, sentence) for proof in proofs for sentence in _sentences(proof, course, lesson)]


def _sentences(proof, course, lesson):
    """The sentences of one proof; a proof that raises NotebookError yields its message, and the others still run."""
    try:
        yield from proof(course, lesson)
    except NotebookError as error:
        yield str(error)
