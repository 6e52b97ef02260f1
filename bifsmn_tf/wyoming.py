r"""Serves wake words to Home Assistant and others that speak Wyoming.

    python -m bifsmn_tf.wyoming --uri=tcp://127.0.0.1:10400
    python -m bifsmn_tf.wyoming --uri=tcp://0.0.0.0:10400 \
        --model=hey_robin.tflite,bifsmn_quiet-sc12

Each keyword of each model is a wake word; clients choose among them. Sound may
have any rate, width and channels. Needs no TensorFlow:
pip install 'bifsmn_tf[wyoming]'.
"""

import asyncio
import functools
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import urlparse

from bifsmn_tf import cli
from bifsmn_tf import pretrained
from bifsmn_tf.cli import flags
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import parse_thresholds
from bifsmn_tf.service.wake_words import Vocabulary
from bifsmn_tf.service.wake_words import load

if TYPE_CHECKING:
    from wyoming.server import AsyncServer

_URI = flags.DEFINE_string(
    "uri",
    "tcp://127.0.0.1:10400",
    "Where clients connect: tcp://ADDRESS:PORT, or unix://PATH. The address "
    "0.0.0.0 lets other machines in.",
)
_MODEL = flags.DEFINE_list(
    "model",
    [pretrained.DEFAULT],
    "Paths of .tflite files that convert wrote, or names of models in the "
    f"package, separated by commas: {', '.join(pretrained.names())}.",
)
_DELTA = flags.DEFINE_integer(
    "delta", None, "Depth δ at which the models run; by default the deepest."
)
_THRESHOLD = flags.DEFINE_list(
    "threshold",
    None,
    "Smoothed probability from which on a word counts: one for all, or some "
    "words' own, yes=0.9,stop=0.99; by default as each model's file says.",
)


def main() -> None:
    """Serves as the flags say, until it is told to end."""
    try:
        from wyoming.server import AsyncServer
    except ModuleNotFoundError as error:
        raise UserError(
            "the service needs the package wyoming: "
            "pip install 'bifsmn_tf[wyoming]'"
        ) from error
    threshold = parse_thresholds(_THRESHOLD.value)
    vocabulary = Vocabulary(
        [load(model, _DELTA.value, threshold) for model in _MODEL.value]
    )
    if isinstance(threshold, dict):
        labels = {word.label for word in vocabulary.words.values()}
        if strange := sorted(set(threshold) - labels):
            raise UserError(
                f"threshold: no model has a keyword {strange[0]}, only "
                f"{', '.join(sorted(labels))}"
            )
    _check_uri(_URI.value)
    asyncio.run(_serve(AsyncServer.from_uri(_URI.value), vocabulary))


def _check_uri(uri: str) -> None:
    """Checks where to serve.

    Raises:
        UserError: No service can be there.
    """
    wrong = f"uri: tcp://ADDRESS:PORT or unix://PATH, not {uri}"
    parts = urlparse(uri)
    try:
        whole = bool(parts.hostname and parts.port)
    except ValueError as error:
        raise UserError(f"{wrong} ({error})") from error
    if parts.scheme == "unix" and parts.path and not parts.netloc:
        path = Path(parts.path)
        # The server removes what is there.
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise UserError(f"uri: {path} is there and no socket")
    elif parts.scheme != "tcp" or not whole:
        raise UserError(wrong)


async def _serve(server: "AsyncServer", vocabulary: Vocabulary) -> None:
    from bifsmn_tf.service.handler import WakeHandler

    try:
        await server.start(functools.partial(WakeHandler, vocabulary, _log))
    except OSError as error:
        raise UserError(
            f"uri: cannot serve at {_URI.value}: {error}"
        ) from error
    _log(f"serving {', '.join(vocabulary.words)} at {_URI.value}")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_trouble)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    await server.stop()


def _log_trouble(
    loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    """Says in a line what befell a connection: too many of them, for one."""
    error = context.get("exception")
    what = f"{type(error).__name__}: {error}" if error else ""
    _log(" ".join(f"error: {context['message']} {what}".split()))


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    cli.run(main)
