import numpy as np
import pytest
from networks import SIZES
from networks import describe
from networks import random_network

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.benchmarking import listener
from bifsmn_tf.benchmarking import memory
from bifsmn_tf.benchmarking import peers
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import signatures
from bifsmn_tf.network.architectures import bifsmn_stream

FEATURES = FeatureParameters(
    duration=0.128, n_fft=256, hop=256, n_mels=SIZES["mels"]
)


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    config = bifsmn_stream(**SIZES | {"frames": FEATURES.frames})
    content = convert_binary(
        random_network(config), describe(config, FEATURES)
    ).content
    path = tmp_path_factory.mktemp("stream") / "stream.tflite"
    path.write_bytes(content)
    return path


def test_a_listener_for_each_depth(stream):
    found = listener.streaming("ours", stream)
    assert [one.name for one in found] == [f"ours δ={d}" for d in (1, 2, 4)]
    # Four frames of 256 samples a step.
    assert {one.decisions for one in found} == {15.625}
    assert [part.rate for one in found for part in one.parts] == [15.625] * 3
    assert found[0].state > found[2].state > 0
    assert found[0].file_bytes == stream.stat().st_size
    (decision,) = found[2].push()()
    assert decision.end == 1024
    assert found[2].seconds == 0.064


def test_a_step_goes_on_from_what_sound_leads_to(stream):
    one = listener.streaming("ours", stream)[0]
    invocation = one.parts[0].model.invocation()
    state = invocation._inputs[signatures.STATE]
    assert np.any(state != 0)
    # The same sound again and again: nothing older is left in it.
    np.testing.assert_array_equal(invocation.call()[signatures.STATE], state)
    invocation.invoke()
    invocation.check()


def test_clips_are_computed_anew():
    found = listener.of_clips("clips", "bifsmn-sc12", hops=(1, 4))
    assert [one.name for one in found] == [
        "clips δ=1, every 32 ms",
        "clips δ=1, every 128 ms",
    ]
    assert [[p.rate for p in one.parts] for one in found] == [
        [31.25, 31.25],
        [31.25, 7.8125],
    ]
    assert len({p.name for one in found for p in one.parts}) == 2
    assert len(found[1].push()()) == 1


def test_clips_are_no_stream(stream):
    with pytest.raises(UserError, match="reads clips"):
        listener.streaming("x", "bifsmn-sc12")
    with pytest.raises(UserError, match="does not take sound"):
        listener.of_clips("x", stream)


def test_memory_of_one_more_spotter(stream):
    found = memory.spotter_bytes(stream, 4)
    assert found is None or 0 < found["plan"] < found["spotter"] < 1e6
    assert found is None or 0 < found["native"] < found["spotter"]


def test_missing_peers_are_named(monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    assert peers.missing("micro_wake_word") == [
        "pymicro-wakeword",
        "pymicro-features",
    ]


def test_micro_wake_word():
    pytest.importorskip("pymicro_wakeword")
    found = peers.make("micro_wake_word")
    assert len(found) == 3
    for one in found:
        assert [p.rate for p in one.parts] == [100, pytest.approx(100 / 3)]
    invocation = found[0].parts[1].model.invocation()
    assert invocation.remembers
    for _ in range(3):
        invocation.invoke()
    invocation.check()
    found[0].push()()
    assert len(found[0].parts[0].call().features) == 40


def test_open_wake_word():
    pytest.importorskip("pyopen_wakeword")
    (one,) = peers.make("open_wake_word")
    spectrogram = one.parts[0].model
    invocation = spectrogram.invocation()
    (values,) = invocation._inputs.values()
    assert values.shape == spectrogram.shape
    invocation.invoke()
    invocation.check()
