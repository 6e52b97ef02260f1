"""What a network of a stream hears beside clips of keywords, as one value."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.data.acoustics import Acoustics
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.negatives import KeywordParts
from bifsmn_tf.data.negatives import Negatives
from bifsmn_tf.data.negatives import Tones
from bifsmn_tf.data.pieces import PieceExtractor
from bifsmn_tf.data.pieces import Source
from bifsmn_tf.data.synthetic.sentences import Sentences
from bifsmn_tf.data.synthetic.sentences import spoken
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.settings import setting

_HELD_OUT_MINUTES = 60.0
"""Sentences by the voices of the validation split."""


@dataclasses.dataclass(frozen=True)
class SoundConfig:
    """Sound without a keyword, and where sound is heard.

    Every field says in its metadata what it is.

    Raises:
        UserError: A field has an impossible value; the message names it.
    """

    negatives: tuple[str, ...] = setting(
        (),
        "Folders with recordings in which no keyword is said, separated by "
        "commas: speech that goes on, for a network that reads a stream. "
        "Pieces of them are trained on as unknown; folders inside that are "
        "named like a keyword are left out.",
    )
    validation_negatives: tuple[str, ...] = setting(
        (),
        "Folders likewise, of other people, to choose the best epoch by: it "
        "has to be right on pieces of these as on clips.",
        research=True,
    )
    spoken_minutes: float = setting(
        0.0,
        "The minutes of sentences by synthetic voices among the negatives.",
        research=True,
    )
    negative_share: float = setting(
        0.5,
        "The number of pieces of negatives in an epoch, as a multiple of the "
        "clips.",
        research=True,
    )
    keyword_parts: float = setting(
        0.1,
        "The share of the pieces that have half a keyword in them.",
        research=True,
    )
    tones: float = setting(
        0.05,
        "The share of the pieces that are like music, or digital silence.",
        research=True,
    )
    rooms: int = setting(
        0,
        "How many rooms are simulated for half of the sound to be heard in.",
        research=True,
    )
    microphones: float = setting(
        0.0,
        "The share of sound that comes through a worse microphone: a narrower "
        "band, another level, clipped, or by telephone.",
        research=True,
    )
    mining_epochs: int = setting(
        0,
        "The number of epochs of a first training, the teacher's if there is "
        "one, which is then asked for what wakes it: that is among the pieces "
        "that teacher and network themselves are trained on. 0 looks for none.",
        research=True,
    )
    student_mining_epochs: int = setting(
        0,
        "The number of epochs of a first training of the network that a "
        "teacher teaches, which is then asked for what wakes it, too: another "
        "network hears other things. 0 asks the teacher alone.",
        research=True,
    )
    mining_pool: float = setting(
        10.0,
        "The hours of sound in which that is looked for.",
        research=True,
    )

    def __post_init__(self) -> None:
        for name in ("negatives", "validation_negatives"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in (
            *("spoken_minutes", "negative_share", "rooms"),
            *("mining_epochs", "student_mining_epochs", "mining_pool"),
        ):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise UserError(f"{name} must be 0 or more, not {value}")
        for name in ("keyword_parts", "tones", "microphones"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UserError(f"{name} must be in [0, 1], not {value}")
        if self.keyword_parts + self.tones > 1:
            raise UserError("keyword_parts and tones are more than all pieces")
        if self.student_mining_epochs and not self.mining_epochs:
            raise UserError(
                "student_mining_epochs asks the network after its teacher: "
                "give mining_epochs"
            )
        if self.mining_epochs and not self.pieces:
            raise UserError(
                "mining_epochs looks for the worst pieces of negatives, and "
                "there are none: give --negatives or --spoken_minutes"
            )

    @property
    def pieces(self) -> bool:
        """Whether there are negatives beside clips."""
        return bool(
            (self.negatives or self.spoken_minutes) and self.negative_share
        )

    def acoustics(self, seed: int) -> Acoustics | None:
        """Returns where sound is heard, or None for nowhere in particular."""
        if not (self.rooms or self.microphones):
            return None
        return Acoustics.simulated(
            self.rooms, seed, 0.5 if self.rooms else 0.0, self.microphones
        )

    def extractor(
        self,
        clips: Clips,
        label_names: Sequence[str],
        noise: Sequence[FloatArray],
        features: FeatureParameters,
        seed: int,
        frames: int,
        cache_dir: str | None,
        *,
        similar: tuple[str, ...] = (),
        voices: tuple[str, ...] = ("espeak",),
        augmentation: AugmentationParameters | None = None,
    ) -> PieceExtractor | None:
        """Returns what makes the pieces of training, or None for no pieces.

        Args:
            clips: the ones to train on; keywords of them are cut.
            label_names: the classes.
            noise: background recordings to mix in.
            features: what the network reads.
            seed: of what is drawn.
            frames: feature frames of a piece.
            cache_dir: where spoken sentences are kept.
            similar: texts that sound like keywords, for some sentences.
            voices: the synthesizers that say sentences.
            augmentation: how pieces are varied.

        Raises:
            UserError: The classes have no unknown, or there is no such sound.
        """
        if not self.pieces:
            return None
        keywords = _keywords(label_names)
        speech = self.speech("train", label_names, cache_dir, similar, voices)
        going_on = [*speech.values()]
        share = (1 - self.keyword_parts - self.tones) / len(going_on)
        sources: list[tuple[float, Source]] = [(share, s) for s in going_on]
        named = [list(label_names).index(word) for word in keywords]
        spoken_keywords = clips.waveforms[np.isin(clips.labels, named)]
        if self.keyword_parts:
            parts = KeywordParts(spoken_keywords, going_on[0])
            sources.append((self.keyword_parts, parts))
        if self.tones:
            sources.append((self.tones, Tones()))
        return PieceExtractor(
            sources,
            noise,
            features,
            augmentation or AugmentationParameters.none(),
            seed,
            frames,
            self.acoustics(seed),
        )

    def held_out(
        self,
        label_names: Sequence[str],
        features: FeatureParameters,
        frames: int,
        cache_dir: str | None,
        similar: tuple[str, ...] = (),
        voices: tuple[str, ...] = ("espeak",),
    ) -> PieceExtractor | None:
        """Returns what makes pieces to validate on, or None for no pieces.

        Args:
            label_names: the classes.
            features: what the network reads.
            frames: feature frames of a piece.
            cache_dir: where spoken sentences are kept.
            similar: texts that sound like keywords, for some sentences.
            voices: the synthesizers that say sentences.

        Raises:
            UserError: There is no such sound.
        """
        if not (self.validation_negatives or self.spoken_minutes):
            return None
        speech = self.speech(
            "validation", label_names, cache_dir, similar, voices
        )
        return PieceExtractor(
            [(1.0, source) for source in speech.values()],
            (),
            features,
            AugmentationParameters.none(),
            1,
            frames,
        )

    def speech(
        self,
        split: str,
        label_names: Sequence[str],
        cache_dir: str | None,
        similar: tuple[str, ...] = (),
        voices: tuple[str, ...] = ("espeak",),
    ) -> dict[str, Negatives]:
        """Returns speech without keywords: of people first, then synthetic.

        Args:
            split: train or validation.
            label_names: the classes.
            cache_dir: where spoken sentences are kept.
            similar: texts that sound like keywords, for some sentences.
            voices: the synthesizers that say sentences.

        Raises:
            UserError: The classes have no unknown, or there is no such sound.
        """
        train = split == "train"
        keywords = _keywords(label_names)
        folders = self.negatives if train else self.validation_negatives
        found = {}
        if folders:
            found["people"] = Negatives.read(folders, keywords)
        if self.spoken_minutes:
            minutes = self.spoken_minutes
            recipe = Sentences(
                minutes if train else min(minutes, _HELD_OUT_MINUTES),
                tuple(keywords),
                similar,
                split,
                kinds=voices,
            )
            sound = spoken(recipe, cache_dir)
            found["sentences"] = Negatives(sound, ("sentences",))
        return found


def _keywords(label_names: Sequence[str]) -> list[str]:
    if UNKNOWN not in label_names:
        raise UserError(
            "negatives are trained on as unknown, and the classes "
            f"{', '.join(label_names)} have no such one"
        )
    return keywords_of(label_names)
