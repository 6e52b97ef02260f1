"""The page in Chromium: microphone, recordings, controls, what goes wrong."""

import base64
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from native_spotter import logits_of
from web_fixtures import build_site
from webdriver import Browser

from bifsmn_tf import Detector
from bifsmn_tf import KeywordSpotter
from bifsmn_tf import StreamingSpotter
from bifsmn_tf import pretrained
from bifsmn_tf.audio import files
from bifsmn_tf.audio.resampling import resampled
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data.synthetic import espeak

MODEL = "bifsmn_stream-sc12"
SAID = {
    "yes": "en-us+adam",
    "up": "en-gb-scotland+adam",
    "right": "en-gb-scotland+adam",
}
"""Words and voices of espeak-ng that the model hears as what they are."""

HEARD = "return [...document.querySelectorAll('#heard strong')]"
HEARD += ".map((x) => x.textContent)"
LABELS = "return [...document.querySelectorAll('#words li span:first-child')]"
LABELS += ".map((x) => x.textContent)"
DELTA = "return document.getElementById('delta-value').textContent"
DECIDED = "return Number(document.getElementById('decisions').textContent)"
READY = "return !document.getElementById('listen').disabled"
ENDED = "return document.getElementById('state').textContent.endsWith('heard')"
ERROR = "return document.getElementById('error').textContent"
DROP = """
const bytes = Uint8Array.from(atob(arguments[1]), (x) => x.charCodeAt(0));
const dataTransfer = new DataTransfer();
dataTransfer.items.add(new File([bytes], arguments[0]));
document.body.dispatchEvent(
  new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
"""
ARROW_RIGHT = "\ue014"


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that keeps no log."""

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Spoken words with silence between, in a file; its samples."""
    pause = np.zeros(16000, np.float32)
    pieces = [pause]
    with espeak.Speaker() as speaker:
        for word, voice in SAID.items():
            said = speaker.say(word, voice, rate=170, pitch=35, range_=50)
            pieces += [
                resampled(to_float(said), speaker.sample_rate, 16000),
                pause,
            ]
    path = tmp_path_factory.mktemp("words") / "words.wav"
    soundfile.write(path, np.concatenate(pieces), 16000)
    return path, files.read(path, 16000)


@pytest.fixture(scope="module")
def address():
    """Where the page is served."""
    for tool in ("chromium", "chromedriver"):
        if shutil.which(tool) is None:
            pytest.skip(f"looking at the page needs Debian's {tool}")
    site = build_site()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=site)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(words, address, tmp_path_factory):
    browser = Browser(
        tmp_path_factory.mktemp("chromium"),
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={words[0]}",
    )
    yield browser
    browser.close()


@pytest.fixture
def page(browser, address):
    open_page(browser, address)
    return browser


def open_page(browser, address):
    """Opens the page, which keeps what it decides."""
    browser.open(address)
    browser.wait(READY)
    browser.run(
        "window.decisions = []; document.addEventListener('decision',"
        " ({detail: {time, delta, logits}}) =>"
        " window.decisions.push({time, delta, logits: [...logits]}))"
    )


def python_hears(samples, model=MODEL, delta=1):
    """The words that Python's detector finds, newest first as on the page."""
    spotter = KeywordSpotter(model, delta)
    stream = StreamingSpotter(spotter)
    detector = Detector.of(spotter.labels, 16000, spotter.detection)
    found = map(detector.push, [*stream.push(samples), *stream.flush()])
    return [x.label for x in found if x is not None][::-1]


def check(page, samples, model=MODEL, delta=1):
    """Holds the page's decisions on a recording against Python's, by bits."""
    page.wait(ENDED)
    decisions = page.run("return window.decisions")
    logits = np.array([x["logits"] for x in decisions], np.float32)
    path = pretrained.find(model)
    assert np.array_equal(logits, logits_of(path, samples, delta=delta))
    assert {x["delta"] for x in decisions} == {delta}
    assert page.run(HEARD) == python_hears(to_float(samples), model, delta)
    assert page.run(DECIDED) == len(logits)


def drop(page, path):
    """Drops a file on the page."""
    page.run(DROP, path.name, base64.b64encode(path.read_bytes()).decode())


def test_a_recording_has_pythons_logits(page, words):
    path, samples = words
    page.type("#file", str(path))
    check(page, samples)
    assert page.run(HEARD) == list(SAID)[::-1]


def test_a_dropped_recording_is_heard(page, words):
    path, samples = words
    drop(page, path)
    check(page, samples)


def test_the_slider_chooses_the_depth(page, words):
    path, samples = words
    page.type("#delta", ARROW_RIGHT)
    assert page.run(DELTA) == "2"
    page.type("#file", str(path))
    check(page, samples, delta=2)


def test_the_slider_leaves_no_gap_while_it_listens(page):
    page.click("#listen")
    page.wait("return window.decisions.length > 2")
    page.type("#delta", ARROW_RIGHT + ARROW_RIGHT)
    assert page.run(DELTA) == "4"
    page.wait("return window.decisions.at(-1).delta == 4")
    page.click("#listen")
    decisions = page.run("return window.decisions")
    # What is counted is of this depth, the steps in which it warmed up, too.
    assert page.run(DECIDED) < len(decisions)
    assert [x["delta"] for x in decisions] == sorted(
        x["delta"] for x in decisions
    )
    steps = np.diff([x["time"] for x in decisions])
    np.testing.assert_allclose(steps, 0.128, atol=1e-6)


def test_the_menu_changes_the_model(page, words):
    path, samples = words
    other = "bifsmn_quiet-sc12"
    offered = page.run(
        "return [...document.getElementById('model').options]"
        ".map((x) => x.value)"
    )
    assert sorted(offered) == sorted(pretrained.names())
    page.click(f"#model option:nth-child({offered.index(other) + 1})")
    page.wait(
        "return document.getElementById('state').textContent"
        f".startsWith('{other}: ')"
    )
    assert page.run(LABELS) == list(KeywordSpotter(other).labels)
    page.type("#file", str(path))
    check(page, samples, other)


def test_a_dropped_model_is_loaded(page):
    path = Path(pretrained.find("bifsmn_s-sc12"))
    drop(page, path)
    page.wait(
        "return document.getElementById('state').textContent"
        f".startsWith('{path.name}: ')"
    )
    assert page.run(LABELS) == list(KeywordSpotter(path).labels)


def test_the_microphones_words_are_shown(page):
    page.click("#listen")
    # The browser plays the words again and again, from anywhere.
    each = f"return new Set((() => {{{HEARD}}})()).size == {len(SAID)}"
    page.wait(each)
    assert set(page.run(HEARD)) == set(SAID)
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
@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_a_bad_file_is_one_line(page, words, tmp_path, way, name, message):
    path = tmp_path / name
    path.write_bytes(b"neither sound nor a model")
    if way == "chosen":
        page.type("#file", str(path))
    else:
        drop(page, path)
    found = page.wait(ERROR)
    assert found.startswith(message)
    assert "\n" not in found
    # The page goes on with the model that it had.
    page.type("#file", str(words[0]))
    check(page, words[1])
    assert page.run(ERROR) == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--use-fake-ui-for-media-stream"], "no microphone was found: plug"),
        (
            ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
            "the page may not use the microphone: allow it",
        ),
    ],
)
def test_no_microphone_is_one_line(
    words, address, tmp_path, arguments, message
):
    browser = Browser(tmp_path, *arguments)
    try:
        open_page(browser, address)
        browser.click("#listen")
        assert browser.wait(ERROR).startswith(message)
        browser.type("#file", str(words[0]))
        check(browser, words[1])
    finally:
        browser.close()
