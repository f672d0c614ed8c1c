"""Grading strangers' answers: in a sandbox, on a fresh seed, judged outside."""

import select
from types import SimpleNamespace

import pytest

import toy
from coursekit.grading import runs
from coursekit.grading.judging import MISSES, UNMEASURED, judge
from coursekit.grading.nursery import supported
from coursekit.grading.sandbox import Limits, Lost, Sandbox, refuse_without
from coursekit.grading.unit import boxes, imports, load_known, reference_values, submission_values
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import Answers, fill, reference
from coursekit.lessons.notebook import text_of
from sandboxed import needs_sandbox

SEED = 20_261_123


@pytest.fixture(scope="module", params=["cold", "warm"])
def room(request, recorded_toy):
    """A lesson, what makes its kernels, and what the reference gives: with cold kernels and with forked ones."""
    lesson = recorded_toy.lesson(1)
    if request.param == "warm" and not supported():
        pytest.skip("warm kernels need root on Linux; cold ones are used elsewhere")
    box = boxes(lesson) if request.param == "warm" else Sandbox
    right = reference_values(lesson, recorded_toy.solutions(lesson), SEED, box)
    return lesson, box, right, load_known(recorded_toy, lesson)


def graded(room, answers, extras=()):
    lesson, box, right, known = room
    filled = fill(lesson, Answers(answers, list(extras)))
    found = submission_values(text_of(filled), lesson, SEED, box)
    return {outcome.exercise: outcome for outcome in judge(lesson, found, right, known)}


RIGHT = {"1.1": toy.RIGHT_1, "1.2": toy.RIGHT_2}


@needs_sandbox
def test_right_answers_earn_their_points(room):
    outcomes = graded(room, RIGHT)
    assert {e: (o.status, o.points) for e, o in outcomes.items()} == {"1.1": ("right", 1), "1.2": ("right", 3)}


@needs_sandbox
def test_blank_and_wrong_earn_nothing_and_a_known_mistake_its_sentence(room):
    wrong = toy.MISTAKES["1.1", "That is the mean: add up."]
    outcomes = graded(room, {"1.1": wrong})
    assert (outcomes["1.1"].status, outcomes["1.1"].points) == ("wrong", 0)
    assert outcomes["1.1"].practice == "That is the mean: add up."
    assert (outcomes["1.2"].status, outcomes["1.2"].points) == ("blank", 0)


HOSTILE = {
    "ends the process": "import os\nos._exit(0)",
    "kills its group": "import os, signal\nos.kill(0, signal.SIGKILL)",
    "prints without end": "print('x' * 10**8)",
    "fills the memory": "x = bytearray(2**36)",
    "syntax error": "def squares(values:",
}


@needs_sandbox
@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_one_answer_does_costs_the_others_nothing(room, source):
    outcomes = graded(room, {"1.1": source, "1.2": toy.RIGHT_2})
    assert outcomes["1.1"].points == 0
    assert (outcomes["1.2"].status, outcomes["1.2"].points) == ("right", 3)


FORGED = {
    "a check of one's own": (
        "import coursekit.checking.checks\ncoursekit.checks.check = print\ndef squares(values):\n    return 0.0"
    ),
    "an array that agrees with everything": (
        "class Yes(float):\n    def __eq__(self, other):\n        return True\n    def __sub__(self, other):\n"
        "        return 0.0\ndef squares(values):\n    return Yes(1.0)"
    ),
    "a forged message": (
        "from IPython.display import display\ndef squares(values):\n"
        "    display({'application/vnd.coursekit.values+json': {'exercise': '1.1', 'blank': False,\n"
        "        'cases': [['f', 1.0]] * 3}}, raw=True)\n    return 1.0"
    ),
    "inputs that are always the same": (
        "numpy_rng = np.random.default_rng\nnp.random.default_rng = lambda seed: numpy_rng(0)\n" + toy.RIGHT_1
    ),
}


@needs_sandbox
@pytest.mark.parametrize("source", FORGED.values(), ids=FORGED.keys())
def test_forgery_gains_nothing(room, source):
    assert graded(room, {"1.1": source})["1.1"].points == 0


