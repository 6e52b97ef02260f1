"""Wheels that any system with glibc 2.28 takes, and the sdist."""

import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from build_cache import CACHE
from build_cache import build_lock

from bifsmn_tf import pretrained

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("zopfli", reason="wheels need pip's zopflipy")

WHEELS = runpy.run_path(str(ROOT / "tools" / "wheels.py"))
ARCHITECTURES = WHEELS["ARCHITECTURES"]
EPOCH = "1700000000"

BOARDS = {"bookworm": "311", "trixie": "313"}
"""Raspberry Pi OS of before and of today: Debian 12 and 13, their Pythons."""

REQUIRED = ["numpy==2.2.6", "soxr==1.1.0", "soundfile==0.13.1"]
REQUIRED += ["cffi==2.1.1", "absl-py==2.3.1", "rich==15.0.0"]
REQUIRED += ["sounddevice==0.5.6"]
PLATFORMS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")


def build(dist, *flags):
    subprocess.run(
        [
            sys.executable,
            ROOT / "tools" / "wheels.py",
            f"--dist={dist}",
            *flags,
        ],
        env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH},
        check=True,
    )


def sources() -> str:
    """A digest of what wheels are built of."""
    digest = hashlib.sha256()
    done = subprocess.run(
        ["git", "ls-files", "-z", *WHEELS["SOURCES"], *WHEELS["FILES"]]
        + ["tools/wheels.py"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in sorted(done.stdout.split(b"\0")[:-1]):
        path = ROOT / os.fsdecode(name)
        digest.update(
            name + b"\0" + (path.read_bytes() if path.exists() else b"")
        )
    return digest.hexdigest()


@pytest.fixture(scope="session")
def dist():
    """Everything that ``make wheels`` makes, built once for the sources."""
    pytest.importorskip("ziglang")
    folder = CACHE / "wheels"
    with build_lock("wheels"):
        made, digest = folder / "made", sources()
        if not made.exists() or made.read_text() != digest:
            shutil.rmtree(folder, ignore_errors=True)
            build(folder)
            made.write_text(digest)
    return folder


def wheel(dist, architecture):
    (path,) = dist.glob(f"*-py3-none-manylinux_2_28_{architecture}.whl")
    return path


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_library_needs_no_newer_glibc_and_nothing_else(
    dist, architecture, tmp_path
):
    with zipfile.ZipFile(wheel(dist, architecture)) as archive:
        path = archive.extract("bifsmn_tf/runtime/libbifsmn.so", tmp_path)
    # The names stand in the file as they are, whatever machine it is for.
    content = Path(path).read_bytes()
    found = {
        tuple(map(int, version.split(b".")))
        for version in re.findall(rb"GLIBC_(\d+(?:\.\d+)+)", content)
    }
    assert found and max(found) <= (2, 28), sorted(found)
    assert not re.search(rb"GLIBCXX_|CXXABI_|libstdc\+\+|libgcc_s", content)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_auditwheel_agrees_with_the_name(dist, architecture):
    pytest.importorskip("auditwheel")
    done = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", wheel(dist, architecture)],
        capture_output=True,
        text=True,
        check=True,
    )
    text = " ".join(done.stdout.split())
    tag = re.search(
        r'consistent with the following platform tag: "(\w+)"', text
    )
    year, month = map(int, re.match(r"manylinux_(\d+)_(\d+)", tag[1]).groups())
    assert (year, month) <= (2, 28), text


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_wheel_is_small_and_has_what_runs(dist, architecture):
    path = wheel(dist, architecture)
    assert path.stat().st_size < 1_500_000
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        text = archive.read(
            next(x for x in names if x.endswith("entry_points.txt"))
        )
    for name in pretrained.names():
        assert f"bifsmn_tf/pretrained/{name}.tflite" in names
        assert f"bifsmn_tf/pretrained/{name}.md" in names
    assert "bifsmn_tf/py.typed" in names
    assert b"bifsmn = bifsmn_tf.__main__:main" in text
    assert not [x for x in names if x.endswith("_training.so") or "test" in x]


def test_packing_keeps_what_is_packed(tmp_path):
    wheel, packed = tmp_path / "a.whl", tmp_path / "b.whl"
    program = zipfile.ZipInfo("bin/program", (2023, 11, 14, 22, 13, 20))
    program.external_attr = 0o100755 << 16
    program.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text", b"one bit, two bits, " * 999)
        archive.writestr("nothing", b"")
        archive.writestr(program, bytes(range(256)) * 9)
    WHEELS["pack"](wheel, packed)
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(packed) as after:
        assert after.testzip() is None
        assert after.namelist() == before.namelist()
        for old, new in zip(before.infolist(), after.infolist(), strict=True):
            assert after.read(new) == before.read(old)
            assert new.date_time == old.date_time
            assert new.external_attr == old.external_attr
            assert new.compress_size <= old.compress_size
    assert packed.stat().st_size < wheel.stat().st_size


def test_the_wheel_runs(dist, tmp_path):
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        pytest.skip(f"there is no wheel for {machine}")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index"]
        + ["--no-deps", f"--target={tmp_path}", wheel(dist, machine)],
        check=True,
    )
    code = (
        "import bifsmn_tf, numpy\n"
        f"assert bifsmn_tf.__file__.startswith({str(tmp_path)!r})\n"
        "for name in bifsmn_tf.models():\n"
        "    spotter = bifsmn_tf.KeywordSpotter(name)\n"
        "    found = spotter(numpy.zeros(16000, numpy.float32))\n"
        "    print(max(found, key=found.get))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"silence"}


@pytest.fixture(scope="module", params=BOARDS)
def board(request):
    """An emulated Debian: its Python, its pip, and wheels from the index."""
    for tool in ("qemu-aarch64", "apt-get"):
        if shutil.which(tool) is None:
            pytest.skip(f"an emulated board needs {tool}")
    if "ID=debian" not in Path("/etc/os-release").read_text().splitlines():
        pytest.skip("an emulated board needs Debian's packages")
    suite, version = request.param, BOARDS[request.param]
    folder = CACHE / f"board-{suite}"
    recipe = (ROOT / "tools" / "aarch64_root.sh").read_text() + str(REQUIRED)
    with build_lock(folder.name):
        made = folder / "made"
        if not made.exists() or made.read_text() != recipe:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run(
                [ROOT / "tools/aarch64_root.sh", folder / "root", suite],
                check=True,
            )
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "-qq"]
                + ["--disable-pip-version-check", "--only-binary=:all:"]
                + [f"--python-version={version}", f"--dest={folder / 'wheels'}"]
                + [f"--platform={name}_aarch64" for name in PLATFORMS]
                + REQUIRED,
                check=True,
            )
            made.write_text(recipe)
    return folder


