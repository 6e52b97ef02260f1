"""A streaming model: chunks, levels, cuts, changes of depth."""

import numpy as np
import pytest
from networks import describe
from networks import random_network

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.architectures import bifsmn_stream
from bifsmn_tf.runtime import streaming
from bifsmn_tf.runtime.streaming import StreamingSpotter

STEP = 2048


@pytest.fixture(scope="module", params=["features", "none"])
def spotter(request, tmp_path_factory):
    config = bifsmn_stream(4, blocks=4, memory_size=32, hidden_size=48)
    content = convert_binary(
        random_network(config),
        describe(config, BOARD_FEATURES),
        audio=request.param,
    ).content
    path = tmp_path_factory.mktemp("model") / "stream.tflite"
    path.write_bytes(content)
    return KeywordSpotter(path)


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(1)
    loudness = np.abs(np.sin(np.arange(60 * STEP) / 9000))
    samples = 0.2 * loudness * rng.standard_normal(60 * STEP)
    return samples.astype(np.float32)


def decisions(stream, sound):
    found = stream.push(sound)
    return np.array([d.probabilities for d in found])


def test_cut_into_chunks_of_any_size(spotter, sound):
    whole = StreamingSpotter(spotter).push(sound)
    assert [d.end for d in whole] == [STEP * (i + 1) for i in range(60)]
    rng = np.random.default_rng(0)
    stream, found, start = StreamingSpotter(spotter), [], 0
    while start < len(sound):
        chunk = int(rng.choice([0, 1, 160, 2047, 2048, 9000]))
        found += stream.push(sound[start : start + chunk])
        start += chunk
    assert [d.end for d in found] == [d.end for d in whole]
    np.testing.assert_array_equal(
        [d.probabilities for d in found], [d.probabilities for d in whole]
    )


def test_a_stream_begins_behind_silence(spotter, sound):
    fresh = decisions(StreamingSpotter(spotter), sound[: 10 * STEP])
    stream = StreamingSpotter(spotter)
    reach = spotter.metadata.network.reach_steps(spotter.delta)
    decisions(stream, sound)
    decisions(stream, np.zeros(reach * STEP, np.float32))
    np.testing.assert_array_equal(decisions(stream, sound[: 10 * STEP]), fresh)


def test_a_reset_forgets_everything(spotter, sound):
    stream = StreamingSpotter(spotter)
    fresh = decisions(stream, sound)
    stream.push(sound[:1234])
    stream.reset()
    np.testing.assert_array_equal(decisions(stream, sound), fresh)


def test_streams_of_one_spotter_do_not_meddle(spotter, sound):
    alone = decisions(StreamingSpotter(spotter), sound[: 20 * STEP])
    one, other = StreamingSpotter(spotter), StreamingSpotter(spotter)
    found = []
    for start in range(0, 20 * STEP, STEP):
        found.append(decisions(one, sound[start : start + STEP])[0])
        other.push(-sound[start + 5 * STEP : start + 6 * STEP])
    np.testing.assert_array_equal(found, alone)


def test_a_cut_or_a_step_in_level_is_past_after_its_reach(spotter, sound):
    reach = spotter.metadata.network.reach_steps(spotter.delta)
    wanted = decisions(StreamingSpotter(spotter), sound)
    for change in (
        np.zeros(7 * STEP, np.float32),
        np.ones(7 * STEP, np.float32),
        8 * sound[: 7 * STEP],
        sound[30 * STEP : 37 * STEP],
    ):
        changed = sound.copy()
        changed[5 * STEP : 12 * STEP] = np.clip(change, -1, 1)
        found = decisions(StreamingSpotter(spotter), changed)
        assert np.all(np.isfinite(found))
        np.testing.assert_array_equal(found[12 + reach :], wanted[12 + reach :])
        assert not np.array_equal(found[:12], wanted[:12])


@pytest.mark.parametrize("old", [1, 2, 4])
@pytest.mark.parametrize("new", [1, 2, 4])
def test_the_depth_changes_without_a_gap(spotter, sound, old, new):
    always = {}
    for delta in (old, new):
        spotter.delta = delta
        always[delta] = decisions(StreamingSpotter(spotter), sound)
    spotter.delta = old
    stream = StreamingSpotter(spotter)
    change = 23
    before = decisions(stream, sound[: change * STEP])
    spotter.delta = new
    after = decisions(stream, sound[change * STEP :])
    assert stream.delta == new
    spotter.delta = 1
    found = np.concatenate([before, after])
    # The new depth is heard from the step on by which it has heard enough.
    first = change
    if new != old:
        first += spotter.metadata.network.reach_steps(new) - 1
    np.testing.assert_array_equal(found[:first], always[old][:first])
    np.testing.assert_array_equal(found[first:], always[new][first:])


