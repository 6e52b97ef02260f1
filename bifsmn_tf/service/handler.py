"""What a wake-word service answers to one client, in the Wyoming protocol.

``describe`` is answered with the wake words. ``detect`` chooses among them, all
of them if it names none. Then comes sound: ``audio-start``, ``audio-chunk``,
``audio-stop``, each stretch of it a stream of its own. Each word is answered
with a ``detection`` when it is certain, and a stretch in which there was none
with ``not-detected`` at its end. A mistake is answered with ``error``; the
connection goes on unless what was sent is no event at all.
"""

import asyncio
import contextlib
from collections.abc import Callable
from collections.abc import Sequence

from wyoming.audio import AudioChunk
from wyoming.audio import AudioStart
from wyoming.audio import AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Attribution
from wyoming.info import Describe
from wyoming.info import Info
from wyoming.info import WakeModel
from wyoming.info import WakeProgram
from wyoming.ping import Ping
from wyoming.ping import Pong
from wyoming.server import AsyncEventHandler
from wyoming.wake import Detect
from wyoming.wake import Detection
from wyoming.wake import NotDetected

from bifsmn_tf._version import __version__
from bifsmn_tf.errors import UserError
from bifsmn_tf.service import events
from bifsmn_tf.service.wake_words import Ear
from bifsmn_tf.service.wake_words import Heard
from bifsmn_tf.service.wake_words import Vocabulary

_ATTRIBUTION = Attribution(
    "BiFSMN (Qin et al., 2022)", "https://arxiv.org/abs/2202.06483"
)

_PATIENCE = 1.0
"""Seconds in which a client that was refused may still send."""

_MOST_READS = 64
"""How often at most what it sends is read then."""

Format = tuple[int, int, int]
"""Rate, width and channels."""


def info(vocabulary: Vocabulary) -> Info:
    """Returns the description of the service.

    Args:
        vocabulary: its wake words.
    """
    models = [
        WakeModel(
            name=word.name,
            attribution=_ATTRIBUTION,
            installed=True,
            description=f"{word.label} ({word.model.name})",
            version=__version__,
            languages=_languages(word.model.spotter.metadata.dataset["name"]),
            phrase=word.label,
        )
        for word in vocabulary.words.values()
    ]
    return Info(
        wake=[
            WakeProgram(
                name="bifsmn_tf",
                attribution=_ATTRIBUTION,
                installed=True,
                description="Keyword spotting with one-bit networks",
                version=__version__,
                models=models,
            )
        ]
    )


def _languages(dataset: str) -> list[str]:
    return ["en"] if dataset.startswith("speech_commands") else []


class WakeHandler(AsyncEventHandler):
    """Serves one client.

    Args:
        vocabulary: the wake words.
        log: takes a line on what happened.
        reader: of the connection.
        writer: of the connection.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        log: Callable[[str], None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(reader, writer)
        self._vocabulary = vocabulary
        self._words = vocabulary.chosen(None)
        peer = writer.get_extra_info("peername")
        name = ":".join(map(str, peer[:2])) if peer else "a client"
        self._log = lambda text: log(f"{name}: {text}")
        self._ear: Ear | None = None
        self._format: Format | None = None
        self._detected = False

    async def run(self) -> None:
        """Answers events until the client or the service ends."""
        self._is_running = True
        try:
            while self._is_running:
                event = await events.read_event(self.reader)
                if event is None or not await self.handle_event(event):
                    break
        except events.ProtocolError as error:
            await self._refuse(f"{error}: the connection ends")
            await self._hear_out()
        except (OSError, asyncio.IncompleteReadError):
            self._log("the client went away")
        finally:
            self.writer.close()

    async def _hear_out(self) -> None:
        """Reads on for a moment what the client had sent already.

        Whoever closes a connection on unread bytes resets it, and what was
        answered is lost on the way.
        """
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            for _ in range(_MOST_READS):
                if not await asyncio.wait_for(
                    self.reader.read(1 << 16), _PATIENCE
                ):
                    break

    async def handle_event(self, event: Event) -> bool:
        """Answers an event.

        Returns:
            That the connection goes on.
        """
        try:
            await self._answer(event)
        except UserError as error:
            await self._refuse(str(error))
        return True

    async def _answer(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self.write_event(info(self._vocabulary).event())
        elif Ping.is_type(event.type):
            text = Ping.from_event(event).text
            await self.write_event(Pong(text).event())
        elif Detect.is_type(event.type):
            self._words = self._vocabulary.chosen(_names(event))
            # Other words are of another stream.
            self._ear = None
        elif AudioStart.is_type(event.type):
            self._begin(_format(event))
        elif AudioChunk.is_type(event.type):
            await self._hear(event)
        elif AudioStop.is_type(event.type):
            await self._end()
        # Others, of newer versions of the protocol, are not for a wake word.

    def _begin(self, form: Format) -> None:
        # What cannot be heard leaves nothing to go on with.
        self._ear = None
        self._detected = False
        self._ear = Ear(self._words, *form)
        self._format = form

    async def _hear(self, event: Event) -> None:
        form = _format(event)
        if self._ear is None or form != self._format:
            self._begin(form)
        assert self._ear is not None
        # In a thread: other clients are heard while this one's sound is
        # computed.
        heard = await asyncio.to_thread(self._ear.push, event.payload or b"")
        await self._report(heard, event.data.get("timestamp"))

    async def _end(self) -> None:
        if self._ear is not None:
            heard = await asyncio.to_thread(self._ear.finish)
            await self._report(heard, None)
        if not self._detected:
            await self.write_event(NotDetected().event())
        self._ear = None
        self._detected = False

    async def _report(self, heard: Sequence[Heard], timestamp: object) -> None:
        """Tells the client of words.

        Args:
            heard: the words.
            timestamp: of the sound, in ms, as the client counts, if it does;
                otherwise from the beginning of the stream.
        """
        for word, detection in heard:
            moment = round(1000 * detection.time)
            if isinstance(timestamp, int):
                moment = timestamp
            self._detected = True
            self._log(f"{word.name} ({detection.probability:.2f})")
            answer = Detection(name=word.name, timestamp=moment)
            await self.write_event(answer.event())

    async def _refuse(self, text: str) -> None:
        """Says a mistake to the client and in the log, in one line each."""
        self._log(f"error: {text}")
        try:
            await self.write_event(Error(text).event())
        except OSError:
            self._log("the client went away")


def _names(event: Event) -> list[str] | None:
    names = event.data.get("names")
    if names is None:
        return None
    if not isinstance(names, list) or not all(
        isinstance(name, str) for name in names
    ):
        raise UserError("detect: names is a list of wake words")
    return names


def _format(event: Event) -> Format:
    missing = [x for x in ("rate", "width", "channels") if x not in event.data]
    if missing:
        raise UserError(f"{event.type} has no {missing[0]}")
    return event.data["rate"], event.data["width"], event.data["channels"]
