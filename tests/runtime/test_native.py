"""The library's own engine against a TensorFlow Lite runtime, bit for bit."""

import ctypes
import dataclasses
import re
import subprocess

import numpy as np
import pytest
from native_fixtures import ROOT
from native_spotter import NativeSpotter
from small_models import builtin_model

import bifsmn_tf
from bifsmn_tf import Detector
from bifsmn_tf import KeywordSpotter
from bifsmn_tf import StreamingSpotter
from bifsmn_tf import pretrained
from bifsmn_tf.audio import files
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.converted import describe
from bifsmn_tf.model_file.detection import NOT_KEYWORDS
from bifsmn_tf.model_file.detection import OTHER_WORD
from bifsmn_tf.model_file.metadata import NAME
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.rewriter import with_metadata
from bifsmn_tf.runtime import interpreter
from bifsmn_tf.runtime import native
from bifsmn_tf.runtime.native import NativeModel

HEADER = (ROOT / "custom_ops/engine/bifsmn.h").read_text("utf-8")
MODELS = bifsmn_tf.models()
KEYWORDS = "bifsmn-sc12"
ENGINES = ("litert", "native")
EVENTS = {"threshold": 0.3, "smoothing": 0.2, "hold": 0.5}
"""Settings at which random sound has some detections."""


def sound(seed, seconds=4.0):
    """Bursts of noise and of tones, in silence and in noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16000)) / 16000
    loudness = np.maximum(np.sin(2 * np.pi * rng.uniform(0.7, 2) * time), 0)
    tone = np.sin(2 * np.pi * (200 + 600 * np.sin(3 * time)) * time)
    noise = rng.standard_normal(len(time))
    samples = 0.2 * loudness * (tone + noise) + 0.001 * noise
    return np.clip(samples, -1, 1).astype(np.float32)


def chunks(samples, seed):
    """Pieces of all lengths, some of them empty."""
    rng = np.random.default_rng(seed)
    start = 0
    while start < len(samples):
        length = int(rng.choice([0, 1, 160, 511, 2048, 2049, 9000]))
        yield samples[start : start + length]
        start += length


C_TYPES = {
    "void": None,
    "int": ctypes.c_int,
    "size_t": ctypes.c_size_t,
    "double": ctypes.c_double,
    "uint64_t": ctypes.c_uint64,
    "char*": ctypes.c_char_p,
    "const char*": ctypes.c_char_p,
    "const void*": ctypes.c_void_p,
    "const float*": ctypes.POINTER(ctypes.c_float),
    "const int16_t*": ctypes.POINTER(ctypes.c_int16),
    "const int*": ctypes.POINTER(ctypes.c_int),
    "const void* const*": ctypes.POINTER(ctypes.c_void_p),
    "void* const*": ctypes.POINTER(ctypes.c_void_p),
    "bifsmn_spotter*": ctypes.c_void_p,
    "const bifsmn_spotter*": ctypes.c_void_p,
    "bifsmn_model*": ctypes.c_void_p,
    "const bifsmn_model*": ctypes.c_void_p,
    "bifsmn_type": ctypes.c_int,
    "bifsmn_options": native.Options,
    "const bifsmn_options*": ctypes.POINTER(native.Options),
    "bifsmn_detection*": ctypes.POINTER(native.Detection),
    "const bifsmn_tensor*": ctypes.POINTER(native.Tensor),
}


def header_functions():
    """What the header declares, in ctypes' types."""
    text = " ".join(re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL).split())
    found = {}
    for result, name, arguments in re.findall(
        r"BIFSMN_API ([\w *]+?) ?(\w+)\(([^)]*)\);", text
    ):
        kinds = [x.rsplit(" ", 1)[0] for x in arguments.strip().split(", ")]
        types = () if arguments == "void" else map(C_TYPES.__getitem__, kinds)
        found[name] = (C_TYPES[result], tuple(types))
    return found


