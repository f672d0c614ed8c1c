"""The probe as a callback of a library's training loop: Lightning's Trainer and Hugging Face's.

    trainer = lightning.Trainer(callbacks=[lightning_callback(every=10)])
    trainer = transformers.Trainer(model=model, callbacks=[transformers_callback(every=10)])

Both print what was found when the training ends; the probe itself is `callback.probe`. Neither library is imported
before its callback is asked for.
"""

import warnings

from vanishing.probe.recorder import probe


class _Listening:
    """What both callbacks do: begin with the training, end with it, however it ends."""

    def __init__(self, report=None, show=print, **options):
        self.report, self.show, self.options, self.probe = report, show, options, None

    def begin(self, model):
        self.end(say=False)
        self.probe = probe(model, **self.options)
        self.probe.__enter__()

    def end(self, say=True):
        if self.probe is None or self.probe._open is None:
            return
        self.probe.__exit__(None, None, None)
        if say and self.show is not None:
            self._speak(self.show, self.probe)
        if say and self.report is not None and self.probe.steps:
            self._speak(self.probe.report, self.report)

    @staticmethod
    def _speak(how, what):
        """Report without raising: a failed report or a wrong path must not end a training of days in an error."""
        try:
            how(what)
        except Exception as error:
            said = f"what the probe heard could not be told ({type(error).__name__}: {error})"
            warnings.warn(f"{said}; the training is whole: ask the callback's `probe`.", stacklevel=2)


def lightning_callback(report=None, show=print, **options):
    """A lightning.pytorch Callback that listens to the whole `fit`; `options` are those of `probe`.

    report  a path for the HTML report;  show  what is called with the probe at the end, None for nothing
    ImportError where neither lightning nor pytorch_lightning is installed.
    """
    try:
        from lightning.pytorch import Callback
    except ImportError:
        from pytorch_lightning import Callback

    class ProbeCallback(Callback):
        """Listens from the first batch on; `probe` is what it heard."""

        def __init__(self):
            super().__init__()
            self._listening = _Listening(report, show, **options)

        @property
        def probe(self):
            return self._listening.probe

        def on_train_start(self, trainer, module):
            self._listening.begin(module)

        def on_train_end(self, trainer, module):
            self._listening.end()

        def on_exception(self, trainer, module, exception):
            self._listening.end()

    return ProbeCallback()


def transformers_callback(report=None, show=print, **options):
    """A transformers TrainerCallback that listens to the whole `train`; `options` are those of `probe`.

    Arguments and errors as for `lightning_callback`. If the training raises, say `callback.close()`.
    """
    from transformers import TrainerCallback

    class ProbeCallback(TrainerCallback):
        """Listens from the beginning of the training on; `probe` is what it heard."""

        def __init__(self):
            self._listening = _Listening(report, show, **options)

        @property
        def probe(self):
            return self._listening.probe

        def on_train_begin(self, args, state, control, model=None, **others):
            self._listening.begin(model)

        def on_train_end(self, args, state, control, **others):
            self._listening.end()

        def close(self):
            self._listening.end(say=False)

    return ProbeCallback()
