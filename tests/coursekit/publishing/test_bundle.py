"""The learner's bundle: what is in it, what must not be in it, and that a learner can work from it."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import pytest

import toy
from coursekit.grading import batch
from coursekit.lessons.course import Course
from coursekit.lessons.errors import CourseError
from coursekit.lessons.fill import collect, fill, reference
from coursekit.lessons.notebook import read, text_of
from coursekit.publishing.bundle import SECRET, bundle, chosen, student_repository, unmet

ROOT = Path(__file__).parents[3]
PROJECT = '[project]\nname = "toy-course"\ndescription = "Sums"\nrequires-python = ">=3.11"\n'


@pytest.fixture
def course(toy_course):
    """The toy course with a package and a project of its own, and a second lesson."""
    root = toy_course.root
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "environment.yml").write_text("name: toys\n")
    (root / "src" / "toys").mkdir(parents=True)
    (root / "src" / "toys" / "__init__.py").write_text('"""Helpers."""\n')
    (root / "src" / "toys" / "__pycache__").mkdir()
    (root / "src" / "toys" / "__pycache__" / "x.py").write_text("")
    for folder in ("lessons", "solutions"):
        text = (root / folder / "01_sums.ipynb").read_text()
        (root / folder / "02_more.ipynb").write_text(text.replace(": 1.", ": 2."))
    expected = (root / "lessons" / "expected" / "01_sums.json").read_text()
    (root / "lessons" / "expected" / "02_more.json").write_text(expected.replace('"1.', '"2.'))
    return toy_course


def names(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_a_bundle_holds_what_a_learner_needs_and_no_more(course, tmp_path):
    path = bundle(course, [], tmp_path / "out")
    assert path.name == "toy-course.zip"
    assert names(path) == [
        f"toy-course/{name}"
        for name in (
            "README.md",
            "environment.yml",
            "lessons/01_sums.ipynb",
            "lessons/02_more.ipynb",
            "lessons/expected/01_sums.json",
            "lessons/expected/02_more.json",
            "pyproject.toml",
            "src/toys/__init__.py",
        )
    ]
    with zipfile.ZipFile(path) as archive:
        readme = archive.read("toy-course/README.md").decode()
    assert "# Sums\n" in readme
    assert "| 01 | Sums | 15 |" in readme
    assert "conda activate toys" in readme
    assert "constraints.txt" not in readme
    assert os.listdir(tmp_path / "out") == ["toy-course.zip"]


def test_chosen_lessons_and_no_others(course, tmp_path):
    path = bundle(course, ["2", "02"], tmp_path)
    assert path.name == "toy-course-02.zip"
    assert [name for name in names(path) if "lessons" in name] == [
        "toy-course-02/lessons/02_more.ipynb",
        "toy-course-02/lessons/expected/02_more.json",
    ]


def test_the_same_files_give_the_same_bytes(course, tmp_path):
    first = bundle(course, [], tmp_path / "a").read_bytes()
    for path in course.root.rglob("*"):
        os.utime(path, (10**9, 10**9))
        path.chmod(0o700)
    assert bundle(course, [], tmp_path / "b").read_bytes() == first


def after(course, name, lessons):
    path = course.lessons / f"{name}.ipynb"
    path.write_text(path.read_text().replace("after: nothing", f"after: {lessons}"))


@pytest.mark.parametrize(
    ("before", "listed", "are"),
    [("01", "01", "is"), ("00, 01", "00 and 01", "are"), ("00, 01, 03", "00, 01 and 03", "are")],
)
def test_a_bundle_says_what_its_lessons_build_on_that_is_not_in_it(before, listed, are, course, tmp_path):
    after(course, "02_more", before)
    path = bundle(course, ["02", "2"], tmp_path)
    with zipfile.ZipFile(path) as archive:
        readme = archive.read(f"{path.stem}/README.md").decode()
    assert f"| 02 | Sums | 15 |\n\n02 builds on {listed}, which {are} not here.\n\n## Install\n" in readme
    assert list(unmet(chosen(course, ["02", "2"]))) == [f"02 builds on {listed}, which {are} not in this bundle"]
    assert student_repository(course, ["2"], tmp_path / "class") == list(unmet([course.lesson("2")]))


def test_what_is_in_a_bundle_is_not_missed(course, tmp_path):
    after(course, "02_more", "01")
    assert list(unmet(chosen(course, []))) == list(unmet(chosen(course, ["1"]))) == []
    assert student_repository(course, ["1"], tmp_path / "class") == []
    assert student_repository(course, ["2"], tmp_path / "class") == []  # 01 is there already
    assert "builds on" not in (tmp_path / "class" / "README.md").read_text()


def add_output(path, text):
    book = json.loads(path.read_text())
    cell = next(cell for cell in book["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["seen:\n", text]}]
    path.write_text(json.dumps(book))


def solve(path, text):
    path.write_text(path.read_text().replace('...\\"\\"\\"', "").replace('    ..."', f'    {text}"', 1))


ANSWER, OTHER = "return float(np.sum(values**2))", "return np.arange(rows)[:, None] + 2 * np.arange(columns)"
MISTAKE, SHORT = "return float(np.mean(values**2))", "raise ValueError('no grid')"
LEAKS = {
    "an answer left in its gap": lambda root: solve(root / "lessons" / "01_sums.ipynb", ANSWER),
    "an answer in an output": lambda root: add_output(root / "lessons" / "01_sums.ipynb", f"    {OTHER}"),
    "an answer in the package": lambda root: (root / "src" / "toys" / "hidden.py").write_text(
        f"def f():\n    {OTHER}\n"
    ),
    "an answer in a licence": lambda root: (root / "LICENSE").write_text(f"x = 1; {OTHER}\n"),
    "an answer among the expected values": lambda root: (root / "lessons" / "expected" / "01_sums.json").write_text(
        json.dumps({"1.1": {"cases": [], "mistakes": [{"says": f"Write {ANSWER}", "cases": []}]}})
    ),
    "a mistake in an output": lambda root: add_output(root / "lessons" / "02_more.ipynb", MISTAKE),
    "a short mistake in the package": lambda root: (root / "src" / "toys" / "bad.py").write_text(SHORT),
    "an answer in damaged JSON": lambda root: (root / "lessons" / "expected" / "01_sums.json").write_text(f"{{{OTHER}"),
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS.keys())
@pytest.mark.parametrize("chosen", [[], ["01", "02"]], ids=["all", "chosen"])
def test_a_leak_stops_it_and_leaves_nothing(leak, chosen, course, tmp_path):
    leak(course.root)
    with pytest.raises(CourseError, match=r" has a (line of the answer to|line of a mistake in|mistake in) [12]\.[12]"):
        bundle(course, chosen, tmp_path / "out")
    with pytest.raises(CourseError, match="in it: "):
        student_repository(course, chosen, tmp_path / "class")
    assert not (tmp_path / "class").exists()
    assert not list((tmp_path / "out").glob("*"))


def test_a_lesson_without_solutions_cannot_be_looked_through(course, tmp_path):
    (course.root / "solutions" / "02_more.ipynb").unlink()
    with pytest.raises(CourseError, match=r"02_more\.ipynb has no solutions here"):
        bundle(course, ["01"], tmp_path)


def test_what_is_missing_is_one_sentence(course, tmp_path):
    (course.root / "lessons" / "expected" / "02_more.json").unlink()
    with pytest.raises(CourseError, match=r"02_more\.json is missing from expected/: run `course record 02`\."):
        bundle(course, [], tmp_path)
    (course.root / "pyproject.toml").write_text("[tool]")
    with pytest.raises(CourseError, match=r"it has no table \[project\]"):
        bundle(course, [], tmp_path)
    (course.root / "pyproject.toml").unlink()
    with pytest.raises(CourseError, match=r"There is no pyproject\.toml"):
        bundle(course, [], tmp_path)


# The class's repository


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_class_repository_grows_and_keeps_what_its_teacher_did(course, tmp_path):
    out = tmp_path / "class"
    assert student_repository(course, ["01"], out) == []
    assert {".gitignore", "README.md", "lessons/01_sums.ipynb", "src/toys/__init__.py"} <= set(tree(out))
    assert "solutions" not in " ".join(tree(out))
    assert "/work/" in (out / ".gitignore").read_text()

    (out / "README.md").write_text("Our class")
    (out / "notes.md").write_text("Monday")
    (course.root / "src" / "toys" / "more.py").write_text("x = 1\n")
    assert student_repository(course, ["02"], out) == ["README.md is not as a bundle wrote it, so it stays as it is"]
    assert {"lessons/01_sums.ipynb", "lessons/02_more.ipynb", "src/toys/more.py", "notes.md"} <= set(tree(out))
    assert (out / "README.md").read_text() == "Our class"

    (out / "lessons" / "01_sums.ipynb").unlink()
    (course.root / "src" / "toys" / "more.py").unlink()
    student_repository(course, ["02"], out)
    assert "lessons/01_sums.ipynb" not in tree(out)
    assert "src/toys/more.py" not in tree(out)
    assert "notes.md" in tree(out)


def test_a_class_repository_is_not_the_course_and_follows_no_link(course, tmp_path):
    with pytest.raises(CourseError, match="is the course itself"):
        student_repository(course, [], course.root)
    out = tmp_path / "class"
    out.mkdir()
    (tmp_path / "outside").write_text("mine")
    (out / "README.md").symlink_to(tmp_path / "outside")
    (out / ".bundle.json").write_text(json.dumps({"../outside": "0"}))
    assert student_repository(course, [], out) == ["README.md is not as a bundle wrote it, so it stays as it is"]
    assert (tmp_path / "outside").read_text() == "mine"


def test_code_that_is_shown_to_have_its_fault_found_is_no_leak(course, tmp_path):
    path = course.lessons / "01_sums.ipynb"
    book = json.loads(path.read_text())
    book["cells"].insert(1, nbformat.v4.new_markdown_cell(f"Find the fault:\n\n```python\n    {MISTAKE}\n```"))
    path.write_text(json.dumps(book))
    assert bundle(course, [], tmp_path).is_file()


def test_a_class_repository_is_laid_out_in_a_folder_of_its_own(course, tmp_path):
    out = tmp_path / "thesis"
    (out / ".git").mkdir(parents=True)
    (out / "chapter.md").write_text("mine")
    with pytest.raises(CourseError, match="thesis holds other things than a class's repository: name a new folder"):
        student_repository(course, [], out)
    assert tree(out) == ["chapter.md"]
    (out / "chapter.md").unlink()
    student_repository(course, [], out)  # a repository that has just been made
    assert "README.md" in tree(out)


def test_a_class_repository_that_was_interrupted_is_finished(course, tmp_path, monkeypatch):
    out = tmp_path / "class"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", stop)
        with pytest.raises(KeyboardInterrupt):
            student_repository(course, [], out)
    assert student_repository(course, [], out) == []
    assert "README.md" in tree(out)


def stop(*_):
    raise KeyboardInterrupt


def test_nothing_is_put_beside_the_secrets_of_a_grading_run(course, tmp_path):
    assert SECRET == (batch.RUN, batch.REFERENCE)
    for name in SECRET:
        results = tmp_path / name.partition(".")[0]
        results.mkdir()
        (results / name).write_text("{}")
        for make in (bundle, student_repository):
            with pytest.raises(CourseError, match="holds the results of a grading run, with its secrets"):
                make(course, [], results)
        assert os.listdir(results) == [name]


# For real: this course, unpacked, installed, worked with

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The bundle of this course's first lesson, unpacked, and installed on top of the present environment."""
    folder = tmp_path_factory.mktemp("learner")
    path = bundle(Course(ROOT), ["01"], folder)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    home = folder / path.stem
    return home, installed("-e", home, into=folder / "venv")


