"""The door for hubs, walked through: the link of `course links`, nbgitpuller, a Git server, JupyterLab in a browser."""

import subprocess
import sys
from contextlib import ExitStack

import pytest
from labpage import READY
from servers import alone, free_port, serving

import toy
from coursekit import cli
from coursekit.lessons.fill import collect
from coursekit.lessons.notebook import read, text_of
from layered import environment, layered

PULLER = "nbgitpuller==1.3.0"
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("lab")]
SAVE = """async ([mark, source]) => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cell = panel.content.widgets.find((cell) => cell.model.sharedModel.getSource().startsWith(mark));
  cell.model.sharedModel.setSource(source);
  await window.jupyterapp.commands.execute('docmanager:save');
}"""


def git(folder, *arguments):
    """Git as whoever keeps a class's repository, on the branch main."""
    name = ["-c", "user.name=teacher", "-c", "user.email=teacher@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def class_repository(toy_course, tmp_path, monkeypatch):
    """publish() brings the class's repository up to date and pushes it to a bare one, `served/class/sums.git`."""
    (toy_course.root / "pyproject.toml").write_text('[project]\nname = "sums"\n')
    monkeypatch.chdir(toy_course.root)
    folder, bare = tmp_path / "sums", tmp_path / "served" / "class" / "sums.git"
    bare.mkdir(parents=True)
    git(bare, "init", "-q", "--bare")

    def publish():
        assert cli.main(["bundle", "--student-repo", "--out", str(folder)]) == 0
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "lessons")
        git(folder, "push", "-q", str(bare), "main")

    publish()
    return publish


@pytest.fixture
def hub(class_repository, tmp_path):
    """The address of a learner's server on a hub that has nbgitpuller; git finds git.example.org on this machine."""
    if (folder := layered(PULLER)) is None:
        pytest.skip(f"{PULLER} could not be installed: is there a package index?")
    home, port, daemon = tmp_path / "home", free_port(), free_port()
    (home / "lab").mkdir(parents=True)
    env = environment(folder) | {"HOME": str(home), "IPYTHONDIR": str(home / "ipython")}
    env |= {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": "https://git.example.org/"}
    env |= {"GIT_CONFIG_KEY_0": f"url.git://127.0.0.1:{daemon}/.insteadOf"}
    server = [folder / "bin" / "python", "-m", "jupyterlab", *alone(port), "--allow-root"]
    server += [f"--app-dir={sys.prefix}/share/jupyter/lab", f"--ServerApp.root_dir={home / 'lab'}"]
    served = ["git", "daemon", "--export-all", f"--base-path={tmp_path / 'served'}", f"--port={daemon}"]
    with ExitStack() as stack:
        stack.callback(ended, subprocess.Popen([*served, "--listen=127.0.0.1"], stderr=subprocess.DEVNULL))
        address = f"http://127.0.0.1:{port}"
        stack.enter_context(serving(list(map(str, server)), f"{address}/lab", home, env, tmp_path / "log"))
        yield address


def ended(process):
    process.terminate()
    process.wait(20)


def walk(page, hub, capsys):
    """Follow the link that `course links` prints, as the hub's redirect to one's own server leaves it."""
    capsys.readouterr()
    assert cli.main(["links", "01", "--hub", hub, "--repository", "https://git.example.org/class/sums.git"]) == 0
    link = next(line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("nbgitpuller"))
    page.goto(link.replace("/hub/user-redirect/", "/"))
    page.wait_for_url("**/lab/**/sums/lessons/01_sums.ipynb*", timeout=60_000)
    page.wait_for_function(READY, timeout=90_000)


def test_the_link_brings_the_class_repository_and_later_what_was_mended(
    hub, class_repository, toy_course, page, tmp_path, capsys
):
    walk(page, hub, capsys)
    copy = tmp_path / "home" / "lab" / "sums" / "lessons" / "01_sums.ipynb"
    page.evaluate(SAVE, ["#| exercise: 1.1", f"#| exercise: 1.1\n{toy.RIGHT_1}"])
    assert collect(toy_course.lesson(1), read(copy)).by_exercise["1.1"] == toy.RIGHT_1
    lesson = toy_course.lesson(1)
    lesson.notebook.cells[0].source += "\n\nEven the empty sum has a value."
    lesson.path.write_text(text_of(lesson.notebook), encoding="utf-8")
    class_repository()
    walk(page, hub, capsys)
    book = read(copy)
    assert "Even the empty sum has a value." in book.cells[0].source
    assert collect(toy_course.lesson(1), book).by_exercise["1.1"] == toy.RIGHT_1
