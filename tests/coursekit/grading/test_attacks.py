"""Hostile answers: each earns nothing, costs no other exercise anything, and leaves this machine as it was.

`attacks/NAME.py` is the cell of one answer. Its first line says which statuses it may end with, its second what it
tries; words in capitals are filled in here. They run as the exercises of one lesson, so that each has all the others
for neighbours, with right answers in between.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import toy
from coursekit.checking.checks import VALUES_MIME
from coursekit.grading import sandbox, sweep
from coursekit.grading.judging import judge
from coursekit.grading.nursery import Nursery, supported
from coursekit.grading.sandbox import Boxes, Limits, available, visible
from coursekit.grading.unit import reference_values, submission_values
from coursekit.lessons.course import Course
from coursekit.lessons.fill import Answers, fill
from coursekit.lessons.notebook import text_of

FOLDER = Path(__file__).parents[2] / "attacks"
ONLY = os.environ.get("COURSE_TEST_ATTACKS", "").split()
FILES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}
FILES = {name: text for name, text in FILES.items() if name in ONLY or not ONLY}
SEED = 20_261_124
SECONDS = 4.0
LIMITS = Limits(memory=2**30, disk=32 * 2**20, processes=60, cpu=20, seconds=60)
SECRET = "kiwi-4711-secret"
EVERY = 6  # after so many attacks stands a right answer
MARGIN = "def squares(values):\n    return float(values @ values)"


def arena():
    """[(name or None for a right answer)] in the order of the lesson's exercises."""
    names = list(FILES)
    rows = [names[k : k + EVERY] for k in range(0, len(names), EVERY)]
    return [name for row in rows for name in (*row, None)]


def exercises():
    return [f"1.{k}" for k in range(1, len(arena()) + 1)]


def arena_course(root):
    lesson = ["# 01 · Arena\n\n10 min · CPU 1 s · after: nothing", toy.LESSON[1]]
    solutions = ["# 01 · Arena: solutions"]
    for exercise in exercises():
        lesson += [
            f"### Exercise {exercise}",
            ("code", f"#| exercise: {exercise}\n{toy.STUB_1}"),
            ("code", f"#| check: {exercise}\n{toy.CHECK_1.replace('1.1', exercise).replace('cases=3', 'seconds=1')}"),
        ]
        solutions += [("code", f"#| answer: {exercise}\n{toy.RIGHT_1}")]
    toy.write(root / "lessons" / "01_arena.ipynb", lesson)
    toy.write(root / "solutions" / "01_arena.ipynb", solutions)
    return Course(root)


