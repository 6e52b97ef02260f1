"""The page in Chromium: a fake microphone, recordings, and what goes wrong."""

import shutil
import threading
import wave
from functools import partial
from http.server import SimpleHTTPRequestHandler
from http.server import ThreadingHTTPServer

import numpy as np
import pytest
from native_spotter import logits_of
from web_fixtures import build_site
from webdriver import Browser

from bifsmn_tf import pretrained
from bifsmn_tf.audio import files

MODEL = "bifsmn_stream-sc10"
SAID = ("yes", "stop", "left")
HEARD = "return [...document.querySelectorAll('#heard strong')]"
HEARD += ".map((x) => x.textContent)"
READY = "return !document.getElementById('listen').disabled"


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that keeps no log."""

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture(scope="module")
def words(speech, tmp_path_factory):
    """Recordings of words with silence between, in a file; its samples."""
    pause = np.zeros(16000, np.int16)
    pieces = [pause]
    for word in SAID:
        for path in sorted(speech.glob(f"{word}/*.wav"))[:3]:
            pieces += [files.read(path, 16000), pause]
    samples = np.concatenate(pieces)
    path = tmp_path_factory.mktemp("words") / "words.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return path, samples


@pytest.fixture(scope="module")
def browser(words, tmp_path_factory):
    for tool in ("chromium", "chromedriver"):
        if shutil.which(tool) is None:
            pytest.skip(f"looking at the page needs Debian's {tool}")
    site = build_site()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=site)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser = Browser(
        tmp_path_factory.mktemp("chromium"),
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={words[0]}",
    )
    browser.address = f"http://127.0.0.1:{server.server_port}"
    yield browser
    browser.close()
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser):
    browser.open(browser.address)
    browser.wait(READY)
    return browser


def test_a_recording_has_pythons_logits(page, words):
    path, samples = words
    page.run(
        "window.logits = []; document.addEventListener('decision',"
        " ({detail}) => window.logits.push([...detail.logits]))"
    )
    page.type("#file", str(path))
    page.wait(
        "return document.getElementById('state').textContent.endsWith('heard')"
    )
    found = np.array(page.run("return window.logits"), np.float32)
    assert np.array_equal(found, logits_of(pretrained.find(MODEL), samples))
    heard = page.run(HEARD)
    assert len(heard) >= 5
    assert set(heard) == set(SAID)
    assert page.run(
        "return Number(document.getElementById('decisions').textContent)"
    ) == len(found)


def test_the_microphones_words_are_shown(page):
    page.click("#listen")
    found = page.wait(f"const x = (() => {{{HEARD}}})(); return x.length && x")
    assert set(found) <= set(SAID)
    page.click("#listen")
    assert page.run(
        "return document.getElementById('listen').textContent == 'Listen'"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("noise.wav", "noise.wav: no recording that this browser can decode"),
        ("damaged.tflite", "damaged.tflite: "),
    ],
)
def test_a_bad_file_is_one_line(page, tmp_path, name, message):
    tmp_path.joinpath(name).write_bytes(b"neither sound nor a model")
    page.type("#file", str(tmp_path / name))
    found = page.wait("return document.getElementById('error').textContent")
    assert found.startswith(message)
    assert "\n" not in found
