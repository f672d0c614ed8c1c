"""How fast grading is, in one run on one machine, for the same submissions to the same lesson, one after another:
`course grade` with its sandbox, nbgrader's autograde and feedback, otter-grader's run, and the bare cells in a warm
interpreter.

    .venv/bin/python benchmarks/grading.py [--lesson 12] [--submissions 20] [--out FILE.json]
    .venv/bin/python benchmarks/grading.py --before FOLDER      the same of another state of this repository, in turn
    .venv/bin/python benchmarks/grading.py --memory 2000        what 2000 submissions leave in memory

All get the lesson without its demonstrations: imports, helpers, exercises, checks. Half of the submissions are right,
the others have one known mistake each: every tool must find exactly that, or there is no table. nbgrader and otter are
installed into environments of their own under _build/tools.
"""

import argparse
import contextlib
import functools
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
os.environ |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")

from coursekit.checking.checks import RAW, SEED, VALUES_MIME  # noqa: E402
from coursekit.grading import batch, sandbox, unit  # noqa: E402
from coursekit.lessons.course import Course  # noqa: E402
from coursekit.lessons.fill import Answers, fill, mistakes, reference  # noqa: E402
from coursekit.lessons.notebook import canonical, parse, text_of  # noqa: E402
from coursekit.lessons.slices import essential  # noqa: E402
from coursekit.proving.record import write  # noqa: E402
from coursekit.publishing.assignment import export  # noqa: E402
from layered import environment, layered  # noqa: E402

SECRET = 987_654_321
LEARNER = "learner{:03d}"


def handed_in(lesson, solutions, count):
    """(texts, wrong): notebooks by learner, and the exercise that each has wrong, or None."""
    right, named, texts, wrong = reference(solutions).by_exercise, mistakes(solutions), {}, {}
    named = [(exercise, source) for exercise, _, source in named]
    for k in range(count):
        answers, missed = dict(right), None
        if k % 2:
            missed, answers[missed] = named[(7 * k) % len(named)]
            answers[missed] = answers[missed].split("\n", 1)[1] if answers[missed].startswith("#|") else answers[missed]
        name = LEARNER.format(k)
        texts[name], wrong[name] = text_of(fill(lesson, Answers(answers))), missed
    return texts, wrong


def expected_points(lesson, wrong):
    return {name: sum(p for e, p in lesson.points.items() if e != missed) for name, missed in wrong.items()}


def insist(tool, points, lesson, wrong):
    if points != (due := expected_points(lesson, wrong)):
        differ = {name: (points.get(name), due[name]) for name in due if points.get(name) != due[name]}
        raise SystemExit(f"{tool} did not find what is right: {differ}")


def warm_interpreter(lesson, texts, reference_cells):
    """Seconds of each submission's cells in this interpreter, everything imported, nothing protected."""
    from IPython import display

    shown, times = [], []
    display.display, before = lambda bundle, **_: shown.append(bundle), display.display
    os.environ |= {SEED: str(SECRET), RAW: ""}
    try:
        for text in [*[*texts.values()][:1], *texts.values()]:  # the first twice: it pays for late imports
            cells, names, started = reference_cells(text), {}, time.perf_counter()
            for cell in cells:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
                    exec(compile(cell.source, "cell", "exec"), names)
            times.append(time.perf_counter() - started)
    finally:
        display.display = before
        del os.environ[SEED], os.environ[RAW]
    assert sum(VALUES_MIME in bundle for bundle in shown) >= len(lesson.checks) * len(texts)
    return times[1:]


def ours(lesson, solutions, texts, wrong):
    """(seconds of each submission, seconds of each phase, seconds before the first) of grading with warm kernels."""
    started, spent = time.perf_counter(), dict.fromkeys(("start", "cells", "stop", "judge", "rest"), 0.0)
    box = unit.boxes(lesson)
    right = unit.reference_values(lesson, solutions, SECRET, box)
    setup, times, points = time.perf_counter() - started, [], {}

    def timed(phase, function):
        @functools.wraps(function)
        def wrapper(*arguments, **options):
            begun = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                spent[phase] += time.perf_counter() - begun

        return wrapper

    kept = {name: getattr(sandbox.Sandbox, name) for name in ("__enter__", "execute", "end")}
    for name, phase in (("__enter__", "start"), ("execute", "cells"), ("end", "stop")):
        setattr(sandbox.Sandbox, name, timed(phase, kept[name]))
    judge = timed("judge", batch.judge)
    for name, text in texts.items():
        begun = time.perf_counter()
        found = unit.submission_values(text, lesson, SECRET, box, right)
        outcomes = judge(lesson, found, right, {})
        times.append(time.perf_counter() - begun)
        points[name] = sum(outcome.points for outcome in outcomes)
    for name, function in kept.items():
        setattr(sandbox.Sandbox, name, function)
    spent["rest"] = sum(times) - sum(spent.values())
    insist("course grade", points, lesson, wrong)
    return times, spent, setup