def test_a_depth_that_is_given_up_leaves_no_trace(spotter, sound):
    wanted = decisions(StreamingSpotter(spotter), sound)
    stream = StreamingSpotter(spotter)
    found = []
    for i, start in enumerate(range(0, len(sound), STEP)):
        # Never long enough to take over.
        spotter.delta = 4 if i % 7 < 5 else 1
        found.append(decisions(stream, sound[start : start + STEP])[0])
    spotter.delta = 1
    np.testing.assert_array_equal(found, wanted)


def test_the_end_of_a_recording_is_heard(spotter, sound):
    stream = StreamingSpotter(spotter)
    stream.push(sound[: STEP + 10])
    (last,) = stream.flush()
    assert last.end == 2 * STEP
    assert stream.flush() == []


def test_a_clip_is_a_stream_that_ends_with_it(spotter, sound):
    clip = sound[:16000]
    logits = spotter.steps.decisions(clip, spotter.delta)
    assert logits.shape == (8, 4)
    found = spotter(clip)
    assert list(found) == list(spotter.labels)
    exponentials = np.exp(logits[-1] - logits[-1].max())
    np.testing.assert_allclose(
        list(found.values()), exponentials / exponentials.sum(), rtol=1e-5
    )


def test_what_is_for_clips_is_refused(spotter):
    with pytest.raises(UserError, match="reads a stream"):
        spotter.logits(np.zeros((1, 32, 32), np.float32))
    with pytest.raises(UserError, match="step by step"):
        StreamingSpotter(spotter, hop=0.1)


def test_says_how_much_a_stream_keeps(spotter):
    sizes = spotter.steps.state_bytes
    assert list(sizes) == [1, 2, 4]
    assert sizes[1] > sizes[2] > sizes[4] > 0


class TestOnDuty:
    """The shallow depth listens, the deep one confirms."""

    @pytest.fixture
    def listening(self, spotter):
        before = spotter.delta
        spotter.delta = max(spotter.deltas)
        yield spotter
        spotter.delta = before

    def always(self, spotter, delta, sound):
        before, spotter.delta = spotter.delta, delta
        found = decisions(StreamingSpotter(spotter), sound)
        spotter.delta = before
        return found

    def likely(self, spotter, found):
        keywords = [
            i
            for i, x in enumerate(spotter.labels)
            if x not in ("unknown", "silence")
        ]
        return found[:, keywords].max(axis=1)

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
    def test_decides_as_the_deep_one_where_it_is_asked(
        self, listening, sound, monkeypatch, share
    ):
        shallow = self.always(listening, listening.delta, sound)
        deep = self.always(listening, 1, sound)
        # A level that some of the decisions reach.
        level = float(np.quantile(self.likely(listening, shallow), share))
        monkeypatch.setattr(streaming, "_LIKELY", level)
        monkeypatch.setattr(streaming, "_ATTENTIVE", 3 * STEP / 16000)
        stream = StreamingSpotter(listening, confirm=1)
        found, who = [], []
        for start in range(0, len(sound), STEP):
            (decision,) = stream.push(sound[start : start + STEP])
            found.append(decision.probabilities)
            who.append(stream.delta)
        asked = np.array(who) == 1
        np.testing.assert_array_equal(np.array(found)[asked], deep[asked])
        np.testing.assert_array_equal(np.array(found)[~asked], shallow[~asked])
        assert asked[self.likely(listening, shallow) >= level].all()
        assert asked.all() if share == 0 else asked.any()
        taken = stream.steps_taken
        assert taken[listening.delta] == len(asked)
        assert taken[1] >= asked.sum()

    def test_who_listens_may_change(self, listening, sound, monkeypatch):
        monkeypatch.setattr(streaming, "_LIKELY", 2.0)
        stream = StreamingSpotter(listening, confirm=1)
        first = decisions(stream, sound[: 30 * STEP])
        deltas = sorted(listening.deltas)
        listening.delta = deltas[-2]
        found = np.concatenate([first, decisions(stream, sound[30 * STEP :])])
        listening.delta = deltas[-1]
        for delta, part in ((deltas[-1], np.s_[:30]), (deltas[-2], np.s_[30:])):
            wanted = self.always(listening, delta, sound)
            np.testing.assert_array_equal(found[part], wanted[part])

    def test_what_cannot_confirm_is_refused(self, listening):
        with pytest.raises(UserError, match="depths"):
            StreamingSpotter(listening, confirm=3)
        clips = KeywordSpotter("bifsmn_s-sc12")
        with pytest.raises(UserError, match="a clip for each decision"):
            StreamingSpotter(clips, confirm=1)

    def test_depths_by_name(self):
        model = "bifsmn_stream-sc12"
        assert streaming.depths(model, None) == (None, None)
        assert streaming.depths(model, "2") == (2, None)
        assert streaming.depths(model, "auto") == (4, 1)
        with pytest.raises(UserError, match="or auto, not 'deep'"):
            streaming.depths(model, "deep")
