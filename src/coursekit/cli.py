"""The `course` command."""

import argparse
import io
import os
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coursekit.course import Course
from coursekit.lesson import CourseError


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
        print(f"course: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"course: {error.strerror}: {error.filename}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"course: stopped{arguments.stopped}", file=sys.stderr)
        return 130


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
    check.add_argument("--seconds", type=int, default=60, help="time limit of one cell (default: 60)")
    check.set_defaults(run=_check)

    progress = commands.add_parser("progress", help="show which exercises you have answered, and which are correct")
    progress.add_argument("--work", help="the folder of your copies (default: work/)")
    progress.set_defaults(run=_progress)

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
        ("stats", _stats, "how long each lesson is"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("lessons", nargs="*", help="numbers (default: all)")
        command.set_defaults(run=run)
        if run is not _stats:
            command.add_argument(
                "--jobs", type=int, default=os.cpu_count(), help="how many at a time (default: %(default)s)"
            )

    bundle = commands.add_parser("bundle", help="pack lessons for learners, without solutions")
    bundle.add_argument("lessons", nargs="*", help="numbers (default: all)")
    bundle.add_argument("--out", required=True, type=Path, help="the folder for the zip, or for the repository")
    bundle.add_argument("--student-repo", action="store_true", help="lay out a class's repository instead of a zip")
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
    grade.add_argument("--seconds", type=_positive, default=60, help="time limit of one cell (default: %(default)s)")
    grade.add_argument("--unsafe", action="store_true", help="run strangers' code without a sandbox, at your own risk")
    grade.set_defaults(run=_grade, stopped=": the same command goes on where it was")

    export = commands.add_parser("export", help="write a lesson as an assignment of another grader")
    export.add_argument("format", choices=["nbgrader"])
    export.add_argument("lesson", help="the lesson's number")
    export.add_argument("--out", required=True, type=Path, help="nbgrader's course folder, new or yours")
    export.add_argument("--seed", type=_natural, help="the seed of the hidden tests (default: a new secret one)")
    export.set_defaults(run=_export)
    return parser


def _natural(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _positive(text):
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _lab(arguments):
    from coursekit import lab

    course = Course.find()
    work = lab.work_folder(course, arguments.work)
    for sentence in lab.update(course, work):
        print(sentence)
    if arguments.copy_only:
        return 0
    number = arguments.lesson or course.numbers[0]
    print(f"Opening lesson {number} from {work}")
    return lab.open_lab(course, work, number, arguments.options)


def _check(arguments):
    from coursekit import lab, report

    course = Course.find()
    if arguments.notebook.isdigit():
        path = lab.find_copy(course, lab.work_folder(course, arguments.work), arguments.notebook)
    else:
        path = Path(arguments.notebook)
    lesson, rows, remarks = report.check_notebook(course, path, arguments.seconds)
    print(f"{lesson.number} {lesson.title}: {path}")
    for line in (*(row.line for row in rows), *remarks):
        print(f"  {line}")
    right = sum(row.kind == "right" for row in rows)
    print(f"{right} of {len(rows)} exercises are right.")
    return 0 if right == len(rows) else 1


def _progress(arguments):
    from coursekit import lab, progress

    course = Course.find()
    work = lab.work_folder(course, arguments.work)
    if not work.is_dir():
        raise CourseError(f"There are no copies in {work} yet: `course lab` makes them.")
    print(progress.table(progress.standings(course, work)))


def _book(arguments):
    from coursekit import editions, paper, publish

    root, kind = Course.find().root, arguments.instructor
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
    from coursekit.publish import serve

    serve(Course.find().root / "_build" / "html", arguments.port)


def _links(arguments):
    from coursekit import doors

    course = Course.find()
    where, notebook = doors.repository(course.root, arguments.repository), course.lesson(arguments.lesson).path.name
    print(f"Binder       {doors.binder(where, notebook)}")
    print(f"Colab        {doors.colab(where, notebook)}")
    if arguments.hub:
        print(f"nbgitpuller  {doors.nbgitpuller(where, arguments.hub, notebook)}")


def _colab(arguments):
    from coursekit import doors
    from coursekit.lesson import text_of
    from coursekit.record import write

    course = Course.find()
    where = doors.repository(course.root, arguments.repository)
    for number in arguments.lessons or course.numbers:
        lesson = course.lesson(number)
        path, text = arguments.out / lesson.path.name, text_of(doors.for_colab(lesson, where))
        if path.exists() and path.read_bytes() != text.encode():
            raise CourseError(f"{path} is there already and differs: give another folder, or remove it.")
        write(path, text)
        print(path)


def _record(arguments):
    for line in _side_by_side(_record_one, arguments):
        print(line, flush=True)


def _record_one(course, number):
    from coursekit.record import record

    started = time.monotonic()
    lesson = record(course, course.lesson(number))
    return f"{lesson.name}: recorded in {time.monotonic() - started:.1f} s"


def _verify(arguments):
    failed = 0
    for line, found in _side_by_side(_verify_one, arguments):
        print(line, flush=True)
        for proof, sentence in found:
            print(f"  {proof}: {sentence}")
        failed += len(found)
    return 1 if failed else 0


def _verify_one(course, number):
    from coursekit.verify import PROOFS, problems

    lesson, started = course.lesson(number), time.monotonic()
    found = problems(course, lesson)
    told = f"{len(found) or 'no'} problems in {len(PROOFS)} proofs"
    return f"{lesson.name}: {told}, {time.monotonic() - started:.1f} s", found


def _side_by_side(work, arguments):
    """What work(course, number) returns for each lesson asked for, in order, several lessons at a time.

    The longest are begun first, so that none of them is still running when all the others are done.
    """
    course = Course.find()
    numbers = dict.fromkeys(arguments.lessons or course.numbers)
    seconds = {number: (course.lesson(number).facts or (0, 0))[1] for number in numbers}
    with ThreadPoolExecutor(max(1, arguments.jobs)) as pool:  # threads: the work is done by kernels, in their processes
        begun = {number: pool.submit(work, course, number) for number in sorted(numbers, key=seconds.get, reverse=True)}
        try:
            yield from (begun[number].result() for number in numbers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _stats(arguments):
    from coursekit.stats import HEADER, row

    course = Course.find()
    print(HEADER)
    for number in arguments.lessons or course.numbers:
        print(row(course, course.lesson(number)))


def _bundle(arguments):
    from coursekit.bundle import bundle, chosen, student_repository, unmet

    course = Course.find()
    if not arguments.student_repo:
        print(f"The bundle is {bundle(course, arguments.lessons, arguments.out)}")
        for sentence in unmet(chosen(course, arguments.lessons)):
            print(sentence)
        return
    for sentence in student_repository(course, arguments.lessons, arguments.out):
        print(sentence)
    print(f"The class's repository is ready in {arguments.out}: commit and push it.")


def _grade(arguments):
    from coursekit import batch

    course = Course.find()
    chosen = ("seed", "jobs", "scheduler", "format", "column", "unsafe", "seconds")
    if arguments.column and arguments.format != "canvas":
        raise CourseError("--column names the assignment in Canvas: say --format canvas as well, or leave it out.")
    settings = batch.Settings(**{name: getattr(arguments, name) for name in chosen})
    rows, seconds = batch.grade_folder(
        course, course.lesson(arguments.lesson), arguments.submissions, arguments.out, settings
    )
    for line in batch.summary(rows, arguments.out, seconds, arguments.format):
        print(line)
    return 1 if any(row.status == "failed" for row in rows) else 0


def _export(arguments):
    from coursekit.assignment import export

    course = Course.find()
    seed = secrets.randbits(53) if arguments.seed is None else arguments.seed
    folder = export(course, course.lesson(arguments.lesson), arguments.out, seed)
    print(f"The assignment is in {folder}.")
    print(f"Now, in {arguments.out}: nbgrader generate_assignment {folder.name}")


if __name__ == "__main__":
    sys.exit(main())
