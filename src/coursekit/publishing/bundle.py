"""A learner's bundle: lessons, what their checks expect, the package and how to install it. Never a solution.

Packed as a zip whose bytes depend on its files alone, or laid out as a class's public repository.
"""

import hashlib
import json
import os
import tomllib
import zipfile
from pathlib import Path

from coursekit.lessons.errors import CourseError
from coursekit.proving.record import write
from coursekit.publishing.leaks import leaks

NAMED = ("LICENSE", "LICENSE-text", "CITATION.cff", "constraints.txt", "environment.yml", "postBuild", "pyproject.toml")
PACKAGE = ("*.py", "*.js", "*.css", "*.html", "*.json", "*.csv", "*.txt", "*.npz", "*.png", "*.svg")
LEDGER = ".bundle.json"
PROGRAMS = ("postBuild", "setup.sh", "run_autograder")
SECRET = ("run.json", "reference.json")  # files with a grading run's secrets: batch.RUN and batch.REFERENCE
IGNORED = "/work/\n.venv/\n__pycache__/\n.ipynb_checkpoints/\n*.egg-info/\n"
ATTRIBUTES = "* -text\n"  # git leaves line endings alone: what an earlier bundle wrote is known by its bytes
README = """# {title}

{lessons}
{unmet}
## Install

You need Python {python} and about 3 GB of disk. On Linux and macOS:

```
python3 -m venv .venv
.venv/bin/pip install {pins}-e {here}
.venv/bin/course lab
```

On Windows:

```
python -m venv .venv
.venv\\Scripts\\pip install {pins}-e {here}
.venv\\Scripts\\course lab
```
{conda}
`course lab` makes your own copies of the lessons in `work/` and opens the first; with a number it opens that lesson.
Your copies are never overwritten: when a lesson changes, the new one is put beside yours.

## Work

Fill the cells that begin with `#| exercise:` and run the check below each: it says at once whether your answer holds.
`course check {number}` runs your whole copy of lesson {number} from the top, and tells how each exercise went. Keep
the lines that begin with `#|`, by which your answers are found.

## Hand in

Save, and hand in your notebook from `work/`, for example `work/{example}`.
"""
CONDA = """
With conda: `conda env create -f environment.yml`, then `conda activate {name}`, then `course lab`.
"""


def bundle(course, numbers, out, hints=True):
    """Write the zip of some lessons (default: all) into the folder `out`; return its path."""
    _refuse(out)
    lessons = chosen(course, numbers)
    name, files = project(course)["name"], contents(course, lessons, hints)
    if numbers:
        name = "-".join([name, *sorted({lesson.number for lesson in lessons})])
    out.mkdir(parents=True, exist_ok=True)
    draft = out / f"{name}.zip.part"
    pack(draft, {f"{name}/{file}": content for file, content in files.items()})
    os.replace(draft, out / f"{name}.zip")
    return out / f"{name}.zip"


def chosen(course, numbers):
    """The lessons of some numbers; all where there are none."""
    return [course.lesson(number) for number in numbers or course.numbers]


def unmet(lessons, here="in this bundle"):
    """Sentences, without full stops, on prerequisites of these lessons that are not among them."""
    own = {lesson.number: lesson for lesson in lessons}
    for number, lesson in sorted(own.items()):
        if missing := [before for before in (lesson.facts or (0, 0, ()))[2] if before not in own]:
            listed = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
            yield f"{number} builds on {listed}, which {'is' if len(missing) == 1 else 'are'} not {here}"


def _refuse(out):
    """CourseError for a file, and for a folder with a grading run's secrets, which would be handed out to learners."""
    if out.exists() and not out.is_dir():
        raise CourseError(f"{out} is a file: name a folder.")
    if any((out / name).exists() for name in SECRET):
        raise CourseError(f"{out} holds the results of a grading run, with its secrets: name another folder.")