def installed(*what, into):
    """The command `course` of a fresh environment, into which pip puts `what`, on top of what is installed here."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", into], check=True)
    packages = next(into.glob("lib/*/site-packages"))
    # Not as an environment's own packages: the course installed there must not be found.
    (packages / "present.pth").write_text(sysconfig.get_path("purelib"))
    command = [*PIP, "--python", into / "bin" / "python", "install", "-q"]
    subprocess.run([*command, "--no-deps", "--no-build-isolation", *what], check=True)
    return into / "bin" / "course"


def run(command, *arguments, cwd):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COURSEKIT", "PYTHON", "COV"))}
    return subprocess.run([command, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_whole_course_can_be_bundled(tmp_path):
    path = bundle(Course(ROOT), [], tmp_path)
    assert not [name for name in names(path) if "solutions" in name or "tests" in name]
    assert [n for n in names(path) if n.endswith(".ipynb")] == [
        f"{path.stem}/lessons/{lesson.name}" for lesson in Course(ROOT).paths
    ]


def test_a_learner_installs_and_works_from_a_bundle(unpacked):
    home, course = unpacked
    where = run(course.with_name("python"), "-c", "import coursekit; print(coursekit.__file__)", cwd=home.parent).stdout
    assert where.startswith(str(home))
    done = run(course, "lab", "--copy-only", cwd=home)
    assert done.stdout == "01_whisper.ipynb: your own copy is made\n", done.stderr
    lesson = Course(ROOT).lesson("01")
    solved = fill(lesson, reference(Course(ROOT).solutions(lesson)))
    (home / "work" / "01_whisper.ipynb").write_text(text_of(solved), encoding="utf-8")
    done = run(course, "check", "01", cwd=home)
    assert done.stdout.endswith("5 of 5 exercises are right.\n"), done.stderr
    for command in ("record", "verify"):
        done = run(course, command, "01", cwd=home)
        assert "Traceback" not in done.stderr
        assert "01_whisper.ipynb has no solutions here" in done.stdout + done.stderr


def test_a_learner_works_from_an_installed_wheel(tmp_path):
    source, home = tmp_path / "source", tmp_path / "home"
    for folder in ("src", "lessons"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    home.mkdir()
    wheel = [*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, source]
    subprocess.run(wheel, check=True)
    course = installed(next(tmp_path.glob("*.whl")), into=tmp_path / "venv")
    shutil.rmtree(source)
    done = run(course, "lab", "--copy-only", cwd=home)
    assert "01_whisper.ipynb: your own copy is made\n" in done.stdout, done.stderr
    lesson = Course(ROOT).lesson("01")
    solved = fill(lesson, reference(Course(ROOT).solutions(lesson)))
    (home / "work" / "01_whisper.ipynb").write_text(text_of(solved), encoding="utf-8")
    done = run(course, "check", "01", cwd=home)
    assert done.stdout.endswith("exercises are right.\n"), done.stderr


def test_a_learner_opens_jupyterlab_from_a_bundle(unpacked, tmp_path):
    home, course = unpacked
    run(course, "lab", "--copy-only", cwd=home)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COURSEKIT", "PYTHON", "COV"))}
    log = (tmp_path / "log").open("w+")
    options = ["--no-browser", "--ServerApp.port=0", "--IdentityProvider.token=bundle"]
    command = [course, "lab", "--", *options]
    server = subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        address = None
        for _ in range(600):
            found = re.search(r"http://127\.0\.0\.1:\d+/", (tmp_path / "log").read_text())
            if found or server.poll() is not None:
                address = found and found[0]
                break
            time.sleep(0.1)
        assert address, (tmp_path / "log").read_text()
        page = urllib.request.urlopen(f"{address}api/contents/01_whisper.ipynb?token=bundle", timeout=20).read()
        assert json.loads(page)["type"] == "notebook"
    finally:
        os.killpg(server.pid, 15)
        server.wait(timeout=30)
        log.close()


# A class's repository in git


def git(folder, *command):
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def committed(course, folder):
    """A class's repository, laid out and committed."""
    said = student_repository(course, ["1"], folder)
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "lessons")
    return said


