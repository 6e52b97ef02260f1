"""Ops and their NumPy references, kernels and kernels, on drawn shapes."""

import dataclasses
import os

import numpy as np
import pytest
from drawn import Drawn
from hypothesis import assume
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from op_cases import MAKERS

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.ops import LogMel
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.runtime.interpreter import kernel_names
from bifsmn_tf.runtime.interpreter import make_interpreter

KERNELS = kernel_names()


def run(model, feeds, kernel):
    before = os.environ.get("BIFSMN_KERNELS")
    os.environ["BIFSMN_KERNELS"] = kernel
    try:
        runner = make_interpreter(model).get_signature_runner()
        return runner(**feeds)
    finally:
        del os.environ["BIFSMN_KERNELS"]
        if before is not None:
            os.environ["BIFSMN_KERNELS"] = before


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
@given(data=st.data())
def test_every_kernel_is_the_reference(maker, data):
    case = maker(Drawn(data), "case")
    wanted = case.expected()
    model = case.model()
    for kernel in KERNELS:
        found = run(model, case.feeds(), kernel)
        for i, right in enumerate(wanted):
            most = 1e-4 * np.abs(right).max()
            rtol, atol = (0, 0) if case.exact else (1e-5, most)
            np.testing.assert_allclose(
                found[f"output_{i}"], right, rtol, atol, err_msg=kernel
            )


@settings(max_examples=12)
@given(
    parameters=st.builds(
        dict,
        sample_rate=st.sampled_from([8000, 11025, 16000, 22050]),
        n_fft=st.sampled_from([256, 512, 1024, 2048]),
        folds=st.integers(1, 3),
        hop=st.integers(1, 700),
        n_mels=st.integers(1, 64),
        f_min=st.floats(0, 300),
        f_max=st.floats(2000, 4000),
    ),
    seed=st.integers(0, 2**32 - 1),
    level=st.sampled_from([1e-5, 0.01, 0.3, 1.0]),
    extra=st.integers(0, 3000),
)
def test_features_of_numpy_and_of_every_kernel(parameters, seed, level, extra):
    try:
        features = FeatureParameters(**parameters)
        statistics = FeatureStatistics(-40.0, 20.0)
        op = LogMel.of(features, statistics)
    except UserError:
        assume(False)
    rng = np.random.default_rng(seed)
    count = max(features.samples, features.frame_length + 1)
    sound = (level * rng.normal(size=(1, count + extra))).astype(np.float32)
    features = dataclasses.replace(
        features, duration=sound.shape[1] / features.sample_rate
    )
    assume(features.samples == sound.shape[1])
    wanted = statistics.normalise(log_mel(sound, features))
    writer = ModelWriter("front end")
    graph = writer.subgraph("main")
    entry = graph.input("audio", sound.shape, sound.dtype)
    (spec,) = op.output_specs(entry)
    (rows,) = graph.custom_op(op, [entry], [("features", *spec)])
    graph.output("features", rows)
    writer.signature("main", graph)
    model = writer.build()
    for kernel in KERNELS:
        if "mel" in kernel:
            found = run(model, {"audio": sound}, kernel)["features"]
            np.testing.assert_allclose(
                found, wanted, rtol=0, atol=1e-3 / 20, err_msg=kernel
            )
