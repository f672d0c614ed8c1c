"""The live bench: choose settings, run, watch the figure grow, stop. It needs a kernel; its still needs nothing."""

import itertools
import threading
import time
from dataclasses import replace
from html import escape

import ipywidgets as widgets
from IPython.display import display
from matplotlib.figure import Figure

from vanishing.figures.style import check_alt, finish, house

NOTE = '<p style="margin:.2em 0;font-size:.9em;opacity:.8">{}</p>'


class Bench:
    """A small experiment with controls, progress and a stop button.

    run       generator function: run(**settings) yields (steps done, steps in all, state)
    draw      draw(ax, state): draws a state on an empty axis
    settings  {name: list of values}; the first value of each is where the bench starts, and an underscore in a name
              is read as a space
    title     the experiment in a few words
    alt       what the figure shows, 20 characters or more
    pace      seconds that a live step takes at least, so that a fast experiment can be watched

    Shown in a notebook, the bench runs once with its first settings and shows the outcome, which is what a page without
    a kernel keeps. In JupyterLab the controls below it run the experiment again, in a thread, so that Stop answers.
    Raises ValueError when a setting has no values or `run` yields nothing.
    """

    def __init__(self, run, draw, settings, title, alt, width=6.4, height=3.6, pace=0.0):
        check_alt(alt)
        for name, values in settings.items():
            if not list(values):
                raise ValueError(f"The setting {name!r} needs at least one value.")
        self.run, self.draw, self.settings, self.title, self.alt = run, draw, settings, title, alt
        self.size, self.pace = (width, height), pace
        self.stopping = threading.Event()
        self.thread = None
        self.handle = None
        self._build()

    def _build(self):
        wide = {"description_width": "initial"}
        self.choices = {
            name: widgets.SelectionSlider(
                options=list(values), value=values[0], description=_words(name), style=wide, continuous_update=False
            )
            for name, values in self.settings.items()
        }
        self.start_button = widgets.Button(description="Run", icon="play", button_style="primary")
        self.stop_button = widgets.Button(description="Stop", icon="stop", disabled=True)
        self.progress = widgets.FloatProgress(min=0, max=1, value=0, layout={"width": "12em"})
        self.says = widgets.Label()
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        buttons = widgets.HBox([self.start_button, self.stop_button, self.progress, self.says])
        self.controls = widgets.VBox([*self.choices.values(), buttons])

    def still(self, state, note):
        """The figure of a state, with a line of text below it."""
        with house():
            fig = Figure(figsize=self.size, layout="constrained")
            ax = fig.subplots()
            ax.set_title(self.title)
            self.draw(ax, state)
            frame = finish(fig, self.alt)
        return replace(frame, html=frame.html + NOTE.format(escape(note)))

    def rehearse(self):
        """Run with the first settings to the end, and return the still of the last state."""
        first = {name: values[0] for name, values in self.settings.items()}
        *_, (_, _, state) = itertools.chain([(0, 0, None)], self.run(**first))
        if state is None:
            raise ValueError("The run of a bench must yield at least one (done, total, state).")
        again = "Live in JupyterLab: choose other settings and run it again."
        return self.still(state, f"Recorded with {_text(first)}. {again}")

    def _ipython_display_(self):
        self.handle = display(self.rehearse(), display_id=True)
        display(self.controls)

    def start(self):
        """Run with the chosen settings in a thread of its own; nothing happens while one is running."""
        if self.thread and self.thread.is_alive():
            return
        self.stopping.clear()
        chosen = {name: choice.value for name, choice in self.choices.items()}
        self.thread = threading.Thread(target=self._work, args=(chosen,), daemon=True)
        self.start_button.disabled, self.stop_button.disabled = True, False
        self.thread.start()

    def stop(self):
        """Ask the running experiment to end after its current step."""
        self.stopping.set()

    def _work(self, chosen, every=0.4):
        state, shown, note = None, time.monotonic(), _text(chosen)
        try:
            for done, total, state in self.run(**chosen):
                self.progress.value, self.says.value = done / total, f"{done} of {total}"
                if time.monotonic() - shown > every:
                    self._show(state, f"Running with {note} …")
                    shown = time.monotonic()
                if self.stopping.wait(self.pace):
                    break
            if state is not None:
                self._show(state, f"{'Stopped' if self.stopping.is_set() else 'Done'} with {note}.")
        except Exception as error:
            self.says.value = f"{type(error).__name__}: {error}"
        finally:
            self.start_button.disabled, self.stop_button.disabled = False, True

    def _show(self, state, note):
        if self.handle:
            self.handle.update(self.still(state, note))


def _words(name):
    return name.replace("_", " ")


def _text(settings):
    return ", ".join(f"{_words(name)} {value}" for name, value in settings.items())