def test_the_functions_are_those_of_the_header():
    assert header_functions() == native.FUNCTIONS


@pytest.mark.parametrize(
    ("struct", "name"),
    [
        (native.Options, "bifsmn_options"),
        (native.Detection, "bifsmn_detection"),
        (native.Tensor, "bifsmn_tensor"),
    ],
)
def test_the_structures_are_those_of_the_header(struct, name):
    body = re.search(rf"typedef struct {name} {{(.*?)}} {name};", HEADER, re.S)
    text = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
    declared = [x.split() for x in text.split(";") if x.strip()]
    assert [
        (name, C_TYPES[" ".join(kind)]) for *kind, name in declared
    ] == list(struct._fields_)


def test_the_types_are_those_of_the_header():
    names = re.search(r"enum bifsmn_type {(.*?)}", HEADER, re.S)[1].split(",")
    found = [name.strip().removeprefix("BIFSMN_").lower() for name in names]
    assert found == [np.dtype(x).name for x in native.TYPES]


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["g++", "-xc++"]])
def test_the_header_is_c_and_cpp(compiler, tmp_path):
    source = tmp_path / "user.c"
    source.write_text(
        '#include "bifsmn.h"\n'
        "int main(void) { return bifsmn_default_options().delta; }\n"
    )
    subprocess.run(
        [*compiler, "-Wall", "-Wextra", "-pedantic", "-Werror"]
        + ["-I", ROOT / "custom_ops/engine", "-fsyntax-only", source],
        check=True,
    )


@pytest.fixture(scope="module", params=MODELS)
def both(request):
    """A model in each engine."""
    return [KeywordSpotter(request.param, engine=x) for x in ENGINES]


def test_clips_agree(both):
    assert [spotter.engine for spotter in both] == ["litert", "native"]
    for seed, delta in enumerate(both[0].deltas):
        clip = sound(seed, 1.0)
        for spotter in both:
            spotter.delta = delta
        one, other = (spotter(clip) for spotter in both)
        assert one == other


def test_streams_agree_in_chunks_and_through_changes_of_depth(both):
    samples = sound(7)
    streams = []
    for spotter in both:
        spotter.delta = spotter.deltas[0]
        streams.append(StreamingSpotter(spotter))
    rng = np.random.default_rng(3)
    for chunk in chunks(samples, 8):
        if rng.random() < 0.1:
            delta = int(rng.choice(both[0].deltas))
            for spotter in both:
                spotter.delta = delta
        one, other = (stream.push(chunk) for stream in streams)
        assert len(one) == len(other)
        for x, y in zip(one, other, strict=True):
            assert x.end == y.end
            assert np.array_equal(x.probabilities, y.probabilities)
    assert streams[0].delta == streams[1].delta


