"""Trainings over several processes: the same as one, and taken up again.

    BIFSMN_WORKERS=4 pytest tests/training/test_several_workers.py

has four processes instead of two, of which each is lost in turn.
"""

import json
import os
import signal
import socket

import numpy as np
import pytest
import toy_run

from bifsmn_tf._keras import tf
from bifsmn_tf.errors import UserError
from bifsmn_tf.training import workers
from bifsmn_tf.training.run import RunFolder

COUNT = int(os.environ.get("BIFSMN_WORKERS", "2"))
LOST = range(COUNT) if "BIFSMN_WORKERS" in os.environ else [1]
EPOCHS = 3
# All that a run may carry from step to step.
SETTINGS = {"mixup": 0.4, "weight_average": 0.9}


def start_workers(folder, lost=None):
    """Begins a training on ports that are free; one may be lost in it."""
    probes = [socket.socket() for _ in range(COUNT)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes]
    for probe in probes:
        probe.close()
    return [
        toy_run.start(
            folder,
            f"--epochs={EPOCHS}",
            "--strategy=multi_worker",
            f"--copies={COUNT}",
            *[f"--{name}={value}" for name, value in SETTINGS.items()],
            *(["--dies_in=1"] if index == lost else []),
            TF_CONFIG=json.dumps(
                {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
            ),
        )
        for index in range(COUNT)
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a training that lost nobody, and what each printed."""
    folder = tmp_path_factory.mktemp("whole")
    processes = start_workers(folder)
    return folder, [toy_run.finish(process) for process in processes]


def test_workers_equal_one_process_at_the_same_batch(whole, tmp_path):
    """Every worker's share of a batch is what the single process gets."""
    folder, _ = whole
    single = toy_run.train(tmp_path, EPOCHS, settings=SETTINGS)
    ours, theirs = (
        RunFolder(path).load_network("last").variables
        for path in (folder, tmp_path)
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            one.numpy(), other.numpy(), atol=2e-5, err_msg=one.name
        )
    histories = RunFolder(folder).read_metrics()["history"], single["history"]
    for one, other in zip(*histories, strict=True):
        assert one.keys() == other.keys()
        for name in other.keys() - {"seconds", "wavelet_energy_high"}:
            exact = "accuracy" in name
            assert one[name] == (
                other[name] if exact else pytest.approx(other[name], rel=1e-4)
            ), name


@pytest.mark.parametrize("lost", LOST)
def test_a_worker_is_killed_and_all_are_started_again(whole, tmp_path, lost):
    """They go on from the last epoch, and end as if nothing had been."""
    processes = start_workers(tmp_path, lost)
    for index, process in enumerate(processes):
        _, said = process.communicate(timeout=toy_run.HANGS)
        if index == lost:
            assert process.returncode == -signal.SIGKILL, said
        else:
            assert process.returncode == 1, said
            assert "start all workers again" in said
    assert len(RunFolder(tmp_path).read_metrics()["history"]) == 1
    again = [toy_run.finish(process) for process in start_workers(tmp_path)]
    assert again == whole[1]


class _Workers:
    """As a strategy of several workers."""

    class cluster_resolver:  # noqa: N801
        task_type, task_id = "worker", 0


def test_a_lost_worker_is_said():
    error = tf.errors.UnavailableError(None, None, "connection reset")
    with (
        pytest.raises(UserError, match="start all workers again"),
        workers.in_touch(_Workers()),
    ):
        raise error
    with (
        pytest.raises(tf.errors.UnavailableError),
        workers.in_touch(tf.distribute.get_strategy()),
    ):
        raise error
