"""The words that a service listens for, of one model or several."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bifsmn_tf.audio.pcm import PcmStream
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.runtime.detector import Detection
from bifsmn_tf.runtime.listening import Listener
from bifsmn_tf.runtime.spotter import KeywordSpotter


class WakeModel(NamedTuple):
    """A model that a service has loaded.

    Attributes:
        name: of the model: its file's, without the suffix.
        spotter: its network, which all clients share.
        settings: when a word counts as heard.
    """

    name: str
    spotter: KeywordSpotter
    settings: DetectionSettings


class WakeWord(NamedTuple):
    """A word that clients can ask for.

    Attributes:
        name: by which clients ask for it: the word itself, or ``model.word``
            if several models know the word.
        label: the word, as its model calls it.
        model: that knows it.
    """

    name: str
    label: str
    model: WakeModel


class Vocabulary:
    """The words of all models.

    Args:
        models: in order; no two of one name.

    Attributes:
        models: them.
        words: by name, in order.

    Raises:
        UserError: There is no model, two have one name, or one has no keyword.
    """

    def __init__(self, models: Sequence[WakeModel]) -> None:
        if not models:
            raise UserError("model: name at least one")
        names = [model.name for model in models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(
                f"model: two are called {twice[0]}: rename one of the files"
            )
        found = [
            (label, model)
            for model in models
            for label in keywords_of(model.spotter.labels)
        ]
        for model in models:
            if not keywords_of(model.spotter.labels):
                raise UserError(f"model: {model.name} has no keyword")
        labels = [label for label, _ in found]
        self.models = tuple(models)
        self.words: Mapping[str, WakeWord] = {
            name: WakeWord(name, label, model)
            for label, model in found
            for name in [
                label if labels.count(label) == 1 else f"{model.name}.{label}"
            ]
        }

    def chosen(self, names: Sequence[str] | None) -> list[WakeWord]:
        """Returns the words that a client asks for.

        Args:
            names: of words, or of models, which stand for all of their words;
                all words if None or empty.

        Raises:
            UserError: There is no such word.
        """
        if not names:
            return list(self.words.values())
        of_models = {model.name for model in self.models}
        for name in names:
            if name not in self.words and name not in of_models:
                raise UserError(
                    f"there is no wake word {name!r}: {', '.join(self.words)}"
                )
        return [
            word
            for word in self.words.values()
            if word.name in names or word.model.name in names
        ]


def load(
    model: str,
    delta: int | None = None,
    threshold: float | Mapping[str, float] | None = None,
) -> WakeModel:
    """Loads a model.

    Args:
        model: path of a .tflite, or a name of ``bifsmn_tf.models()``.
        delta: the depth; by default the deepest.
        threshold: for all of its words, or for words of any model; by default
            as the file says.

    Raises:
        UserError: As :class:`KeywordSpotter`, or a threshold is out of range.
    """
    spotter = KeywordSpotter(model, delta=delta)
    if isinstance(threshold, Mapping):
        known = keywords_of(spotter.labels)
        threshold = {x: y for x, y in threshold.items() if x in known}
    settings = spotter.detection.override(threshold)
    return WakeModel(Path(model).stem, spotter, settings)


class Heard(NamedTuple):
    """A word that a client said.

    Attributes:
        word: which.
        detection: when, and how certain.
    """

    word: WakeWord
    detection: Detection


class Ear:
    """Hears one client's sound with every model that is asked for.

    Args:
        words: to listen for.
        rate: of the client's sound, in Hz.
        width: bytes of a sample.
        channels: of the sound.

    Raises:
        UserError: The sound is of no form that can be heard.
    """

    def __init__(
        self, words: Sequence[WakeWord], rate: int, width: int, channels: int
    ) -> None:
        self._words = {(word.model.name, word.label): word for word in words}
        # One for each rate that a model wants: nearly always one.
        self._pcm: dict[int, PcmStream] = {}
        self._listeners: list[tuple[WakeModel, int, Listener]] = []
        models = {word.model.name: word.model for word in words}
        for model in models.values():
            wanted = model.spotter.metadata.features.sample_rate
            if wanted not in self._pcm:
                self._pcm[wanted] = PcmStream(rate, width, channels, wanted)
            listener = Listener(model.spotter, model.settings)
            self._listeners.append((model, wanted, listener))

    def push(self, octets: bytes) -> list[Heard]:
        """Takes the next bytes of sound.

        Returns:
            The words that have become certain.
        """
        samples = {x: pcm.push(octets) for x, pcm in self._pcm.items()}
        return [
            heard
            for model, rate, listener in self._listeners
            for heard in self._named(model, listener.push(samples[rate]))
        ]

    def finish(self) -> list[Heard]:
        """Ends the sound, with silence behind it.

        Returns:
            The words that become certain by that.
        """
        samples = {x: pcm.finish() for x, pcm in self._pcm.items()}
        return [
            heard
            for model, rate, listener in self._listeners
            for heard in self._named(
                model, listener.push(samples[rate]) + listener.finish()
            )
        ]

    def _named(
        self, model: WakeModel, detections: Sequence[Detection]
    ) -> list[Heard]:
        """Leaves out the words that were not asked for."""
        return [
            Heard(self._words[model.name, detection.label], detection)
            for detection in detections
            if (model.name, detection.label) in self._words
        ]