def c_and_python(model, samples, deltas=(), **options):
    """Compares the C spotter with Python's; returns the detections.

    Args:
        model: a name.
        samples: a stream.
        deltas: a depth for every 40th chunk.
        options: of the C spotter.
    """
    spotter = KeywordSpotter(model, engine="litert")
    settings = spotter.detection.override(
        options.get("threshold"), options.get("smoothing"), options.get("hold")
    )
    detector = Detector.of(spotter.labels, 16000, settings)
    stream = StreamingSpotter(spotter, hop=options.get("hop"))
    twin = NativeSpotter(pretrained.find(model), **options)
    assert twin.labels == spotter.labels
    assert twin.deltas == spotter.deltas
    assert twin.call("step") == stream.step
    wanted, found = [], []

    def compare(one, other):
        assert [x.end for x in one] == [x.end for x in other]
        for x, y in zip(one, other, strict=True):
            assert np.array_equal(x.probabilities, y.probabilities)
            event = detector.push(x)
            wanted.extend([event] if event else [])
        found.extend(twin.poll())

    for number, chunk in enumerate(chunks(samples, 11)):
        if deltas and number % 40 == 39:
            spotter.delta = deltas[number // 40 % len(deltas)]
            assert twin.call("set_delta", spotter.delta) == 0
        decisions = stream.push(chunk)
        compare(decisions, twin.push(chunk))
        if decisions:
            assert twin.call("deciding_delta") == stream.delta
    compare(stream.flush(), twin.flush())
    assert found == wanted
    return found


@pytest.mark.parametrize("model", MODELS)
def test_c_detects_what_python_does(model):
    heard = c_and_python(model, sound(9, 8.0), **EVENTS)
    # Noise wakes no wake word.
    assert heard or "alexa" in model


def test_other_words_are_no_events(tmp_path):
    """Every word of a file but one, which were trained on beside it."""
    content = ModelFile.read(pretrained.find(KEYWORDS))
    description = describe(content)
    labels = [
        label if label in ("yes", *NOT_KEYWORDS) else OTHER_WORD + label
        for label in description.label_names
    ]
    described = dataclasses.replace(
        description, label_names=tuple(labels), detection=None
    )
    path = tmp_path / "one.tflite"
    path.write_bytes(with_metadata(content, NAME, described.to_bytes()))
    heard = c_and_python(KEYWORDS, sound(9, 8.0), **EVENTS)
    assert {event.label for event in heard} - {"yes"}
    events = c_and_python(path, sound(9, 8.0), **EVENTS)
    assert {event.label for event in events} <= {"yes"}
    twin = NativeSpotter(path)
    assert KeywordSpotter(path).detection.thresholds == {"yes": 0.8}
    for i, label in enumerate(labels):
        assert (twin.call("threshold", i) <= 1) == (label == "yes")


def test_c_changes_the_depth_as_python_does():
    for model in ("bifsmn_stream-sc12", "bifsmn_s-sc12"):
        c_and_python(model, sound(10, 20.0), deltas=(4, 2, 1, 2), **EVENTS)


@pytest.mark.parametrize("hop", [0.001, 0.1, 0.128, 0.7])
def test_c_has_pythons_hop(hop):
    c_and_python("bifsmn_s-sc12", sound(12), hop=hop, **EVENTS)


def test_c_detects_real_words_as_python_does(speech):
    rng = np.random.default_rng(0)
    paths = sorted(speech.glob("yes/*.wav"))[:6]
    paths += sorted(speech.glob("stop/*.wav"))[:6]
    pause = np.zeros(20000, np.int16)
    words = []
    for path in rng.permutation([str(path) for path in paths]):
        words += [files.read(path, 16000), pause]
    stream = np.concatenate(words)
    assert c_and_python("bifsmn_stream-sc12", stream, threshold=0.5)


@pytest.mark.parametrize("model", [KEYWORDS, "bifsmn_stream-sc12"])
def test_a_stream_is_begun_anew(model):
    twin = NativeSpotter(pretrained.find(model), **EVENTS)
    first = twin.push(sound(13))
    heard = twin.poll()
    twin.call("reset")
    assert not twin.floats("probabilities").any()
    again = twin.push(sound(13))
    assert twin.poll() == heard
    assert len(first) == len(again)
    for x, y in zip(first, again, strict=True):
        assert x.end == y.end
        assert np.array_equal(x.probabilities, y.probabilities)


def test_detections_wait_until_they_are_polled():
    twin = NativeSpotter(
        pretrained.find("bifsmn_stream-sc12"),
        threshold=0.15,
        smoothing=0.0,
        hold=0.0,
    )
    samples = np.concatenate([sound(seed, 20.0) for seed in range(5)])
    pointer = np.ctypeslib.as_ctypes(samples)
    taken = twin.call("push_float", pointer, len(samples))
    assert taken < len(samples)
    # All but the sample that would decide.
    assert (taken + 1) % twin.call("step") == 0
    assert len(twin.poll()) == int(
        re.search(r"BIFSMN_DETECTIONS (\d+)", HEADER)[1]
    )
    rest = np.ctypeslib.as_ctypes(samples[taken:].copy())
    assert twin.call("push_float", rest, len(samples) - taken) > 0


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("beyond", [-1, 0, 40])
def test_what_is_no_number_is_not_taken(steps, beyond):
    twin = NativeSpotter(pretrained.find(KEYWORDS))
    step = twin.call("step")
    before = max(steps * step + beyond, 0)
    samples = np.zeros(5 * step, np.float32)
    samples[before] = np.nan
    pointer = np.ctypeslib.as_ctypes(samples)
    assert twin.call("push_float", pointer, len(samples)) == before
    assert twin.call("decisions") == before // step


def test_thresholds_are_those_of_keywords():
    twin = NativeSpotter(pretrained.find(KEYWORDS))
    yes, unknown = map(twin.labels.index, ("yes", "unknown"))
    assert twin.call("threshold", yes) == pytest.approx(
        KeywordSpotter(KEYWORDS).detection.thresholds["yes"]
    )
    assert twin.call("threshold", unknown) > 1
    assert twin.call("threshold", 99) > 1
    assert twin.call("set_threshold", yes, 0.25) == 0
    assert twin.call("threshold", yes) == 0.25
    for label, threshold in ((unknown, 0.5), (99, 0.5), (yes, 0), (yes, 1.5)):
        assert twin.call("set_threshold", label, threshold) == -1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": 3}, "the model has no delta 3"),
        ({"hop": 0.1}, "hop: this model computes a stream"),
        ({"threshold": 1.5}, "threshold is in (0, 1], not 1.5"),
        ({"threshold": 0.0}, "threshold is in (0, 1], not 0"),
        ({"smoothing": 1e9}, "smoothing is from 0 to 60 s"),
    ],
)
def test_options_that_are_none(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NativeSpotter(pretrained.find("bifsmn_stream-sc12"), **options)


def test_a_hop_of_nothing():
    with pytest.raises(ValueError, match="hop has to be positive"):
        NativeSpotter(pretrained.find("bifsmn_s-sc12"), hop=0.0)


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="none.tflite: No such file"):
        NativeSpotter(tmp_path / "none.tflite")
    with pytest.raises(ValueError, match="not a TensorFlow Lite model"):
        NativeSpotter(b"RIFF    WAVE")
    content = pretrained.find(KEYWORDS).read_bytes()
    with pytest.raises(ValueError, match="is it truncated"):
        NativeSpotter(content[:-5000])
    with pytest.raises(ValueError, match="it has no description"):
        NativeSpotter(builtin_model())


