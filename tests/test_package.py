"""What ``import bifsmn_tf`` offers."""

import subprocess
import sys

import pytest

import bifsmn_tf
from bifsmn_tf.runtime import detector
from bifsmn_tf.runtime import spotter
from bifsmn_tf.runtime import streaming

PUBLIC = {
    "Detector",
    "KeywordSpotter",
    "StreamingSpotter",
    "__version__",
    "convert",
    "models",
}


def run(code):
    """Runs code in a Python that has imported nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_the_names_are_in_dir():
    assert set(bifsmn_tf.__all__) == PUBLIC
    assert set(dir(bifsmn_tf)) >= PUBLIC
    found = run("import bifsmn_tf; print(*dir(bifsmn_tf))").split()
    assert set(found) >= PUBLIC


def test_the_names_are_what_they_say():
    assert bifsmn_tf.Detector is detector.Detector
    assert bifsmn_tf.KeywordSpotter is spotter.KeywordSpotter
    assert bifsmn_tf.StreamingSpotter is streaming.StreamingSpotter
    assert bifsmn_tf.__version__.count(".") == 2
    assert bifsmn_tf.models()
    with pytest.raises(AttributeError, match="no attribute 'Spotter'"):
        _ = bifsmn_tf.Spotter


def test_importing_the_package_loads_nothing_else():
    loaded = run(
        "import sys, bifsmn_tf\n"
        "print(*{name.split('.')[0] for name in sys.modules}"
        " & {'numpy', 'absl', 'tensorflow', 'soxr', 'ai_edge_litert'})"
    )
    assert loaded == ""


ORDERS = {
    "module first": "import bifsmn_tf.convert",
    "attribute first": "import bifsmn_tf; bifsmn_tf.convert",
    "from the package": "from bifsmn_tf import convert",
    "as another name": "import bifsmn_tf.convert as other",
}

CALLS = (
    "import bifsmn_tf\n"
    "attribute = bifsmn_tf.convert\n"
    "import bifsmn_tf.convert\n"
    "from bifsmn_tf import convert\n"
    "assert attribute is bifsmn_tf.convert is convert\n"
    "for call in (bifsmn_tf.convert, convert):\n"
    "    try:\n"
    "        print(call('nowhere', output=None))\n"
    "    except ValueError as error:\n"
    "        print(error)\n"
)


@pytest.mark.parametrize("first", ORDERS.values(), ids=ORDERS)
def test_convert_is_called_whatever_was_imported_before(first):
    """With a function in the place of the one that brings TensorFlow."""
    found = run(
        "import sys, types\n"
        "stub = types.ModuleType('stub')\n"
        "stub.convert = lambda run, output: f'{run} to {output}'\n"
        "sys.modules['bifsmn_tf.conversion.convert'] = stub\n"
        f"{first}\n{CALLS}"
    )
    assert found.splitlines() == ["nowhere to None"] * 2


def test_convert_is_called_after_its_command_was_imported():
    found = run(f"import bifsmn_tf.convert.__main__\n{CALLS}")
    wanted = "nowhere is not the folder of a run: no run.json in it"
    assert found.splitlines() == [wanted] * 2


def test_the_attribute_brings_no_flags_and_no_tensorflow():
    loaded = run(
        "import sys, bifsmn_tf\n"
        "bifsmn_tf.convert, bifsmn_tf.KeywordSpotter\n"
        "print(*{'absl', 'tensorflow'} & set(sys.modules))"
    )
    assert loaded == ""
