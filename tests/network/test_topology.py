import subprocess
import sys

import pytest

from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.architectures import bifsmn_stream
from bifsmn_tf.network.architectures import bifsmn_wide
from bifsmn_tf.network.topology import FEATURES
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import nodes
from bifsmn_tf.network.topology import operations


@pytest.mark.parametrize("name", list(ARCHITECTURES))
@pytest.mark.parametrize("delta", [None, 1])
def test_a_node_reads_and_adds_to_what_is_there(name, delta):
    config = ARCHITECTURES[name](12, frames=29, mels=23)
    frames = config.step_frames if config.streaming else config.frames
    shapes = {FEATURES: (frames, config.mels, 1)}
    for node in nodes(config, delta):
        frames, *bands, channels = shapes[node.reads]
        assert node.input_shape == (frames, *(bands or [1]), channels)
        if node.adds_to:
            assert shapes[node.adds_to] == node.output_shape
        assert node.name not in shapes
        shapes[node.name] = node.output_shape
    assert node.kind is Kind.CLASSIFIER
    assert node.output_shape == (12,)


def test_a_depth_runs_every_delta_th_block():
    config = bifsmn(12)
    blocks = {d: {n.block for n in nodes(config, d)} - {0} for d in (1, 2, 4)}
    assert blocks == {1: {*range(1, 9)}, 2: {2, 4, 6, 8}, 4: {4, 8}}
    by_name = {n.name: n for n in nodes(config, 4)}
    assert by_name["block4/memory"].reads == "projection"
    assert by_name["block8/memory"].reads == "block4/shrink"
    assert by_name["classifier"].reads == "block8/shrink"


def test_a_depth_has_its_own_norms_in_a_block_only():
    by_name = {n.name: n for n in nodes(bifsmn(12))}
    assert by_name["conv2"].variants == 1
    assert by_name["conv2"].variant(4) == 0
    assert by_name["block6/expand"].variants == 2
    assert by_name["block6/expand"].variant(2) == 1
    assert by_name["block8/memory"].variant(4) == 2


def test_another_depth_is_refused():
    with pytest.raises(ValueError, match=r"no delta 8: one of \[1, 2, 4\]"):
        nodes(bifsmn(12), 8)


def test_every_op_gives_what_the_next_one_reads():
    config = bifsmn_wide(12)
    ready = {FEATURES}
    for operation in operations(config, 2):
        node = operation.node
        assert (
            node.name in ready
            or node.reads == FEATURES
            or node.reads in ("block8/shrink",)
        )
        ready |= {reader.name for reader in operation.readers}
    assert operation.name == "classifier"


@pytest.mark.parametrize(
    ("int8_sites", "names"),
    [
        ((), ["conv1", "conv2"]),
        (("conv2", "projection"), ["conv1", "conv2"]),
        # Rounded for one, in signs for the other.
        (("conv2",), ["conv1", "conv1_2", "conv2"]),
    ],
)
def test_what_is_quantized_in_two_ways_is_computed_twice(int8_sites, names):
    config = bifsmn_wide(12, int8_sites=int8_sites)
    found = [operation.name for operation in operations(config, 4)]
    assert found == [
        *names,
        "projection",
        "front_skip",
        "block4/memory",
        "block4/expand",
        "block4/shrink",
        "block8/memory",
        "block8/expand",
        "block8/shrink",
        "classifier",
    ]


def test_needs_no_tensorflow():
    command = (
        "import sys; sys.modules['tensorflow'] = None; "
        "import bifsmn_tf.network.topology"
    )
    subprocess.run([sys.executable, "-c", command], check=True)


@pytest.mark.parametrize("front_skip", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"look_back": 2, "stride_back": 3},
        {"front_kernel": 3, "frames": 16},
        {"look_back": 0, "deltas": (2, 4)},
    ],
)
def test_a_decision_looks_back_as_far_as_the_histories_reach(
    changes, front_skip
):
    config = bifsmn_stream(12, front_skip=front_skip, **changes)
    for delta in config.deltas:
        needed = dict.fromkeys([n.name for n in nodes(config, delta)], 1)
        needed[FEATURES] = 1
        for node in reversed(nodes(config, delta)):
            frames = needed[node.name]
            inputs = frames * node.strides[0] + node.history
            needed[node.reads] = max(needed[node.reads], inputs)
            if node.adds_to:
                needed[node.adds_to] = max(needed[node.adds_to], frames)
        steps = -(-needed[FEATURES] // config.step_frames)
        assert config.reach_steps(delta) == steps + 1
        if delta == min(config.deltas):
            assert config.input_frames == needed[FEATURES]