def whole_command(course, lesson, texts, folder, jobs):
    """Seconds of the whole of `course grade`, from the folder of submissions to feedback pages."""
    submissions = folder / "submissions"
    submissions.mkdir(exist_ok=True)
    for name, text in texts.items():
        (submissions / f"{name}.ipynb").write_text(text, encoding="utf-8")
    settings = batch.Settings(seed=SECRET, jobs=jobs)
    return batch.grade_folder(course, lesson, submissions, folder / f"results-{jobs}", settings)[1]


def tool(folder, *command, cwd):
    done = subprocess.run(command, cwd=cwd, env=environment(folder), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr[-3000:]}")


def nbgrader(course, lesson, texts, wrong, folder):
    """(seconds of autograde, of feedback) for all submissions."""
    env = layered("nbgrader==0.9.6") or sys.exit("nbgrader 0.9.6 could not be installed.")
    export(course, lesson, folder, SECRET)
    run = functools.partial(tool, env, env / "bin" / "nbgrader", cwd=folder)
    run("generate_assignment", lesson.name)
    released = folder / "release" / lesson.name
    for name, text in texts.items():
        place = folder / "submitted" / name / lesson.name
        place.mkdir(parents=True)
        notebook = json.loads((released / lesson.path.name).read_text())
        answers = {m.exercise: cell for cell in json.loads(text)["cells"] if (m := _mark(cell))}
        for cell in notebook["cells"]:
            if m := _mark(cell):
                cell["source"] = answers[m.exercise]["source"]
        (place / lesson.path.name).write_text(json.dumps(notebook))
        (place / "expected").symlink_to(released / "expected")
    begun = time.perf_counter()
    run("autograde", lesson.name)
    graded = time.perf_counter()
    run("generate_feedback", lesson.name)
    fed_back = time.perf_counter()
    run("export")
    import csv

    with (folder / "grades.csv").open(newline="") as file:
        points = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    insist("nbgrader", points, lesson, wrong)
    return graded - begun, fed_back - graded


def _mark(cell):
    """The mark of an exercise's cell in a notebook's JSON."""
    source = "".join(cell["source"])
    found = re.match(r"#\| exercise: (\d+\.\d+)", source)
    return type("Mark", (), {"exercise": found[1]}) if found else None


OTTER_TEST = """
from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = {points}


@test_case(hidden=True)
def test_values(env):
    import json

    from coursekit.checking.checks import demand

    demand({exercise!r}, {seed}, json.loads({cases!r}))
    exec({check!r}, env)
"""