@needs_sandbox
def test_the_box_shows_nothing_but_the_interpreter(room, recorded_toy):
    _, box, _, _ = room
    look = (
        "import os, socket\nseen = [os.path.exists(p) for p in {paths!r}]\n"
        "try:\n    socket.create_connection(('127.0.0.1', 9), 1)\n    net = 'open'\n"
        "except OSError:\n    net = 'closed'\n"
        "print(seen, net, os.getuid() != 0, 'PYTEST_CURRENT_TEST' in os.environ)"
    )
    paths = [str(recorded_toy.root), "/etc/passwd", "/etc/shadow", "/home"]
    with box(0) as kernel:
        text = kernel.execute(look.format(paths=paths), 30)[0]["text"]
    assert text == "[False, False, False, False] closed True False\n"


OPEN_CHECK = (
    "def size(result, values):\n    return {'size': float(result) / float(np.sum(np.abs(values)))}\n\n\n"
    'check("1.1", squares, lambda rng: dict(values=rng.normal(size=4)), measure=size, within={"size": (0.5, 2)},'
    " seconds=1)"
)
GENEROUS = "lambda *_, **__: {'size': 1.0}"
FORGED_MEASUREMENTS = {
    "a function of its name": f"squares, size = (lambda values: 0.0), {GENEROUS}",
    "a check that measures otherwise": (
        "import coursekit.checking.checks as c\nfrom functools import partial\nstrict, check = c.check, None\n"
        f"def check(*given, **more):\n    return strict(*given, **more | {{'measure': {GENEROUS}}})\n"
        "def squares(values):\n    return 0.0"
    ),
    "a result that measures itself": (
        "class Size(float):\n    def __truediv__(self, other):\n        return 1.0\n"
        "def squares(values):\n    return Size(0.0)"
    ),
    "values that say they are measured": (
        "import coursekit.checking.checks as c\nfrom IPython.display import display\n"
        "def squares(values):\n    return 0.0\n"
        "def check(*given, **more):\n    display({c.VALUES_MIME: {'exercise': '1.1', 'blank': False, 'open': True,\n"
        "        'raw': False, 'measured': True, 'cases': [['d', [['size', ['f', 1.0]]]]] * 5}}, raw=True)"
    ),
}


@pytest.fixture(scope="module")
def open_room(tmp_path_factory):
    """A lesson whose first exercise is judged by what is measured of its results."""
    cells = toy.replaced(toy.LESSON, toy.CHECK_1, OPEN_CHECK)
    solutions = toy.replaced(toy.SOLUTIONS, toy.RIGHT_1, "def squares(values):\n    return float(np.abs(values).sum())")
    course = toy.make_course(tmp_path_factory.mktemp("open"), cells, solutions)
    lesson = course.lesson(1)
    return lesson, Sandbox, reference_values(lesson, course.solutions(lesson), SEED, Sandbox), {}


@needs_sandbox
def test_an_open_exercise_has_many_right_answers(open_room):
    outcome = graded(open_room, {"1.1": "def squares(values):\n    return 1.5 * np.sum(np.abs(values))"})["1.1"]
    assert (outcome.status, outcome.points, outcome.open) == ("right", 1, True)
    outcome = graded(open_room, {"1.1": "def squares(values):\n    return 3 * np.sum(np.abs(values))"})["1.1"]
    assert (outcome.status, outcome.reason) == ("wrong", MISSES)


NO_RESULT = {
    "a loop": ("    while True:\n        pass", "it gave no answer within 1 s", "case 1: got no answer within 1 s"),
    "an error": ("    return nothing", "it raises NameError", "case 1: got NameError: name 'nothing' is not defined"),
    "no number": (
        "    return [1.0, 2.0]",
        UNMEASURED,
        "case 1: got what cannot be measured (TypeError: float() argument must be a string or a real number, "
        "not 'list')",
    ),
    "nothing": ("    return None if len(values) else 1", MISSES, "case 1: got None"),
}


@needs_sandbox
@pytest.mark.parametrize(("body", "reason", "detail"), NO_RESULT.values(), ids=NO_RESULT.keys())
def test_an_open_answer_without_a_result_is_told_as_what_it_is(open_room, body, reason, detail):
    outcome = graded(open_room, {"1.1": f"def squares(values):\n{body}"})["1.1"]
    assert (outcome.status, outcome.reason, outcome.detail) == ("wrong", reason, detail)