def test_a_board_installs_the_very_wheel_and_listens(
    dist, board, speech, tmp_path
):
    """With pip and the Python of Debian 12 and 13, and nothing of ours."""
    root, site = board / "root", tmp_path / "site"
    (python,) = (root / "usr" / "bin").glob("python3.*")
    (pip,) = (root / "usr" / "share" / "python-wheels").glob("pip-*.whl")

    def run(*words, **environment):
        done = subprocess.run(
            ["qemu-aarch64", "-cpu", "cortex-a53", "-L", root, python, *words],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPYCACHEPREFIX": str(board / "pycache"),
                **environment,
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    of_the_board = wheel(dist, "aarch64").as_uri()
    run(
        *(pip / "pip", "install", "--quiet", "--no-index", "--no-compile"),
        *(f"--find-links={board / 'wheels'}", f"--target={site}"),
        f"bifsmn_tf[listen] @ {of_the_board}",
    )
    recording = sorted((speech / "yes").glob("*.wav"))[0]
    heard = run(
        *(site / "bin" / "bifsmn", "listen", f"--input={recording}"),
        "--model=bifsmn_stream-sc12",
        PYTHONPATH=str(site),
    )
    assert "yes" in heard.split()


def test_two_builds_give_the_same_bytes(dist, tmp_path):
    """Of one architecture, the quicker one: both are built alike."""
    build(tmp_path, "--architecture=aarch64")
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (dist / path.name).read_bytes(), path.name


def test_the_sdist_has_all_that_a_build_reads(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"setup.py", "custom_ops/sources.py", "bifsmn_tf/py.typed"}
    wanted |= {"bifsmn_tf/pretrained/bifsmn_stream-sc12.tflite", "LICENSE"}
    assert wanted <= names, wanted - names
    assert not [name for name in names if name.endswith(".so")]
