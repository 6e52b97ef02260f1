"""What commands leave in a run is kept, and made again when asked."""

from bifsmn_tf.experiments.commands import Commands

COUNT = "tests.experiments.count_calls"


def test_measures_once_unless_asked_again(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()

    def measure(**arguments):
        one = Commands(str(tmp_path), str(tmp_path), **arguments)
        return one.measure(folder, "count", COUNT), one.failures

    assert measure(collect=True) == (None, [])
    assert measure() == ({"calls": 1}, [])
    assert measure() == ({"calls": 1}, [])
    assert measure(again=True) == ({"calls": 2}, [])


def test_a_failure_names_command_and_log(tmp_path):
    one = Commands(str(tmp_path), str(tmp_path))
    one.call(tmp_path / "run", COUNT)
    log = tmp_path / "run.log"
    assert one.failures == [f"python -m {COUNT} failed: see {log}"]
    text = log.read_text()
    assert text.startswith(f"$ python -m {COUNT}\n") and "KeyError" in text