@dataclass
class Outside:
    """What an answer might reach, and what it must not have done there."""

    folder: Path
    port: int
    abstract: str
    visits: list
    users: list

    def words(self, practice):
        """What the words in capitals stand for."""
        return {
            "PRACTICE": practice,
            "SOLUTIONS": str(next(self.folder.glob("course-*/solutions/01_arena.ipynb"))),
            "RESULTS": str(self.folder / "results"),
            "SUBMISSIONS": str(self.folder / "submissions"),
            "NEKOT": SECRET[::-1],
            "PORT": self.port,
            "SOCKET": str(self.folder / "socket"),
            "ABSTRACT": self.abstract,
            "GRADER": os.getpid(),
            "CANARY": str(self.folder / "canary"),
        }


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder with things worth having, and somebody who listens for answers that found a way out."""
    folder, visits = tmp_path_factory.mktemp("o"), []
    users, patch = [], pytest.MonkeyPatch()  # those of the sandboxes made here: others are graded at the same time

    def next_user():
        users.append(sweep.next_user())
        return users[-1]

    patch.setattr(sandbox, "next_user", next_user)
    for name in ("results", "submissions"):
        (folder / name).mkdir(mode=0o777)
    (folder / "canary").write_text("alive")
    (folder / "canary").chmod(0o666)
    folder.chmod(0o777)
    listeners = []
    abstract = f"\0course-{os.getpid()}"
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", 0)),
        (socket.AF_UNIX, str(folder / "socket")),
        (socket.AF_UNIX, abstract),
    ):
        listeners.append(socket.socket(family))
        listeners[-1].bind(address)
        listeners[-1].listen()
    (folder / "socket").chmod(0o777)

    def listen(listener):
        with contextlib.suppress(OSError):
            while True:
                line, _ = listener.accept()
                with line:
                    visits.append(listener.getsockname())
                    line.sendall(b"here is the answer")

    threads = [threading.Thread(target=listen, args=(listener,), daemon=True) for listener in listeners]
    for thread in threads:
        thread.start()
    os.environ["COURSE_TEST_SECRET"] = SECRET
    yield Outside(folder, listeners[0].getsockname()[1], abstract, visits, users)
    patch.undo()
    del os.environ["COURSE_TEST_SECRET"]
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


def cell(name, exercise, words):
    """The source of an attack as the answer to an exercise."""
    text = FILES[name].split("\n", 1)[1].replace("1.1", exercise)
    text = text.replace(
        "ELIFS", "\n".join(["    if a == 1:\n        pass", *["    elif a == 1:\n        pass"] * 2000])
    )
    text = text.replace("FORS", "for a in x " * 4000)
    used = {word: value for word, value in words.items() if re.search(rf"\b{word}\b", text)}
    return "".join(f"{word} = {value!r}\n" for word, value in used.items()) + text


def graded(warm, outside):
    """Outcomes of all attacks, by exercise: with kernels that bubblewrap starts or with forked ones."""
    course = arena_course(outside.folder / f"course-{warm}")
    lesson, solutions = course.lesson(1), course.solutions(course.lesson(1))
    with contextlib.ExitStack() as stack:
        nursery = stack.enter_context(Nursery(["numpy", "coursekit.checking.checks"])) if warm else None
        box = stack.enter_context(contextlib.closing(Boxes(limits=LIMITS, nursery=nursery)))
        known = reference_values(lesson, solutions, 0, box)
        right = reference_values(lesson, solutions, SEED, box)
        answers = {}
        for exercise, name in zip(exercises(), arena(), strict=True):
            words = outside.words({VALUES_MIME: known[exercise]})
            answers[exercise] = cell(name, exercise, words) if name else MARGIN
        text = text_of(fill(lesson, Answers(answers)))
        found = submission_values(text, lesson, SEED, box, right, SECONDS)
        if nursery:
            assert nursery.process.poll() is None
            assert len(os.listdir(f"/proc/{nursery.process.pid}/task")) == 1
    return {outcome.exercise: outcome for outcome in judge(lesson, found, right, {})}


@pytest.mark.skipif(not available(), reason="no sandbox: bubblewrap is missing (apt install bubblewrap)")
@pytest.mark.parametrize("kernels", ["cold", "warm"])
def test_attacks_earn_nothing_and_cost_nobody_anything(kernels, outside):
    if kernels == "warm" and not supported():
        pytest.skip("no warm kernels: this machine lets nobody make namespaces but through bubblewrap")
    outcomes = graded(kernels == "warm", outside)
    surprises = []
    for exercise, name in zip(exercises(), arena(), strict=True):
        allowed = FILES[name].split("\n", 1)[0].removeprefix("# ").split(", ") if name else ["right"]
        outcome = outcomes[exercise]
        if outcome.status not in allowed or outcome.points != (name is None):
            surprises.append((name or "a right answer", outcome.status, outcome.reason))
    assert surprises == []
    _nothing_is_left(outside)


def _nothing_is_left(outside):
    assert (outside.folder / "canary").read_text() == "alive"
    assert outside.visits == []
    names = {path.name for path in outside.folder.iterdir()} - {"canary", "results", "socket", "submissions"}
    assert not [name for name in names if not name.startswith("course-")]
    assert not list(Path("/").glob("*/owned-by-an-answer"))
    if os.geteuid() == 0:
        assert len(set(outside.users)) == len(outside.users) >= len(FILES)
        until = time.monotonic() + 10  # the last ones are ending
        while (left := [what for user in outside.users for what in sweep.left_by(user)]) and time.monotonic() < until:
            time.sleep(0.1)
        assert left == []


# Some of them again, graded by somebody who is not root: another road into the sandbox.
AGAIN = "environment_read exit_at_once fork_bomb iopub_forged keyring_used killed_all memory_of_a_thread memory_of_many"
AGAIN += " memory_uncounted named_with_bytes namespace_within neighbours_heard network_reached parent_traced"
AGAIN += " processor_taken replies_taken_back segments_left shared_system_read system_asked writes_everywhere"
NOBODY = 65_534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else; all other tests ran as a user")
@pytest.mark.skipif(not available(), reason="no sandbox: bubblewrap is missing (apt install bubblewrap)")
def test_the_same_without_being_root(tmp_path, root):
    needed = [*visible(), root]
    script = ["set -e", f"mkdir {tmp_path}/view {tmp_path}/home", f"chown {NOBODY} {tmp_path}/home"]
    # Folders that only root can look into are laid out anew, seen by this process alone.
    for closed in sorted({parent for path in needed for parent in path.parents if not parent.stat().st_mode & 1}):
        inside = [path for path in needed if closed in path.parents]
        for k, path in enumerate(inside):
            script += [f"mkdir {tmp_path}/view/{k}", f"mount --rbind {path} {tmp_path}/view/{k}"]
        script += [f"mount -t tmpfs -o mode=755 none {closed}"]
        for k, path in enumerate(inside):
            script += [f"mkdir -p {path}", f"mount --rbind {tmp_path}/view/{k} {path}"]
        break
    become = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
    script += [f"cd {root}", f"exec {become} {sys.executable} -m pytest -q -p no:cacheprovider -p no:cov {__file__}"]
    env = os.environ | {"COURSE_TEST_ATTACKS": AGAIN, "HOME": f"{tmp_path}/home", "TMPDIR": "/tmp"}
    env = {key: value for key, value in env.items() if not key.startswith(("PYTEST_", "COV_"))}
    command = ["unshare", "--mount", "bash", "-c", "\n".join(script)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "2 passed, 1 skipped" in done.stdout
