"""The `course` command."""

import argparse
import functools
import io
import os
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coursekit.lessons.errors import CourseError

NEWLINE = "\n"


def main(argv=None):
    """Run one command; a known problem is one sentence on stderr and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ✓ shows a question mark
    argv = list(sys.argv[1:] if argv is None else argv)
    end = argv.index("--") if "--" in argv else len(argv)
    arguments = _parser().parse_args(argv[:end], argparse.Namespace(options=argv[end + 1 :]))
    try:
        return arguments.run(arguments) or 0
    except CourseError as error:
        from coursekit.grading.visible import visible

        print(f"course: {visible(str(error), kept=NEWLINE)}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("coursekit", "vanishing"):
            raise
        print(f"course: {_missing(error.name, arguments.run)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"course: {error.strerror}: {error.filename}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"course: stopped{arguments.stopped}", file=sys.stderr)
        return 130


def _missing(module, run):
    """The extra of the package that installs what a command needs."""
    extra = {_book: "book", _serve: "book", _bundle: "book", _export: "grading", _grade: "grading"}.get(run, "lessons")
    from importlib import metadata

    name = next(iter(metadata.packages_distributions().get("coursekit", ["."])))
    return f"{module} is not installed, which this command needs: say `pip install '{name}[{extra}]'`."


def _parser():
    parser = argparse.ArgumentParser(prog="course", description=__doc__)
    parser.set_defaults(stopped="")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    lab = commands.add_parser("lab", help="open your copies of the lessons in JupyterLab; its options after --")
    lab.add_argument("lesson", nargs="?", help="the lesson to open (default: the first)")
    lab.add_argument("--work", help="the folder for your copies (default: work/)")
    lab.add_argument("--copy-only", action="store_true", help="make the copies, do not start JupyterLab")
    lab.set_defaults(run=_lab)

    check = commands.add_parser("check", help="check your answers: course check 05, or a notebook's path")
    check.add_argument("notebook", help="a lesson's number, or the path of a notebook")
    check.add_argument("--work", help="the folder of your copies (default: work/)")
    check.add_argument("--seconds", type=_positive, default=60, help="time limit of one cell (default: 60)")
    check.set_defaults(run=_check)

    progress = commands.add_parser("progress", help="show which exercises you have answered, and which are correct")
    progress.add_argument("--work", help="the folder of your copies (default: work/)")
    progress.set_defaults(run=_progress)

    toolbox = commands.add_parser("toolbox", help="list your own functions in work/toolbox.py, and the course's")
    toolbox.add_argument("--work", help="the folder of your copies (default: work/)")
    toolbox.set_defaults(run=_toolbox)

    book = commands.add_parser("book", help="build the book into _build/html")
    book.add_argument(
        "--instructor", action="store_true", help="with answers, mistakes and notes, into _build/instructor"
    )
    book.add_argument("--zip", action="store_true", help="also as one zip file to read without a network")
    book.add_argument("--pdf", action="store_true", help="also as a PDF; needs Chromium and the extra `pdf`")
    book.set_defaults(run=_book)
    serve = commands.add_parser("serve", help="show the built book at an address of this machine")
    serve.add_argument("--port", type=int, default=8000)
    serve.set_defaults(run=_serve)

    links = commands.add_parser("links", help="links that open a lesson on Binder, in Colab, or on a JupyterHub")
    links.add_argument("lesson", nargs="?", default="01", help="the lesson to open (default: 01)")
    links.add_argument("--hub", help="the address of a JupyterHub that has nbgitpuller")
    links.add_argument("--repository", help="the address of the class's repository (default: the one in _config.yml)")
    links.set_defaults(run=_links)

    colab = commands.add_parser("colab", help="write lessons that install the course where it is absent")
    colab.add_argument("lessons", nargs="*", help="numbers (default: all)")
    colab.add_argument("--out", required=True, type=Path, help="the folder to write to")
    colab.add_argument("--repository", help="the repository to install from (default: the one in _config.yml)")
    colab.set_defaults(run=_colab)

    for name, run, text in (
        ("record", _record, "run lessons with their solutions and keep outputs and expected values"),
        ("verify", _verify, "prove that lessons, solutions, mistakes and recorded outputs agree"),
        ("shake", _shake, "run lessons under other arithmetics and list what hangs on the last bit"),
        ("stats", _stats, "how long each lesson is"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("lessons", nargs="*", help="numbers (default: all)")
        command.set_defaults(run=run)
        if run is not _stats:
            command.add_argument(
                "--jobs", type=int, default=os.cpu_count(), help="how many at a time (default: %(default)s)"
            )
        if run is _verify:
            command.add_argument(
                "--seeds", type=_positive, help="also try the named mistakes on this many new seeds (long)"
            )
        if run is _record:
            command.add_argument("--quick", action="store_true", help="leave out the shake; the proofs then ask for it")

    evidence = commands.add_parser("evidence", help="try a lesson's measured claims at ten times their budget (long)")
    evidence.add_argument("lessons", nargs="*", help="numbers (default: all that have a script in evidence/)")
    evidence.add_argument("--again", action="store_true", help="run claims again whose outcome is known")
    evidence.set_defaults(run=_evidence, stopped=": the same command goes on where it was")

    mutate = commands.add_parser("mutate", help="try wrong answers made by machine on lessons' checks")
    mutate.add_argument("lessons", nargs="*", help="numbers, or exercises like 5.2 (default: all)")
    mutate.add_argument("--seconds", type=_positive, default=60, help="time for one exercise (default: %(default)s)")
    mutate.add_argument("--all", action="store_true", help="list every mutant with what practice told it")
    mutate.set_defaults(run=_mutate)

    bundle = commands.add_parser("bundle", help="pack lessons for learners, without solutions")
    bundle.add_argument("lessons", nargs="*", help="numbers (default: all)")
    bundle.add_argument("--out", required=True, type=Path, help="the folder for the zip, or for the repository")
    bundle.add_argument("--student-repo", action="store_true", help="lay out a class's repository instead of a zip")
    bundle.add_argument("--no-hints", action="store_true", help="leave out the hints that wrong tries earn")
    bundle.set_defaults(run=_bundle)

    grade = commands.add_parser("grade", help="grade a folder or zip of submissions to one lesson")
    grade.add_argument("submissions", help="the folder or zip that your platform exported")
    grade.add_argument("--lesson", required=True, help="the lesson's number")
    grade.add_argument("--out", required=True, help="the folder for the results; a run that was interrupted goes on")
    grade.add_argument("--seed", type=_natural, help="the seed of an earlier run (default: a new secret one)")
    grade.add_argument(
        "--jobs", type=_positive, default=os.cpu_count(), help="how many at a time (default: %(default)s)"
    )
    grade.add_argument("--scheduler", default="", help="the address of a Dask scheduler whose workers grade")
    grade.add_argument("--format", choices=["canvas", "moodle"], default="", help="write a file to import there, too")
    grade.add_argument("--column", default="", help="the assignment's name in Canvas (default: number and title)")
    grade.add_argument("--roster", default="", help="a CSV file of the class: who handed in nothing gets a row, too")
    grade.add_argument("--inside", default="", help="the folder in it where the learners' files lie ('*': any one)")
    grade.add_argument("--individual", action="store_true", help="Moodle: everybody handed in alone, not in groups")
    grade.add_argument(
        "--attempt", choices=["last", "first", "best"], default="last", help="of several, the one to count"
    )
    grade.add_argument("--due", default="", help="when it was due, as 2026-11-29 or 2026-11-29T17:30")
    grade.add_argument("--late-penalty", type=_percent, default=0, metavar="PERCENT", help="lost for each day begun")
    grade.add_argument("--partial", action="store_true", help="credit for the share of cases that are right")
    grade.add_argument("--out-of", type=_positive, default=0, metavar="POINTS", help="scale to the platform's maximum")
    grade.add_argument("--seconds", type=_positive, default=60, help="time limit of one cell (default: %(default)s)")
    grade.add_argument("--unsafe", action="store_true", help="run strangers' code without a sandbox, at your own risk")
    grade.set_defaults(run=_grade, stopped=": the same command goes on where it was")

    export = commands.add_parser("export", help="write a lesson as an assignment of another grader")
    export.add_argument("format", choices=["nbgrader", "gradescope"])
    export.add_argument("lesson", help="the lesson's number")
    export.add_argument("--out", required=True, type=Path, help="nbgrader's course folder, new or yours; a folder")
    export.add_argument("--seed", type=_natural, help="the seed of the hidden tests (default: a new secret one)")
    export.set_defaults(run=_export)
    return parser


def _course():
    """The course that a command is for; notebooks that look like lessons but are passed over are named on stderr."""
    from coursekit.lessons.course import Course

    course = Course.find()
    for sentence in course.passed_over:
        print(f"course: {sentence}", file=sys.stderr)
    return course


def _natural(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _percent(text):
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 100")
    return percent / 100


def _positive(text):
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _lab(arguments):
    from coursekit.learning import lab

    course = _course()
    work = lab.work_folder(course, arguments.work)
    for sentence in lab.update(course, work):
        print(sentence)
    if arguments.copy_only:
        return 0
    number = arguments.lesson or course.numbers[0]
    print(f"Opening lesson {number} from {work}")
    return lab.open_lab(course, work, number, arguments.options)


def _check(arguments):
    from coursekit.checking.toolbox import TOOLBOX
    from coursekit.learning import lab, verdicts
    from coursekit.learning.copies import choose
    from coursekit.learning.shelf import FILE
    from coursekit.proving import report

    course = _course()
    work = lab.work_folder(course, arguments.work)
    if arguments.notebook.isdigit():
        path, choice = choose(course, course.lesson(arguments.notebook), work)
        path = path or lab.find_copy(course, work, arguments.notebook)
        print(choice, end="\n" if choice else "")
    else:
        path = Path(arguments.notebook)
    try:
        own = path.resolve().parent == work
    except ValueError:  # no path has a zero byte; reading it says so
        own = False
    kept = {TOOLBOX: str(work / FILE)} if own else {}
    lesson, rows, remarks = report.check_notebook(course, path, arguments.seconds, kept)
    if own:
        verdicts.keep(work, rows)
    print(f"{lesson.number} {lesson.title}: {path}")
    for line in (*(row.line for row in rows), *remarks):
        print("  " + line.replace("\n", "\n  "))
    right = sum(row.kind == "right" for row in rows)
    print(f"{right} of {len(rows)} exercises are right.")
    return 0 if right == len(rows) else 1


def _progress(arguments):
    from coursekit.learning import lab, progress

    course = _course()
    work = lab.work_folder(course, arguments.work)
    if not work.is_dir():
        raise CourseError(f"There are no copies in {work} yet: `course lab` makes them.")
    print(progress.table(progress.standings(course, work)))


def _toolbox(arguments):
    from coursekit.learning import lab, shelf

    for line in shelf.lines(lab.work_folder(_course(), arguments.work)):
        print(line)


def _book(arguments):
    from coursekit.publishing import book as publish
    from coursekit.publishing import editions, paper

    root, kind = _course().root, arguments.instructor
    if arguments.pdf:
        paper.find_browser()  # before the work, not after it
    page = editions.build_instructor_book(root) if kind else publish.build_book(root)
    print(f"The book is at {page}")
    stem = root / "_build" / editions.file_stem(root, kind)
    if arguments.zip:
        print(f"As one file it is {editions.pack(page, stem.with_suffix('.zip'))}")
    if arguments.pdf:
        print(f"As a PDF it is {paper.print_book(page, stem.with_suffix('.pdf'), publish.parts(root))}")


def _serve(arguments):
    from coursekit.publishing.book import serve

    serve(_course().root / "_build" / "html", arguments.port)


def _links(arguments):
    from coursekit.publishing import doors

    course = _course()
    where, notebook = doors.repository(course.root, arguments.repository), course.lesson(arguments.lesson).path.name
    print(f"Binder       {doors.binder(where, notebook)}")
    if where.path:
        print(f"Colab        {doors.colab(where, notebook)}")
    if arguments.hub:
        print(f"nbgitpuller  {doors.nbgitpuller(where, arguments.hub, notebook)}")
    if where.path:
        print("Colab opens the branch colab: push there what `course colab --out FOLDER` writes.")


def _colab(arguments):
    from coursekit.lessons.notebook import text_of
    from coursekit.proving.record import write
    from coursekit.publishing import doors

    course = _course()
    where = doors.repository(course.root, arguments.repository)
    for number in arguments.lessons or course.numbers:
        lesson = course.lesson(number)
        path, text = arguments.out / lesson.path.name, text_of(doors.for_colab(lesson, where))
        if path.exists() and path.read_bytes() != text.encode():
            raise CourseError(f"{path} is there already and differs: give another folder, or remove it.")
        write(path, text)
        print(path)


def _record(arguments):
    for line in _side_by_side(functools.partial(_record_one, quick=arguments.quick), arguments):
        print(line, flush=True)


def _record_one(course, number, quick):
    from coursekit.proving.record import record

    started = time.monotonic()
    lesson = record(course, course.lesson(number), quick)
    return f"{lesson.name}: recorded in {time.monotonic() - started:.1f} s"


def _verify(arguments):
    failed = 0
    for line, found in _side_by_side(functools.partial(_verify_one, seeds=arguments.seeds), arguments):
        print(line, flush=True)
        for proof, sentence in found:
            print(f"  {proof}: {sentence}")
        failed += len(found)
    return 1 if failed else 0


def _verify_one(course, number, seeds):
    from coursekit.proving.verify import PROOFS, by_chance, problems

    lesson, started, proofs = course.lesson(number), time.monotonic(), PROOFS
    if seeds:
        proofs = (*PROOFS, functools.wraps(by_chance)(functools.partial(by_chance, seeds=seeds)))
    found = problems(course, lesson, proofs)
    told = f"{len(found) or 'no'} problems in {len(proofs)} proofs"
    return f"{lesson.name}: {told}, {time.monotonic() - started:.1f} s", found


def _shake(arguments):
    changed = 0
    for name, told, otherwise in _side_by_side(_shake_one, arguments):
        print(f"{name}: {len(told) or 'nothing'} hangs on the last bit", *told, sep="\n  ", flush=True)
        changed += otherwise
    return 1 if changed else 0


def _shake_one(course, number):
    from coursekit.proving.shake import lines, shaken

    lesson = course.lesson(number)
    found = shaken(lesson, course.solutions(lesson), course.expected, lesson.notebook, every=True)
    return lesson.name, list(lines(lesson, found)), len(found.otherwise)


def _side_by_side(work, arguments):
    """The results of work(course, number) for the given lessons, in order; several lessons run at a time.

    The longest lessons start first, so that none of them is still running when all the others are done.
    """
    course = _course()
    numbers = dict.fromkeys(arguments.lessons or course.numbers)
    seconds = {number: (course.lesson(number).facts or (0, 0))[1] for number in numbers}
    with ThreadPoolExecutor(max(1, arguments.jobs)) as pool:  # threads: the work is done by kernels, in their processes
        begun = {number: pool.submit(work, course, number) for number in sorted(numbers, key=seconds.get, reverse=True)}
        try:
            yield from (begun[number].result() for number in numbers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _mutate(arguments):
    from coursekit.proving.mutate import HEADER, mutate

    course, failed = _course(), False
    asked = {}
    for number in arguments.lessons or course.numbers:
        lesson, _, exercise = number.partition(".")
        asked.setdefault(lesson, []).extend([number] if exercise else [])
    print(HEADER)
    for number, exercises in asked.items():
        lesson = course.lesson(number)
        if unknown := set(exercises) - set(lesson.gaps):
            raise CourseError(f"Lesson {lesson.number} has no exercise {min(unknown)}.")
        report = mutate(course, lesson, exercises, arguments.seconds)
        print(report.row, flush=True)
        for one in report.tried if arguments.all else report.survivors:
            fate = f"passes on {len(one.passes)} seeds" if one.passes else f"({one.practice}) {one.says}"
            print(f"    {one.exercise} line {one.line}: {one.change}: {fate}")
        for one in report.misnamed:
            print(f"    {one.exercise} line {one.line}: {one.change}: told of another mistake: {one.says}")
        for change in report.stale:
            print(f"    equivalent, but no such change: {change}")
        failed = failed or bool(report.survivors or report.misnamed or report.stale)
    return 1 if failed else 0


def _stats(arguments):
    from coursekit.proving.stats import HEADER, row

    course = _course()
    print(HEADER)
    for number in arguments.lessons or course.numbers:
        print(row(course, course.lesson(number)))


def _evidence(arguments):
    from coursekit.proving import evidence

    course, refuted = _course(), 0
    scripts = [course.evidence / f"{course.lesson(number).name}.py" for number in arguments.lessons]
    for script in scripts or sorted(course.evidence.glob("[0-9][0-9]_*.py")):
        for entry in evidence.gather(script, arguments.again):
            print(f"{script.stem}: {'held' if entry['held'] else 'DID NOT HOLD'}: {entry['claim']}\n  {entry['found']}")
            refuted += not entry["held"]
    return 1 if refuted else 0


def _bundle(arguments):
    from coursekit.publishing.bundle import bundle, chosen, student_repository, unmet

    course = _course()
    if not arguments.student_repo:
        print(f"The bundle is {bundle(course, arguments.lessons, arguments.out, not arguments.no_hints)}")
        for sentence in unmet(chosen(course, arguments.lessons)):
            print(sentence)
        return
    for sentence in student_repository(course, arguments.lessons, arguments.out, not arguments.no_hints):
        print(sentence)
    print(f"The class's repository is ready in {arguments.out}: commit and push it.")


def _grade(arguments):
    from coursekit.grading import batch
    from coursekit.grading.lateness import Rule
    from coursekit.grading.roster import day

    course = _course()
    chosen = ("seed", "jobs", "scheduler", "format", "column", "unsafe", "seconds", "inside", "roster", "individual")
    chosen += ("attempt", "partial", "out_of")
    if arguments.column and arguments.format != "canvas":
        raise CourseError("--column names the assignment in Canvas: say --format canvas as well, or leave it out.")
    rule = Rule(day(arguments.due, "--due") if arguments.due else None, arguments.late_penalty)
    settings = batch.Settings(rule=rule, **{name: getattr(arguments, name) for name in chosen})
    rows, seconds = batch.grade_folder(
        course, course.lesson(arguments.lesson), arguments.submissions, arguments.out, settings, _say
    )
    for line in batch.summary(rows, arguments.out, seconds, arguments.format):
        print(line)
    return 1 if any(row.status == "failed" for row in rows) else 0


def _say(line):
    print(line, flush=True)


def _export(arguments):
    from coursekit.publishing import autograder
    from coursekit.publishing.assignment import export

    course = _course()
    seed = secrets.randbits(53) if arguments.seed is None else arguments.seed
    if arguments.format == "gradescope":
        lesson = course.lesson(arguments.lesson)
        print(f"The autograder is {autograder.export(course, lesson, arguments.out, seed)}.")
        print(f"Upload it to a programming assignment of {sum(lesson.points.values())} points. The seed is {seed}.")
        for line in autograder.PROMISES:
            print(line)
        return
    folder = export(course, course.lesson(arguments.lesson), arguments.out, seed)
    print(f"The assignment is in {folder}.")
    print(f"Now, in {arguments.out}: nbgrader generate_assignment {folder.name}")


if __name__ == "__main__":
    sys.exit(main())