def test_ops_of_the_runtimes_own_are_refused():
    model = NativeModel(ModelFile(builtin_model()))
    with pytest.raises(UserError, match=r"number 9 of TensorFlow Lite's own"):
        model.signature("one")
    with pytest.raises(UserError, match="has no signature three"):
        model.signature("three")


def test_inputs_of_another_form():
    model = NativeModel(ModelFile.read(pretrained.find("bifsmn-sc12")))
    run = model.signature("delta_1")
    features = np.zeros((1, 32, 32), np.float32)
    assert run(features=features)["logits"].shape == (1, 12)
    for wrong in (features[0], features.astype(np.float64)):
        with pytest.raises(ValueError, match="features of delta_1 is float32"):
            run(features=wrong)
    with pytest.raises(ValueError, match="delta_1 takes features, not audio"):
        run(audio=features)


def test_the_engine_is_named():
    with pytest.raises(UserError, match="engine is one of native, litert"):
        KeywordSpotter(KEYWORDS, engine="fast")


def test_without_a_runtime_the_native_engine_runs(monkeypatch):
    assert KeywordSpotter(KEYWORDS).engine == "litert"
    monkeypatch.setattr(interpreter, "RUNTIMES", ())
    assert KeywordSpotter(KEYWORDS).engine == "native"
    with pytest.raises(UserError, match=r"pip install 'bifsmn_tf\[litert\]'"):
        KeywordSpotter(KEYWORDS, engine="litert")
