"""The wake-word service, with the protocol's own client on loopback."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
import soxr
from commands import run_apart
from wyoming.audio import AudioChunk
from wyoming.audio import AudioStart
from wyoming.audio import AudioStop
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe
from wyoming.info import Info
from wyoming.ping import Ping
from wyoming.ping import Pong
from wyoming.wake import Detect
from wyoming.wake import Detection
from wyoming.wake import NotDetected

from bifsmn_tf.audio import files
from bifsmn_tf.data.clips import KEYWORDS

MODEL = "bifsmn_stream-sc12"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    """A running service: its process, its address, and what it logs."""
    uri = f"tcp://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "bifsmn_tf.wyoming"),
            *(f"--uri={uri}", f"--model={MODEL}"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline().startswith("serving yes, no, up, down")
    yield process, uri
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait(20) == 0
    process.stderr.close()
    assert "Traceback" not in rest, rest


@pytest.fixture
def uri(server):
    process, uri = server
    yield uri
    assert process.poll() is None


@pytest.fixture(scope="module")
def recording(speech):
    """A yes and a stop, a second of silence around each."""
    pause = np.zeros(16000, np.int16)
    parts = [pause]
    for word in ("yes", "stop"):
        path = sorted((speech / word).glob("*.wav"))[0]
        parts += [files.read(path), pause]
    return np.concatenate(parts)


async def send(client, sound, rate=16000, channels=1, width=2, stamps=False):
    form = {"rate": rate, "width": width, "channels": channels}
    await client.write_event(AudioStart(**form).event())
    size = rate // 25 * width * channels
    octets = sound.tobytes()
    for start in range(0, len(octets), size):
        stamp = 1000 * start // (rate * width * channels) if stamps else None
        piece = octets[start : start + size]
        chunk = AudioChunk(**form, audio=piece, timestamp=stamp)
        await client.write_event(chunk.event())
    await client.write_event(AudioStop().event())


async def answers(client, until):
    """Events up to one of a type."""
    found = []
    while not found or not until.is_type(found[-1].type):
        event = await asyncio.wait_for(client.read_event(), 60)
        assert event is not None, found
        found.append(event)
    return found


async def heard(client, count):
    return [
        Detection.from_event((await answers(client, Detection))[-1])
        for _ in range(count)
    ]


def talk(uri, conversation):
    async def run():
        async with AsyncClient.from_uri(uri) as client:
            return await conversation(client)

    return asyncio.run(run())


def test_describe_names_every_word(uri):
    async def conversation(client):
        await client.write_event(Describe().event())
        return Info.from_event((await answers(client, Info))[-1])

    (program,) = talk(uri, conversation).wake
    assert program.installed
    names = [model.name for model in program.models]
    assert names == [*KEYWORDS]
    assert all(model.installed for model in program.models)
    assert program.models[0].phrase == "yes"
    assert program.models[0].languages == ["en"]


def test_ping_is_answered(uri):
    async def conversation(client):
        await client.write_event(Ping("still there?").event())
        return Pong.from_event((await answers(client, Pong))[-1])

    assert talk(uri, conversation).text == "still there?"


@pytest.mark.parametrize(
    ("rate", "channels", "width", "words"),
    [
        (16000, 1, 2, ["yes", "stop"]),
        (44100, 2, 2, ["yes", "stop"]),
        (48000, 1, 4, ["yes", "stop"]),
        # What is above 4 kHz tells stop from others.
        (8000, 1, 2, ["yes"]),
    ],
)
def test_sound_of_any_form_is_heard(
    uri, recording, rate, channels, width, words
):
    sound = soxr.resample(recording, 16000, rate).astype(f"<i{width}")
    sound <<= 8 * (width - 2)
    sound = np.repeat(sound, channels)

    async def conversation(client):
        await send(client, sound, rate, channels, width)
        return await heard(client, len(words))

    assert [d.name for d in talk(uri, conversation)] == words


def test_timestamps_are_the_clients(uri, recording):
    async def conversation(client):
        await send(client, recording, stamps=True)
        return await heard(client, 2)

    first, second = talk(uri, conversation)
    assert 1000 < first.timestamp < 2500
    assert 3000 < second.timestamp < 4600
    assert first.timestamp % 40 == 0


def test_only_words_that_are_asked_for(uri, recording):
    async def conversation(client):
        await client.write_event(Detect(["stop"]).event())
        await send(client, recording)
        words = await heard(client, 1)
        await client.write_event(Detect(["left"]).event())
        await send(client, recording)
        return words, await answers(client, NotDetected)

    words, nothing = talk(uri, conversation)
    assert [word.name for word in words] == ["stop"]
    assert len(nothing) == 1


def test_silence_is_not_detected_and_the_next_stream_is_heard(uri, recording):
    async def conversation(client):
        await send(client, np.zeros(16000, "<i2"))
        nothing = await answers(client, NotDetected)
        await send(client, recording)
        return nothing, await heard(client, 2)

    nothing, words = talk(uri, conversation)
    assert len(nothing) == 1
    assert [word.name for word in words] == ["yes", "stop"]


def test_chunks_without_a_start_are_heard(uri, recording):
    async def conversation(client):
        chunk = AudioChunk(16000, 2, 1, recording.tobytes())
        await client.write_event(chunk.event())
        return await heard(client, 2)

    assert [d.name for d in talk(uri, conversation)] == ["yes", "stop"]


def test_clients_side_by_side_each_hear_their_own(uri, recording):
    half = len(recording) // 2
    sounds = [recording[:half], recording[half:]] * 3

    async def one(sound):
        async with AsyncClient.from_uri(uri) as client:
            await send(client, sound)
            return [d.name for d in await heard(client, 1)]

    async def run():
        return await asyncio.gather(*map(one, sounds))

    assert asyncio.run(run()) == [["yes"], ["stop"]] * 3


def test_clients_that_vanish_leave_the_others(uri, recording):
    async def run():
        for sent in (b"", b'{"type": "audio-', b'{"type": "x"'):
            _, writer = await asyncio.open_connection(*address(uri))
            writer.write(sent)
            await writer.drain()
            writer.transport.abort()
        # In the middle of an event's sound, as of a device that is unplugged.
        _, writer = await asyncio.open_connection(*address(uri))
        form = {"rate": 16000, "width": 2, "channels": 1}
        line = {"type": "audio-chunk", "data": form, "payload_length": 4000}
        writer.write(json.dumps(line).encode() + b"\n" + bytes(100))
        await writer.drain()
        writer.transport.abort()
        async with AsyncClient.from_uri(uri) as client:
            await send(client, recording)
            return await heard(client, 2)

    assert [d.name for d in asyncio.run(run())] == ["yes", "stop"]


def address(uri):
    host, port = uri.removeprefix("tcp://").split(":")
    return host, int(port)


FORM = {"rate": 16000, "width": 2, "channels": 1}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Detect(["alexa"]).event(), "no wake word 'alexa': yes, no"),
        (Event("detect", {"names": "yes"}), "names is a list"),
        (Event("audio-start", FORM | {"rate": 5}), "a sample rate of 5 Hz"),
        (Event("audio-start", FORM | {"width": 9}), "1 to 4 bytes"),
        (Event("audio-chunk", {}, b"ab"), "audio-chunk has no rate"),
        (Event("audio-start", FORM | {"channels": "x"}), "a whole number"),
    ],
)
def test_mistakes_are_answered_and_the_client_goes_on(
    uri, recording, event, message
):
    async def conversation(client):
        await client.write_event(event)
        error = Error.from_event((await answers(client, Error))[-1])
        await send(client, recording)
        return error, await heard(client, 2)

    error, words = talk(uri, conversation)
    assert message in error.text
    assert "\n" not in error.text
    assert [word.name for word in words] == ["yes", "stop"]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"hello\n", "a line of JSON"),
        (b"[1]\n", "an event is an object"),
        (b"[" * 60000 + b"\n", "a line of JSON"),
        (b'{"data": {}}\n', "an event has a type"),
        (b'{"type": 3}\n', "an event has a type"),
        (b'{"type": "x", "data": 3}\n', "data is an object"),
        (b'{"type": "x", "payload_length": 99999999999}\n', "payload_length"),
        (b'{"type": "x", "data_length": "1"}\n', "data_length"),
        (b'{"type": "x", "data_length": -1}\n', "data_length"),
        (b"x" * 200_000 + b"\n", "too long"),
        (b"\xff\xfe\n", "a line of JSON"),
        (rb'{"type": "ping", "data": {"text": "\ud800"}}' + b"\n", "Unicode"),
    ],
)
def test_what_is_no_event_ends_its_own_connection(uri, sent, message):
    async def run():
        reader, writer = await asyncio.open_connection(*address(uri))
        writer.write(sent)
        await writer.drain()
        # What the service has not read resets the connection after its answer.
        answer = await asyncio.wait_for(reader.readline(), 30)
        size = json.loads(answer)["data_length"]
        text = json.loads(await reader.readexactly(size))["text"]
        writer.close()
        return text

    assert message in asyncio.run(run())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--uri=http://127.0.0.1:80"], "error: --uri: tcp://ADDRESS:PORT"),
        (["--uri=tcp://127.0.0.1"], "error: --uri: tcp://ADDRESS:PORT"),
        (["--uri=tcp://127.0.0.1:99999"], "error: --uri: tcp://ADDRESS:PORT"),
        (["--uri=tcp://192.0.2.1:10400"], "error: --uri: cannot serve at"),
        (["--model=none"], "error: there is no file none"),
        (["--threshold=alexa=0.5"], "error: --threshold: no model has"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(flags, message):
    done = run_apart("wyoming", *flags)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_a_file_is_not_taken_for_a_socket(tmp_path):
    path = tmp_path / "precious"
    path.write_text("kept")
    done = run_apart("wyoming", f"--uri=unix://{path}")
    assert "is there and no socket" in done.stderr
    assert path.read_text() == "kept"


def test_more_clients_than_there_are_files(recording):
    """Those that are too many wait; the log has a line, and no traceback."""
    uri = f"tcp://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "bifsmn_tf.wyoming"),
            *(f"--uri={uri}", f"--model={MODEL}"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stderr.readline()
    files_open = len(os.listdir(f"/proc/{process.pid}/fd"))
    most = files_open + 10
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most, most))
    clients = [socket.create_connection(address(uri)) for _ in range(30)]
    line = process.stderr.readline()
    assert line.startswith("error: ") and "Too many open files" in line
    for client in clients:
        client.close()

    async def conversation(client):
        await send(client, recording)
        return await heard(client, 2)

    assert [d.name for d in talk(uri, conversation)] == ["yes", "stop"]
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait(20) == 0
    process.stderr.close()
    assert "Traceback" not in rest, rest


def test_a_unix_socket_serves(tmp_path, recording):
    uri = f"unix://{tmp_path / 'wake.socket'}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "bifsmn_tf.wyoming"),
            *(f"--uri={uri}", f"--model={MODEL}"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    process.stderr.readline()

    async def conversation(client):
        await send(client, recording)
        return await heard(client, 2)

    names = [d.name for d in talk(uri, conversation)]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    process.stderr.close()
    assert names == ["yes", "stop"]