def mend(course, old, new):
    path = course.lessons / "01_sums.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("attributes", [True, False])
def test_a_checkout_with_other_line_endings_is_brought_up_to_date(attributes, course, tmp_path):
    committed(course, tmp_path / "class")
    if not attributes:  # as bundles laid it out before they wrote that file
        git(tmp_path / "class", "rm", "-q", ".gitattributes")
        git(tmp_path / "class", "commit", "-qm", "none")
    git(tmp_path, "clone", "-q", "-c", "core.autocrlf=true", "class", "again")
    lesson = tmp_path / "again" / "lessons" / "01_sums.ipynb"
    assert (b"\r\n" in lesson.read_bytes()) != attributes
    mend(course, "How large is a sum?", "How large may a sum be?")
    assert student_repository(course, ["1"], tmp_path / "again") == []
    assert lesson.read_bytes() == (course.lessons / "01_sums.ipynb").read_bytes()


def saved_by_jupyter(path):
    """Answer 1.1, run all cells and save, as JupyterLab would."""
    book = nbformat.read(path, as_version=4)
    gap = next(cell for cell in book.cells if cell.source.startswith("#| exercise: 1.1"))
    gap.source = f"#| exercise: 1.1\n{toy.RIGHT_1}"
    for k, cell in enumerate(book.cells):
        if cell.cell_type == "code":
            cell.execution_count = 40 + k
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"ran at {k}\nand again\n")]
    book.metadata["language_info"] = {"name": "python", "version": "3.12.1", "nbconvert_exporter": "python"}
    nbformat.write(book, path)