def pack(path, files):
    """Write a zip of {name: bytes} whose bytes depend on nothing else.

    Stored and not deflated: zlib's output for the same bytes differs between its versions.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, (0o100755 if name.endswith(PROGRAMS) else 0o100644) << 16
            archive.writestr(entry, content)


def student_repository(course, numbers, out, hints=True):
    """Bring a class's repository up to date in the folder `out`; return sentences for the terminal.

    They name the files that were left alone and the prerequisites that are `unmet`. Lessons join those that are there.
    Files that somebody changed there since, or put there, stay as they are; what an earlier bundle wrote and this one
    does not have is removed. CourseError for a folder with other things in it.
    """
    _refuse(out)
    if out.resolve() == course.root.resolve():
        raise CourseError(f"{out} is the course itself, with its solutions: name another folder for the repository.")
    entries = {entry.name for entry in out.iterdir()} - {".git"} if out.is_dir() else set()
    if entries and LEDGER not in entries:
        raise CourseError(f"{out} holds other things than a class's repository: name a new folder.")
    before, said = _ledger(out / LEDGER), []
    there = {Path(name).name[:2] for name in before if name.endswith(".ipynb") and (out / name).is_file()}
    wanted = {course.lesson(number).number for number in numbers} | there if numbers else course.numbers
    lessons = [course.lesson(number) for number in sorted(wanted) if number in course.numbers]
    files = contents(course, lessons, hints) | {".gitignore": IGNORED.encode(), ".gitattributes": ATTRIBUTES.encode()}
    if not entries:
        write(out / LEDGER, "{}\n")  # also after an interruption it is a class's repository
    for name, content in sorted(files.items()):
        path = out / name
        if path.is_symlink() or (path.exists() and not _digests(path) & {before.get(name), _sha(content)}):
            said.append(f"{name} is not as a bundle wrote it, so it stays as it is")
            continue
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if name == "postBuild":
            path.chmod(0o755)
    for name in sorted(before.keys() - files.keys()):
        if (out / name).is_file() and before[name] in _digests(out / name):
            (out / name).unlink()
    wrote = {name: _sha(content) for name, content in files.items()}
    write(out / LEDGER, json.dumps(wrote, indent=1, sort_keys=True) + "\n")
    return [*said, *unmet(lessons)]


def _ledger(path):
    """{name: digest} of what earlier bundles wrote into a folder; nothing where none did."""
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = ledger.items() if isinstance(ledger, dict) else []
    return {name: digest for name, digest in known if ".." not in name and not Path(name).is_absolute()}


def _digests(path):
    """Digests of a file, as it is and with the line endings that git may have changed on the way."""
    content = path.read_bytes() if path.is_file() else None
    return set() if content is None else {_sha(content), _sha(content.replace(b"\r\n", b"\n"))}


def _sha(content):
    return hashlib.sha256(content).hexdigest()


def project(course):
    """The table [project] of a course's pyproject.toml; CourseError where there is none."""
    path = course.root / "pyproject.toml"
    if not path.is_file():
        raise CourseError(f"There is no pyproject.toml in {course.root}: a bundle is made in the course's repository.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    except (tomllib.TOMLDecodeError, KeyError):
        raise CourseError(f"{path} is damaged: it has no table [project].") from None


def contents(course, lessons, hints=True):
    """The files of a bundle as {name: bytes}; CourseError when a line of an answer or of a mistake is in one."""
    paths = [course.root / name for name in NAMED if (course.root / name).is_file()]
    paths += [path for kind in PACKAGE for path in (course.root / "src").rglob(kind)]
    for lesson in lessons:
        paths += [lesson.path, course.expected / f"{lesson.name}.json"]
    if missing := [path for path in paths if not path.is_file()]:
        number = missing[0].name[:2]
        raise CourseError(f"{missing[0].name} is missing from expected/: run `course record {number}`.")
    files = {path.relative_to(course.root).as_posix(): path.read_bytes() for path in sorted(paths) if _public(path)}
    if not hints:
        files |= {name: _without_hints(content) for name, content in files.items() if "/expected/" in f"/{name}"}
    files["README.md"] = readme(project(course), lessons, files).encode()
    if leak := next(leaks(course, files), None):
        raise CourseError(leak)
    return files


def _without_hints(content):
    """Recorded values without the hints beside them."""
    records = json.loads(content)
    kept = {exercise: {k: v for k, v in entry.items() if k != "hints"} for exercise, entry in records.items()}
    return (json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _public(path):
    return not any(part.startswith(".") or part == "__pycache__" for part in path.parts[-4:])


def readme(project, lessons, files):
    """The README of a bundle."""
    rows = ["| lesson | | minutes |", "|---|---|---|"]
    rows += [f"| {lesson.number} | {lesson.title} | {lesson.facts[0] if lesson.facts else ''} |" for lesson in lessons]
    missing = "".join(f"\n{sentence}." for sentence in unmet(lessons, "here"))
    conda = CONDA.format(name=_conda_name(files)) if "environment.yml" in files else ""
    return README.format(
        title=project.get("description", project["name"]),
        lessons="\n".join(rows),
        unmet=f"{missing}\n" if missing else "",
        python=project.get("requires-python", "3").replace(">=", "") + " or newer",
        pins="-c constraints.txt " if "constraints.txt" in files else "",
        here='".[lessons]"' if "lessons" in project.get("optional-dependencies", {}) else ".",
        conda=conda,
        number=lessons[0].number,
        example=lessons[0].path.name,
    )


def _conda_name(files):
    lines = files["environment.yml"].decode().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("name:")), "course")
