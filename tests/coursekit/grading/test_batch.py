"""Grading runs: everybody gets the right row, whatever others handed in, and whatever happens to the run."""

import contextlib
import csv
import functools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter

import psutil
import pytest

import toy
from coursekit.grading import batch
from coursekit.grading.batch import Settings, grade_folder
from coursekit.grading.gradebook import Row
from coursekit.grading.nursery import supported
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import text_of
from sandboxed import needs_sandbox

SEED = 20_261_123
MEAN = toy.MISTAKES["1.1", "That is the mean: add up."]


@pytest.fixture
def inbox(tmp_path):
    """A folder to hand in to: inbox(name, one=…, two=…) writes a submission."""
    folder = tmp_path / "inbox"
    folder.mkdir()

    def hand_in(name, **answers):
        (folder / f"{name}.ipynb").write_text(text_of(toy.notebook(toy.answered(**answers))), encoding="utf-8")

    hand_in.folder = folder
    return hand_in


@pytest.fixture
def grade(toy_course, inbox, tmp_path):
    """Grades the inbox and returns {learner: line of grades.csv}."""

    def run(results="results", course=toy_course, **settings):
        out = tmp_path / results
        chosen = Settings(**{"jobs": 1, "seconds": 5, "seed": SEED} | settings)
        grade_folder(course, course.lesson(1), inbox.folder, out, chosen)
        return grades(out)

    run.results = tmp_path / "results"
    run.course = toy_course
    return run