def test_a_mended_sentence_reaches_a_learner_who_has_saved(course, tmp_path):
    committed(course, tmp_path / "class")
    git(tmp_path, "clone", "-q", "class", "learner")
    copy = tmp_path / "learner" / "lessons" / "01_sums.ipynb"
    saved_by_jupyter(copy)
    git(tmp_path / "learner", "commit", "-qam", "mine")
    mend(course, "How large is a sum?", "How large may a sum be?")
    assert committed(course, tmp_path / "class") == []
    git(tmp_path / "learner", "fetch", "-q")
    git(tmp_path / "learner", "merge", "-q", "origin/main")  # a conflict would end it
    book = read(copy)
    assert "How large may a sum be?" in book.cells[0].source
    assert collect(course.lesson(1), book).by_exercise["1.1"] == toy.RIGHT_1
    nbformat.validate(nbformat.read(copy, as_version=4))


def test_a_sentence_beside_the_learners_own_line_is_merged_as_nbgitpuller_does(course, tmp_path):
    committed(course, tmp_path / "class")
    git(tmp_path, "clone", "-q", "class", "learner")
    copy = tmp_path / "learner" / "lessons" / "01_sums.ipynb"
    saved_by_jupyter(copy)
    copy.write_text(copy.read_text().replace("How large is a sum?", "How large is a sum? (my note)"))
    git(tmp_path / "learner", "commit", "-qam", "mine")
    mend(course, "How large is a sum?", "How large may a sum be?")
    mend(course, "the end", "the very end")
    committed(course, tmp_path / "class")
    git(tmp_path / "learner", "fetch", "-q")
    git(tmp_path / "learner", "merge", "-q", "-Xours", "origin/main")
    book = read(copy)
    assert "How large is a sum? (my note)" in book.cells[0].source
    assert any("the very end" in cell.source for cell in book.cells)
    assert collect(course.lesson(1), book).by_exercise["1.1"] == toy.RIGHT_1
