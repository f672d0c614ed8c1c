"""The live bench, driven without a browser."""

import itertools

import matplotlib as mpl
import pytest

from vanishing.figures.bench import Bench
from vanishing.figures.style import house

ALT = "A line that climbs by the chosen slope with each step of the run."


def climb(slope, steps=5):
    for k in range(1, steps + 1):
        yield k, steps, [slope * j for j in range(k + 1)]


def draw(ax, heights):
    ax.plot(range(len(heights)), heights)


def bench(run=climb, **settings):
    return Bench(run, draw, settings or {"slope": [1, 2]}, title="A climb", alt=ALT)


def test_rehearsal_shows_the_first_settings_and_says_where_it_lives():
    still = bench().rehearse()
    assert "Recorded with slope 1. Live in JupyterLab" in still.html
    assert still.alt == ALT
    assert still.html == bench().rehearse().html


def test_run_uses_the_chosen_settings_and_reports_progress():
    seen = []
    table = bench(lambda slope: (seen.append(slope), (yield from climb(slope)))[1])
    table.choices["slope"].value = 2
    table.start()
    table.thread.join(20)
    assert seen == [2]
    assert table.progress.value == 1.0
    assert table.says.value == "5 of 5"
    assert not table.start_button.disabled


def test_stop_ends_an_endless_run():
    table = bench(lambda slope: ((k, 10**9, [0, slope]) for k in itertools.count(1)))
    table.start()
    table.stop()
    table.thread.join(20)
    assert not table.thread.is_alive()
    assert table.stop_button.disabled


def test_stop_answers_during_a_step_that_is_slowed_down():
    table = Bench(climb, draw, {"slope": [1]}, title="A climb", alt=ALT, pace=60)
    table.start()
    table.stop()
    table.thread.join(20)
    assert not table.thread.is_alive()


def test_an_underscore_is_read_as_a_space():
    table = bench(lambda first_slope: climb(first_slope), first_slope=[1, 2])
    assert table.choices["first_slope"].description == "first slope"
    assert "Recorded with first slope 1." in table.rehearse().html


def test_a_figure_in_a_cell_keeps_the_house_style_while_a_run_draws():
    table = Bench(climb, draw, {"slope": [1]}, title="A climb", alt=ALT)
    with house():
        table.start()  # its drawing waits for the end of this block
        inside = dict(mpl.rcParams)
    table.thread.join(20)
    assert inside["axes.spines.top"] is False
    assert dict(mpl.rcParams)["axes.spines.top"] == mpl.rcParamsDefault["axes.spines.top"]


def test_a_run_that_raises_says_so_and_can_be_started_again():
    def broken(slope):
        yield 1, 2, [0, slope]
        raise RuntimeError("no more paper")

    table = bench(broken)
    table.start()
    table.thread.join(20)
    assert table.says.value == "RuntimeError: no more paper"
    assert not table.start_button.disabled


def test_bad_input_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="'slope' needs at least one value"):
        bench(slope=[])
    with pytest.raises(ValueError, match="must yield at least one"):
        bench(lambda slope: iter(())).rehearse()
    with pytest.raises(ValueError, match="alt must say"):
        Bench(climb, draw, {"slope": [1]}, title="A climb", alt="short")
