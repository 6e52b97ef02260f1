import os
import signal
import subprocess
import sys
import time

import pytest

from bifsmn_tf.data.workers import WorkerError
from bifsmn_tf.data.workers import Workers


def add(offset, item):
    time.sleep(0.01 * (item % 3))
    return offset + item


def process(_):
    return os.getpid()


def chatter(item):
    print("not a reply")
    os.write(1, b"neither is this")
    return item


def fail(item):
    raise KeyError(f"bad {item}")


def fail_at(_, item):
    raise KeyError(item)


def fail_strangely(_):
    class Local(Exception):
        def __reduce__(self):
            raise TypeError("cannot be pickled")

    raise Local


def die(_):
    os._exit(3)


def imported(_):
    import bifsmn_tf.data.feature_cache
    import bifsmn_tf.data.synthetic.generate  # noqa: F401

    heavy = ("tensorflow", "tf_keras", "keras", "absl")
    return [name for name in heavy if name in sys.modules]


class Unloadable:
    def __reduce__(self):
        return os._exit, (4,)


@pytest.fixture(scope="module")
def pool():
    with Workers(100, count=2) as workers:
        yield workers


@pytest.fixture(scope="module")
def one():
    with Workers(count=1) as workers:
        yield workers


def test_results_come_in_order(pool):
    assert list(pool.map(add, range(20))) == list(range(100, 120))


def test_work_is_shared_and_done_elsewhere():
    with Workers(count=2) as workers:
        several = set(workers.map(process, range(50)))
    assert os.getpid() not in several
    assert 1 <= len(several) <= 2


def test_items_are_taken_as_needed(one):
    taken = []

    def items():
        for i in range(1000):
            taken.append(i)
            yield i

    results = one.map(process, items())
    next(results)
    assert len(taken) < 10
    results.close()


def test_prints_do_not_disturb(one):
    assert list(one.map(chatter, "abc")) == ["a", "b", "c"]


def test_exceptions_arrive_with_their_trace(one):
    with pytest.raises(KeyError, match="bad 1") as caught:
        list(one.map(fail, [1]))
    assert "in fail" in str(caught.value.__cause__)


def test_a_pool_survives_an_exception(pool):
    with pytest.raises(KeyError):
        list(pool.map(fail_at, [1]))
    assert list(pool.map(add, [1])) == [101]


def test_exceptions_that_cannot_be_sent():
    with (
        Workers(count=1) as workers,
        pytest.raises(WorkerError, match=r"EXIT\(1\)"),
    ):
        list(workers.map(fail_strangely, [1]))


def test_a_death_is_reported():
    with (
        Workers(count=1) as workers,
        pytest.raises(WorkerError, match=r"EXIT\(3\).*fewer workers"),
    ):
        list(workers.map(die, [1]))


def test_workers_that_cannot_start():
    with (
        Workers(Unloadable(), count=2) as workers,
        pytest.raises(WorkerError, match=r"EXIT\(4\)"),
    ):
        list(workers.map(add, range(4)))


def test_processes_end_with_the_pool():
    workers = Workers(count=2)
    pids = set(workers.map(process, range(10)))
    workers.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_workers_import_no_tensorflow(one):
    assert list(one.map(imported, [None])) == [[]]


@pytest.fixture
def elsewhere():
    """A process that works for ever, in a group of its own; and its worker."""
    code = (
        # What is begun in the background of a shell ignores Ctrl-C.
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import test_workers; from bifsmn_tf.data.workers import Workers\n"
        "with Workers(count=1) as workers:\n"
        "    for pid in workers.map(test_workers.process, range(10**9)):\n"
        "        print(pid, flush=True)"
    )
    paths = [os.path.dirname(__file__), *sys.path]
    began = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield began, int(began.stdout.readline())
    began.kill()
    began.communicate()


def test_ctrl_c_ends_workers_quietly(elsewhere):
    """A terminal sends it to all of them; only the first process speaks."""
    began, worker = elsewhere
    os.killpg(began.pid, signal.SIGINT)
    _, errors = began.communicate()
    assert errors.count("Traceback") == 1
    assert errors.endswith("KeyboardInterrupt\n")
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_workers_do_not_outlive_a_process_that_is_killed(elsewhere):
    began, _ = elsewhere
    began.kill()
    # Its worker has the other end of this pipe, too.
    began.stdout.read()
