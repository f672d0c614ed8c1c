"""The live bench in JupyterLab: the figure grows while a run is under way, Stop answers, a second run starts."""

import re

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("lab")]

SOURCE = """from vanishing.figures.bench import Bench

def climb(slope_of_the_line, steps=400):
    for k in range(1, steps + 1):
        yield k, steps, slope_of_the_line * k

def draw(ax, height):
    ax.plot([0, 1], [0, height])

alt = "A line that climbs by the chosen slope with each step of the run."
Bench(climb, draw, {"slope_of_the_line": [1, 2, 3]}, title="A climb", alt=alt, pace=0.05)"""


@pytest.fixture
def bench(lab):
    """A notebook of one cell with a bench, run."""
    cell = nbformat.v4.new_code_cell(SOURCE, id="bench")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, lab.work / "bench.ipynb")
    opened = lab.open("bench.ipynb")
    opened.page.locator("button.jupyter-button", has_text="Run").wait_for()
    yield opened
    opened.page.close()


def shown(page):
    """The bench's figure as text: how it changes is what matters."""
    return page.locator("figure.house-figure img").get_attribute("src")


def test_a_run_is_seen_while_it_runs_and_stop_ends_it(bench):
    page = bench.page
    assert bench.raised() == []
    page.get_by_text("Recorded with slope of the line 1.").wait_for()
    pictures = {shown(page)}
    handle = page.locator(".noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    run, stop = (page.locator("button.jupyter-button", has_text=name) for name in ("Run", "Stop"))
    run.click()
    page.get_by_text("Running with slope of the line 2 …").wait_for()
    for _ in range(2):  # the same output is updated twice, from the run's own thread
        source = shown(page)
        assert source not in pictures
        pictures.add(source)
        page.wait_for_function(
            "(old) => document.querySelector('figure.house-figure img').getAttribute('src') !== old", arg=source
        )
    assert run.is_disabled()
    stop.click()
    page.get_by_text("Stopped with slope of the line 2.").wait_for()
    done = int(re.match(r"(\d+) of 400", page.get_by_text(" of 400").inner_text())[1])
    assert 0 < done < 400
    assert page.locator("figure.house-figure").count() == 1
    page.wait_for_function("() => !document.querySelector('button.mod-primary').disabled")
    assert stop.is_disabled()
    run.click()
    page.get_by_text("Running with slope of the line 2 …").wait_for()
    stop.click()
    page.get_by_text("Stopped with slope of the line 2.").wait_for()
