import pytest
from small_models import binary_model
from small_models import builtin_model

from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.benchmarking.model import from_file
from bifsmn_tf.benchmarking.model import smallest_model
from bifsmn_tf.errors import UserError


def found(path):
    return [(c.name, c.signature, c.role) for c in from_file(path)]


def test_a_contestant_for_each_signature(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(builtin_model())
    assert found(path) == [
        (f"{path}, one", "one", Role.BASELINE),
        (f"{path}, two", "two", Role.BASELINE),
    ]
    path.write_bytes(builtin_model(["main"]))
    assert found(path) == [(str(path), "main", Role.BASELINE)]
    path.write_bytes(builtin_model(()))
    assert found(path) == [(str(path), None, Role.BASELINE)]


def test_our_networks_are_known_by_their_ops(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(binary_model())
    assert found(path) == [
        (f"{path}, delta_1", "delta_1", Role.OURS),
        (f"{path}, delta_2", "delta_2", Role.OURS),
        (f"{path}, audio", "audio", Role.FRONT_END),
        (f"{path}, frame", "frame", Role.FRONT_END),
    ]


def test_files_that_are_no_models(tmp_path):
    path = tmp_path / "a.tflite"
    with pytest.raises(UserError, match=r"there is no file .*a\.tflite"):
        from_file(path)
    path.write_bytes(builtin_model()[:-100])
    with pytest.raises(UserError, match="a.tflite: .*truncated"):
        from_file(path)


def test_the_smallest_model_runs():
    invocation = smallest_model().invocation()
    invocation.invoke()
    invocation.check()