def grades(results):
    with (results / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {line["learner"]: line for line in csv.DictReader(file)}


def journal(results):
    return [json.loads(line)["key"] for line in (results / "outcomes.jsonl").read_text().splitlines()]


@needs_sandbox
def test_a_run_writes_what_a_teacher_needs(grade, inbox):
    inbox("lovelaceada_7_99_01_sums")
    inbox("Zoë", one=MEAN, two=toy.STUB_2)
    (inbox.folder / "eve.ipynb").write_text("{")
    found = grade(format="canvas", seed=None)
    assert {name: (line["1.1"], line["1.2"], line["points"], line["status"]) for name, line in found.items()} == {
        "Zoë": ("0", "0", "0", "graded"),
        "eve": ("0", "0", "0", "unreadable"),
        "lovelaceada (7)": ("1", "3", "4", "graded"),
    }
    results = grade.results
    assert {path.name for path in results.iterdir()} == {
        "canvas-feedback.zip", "canvas.csv", "feedback", "grades.csv", "manifest.csv", "outcomes.jsonl",
        "overrides.csv", "reference.json", "report.html", "report.json", "rubric.csv", "run.json",
    }  # fmt: skip
    report = json.loads((results / "report.json").read_text())
    assert report["seed"] == json.loads((results / "run.json").read_text())["seed"] != SEED
    assert report["status"] == {"graded": 2, "unreadable": 1}
    assert report["exercises"]["1.1"] == {"right": 1, "wrong": 1, "unreadable": 1}
    assert "case 1: got" in report["learners"][0]["outcomes"][0]["detail"]
    with zipfile.ZipFile(results / "canvas-feedback.zip") as archive:
        assert archive.namelist() == ["lovelaceada_7_99_feedback.html"]
    page = (results / "feedback" / found["Zoë"]["feedback"]).read_text()
    assert "That is the mean: add up." in page
    assert "np.mean" in page
    assert "case 1" not in page
    assert str(report["seed"]) not in page


def test_a_notebook_of_another_lesson_is_told_as_such_everywhere(grade, inbox, monkeypatch):
    """It is none of this lesson, so nothing of it is run."""
    monkeypatch.setattr(batch, "graded", lambda tasks, *_: iter([(key, {}) for key, _ in tasks]))
    monkeypatch.setattr(batch, "_reference", lambda *_: {"1.1": {}, "1.2": {}})
    text = text_of(toy.notebook(toy.answered()))
    (inbox.folder / "ada.ipynb").write_text(re.sub(r"(exercise|check): 1\.", r"\1: 3.", text))
    (inbox.folder / "bo.ipynb").write_text(text_of(toy.notebook(["# Notes", ("code", "a = 1")])))
    lesson = grade.course.lesson(1)
    rows, seconds = grade_folder(grade.course, lesson, inbox.folder, grade.results, Settings(unsafe=True, seed=SEED))
    said = {"ada": "this is lesson 03, not 01", "bo": "none of the exercises of lesson 01 is in it"}
    found = grades(grade.results)
    assert {name: (line["status"], line["reason"]) for name, line in found.items()} == {
        name: ("unreadable", sentence) for name, sentence in said.items()
    }
    manifest = list(csv.DictReader((grade.results / "manifest.csv").read_text(encoding="utf-8").splitlines()))
    assert {line["learner"]: line["problem"] for line in manifest} == said
    for name, line in found.items():
        page = (grade.results / "feedback" / line["feedback"]).read_text()
        assert page.lower().count(said[name]) == 1
        assert "Its cell is missing" not in page
    assert list(batch.summary(rows, "out", seconds, ""))[1:3] == [
        "      2 without a notebook of this lesson that can be read; manifest.csv says why",
        "      1 of these: this is lesson 03, not 01",
    ]


def test_a_lone_submission_is_one():
    assert next(batch.summary([Row("ada", [])], "out", 0, "")) == "1 submission in 0 s:"


@needs_sandbox
def test_a_seed_gives_the_same_run_again(grade, inbox):
    inbox("ada")
    inbox("bo", one=MEAN, two="def grid(rows, columns):\n    return 1")
    grade("one")
    grade("two", jobs=2)
    one, two = (grade.results.parent / name for name in ("one", "two"))
    for name in ("grades.csv", "report.json", "reference.json", "manifest.csv"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    for page in (one / "feedback").iterdir():
        assert page.read_bytes() == (two / "feedback" / page.name).read_bytes()


@needs_sandbox
def test_nothing_secret_reaches_a_page(grade, inbox):
    """Answers that try to carry the seed, the inputs or the environment onto the page of the one who wrote them."""
    spies = [
        "import os\nraise ValueError(os.environ['COURSEKIT_SEED'])",
        "import os\nraise type('E' + os.environ['COURSEKIT_SEED'], (Exception,), {})('x')",
        "import os\ndef squares(values):\n    raise ValueError(os.environ['COURSEKIT_SEED'])",
        "import os\ndef squares(values):\n    return os.environ['COURSEKIT_SEED']",
        "import os\ndef squares(values):\n    return {os.environ['COURSEKIT_SEED']: 1.0}",
    ]
    for k, spy in enumerate(spies):
        inbox(f"spy {k}", one=spy)
    found = grade()
    assert Counter(line["status"] for line in found.values()) == {"graded": len(spies)}
    right = json.loads((grade.results / "reference.json").read_text())["1.1"]["cases"]
    secrets = [str(SEED), *(str(case[1])[:8] for case in right)]
    for line in found.values():
        for text in ((grade.results / "feedback" / line["feedback"]).read_text(), str(line)):
            assert not [secret for secret in secrets if secret in text]


# Three hundred at once, from five platforms

RIGHT, WRONG, BLANK = (
    {},
    {"one": MEAN, "two": toy.MISTAKES["1.2", "It is transposed."]},
    {"one": toy.STUB_1, "two": "..."},
)
STATUSES = {
    "ends the process": ("import os\nos._exit(0)", {"lost"}),
    "ends it when called": ("import os\ndef squares(values):\n    os._exit(0)", {"lost"}),
    "kills its group": ("import os, signal\nos.kill(0, signal.SIGKILL)", {"lost"}),
    "floods": ("print('x' * 10**8)", {"lost"}),
    "fills the memory": ("x = bytearray(2**36)", {"wrong"}),
    "does not parse": ("def squares(values:", {"wrong"}),
    "asks": ("name = input()\ndef squares(values):\n    return name", {"wrong"}),
    "exits": ("import sys\nsys.exit()", {"wrong"}),
    "patches the check": (
        "import coursekit.checking.checks as c\nc.check = print\ndef squares(values):\n    return 0.0",
        {"wrong"},
    ),
    "patches numpy": ("np.sum = lambda x: 1.0\n" + MEAN, {"wrong"}),
    "agrees with everything": (
        "class Yes(float):\n    def __eq__(self, other):\n        return True\ndef squares(values):\n    return Yes(1)",
        {"wrong"},
    ),
    "writes and reads about": (
        "import os\ntops = set(os.listdir('/')) - {'proc', 'sys', 'usr'}\n"
        "found = [name for top in tops for place, _, names in os.walk('/' + top)\n"
        "         if place.endswith('/solutions') for name in names]\n"
        "def squares(values):\n    return len(found)",
        {"wrong"},
    ),
}


def names(k):
    """(names of the k-th learner's file in a platform's export, the learner's label), of five platforms in turn."""
    person, login, stamp = f"Person {k}", f"user{k}", "2026-11-29-17-20-05"
    blackboard = {f"Sums_{login}_attempt_{stamp}.txt": f"Name: {person} ({login})\nAssignment: Sums\n"}
    platforms = {
        "moodle": (f"{person}_{k}_assignsubmission_file_/01_sums.ipynb", f"{person} ({k})", {}),
        "canvas": (f"{login}_{k + 1}_{5000 + k}_01_sums.ipynb", f"{login} ({k + 1})", {}),
        "blackboard": (f"Sums_{login}_attempt_{stamp}_01_sums.ipynb", f"{person} ({login})", blackboard),
        "brightspace": (f"{k + 1}-7 - {person} - Nov 29, 2026 520 PM/01_sums.ipynb", f"{person} ({k + 1})", {}),
        "nbgrader": (f"submitted/{login}/01_sums/01_sums.ipynb", login, {}),
    }
    platform = list(platforms)[k % len(platforms)]
    return platform, *platforms[platform]


@needs_sandbox
def test_three_hundred_mixed_submissions_from_five_platforms_give_the_right_rows(grade, inbox):
    handed, wanted = [], {}

    def text(**answers):
        return text_of(toy.notebook(toy.answered(**answers)))

    handed += [(text(), (1.0, 3.0, {"right"}, "graded"))] * 130
    handed += [(text(one=f"{WRONG['one']}  # {k}", two=WRONG["two"]), (0.0, 0.0, {"wrong"}, "graded"))
               for k in range(80)]  # fmt: skip
    handed += [(text(one=toy.STUB_1, two=toy.STUB_2), (0.0, 0.0, {"blank"}, "graded"))] * 44
    broken = (b"", b"{", "{}".encode("utf-16"), b"\0" * 100, b"[]", b'{"nbformat": 3, "worksheets": []}',
              b'{"nbformat": 4}')  # fmt: skip
    handed += [(content, (0.0, 0.0, {"unreadable"}, "unreadable")) for content in broken]
    loops = "def grid(rows, columns):\n    while True:\n        pass"
    handed += [(text(two=loops), (1.0, 0.0, {"right"}, "graded"))]
    for k in range(38):
        source, statuses = list(STATUSES.values())[k % len(STATUSES)]
        status = "stopped" if statuses == {"lost"} else "graded"
        handed += [(text(one=f"{source}\n# {k}"), (0.0, 3.0, statuses, status))]
    random.Random(16).shuffle(handed)
    with contextlib.ExitStack() as stack:
        archives = {}
        for k, (content, row) in enumerate(handed, start=1):
            platform, name, label, beside = names(k)
            if platform not in archives:
                archives[platform] = stack.enter_context(zipfile.ZipFile(inbox.folder / f"{platform}.zip", "w"))
            for path, data in {name: content, **beside}.items():
                archives[platform].writestr(path, data)
            wanted[label] = row
    assert (len(wanted), len(archives)) == (300, 5)

    found = grade(jobs=2, seconds=30)
    report = json.loads((grade.results / "report.json").read_text())
    statuses = {line["learner"]: line["outcomes"][0]["status"] for line in report["learners"]}
    assert found.keys() == wanted.keys()
    unlike = {
        name: (line["1.1"], line["1.2"], statuses[name], line["status"])
        for name, line in found.items()
        if (float(line["1.1"]), float(line["1.2"]), line["status"]) != (*wanted[name][:2], wanted[name][3])
        or statuses[name] not in wanted[name][2]
    }
    assert unlike == {}
    assert len(list((grade.results / "feedback").iterdir())) == 300


# A run that is interrupted goes on, and leaves nothing behind but its results


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder for temporary files of processes that are started, from now on; `left(scratch)` is what stays."""
    (tmp_path / "t").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))
    return tmp_path / "t"


def left(scratch, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(scratch.iterdir()):
        time.sleep(0.05)
    return [path.name for path in scratch.iterdir()]


def command(root, *arguments):
    return [sys.executable, "-m", "coursekit.cli", "grade", "inbox", "--lesson", "1", "--out", "results", *arguments]


@needs_sandbox
def test_a_killed_run_goes_on_where_it_was(toy_course, inbox, tmp_path, scratch):
    for k in range(30):
        inbox(f"learner {k}", one=toy.RIGHT_1 + f"\nimport time\ntime.sleep(0.1)  # {k}")
    inbox.folder.rename(toy_course.root / "inbox")
    results = toy_course.root / "results"
    log = (tmp_path / "log").open("w")
    first = subprocess.Popen(command(toy_course, "--jobs", "2"), cwd=toy_course.root, stdout=log, stderr=log)
    until = time.monotonic() + 60
    while time.monotonic() < until and (not (results / "outcomes.jsonl").exists() or len(journal_lines(results)) < 6):
        time.sleep(0.05)
    family = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    log.close()
    before = journal_lines(results)
    assert 6 <= len(before) < 30
    assert not (results / "grades.csv").exists()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert left(scratch) == []
    with (results / "outcomes.jsonl").open("a") as file:
        file.write('{"key": "cut off here')

    done = subprocess.run(command(toy_course), cwd=toy_course.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert journal_lines(results)[: len(before)] == before
    assert len(set(journal(results))) == len(journal(results)) == 30
    assert {line["points"] for line in grades(results).values()} == {"4"}
    assert re.search(r"100%.*30/30.*s", done.stderr)


def journal_lines(results):
    text = (results / "outcomes.jsonl").read_text()
    return text[: text.rfind("\n") + 1].splitlines()


def begun(run, results, moment):
    """Whether a run has come so far: the warm parent imports, or processes that grade begin, or something is graded."""
    if moment == "graded":
        return (results / "outcomes.jsonl").exists() and journal_lines(results)
    word = {"warm": "serve()", "workers": "spawn_main"}[moment]
    try:
        return any(word in part for child in psutil.Process(run.pid).children() for part in child.cmdline())
    except psutil.Error:  # one that has just ended
        return False


@needs_sandbox
@pytest.mark.parametrize(("moment", "later"), [("warm", 0), ("workers", 0.2), ("workers", 0.5), ("graded", 0)])
def test_ctrl_c_is_one_sentence_and_what_was_graded_stays(moment, later, toy_course, inbox, scratch):
    if moment == "warm" and not supported():
        pytest.skip("no warm kernels: this machine lets nobody make namespaces but through bubblewrap")
    for k in range(20):
        inbox(f"learner {k}", one=toy.RIGHT_1 + f"\nimport time\ntime.sleep(0.2)  # {k}")
    inbox.folder.rename(toy_course.root / "inbox")
    results, pipe = toy_course.root / "results", subprocess.PIPE
    heeded = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
    run = subprocess.Popen(
        command(toy_course, "--jobs", "1"),
        cwd=toy_course.root,
        stdout=pipe,
        stderr=pipe,
        text=True,
        preexec_fn=heeded,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and not begun(run, results, moment):
        time.sleep(0.05)
    time.sleep(later)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: everybody in the group hears it
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert said.endswith("course: stopped: the same command goes on where it was\n")
    assert "Traceback" not in said
    assert left(scratch) == []
    if moment == "graded":
        assert 1 <= len(journal_lines(results)) < 20


@needs_sandbox
def test_only_what_is_new_is_graded_again(grade, inbox):
    inbox("ada")
    inbox("bo", one=MEAN)
    grade()
    before = journal(grade.results)
    inbox("bo")
    inbox("cy")
    found = grade(seed=None)
    assert {name: line["points"] for name, line in found.items()} == {"ada": "4", "bo": "4", "cy": "4"}
    assert journal(grade.results)[:2] == before
    assert len(journal(grade.results)) == 4


@needs_sandbox
def test_a_teachers_decisions_survive(grade, inbox):
    inbox("ada", one=MEAN)
    assert grade()["ada"]["points"] == "3"
    sheet = grade.results / "overrides.csv"
    assert sheet.read_text() == "learner,exercise,points,comment\n"
    sheet.write_text(sheet.read_text() + "ada,1.1,0.5,the idea is right\n")
    before = sheet.read_bytes()
    for _ in range(2):
        line = grade()["ada"]
        assert (line["points"], line["reason"]) == ("3.5", "1.1 decided by hand: the idea is right")
        assert sheet.read_bytes() == before
    assert "the idea is right" in (grade.results / "feedback" / line["feedback"]).read_text()
    sheet.write_text("learner,exercise,points\nadda,1.1,1\n")
    with pytest.raises(NotebookError, match="nobody called 'adda' handed in"):
        grade()
    sheet.write_bytes("learner,exercise,points\nZoë,1.1,1\n".encode("latin-1"))
    with pytest.raises(NotebookError, match="not UTF-8 text: save it as CSV UTF-8"):
        grade()


# What cannot be graded for no fault of the submission


def test_a_process_that_ends_costs_only_who_ended_it(grade, inbox, scratch):
    """Without a sandbox an answer can kill the process that grades; the others are graded, and it is tried again."""
    for k in range(3):
        inbox(f"ada {k}")
    inbox("eve", one="import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    for _ in range(2):
        found = grade(unsafe=True, jobs=2)
        assert {name: line["status"] for name, line in found.items()} == {
            "ada 0": "graded", "ada 1": "graded", "ada 2": "graded", "eve": "failed",
        }  # fmt: skip
        assert found["eve"]["reason"] == "the process that graded it ended, twice"
        assert len(journal(grade.results)) == 3
    assert left(scratch) == []


def test_an_error_of_the_machine_is_not_a_grade(grade, inbox, monkeypatch):
    def graded(tasks, *_):
        for key, _ in tasks:
            yield key, batch.Failed("OSError: No space left on device")

    monkeypatch.setattr(batch, "graded", graded)
    monkeypatch.setattr(batch, "_reference", lambda *_: {})
    inbox("ada")
    line = grade(unsafe=True, format="moodle")["ada"]
    assert (line["points"], line["status"], line["reason"]) == ("0", "failed", "OSError: No space left on device")
    assert journal(grade.results) == []
    assert len((grade.results / "moodle.csv").read_text().splitlines()) == 1


# Bad input


def test_results_of_another_run_are_not_mixed_in(grade, inbox, monkeypatch):
    monkeypatch.setattr(batch, "graded", lambda *_: iter(()))
    monkeypatch.setattr(batch, "_reference", lambda *_: {"1.1": {}, "1.2": {}})
    (inbox.folder / "eve.ipynb").write_text("{")
    grade(unsafe=True)
    with pytest.raises(NotebookError, match="holds a run with another seed: name a new folder, or leave out --seed"):
        grade(unsafe=True, seed=1)
    record = json.loads((grade.results / "run.json").read_text())
    path = grade.course.lessons / "01_sums.ipynb"
    path.write_text(path.read_text().replace("How large", "Say how large"))
    with pytest.raises(NotebookError, match=rf"have changed since .*--seed {SEED}"):
        grade(unsafe=True)
    (grade.results / "run.json").write_text(json.dumps(record | {"lesson": "02_more"}))
    with pytest.raises(NotebookError, match="holds a run of 02_more: name a new folder"):
        grade(unsafe=True)
    (grade.results / "run.json").write_text("{")
    with pytest.raises(NotebookError, match=r"run\.json is damaged"):
        grade(unsafe=True)


DAMAGED = {
    "no JSON": "{broken",
    "a list": "[1]",
    "an empty line of it": "{}",
    "no key": '{"outcomes": []}',
    "other exercises": '{"key": "a", "outcomes": []}',
    "other fields": '{"key": "a", "outcomes": [{"points": 1}]}',
    "no text": "\udcff",
}


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_line_of_the_journal_is_named(grade, inbox, monkeypatch, line):
    monkeypatch.setattr(batch, "_reference", lambda *_: {"1.1": {}, "1.2": {}})
    (inbox.folder / "eve.ipynb").write_text("{")
    grade(unsafe=True)
    path = grade.results / "outcomes.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(NotebookError, match=r"outcomes\.jsonl, line 2 is damaged: take it out"):
        grade(unsafe=True)
    path.write_bytes(whole)
    assert grade(unsafe=True)["eve"]["status"] == "unreadable"


def test_a_damaged_record_of_the_run_is_named(grade, inbox, monkeypatch):
    right = {"1.1": {"cases": [["i", 1]]}, "1.2": {"cases": [["i", 1]]}}
    monkeypatch.setattr(batch, "reference_values", lambda *_: right)
    (inbox.folder / "eve.ipynb").write_text("{")
    grade(unsafe=True)
    run = json.loads((grade.results / "run.json").read_text())
    for name, damaged in (
        ("run.json", []),
        ("run.json", {key: value for key, value in run.items() if key != "seed"}),
        ("run.json", run | {"seed": str(run["seed"])}),
        ("reference.json", {}),
        ("reference.json", right | {"1.2": None}),
    ):
        whole = (grade.results / name).read_text()
        (grade.results / name).write_text(json.dumps(damaged))
        with pytest.raises(NotebookError, match=rf"{name} is damaged: name a new folder"):
            grade(unsafe=True)
        (grade.results / name).write_text(whole)
    assert grade(unsafe=True)["eve"]["status"] == "unreadable"


def test_folders_that_cannot_be_are_one_sentence(grade, inbox, tmp_path):
    inbox("ada")
    with pytest.raises(NotebookError, match="lies in the folder of submissions"):
        grade("inbox/results", unsafe=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(NotebookError, match="holds other things than results"):
        grade("mine", unsafe=True)
    with pytest.raises(NotebookError, match="is a file: name a folder"):
        grade("mine/thesis.txt", unsafe=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    (grade.course.root / "solutions" / "01_sums.ipynb").unlink()
    with pytest.raises(NotebookError, match="has no solutions here"):
        grade(unsafe=True)


def test_two_commands_do_not_write_the_same_results(grade, inbox, monkeypatch):
    monkeypatch.setattr(batch, "graded", lambda *_: iter(()))
    monkeypatch.setattr(batch, "_reference", lambda *_: grade(unsafe=True))
    (inbox.folder / "eve.ipynb").write_text("{")
    with pytest.raises(NotebookError, match="is in use by another `course grade`"):
        grade(unsafe=True)


def test_without_a_sandbox_nothing_is_run(grade, inbox, monkeypatch):
    inbox("ada")
    monkeypatch.setattr("coursekit.grading.sandbox.obstacle", lambda: "install bubblewrap (apt install bubblewrap)")
    with pytest.raises(NotebookError, match=r"install bubblewrap .* or say --unsafe"):
        grade()
    assert not grade.results.exists()
