"""What is installed, what a wheel brings along, and that nothing is fetched."""

import json
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bifsmn_tf.runtime.interpreter import library_path

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements" / "ci.txt").read_text()


def locked():
    """The versions in the file of pinned requirements."""
    found = re.findall(r"^([\w.-]+)==([\w.+!-]+)", LOCK, re.MULTILINE)
    return {canonicalize_name(name): Version(text) for name, text in found}


def extras(*names):
    """The requirements of the package and of its extras, from setup.py."""
    code = (
        "import json, setuptools, sys\n"
        "sys.argv = ['setup.py']\n"
        "setuptools.setup = lambda **kept: print(json.dumps("
        "[kept['install_requires'], kept['extras_require']]))\n"
        "import runpy; runpy.run_path('setup.py')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    own, others = json.loads(done.stdout)
    return [Requirement(x) for x in own + sum((others[n] for n in names), [])]


def test_all_that_tests_need_is_pinned():
    pinned = locked()
    for requirement in extras("train", "dev"):
        name = canonicalize_name(requirement.name)
        assert name in pinned, (
            f"{name} is not in requirements/ci.txt: make lock"
        )
        assert pinned[name] in requirement.specifier, (
            f"{requirement}: make lock"
        )


def test_every_pin_has_a_hash_and_comes_from_an_index():
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(entries) == len(locked()) > 100
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in LOCK


@pytest.fixture
def wheel(tmp_path):
    """A wheel with metadata alone."""
    path = tmp_path / "bifsmn_tf-1.0-py3-none-any.whl"
    lines = [
        "Metadata-Version: 2.4",
        "Name: bifsmn_tf",
        "Version: 1.0",
        "License-Expression: Apache-2.0",
        "Requires-Dist: numpy>=1.24",
        "Requires-Dist: soundfile; extra == 'listen'",
        "Requires-Dist: nothing; python_version < '3'",
    ]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("bifsmn_tf-1.0.dist-info/METADATA", "\n".join(lines))
    return path


def test_the_bill_lists_what_is_brought_along(wheel, tmp_path):
    def made(*options):
        out = tmp_path / "bom.json"
        command = [sys.executable, ROOT / "tools/bill_of_materials.py", wheel]
        done = subprocess.run(
            [*command, f"--json={out}", *options],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(out.read_text()), done.stdout

    bom, page = made()
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bom["serialNumber"])
    assert bom == made()[0]
    names = [part["name"] for part in bom["components"]]
    assert names == ["numpy", "libstdc++", "libgcc"]
    assert "| numpy |" in page and "BSD" in page
    references = {part["bom-ref"] for part in bom["components"]}
    assert set(bom["dependencies"][0]["dependsOn"]) == references
    more = {
        part["name"] for part in made("--extras", "listen")[0]["components"]
    }
    # What soundfile needs itself is among them.
    assert more >= {"numpy", "soundfile", "cffi", "pycparser"}


def test_the_bill_of_what_is_really_built(tmp_path):
    """Of the package's own metadata, in a wheel without its modules."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "-q", "egg_info"]
        + [f"--egg-base={tmp_path}", "dist_info", f"--output-dir={tmp_path}"],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    (about,) = tmp_path.glob("*.dist-info")
    path = tmp_path / "bifsmn_tf-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for part in about.iterdir():
            if part.is_file():
                file.write(part, f"{about.name}/{part.name}")
    bill = runpy.run_path(str(ROOT / "tools/bill_of_materials.py"))
    made = bill["bill"](path, ())
    version = made["metadata"]["component"]["version"]
    page = bill["table"](made)
    assert f"| bifsmn_tf | {version} | Apache-2.0 |" in page
    names = [part["name"] for part in made["components"]]
    assert names == ["numpy", "soxr", "libstdc++", "libgcc"]
    assert "not stated" not in page
    more = {
        part["name"] for part in bill["bill"](path, ["train"])["components"]
    }
    assert more >= {*names, "tensorflow", "larq"}


def test_every_licence_of_the_runtime_is_stated():
    bill = runpy.run_path(str(ROOT / "tools/bill_of_materials.py"))
    lines = [str(requirement) for requirement in extras()]
    found = bill["closure"](lines, ())
    assert {"numpy", "soxr"} <= set(found)
    for name, package in found.items():
        assert bill["licence"](package.metadata), name


def test_the_library_knows_no_network():
    symbols = subprocess.run(
        ["nm", "-D", "--undefined-only", library_path()],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {
        line.split()[-1].partition("@")[0] for line in symbols.splitlines()
    }
    assert "memcpy" in names
    refused = {"socket", "connect", "getaddrinfo", "dlopen", "system", "execve"}
    assert not names & refused


OFFLINE = """
import sys
from tests.support.command_server import refuse_network
refuse_network()
"""


def run_offline(code):
    return subprocess.run(
        [sys.executable, "-c", OFFLINE + code],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def test_commands_in_tests_have_no_network():
    """Every command that tests run is refused one: see command_server."""
    done = run_offline(
        "import urllib.request as r; r.urlopen('http://a.invalid')"
    )
    assert "a command uses the network" in done.stderr
    done = run_offline(
        "import socket; socket.create_connection(('127.0.0.1', 9))"
    )
    assert "a command uses the network" in done.stderr


def test_a_spotter_needs_no_network():
    done = run_offline(
        "import numpy, bifsmn_tf\n"
        "for name in bifsmn_tf.models():\n"
        "    spotter = bifsmn_tf.KeywordSpotter(name)\n"
        "    assert spotter(numpy.zeros(16000, numpy.float32))\n"
    )
    assert done.returncode == 0, done.stderr
