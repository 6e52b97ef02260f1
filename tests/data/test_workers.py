import os
import time

import pytest

from bifsmn_tf.data.workers import WorkerError
from bifsmn_tf.data.workers import Workers
from bifsmn_tf.data.workers import processors

# What the workers import by name: this module, through PYTHONPATH.
ME = "test_workers"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))


def begin(offset):
    return offset


def add(offset, item):
    time.sleep(0.01 * (item % 3))
    return offset + item


def process(_, __):
    return os.getpid()


def chatter(_, item):
    print("not a reply")
    os.write(1, b"neither is this")
    return item


def fail(_, item):
    raise KeyError(f"bad {item}")


def fail_strangely(_, __):
    class Local(Exception):
        pass

    raise Local("cannot be pickled")


def die(_, __):
    os._exit(3)


def test_results_come_in_order():
    with Workers(f"{ME}:begin", 100, count=2) as pool:
        results = list(pool.map(f"{ME}:add", range(20)))
    assert results == list(range(100, 120))


def test_work_is_shared_and_done_elsewhere():
    with Workers(f"{ME}:begin", 0, count=2) as pool:
        several = set(pool.map(f"{ME}:process", range(50)))
    assert os.getpid() not in several
    assert 1 <= len(several) <= 2


def test_items_are_taken_as_needed():
    taken = []

    def items():
        for i in range(1000):
            taken.append(i)
            yield i

    with Workers(f"{ME}:begin", 0, count=1) as pool:
        results = pool.map(f"{ME}:add", items())
        assert next(results) == 0
        assert len(taken) < 10


def test_prints_do_not_disturb():
    with Workers(f"{ME}:begin", 0, count=1) as pool:
        assert list(pool.map(f"{ME}:chatter", "abc")) == ["a", "b", "c"]


def test_exceptions_arrive_with_their_trace():
    with (
        Workers(f"{ME}:begin", 0, count=1) as pool,
        pytest.raises(KeyError, match="bad 1") as caught,
    ):
        list(pool.map(f"{ME}:fail", [1]))
    assert "in fail" in str(caught.value.__cause__)


def test_exceptions_that_cannot_be_sent():
    with (
        Workers(f"{ME}:begin", 0, count=1) as pool,
        pytest.raises(RuntimeError, match="cannot be pickled"),
    ):
        list(pool.map(f"{ME}:fail_strangely", [1]))


def test_a_pool_survives_an_exception():
    with Workers(f"{ME}:begin", 5, count=1) as pool:
        with pytest.raises(KeyError):
            list(pool.map(f"{ME}:fail", [1]))
        assert list(pool.map(f"{ME}:add", [1])) == [6]


def test_a_death_is_reported():
    with (
        Workers(f"{ME}:begin", 0, count=1) as pool,
        pytest.raises(WorkerError, match="exit code 3"),
    ):
        list(pool.map(f"{ME}:die", [1]))


def test_setup_that_fails():
    with pytest.raises(AttributeError, match="nothing"):
        Workers(f"{ME}:nothing", count=2)


def test_processes_end_with_the_pool():
    pool = Workers(f"{ME}:begin", 0, count=2)
    pids = set(pool.map(f"{ME}:process", range(10)))
    pool.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_processors():
    assert 1 <= processors() <= os.cpu_count()
