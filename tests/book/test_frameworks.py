"""The page on what frameworks do by default: made of its record, which was made by the code that is there."""

import copy
import importlib
import json
import re

import pytest

from coursekit.lessons.course import Course
from coursekit.proving.evidence import plain


@pytest.fixture
def tools(root, monkeypatch):
    """What measures, what installs, and what makes the page."""
    monkeypatch.syspath_prepend(str(root / "evidence"))
    monkeypatch.syspath_prepend(str(root / "evidence" / "adapters"))
    return [importlib.import_module(name) for name in ("measure", "frameworks", "frameworks_page")]


@pytest.fixture
def record(root):
    """The record."""
    return json.loads((root / "evidence" / "frameworks.json").read_text(encoding="utf-8"))


def test_the_page_is_what_the_record_makes(root, tools, record):
    *_, pages = tools
    assert (root / "book" / "frameworks.md").read_text(encoding="utf-8") == pages.page(record)


def test_the_record_was_made_by_this_code_with_these_versions(tools, record):
    measure, install, pages = tools
    assert list(record["set-ups"]) == list(install.PACKAGES) == list(pages.NAMES)
    assert record["budget"] == measure.BUDGET
    for name, part in record["set-ups"].items():
        if "failed" in part:
            continue
        assert part["source"] == measure.digest(name), f"run `python evidence/frameworks.py {name}` again"
        pins = dict(re.fullmatch(r"([\w-]+)(?:\[\w+\])?==(.+)", need).groups() for need in install.PACKAGES[name])
        assert {package: version.partition("+")[0] for package, version in part["versions"].items()} == pins


def test_comments_and_docstrings_are_no_part_of_the_code_that_counts(tools):
    measure, *_ = tools
    code = measure._code('"""Says."""\n\n\ndef f():\n    """Does."""\n    return 1  # why\n')
    assert code == measure._code("def f():\n    return 1\n") != measure._code("def f():\n    return 2\n")


def _flush_nothing(set_ups):
    for part in set_ups.values():
        for how in part.get("products", {}):
            part["products"][how] = 46


def _shut(set_ups):
    set_ups["haiku"]["cells"]["LSTM"] = [-20.0] * 5


def _exact(set_ups):
    set_ups["keras_jax"]["gelus"]["ops.gelu"] = 0.8413447


def _clipped(set_ups):
    set_ups["torch"]["clips"]["clip_grad_norm_"]["large"] = [0.25, 0.25]


def _stepped(set_ups):
    set_ups["mlx"]["losses"]["losses.binary_cross_entropy"]["values"][3]["gradient"] = 0.0


@pytest.mark.parametrize("change", [_flush_nothing, _shut, _exact, _clipped, _stepped])
def test_a_record_that_says_otherwise_makes_no_page(tools, record, change):
    *_, pages = tools
    changed = copy.deepcopy(record)
    change(changed["set-ups"])
    with pytest.raises(pages.Otherwise, match="no longer bears out"):
        pages.page(changed)


def test_a_set_up_that_failed_is_named_on_the_page(tools, record):
    *_, pages = tools
    record["set-ups"]["equinox"] = {"failed": "cannot be installed"}
    assert "\n- Equinox: cannot be installed.\n" in pages.page(record)


def test_lessons_say_of_the_page_what_the_record_says(root, tools, record):
    *_, pages = tools
    course = Course.find(root)
    for number, sentence in pages.pointers(record).items():
        assert plain(sentence) in plain(course.lesson(number).prose)


def test_what_a_failure_looks_like(tools, tmp_path, monkeypatch):
    _, install, _ = tools
    monkeypatch.setitem(install.PROGRAMS, "numpy", "no-such-program")
    assert dict(install.gather(["numpy"], tmp_path)) == {
        "numpy": {"failed": "needs the program no-such-program, which is not on this machine"}
    }
    monkeypatch.setattr(install, "HERE", tmp_path)
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "measure.py").write_text("raise OSError('no such library')")
    assert install.outcome("numpy", install.sys.executable) == {"failed": "OSError: no such library"}