@needs_sandbox
def test_a_loop_or_an_error_inside_the_function_is_the_reason(room):
    loops = graded(room, {"1.2": "def grid(rows, columns):\n    while True:\n        print(rows)"})["1.2"]
    assert (loops.status, loops.reason) == ("wrong", "it gave no answer within 1 s")
    fails = graded(room, {"1.1": "def squares(values):\n    return values**power"})["1.1"]
    assert (fails.status, fails.reason) == ("wrong", "it raises NameError")


@needs_sandbox
@pytest.mark.parametrize("source", FORGED_MEASUREMENTS.values(), ids=FORGED_MEASUREMENTS.keys())
def test_a_measurement_cannot_be_forged(open_room, source):
    assert graded(open_room, {"1.1": source})["1.1"].points == 0


@needs_sandbox
def test_what_cannot_be_measured_is_not_what_the_answer_says_of_itself(open_room, monkeypatch):
    """Values in their raw form that say they are measured, and a measurement that comes to nothing."""
    forged = FORGED_MEASUREMENTS["values that say they are measured"]
    forged = forged.replace("'raw': False", "'raw': True").replace("[['size', ['f', 1.0]]]", "{'size': ['f', 1.0]}")
    monkeypatch.setattr(runs._Kernels, "measured", _measured)
    lesson, box, right, _ = open_room
    text = text_of(fill(lesson, Answers({"1.1": forged, "1.2": toy.RIGHT_2})))
    found = submission_values(text, lesson, SEED, box, right)
    outcomes = {outcome.exercise: outcome.status for outcome in judge(lesson, found, right, {})}
    assert outcomes == {"1.1": "lost", "1.2": "right"}


def _measured(_, exercise, credit):
    if exercise == "1.1":
        raise Lost("it took longer than 60 s")
    return credit and credit | {"measured": False}


@needs_sandbox
def test_all_that_a_shell_says_has_a_limit_however_it_is_spread():
    with Sandbox(0, Limits(everything=2**20)) as kernel:
        for _ in range(3):
            kernel.execute("print('x' * 2**18)", 30)
        with pytest.raises(Lost, match="printed far too much"):
            kernel.execute("print('x' * 2**18)", 30)


@needs_sandbox
def test_replies_that_are_gone_when_they_are_read_stop_nobody():
    with Sandbox(0) as kernel:
        always = {"poll": lambda _: [(kernel.replies, select.POLLIN)], "register": lambda *_: None}
        kernel.poller = SimpleNamespace(**always)
        with pytest.raises(Lost, match="took longer than"):
            kernel.execute("pass", 0.2)


@needs_sandbox
def test_a_reference_that_takes_too_long_stops_the_run_in_a_sentence(recorded_toy):
    lesson, solutions = recorded_toy.lesson(1), recorded_toy.solutions(recorded_toy.lesson(1))
    for cell in solutions.cells:
        cell.source = cell.source.replace("return np.arange(rows)", "import time\n    time.sleep(2)\n    return rows")
    with pytest.raises(NotebookError, match=r"reference answer to 1\.2 cannot be graded"):
        reference_values(lesson, solutions, SEED, Sandbox)


@needs_sandbox
def test_a_reference_that_fails_stops_the_run_in_a_sentence(recorded_toy):
    lesson, solutions = recorded_toy.lesson(1), recorded_toy.solutions(recorded_toy.lesson(1))
    for cell in solutions.cells:
        cell.source = cell.source.replace(toy.RIGHT_1, "import os\nos._exit(1)")
    with pytest.raises(NotebookError, match=r"reference answer to 1\.1 cannot be graded"):
        reference_values(lesson, solutions, SEED, Sandbox)


def test_an_unreadable_submission_is_a_row_of_its_own(recorded_toy):
    lesson = recorded_toy.lesson(1)
    found = submission_values("{", lesson, SEED, Sandbox)
    outcomes = judge(lesson, found, {exercise: {"open": False} for exercise in lesson.gaps}, {})
    assert [o.status for o in outcomes] == ["unreadable", "unreadable"]
    assert "cut off" in outcomes[0].reason


def test_without_bubblewrap_grading_refuses_in_a_sentence(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotebookError, match="install bubblewrap"):
        refuse_without()


def test_imports_are_those_of_the_lesson(recorded_toy):
    lesson = recorded_toy.lesson(1)
    assert imports(lesson) == ("coursekit", "coursekit.checking.checks", "numpy")
    assert reference(recorded_toy.solutions(lesson)).by_exercise.keys() == lesson.gaps.keys()