def otter(lesson, right, texts, wrong, folder):
    """Seconds of `otter run` for each submission."""
    env = layered("otter-grader==7.0.0") or sys.exit("otter-grader 7.0.0 could not be installed.")
    (folder / "tests").mkdir()
    for exercise, check in lesson.checks.items():
        name = "q" + exercise.replace(".", "_")
        test = OTTER_TEST.format(
            name=name, points=lesson.points[exercise], exercise=exercise, seed=SECRET,
            cases=json.dumps(right[exercise]["cases"]), check=check,
        )  # fmt: skip
        (folder / "tests" / f"{name}.py").write_text(test)
    tool(env, env / "bin" / "otter", "generate", "-t", "tests", "-o", "autograder.zip", "--no-environment", cwd=folder)
    times, points = [], {}
    for name, text in texts.items():
        place = folder / name
        place.mkdir()
        (place / lesson.path.name).write_text(text)
        archive = folder / "autograder.zip"
        begun = time.perf_counter()
        tool(env, env / "bin" / "otter", "run", "--no-logo", "-a", str(archive), lesson.path.name, cwd=place)
        times.append(time.perf_counter() - begun)
        results = json.loads((place / "results.json").read_text())
        points[name] = sum(test.get("score", 0) for test in results["tests"])
    insist("otter", points, lesson, wrong)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lesson", default="12")
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--skip", nargs="*", default=[], choices=["nbgrader", "otter", "jobs"])
    parser.add_argument("--before", type=Path, help="another state of this repository, with a .venv of its own")
    parser.add_argument("--rounds", type=int, default=3, help="how often in turn")
    parser.add_argument("--memory", type=int, help="grade so many submissions, and say what memory is used meanwhile")
    parser.add_argument("--only-ours", type=Path, help=argparse.SUPPRESS)  # the course that --before measures
    parser.add_argument("--out", type=Path, help="a file for the numbers as JSON")
    arguments = parser.parse_args()
    if arguments.only_ours:
        print(json.dumps(own_times(Course(arguments.only_ours), arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if arguments.before or arguments.memory:
            course = short_course(arguments.lesson, Path(folder))
            (in_turn if arguments.before else memory)(course, arguments)
            return
        measure(short_course(arguments.lesson, Path(folder)), arguments)


def own_times(course, arguments):
    """Seconds a submission, in the sandbox and of the cells alone."""
    lesson = course.lesson(arguments.lesson)
    texts, wrong = handed_in(lesson, course.solutions(lesson), arguments.submissions)
    times, phases, _ = ours(lesson, course.solutions(lesson), texts, wrong)
    cells = warm_interpreter(lesson, texts, lambda text: essential(parse(text, "it")).cells)
    kinds = {"all right": times[::2], "one wrong": times[1::2], "all": times, "cells alone": cells}
    spent = {phase: seconds / len(times) for phase, seconds in phases.items()}
    return {kind: statistics.mean(seconds) for kind, seconds in kinds.items()} | spent


def in_turn(course, arguments):
    """A table of this state of the repository and of another one, each measured several times in turn."""
    states = {"before": arguments.before, "now": ROOT}
    command = [__file__, "--lesson", arguments.lesson, "--submissions", str(arguments.submissions)]
    command += ["--only-ours", str(course.root)]
    found = {name: [] for name in states}
    for _ in range(arguments.rounds):
        for name, root in states.items():
            python = root / ".venv" / "bin" / "python"
            done = subprocess.run([python, *command], capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr[-3000:]}")
            found[name].append(json.loads(done.stdout))
    print(f"| lesson {arguments.lesson}, seconds a submission | before | now | ratio |\n|---|---|---|---|")
    for kind in found["now"][0]:
        old, new = (statistics.median(row[kind] for row in found[name]) for name in states)
        print(f"| {kind} | {old:.4f} | {new:.4f} | {old / max(new, 1e-9):.1f} |")
    goal = 2 * statistics.median(row["cells alone"] for row in found["now"]) + 0.05
    print(f"\nTwice the cells alone and 50 ms: {goal:.3f} s.")


def memory(course, arguments):
    """A table of the memory of `course grade`, its worker and its warm parent while it grades a large class."""
    import psutil

    lesson, folder = course.lesson(arguments.lesson), course.root / "class"
    texts = [*handed_in(lesson, course.solutions(lesson), 20)[0].values()]
    folder.mkdir()
    for k in range(arguments.memory):
        (folder / f"learner{k:05d}.ipynb").write_text(texts[k % len(texts)], encoding="utf-8")
    grade = [sys.executable, "-c", "import sys; from coursekit.cli import main; sys.exit(main())", "grade", str(folder)]
    grade += ["--lesson", arguments.lesson, "--out", str(course.root / "results"), "--jobs", "1"]
    journal = course.root / "results" / batch.OUTCOMES
    print("| submissions | MB of the command | of its worker | of the warm parent | processes | descriptors |")
    print("|---|---|---|---|---|---|", flush=True)
    started, told, step = time.monotonic(), 0, max(1, arguments.memory // 20)
    with subprocess.Popen(grade, cwd=course.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as command:
        while command.poll() is None:
            time.sleep(0.05)
            done = journal.read_bytes().count(b"\n") if journal.is_file() else 0
            if done < told + step:
                continue
            told = done - done % step
            with contextlib.suppress(psutil.Error):
                me = psutil.Process(command.pid)
                found = {kind: _largest(me, kind) for kind in ("spawn_main", "nursery import serve")}
                used = [me.memory_info().rss, *found.values()]
                cells = [done, *(f"{each / 1e6:.1f}" for each in used), len(me.children(recursive=True)), me.num_fds()]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        if command.returncode:
            raise SystemExit(command.stderr.read().decode()[-3000:])
    print(f"\n{arguments.memory} submissions in {time.monotonic() - started:.0f} s.")


def _largest(process, kind):
    """Bytes of the largest of a process's descendants whose command line has these words, shells left out."""
    import psutil

    sizes = [0]
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            is_shell = child.username() != process.username()
            sizes += [child.memory_info().rss] if kind in " ".join(child.cmdline()) and not is_shell else []
    return max(sizes)


def rows():
    """The benchmark's row: seconds a submission, beside the other graders and the cells alone."""
    arguments = argparse.Namespace(lesson="12", submissions=20, skip=["jobs"], out=None)
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(short_course(arguments.lesson, Path(folder)), arguments)
    yield {
        "what": "grading a submission, sandbox included",
        "unit": "s",
        "ours": seconds.pop("course grade"),
        "others": {name: value for name, value in seconds.items() if not name.startswith("course grade")},
        "how": "the exercises of lesson 12, 20 submissions, one worker",
    }


def short_course(number, root):
    """A course of one lesson, without what its exercises do not need."""
    whole = Course(ROOT)
    lesson = whole.lesson(number)
    solutions = whole.solutions(lesson)
    needed = {cell.id for cell in essential(fill(lesson, reference(solutions))).cells}
    notebook = lesson.notebook
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type != "code" or cell.id in needed]
    write(root / "lessons" / lesson.path.name, text_of(canonical(notebook)))
    write(root / "solutions" / lesson.path.name, text_of(solutions))
    write(root / "lessons" / "expected" / f"{lesson.name}.json", (whole.expected / f"{lesson.name}.json").read_text())
    return Course(root)


def measure(course, arguments):
    lesson = course.lesson(arguments.lesson)
    solutions, count = course.solutions(lesson), arguments.submissions
    texts, wrong = handed_in(lesson, solutions, count)

    def needed(text):
        return essential(parse(text, "it")).cells

    times, phases, setup = ours(lesson, solutions, texts, wrong)
    rows = {"course grade": statistics.mean(times)}
    rows["course grade, where all is right"] = statistics.mean(times[::2])
    rows["course grade, where one answer is wrong"] = statistics.mean(times[1::2])
    rows["the cells alone, in a warm interpreter"] = statistics.mean(warm_interpreter(lesson, texts, needed))
    print(f"ours {rows}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in ("command", "nbgrader", "otter"):
            (folder / name).mkdir()
        if "jobs" not in arguments.skip:
            for jobs in (1, 2):
                rows[f"`course grade --jobs {jobs}`, start to feedback"] = (
                    whole_command(course, lesson, texts, folder / "command", jobs) / count
                )
        if "nbgrader" not in arguments.skip:
            parts = nbgrader(course, lesson, texts, wrong, folder / "nbgrader")
            rows["nbgrader 0.9.6, autograde + feedback"] = sum(parts) / count
            rows["nbgrader 0.9.6, autograde alone"] = parts[0] / count
            print(f"nbgrader {parts}", file=sys.stderr)
        if "otter" not in arguments.skip:
            right = unit.reference_values(lesson, solutions, SECRET, unit.boxes(lesson))
            rows["otter-grader 7.0.0, run"] = statistics.mean(otter(lesson, right, texts, wrong, folder / "otter"))
    report(rows, phases, setup, lesson, count, arguments.out)
    return rows


def report(rows, phases, setup, lesson, count, out):
    """Print the table in Markdown; write the numbers as JSON where asked."""
    mine, total = rows["course grade"], sum(phases.values())
    print(f"\nLesson {lesson.name}, {len(lesson.checks)} exercises, {count} submissions, seconds per submission:\n")
    print("| | seconds | times ours |\n|---|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {seconds:.3f} | {seconds / mine:.2f} |")
    print(f"\nBefore the first submission: {setup:.1f} s. Where the time of a submission goes:\n")
    print("| phase | seconds | share |\n|---|---|---|")
    for name, seconds in phases.items():
        print(f"| {name} | {seconds / count:.3f} | {seconds / total:.0%} |")
    warm = rows["the cells alone, in a warm interpreter"]
    print(f"\nGoal of at most twice the warm interpreter plus 50 ms: {2 * warm + 0.05:.3f} s, measured {mine:.3f} s.")
    if out:
        data = {"lesson": lesson.name, "submissions": count, "seconds": rows, "phases": phases, "setup": setup}
        out.write_text(json.dumps(data | {"ratios": {k: v / mine for k, v in rows.items()}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
