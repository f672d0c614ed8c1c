"""The `course` command."""

import argparse
import io
import sys
import time
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
        print("course: stopped", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(prog="course", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    lab = commands.add_parser("lab", help="open your copies of the lessons in JupyterLab; its options after --")
    lab.add_argument("lesson", nargs="?", default="01", help="the lesson to open (default: 01)")
    lab.add_argument("--work", help="the folder for your copies (default: work/)")
    lab.add_argument("--copy-only", action="store_true", help="make the copies, do not start JupyterLab")
    lab.set_defaults(run=_lab)

    check = commands.add_parser("check", help="check your answers: course check 05, or a notebook's path")
    check.add_argument("notebook", help="a lesson's number, or the path of a notebook")
    check.add_argument("--work", help="the folder of your copies (default: work/)")
    check.add_argument("--seconds", type=int, default=60, help="time limit of one cell (default: 60)")
    check.set_defaults(run=_check)

    book = commands.add_parser("book", help="build the book into _build/html")
    book.add_argument("--instructor", action="store_true", help="with answers, mistakes and notes, into _build/instructor")
    book.add_argument("--zip", action="store_true", help="also as one zip file to read without a network")
    book.add_argument("--pdf", action="store_true", help="also as a PDF; needs Chromium and the extra `pdf`")
    book.set_defaults(run=_book)
    serve = commands.add_parser("serve", help="show the built book at an address of this machine")
    serve.add_argument("--port", type=int, default=8000)
    serve.set_defaults(run=_serve)

    for name, run, text in (
        ("record", _record, "run lessons with their solutions and keep outputs and expected values"),
        ("verify", _verify, "prove that lessons, solutions, mistakes and recorded outputs agree"),
        ("stats", _stats, "how long each lesson is"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("lessons", nargs="*", help="numbers (default: all)")
        command.set_defaults(run=run)
    return parser


def _lab(arguments):
    from coursekit import lab

    course = Course.find()
    work = lab.work_folder(course, arguments.work)
    for sentence in lab.update(course, work):
        print(sentence)
    if arguments.copy_only:
        return 0
    print(f"Opening lesson {arguments.lesson} from {work}")
    return lab.open_lab(course, work, arguments.lesson, arguments.options)


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


def _record(arguments):
    from coursekit.record import record

    course = Course.find()
    for number in arguments.lessons or course.numbers:
        started = time.monotonic()
        lesson = record(course, course.lesson(number))
        print(f"{lesson.name}: recorded in {time.monotonic() - started:.1f} s")


def _verify(arguments):
    from coursekit.verify import PROOFS, problems

    course, failed = Course.find(), 0
    for number in arguments.lessons or course.numbers:
        lesson, started = course.lesson(number), time.monotonic()
        found = problems(course, lesson)
        print(
            f"{lesson.name}: {len(found) or 'no'} problems in {len(PROOFS)} proofs, {time.monotonic() - started:.1f} s"
        )
        for proof, sentence in found:
            print(f"  {proof}: {sentence}")
        failed += len(found)
    return 1 if failed else 0


def _stats(arguments):
    from coursekit.stats import HEADER, row

    course = Course.find()
    print(HEADER)
    for number in arguments.lessons or course.numbers:
        print(row(course, course.lesson(number)))


if __name__ == "__main__":
    sys.exit(main())
