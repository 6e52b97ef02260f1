"""Builds wheels for systems with glibc 2.28 or later, and the sdist.

    python tools/wheels.py --dist=dist

One wheel for x86-64 and one for aarch64, on any machine and without a
container: zig's C++ compiler (pip's ``ziglang``) brings the C library of the
age that is asked for, and its own of C++, which is linked in. A wheel has the
library that runs models, and not the one that makes training faster. What is in
it is packed by Zopfli (pip's ``zopflipy``), a fiftieth smaller.

The same sources give the same bytes: times are those of SOURCE_DATE_EPOCH, by
default of the last commit.
"""

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import zopfli

ROOT = Path(__file__).resolve().parents[1]
GLIBC = "2.28"
ARCHITECTURES = ("x86_64", "aarch64")

# What is built in a copy of the tree, so that no build leaves traces in the
# next one.
SOURCES = (
    "bifsmn_speech_commands",
    "bifsmn_tf",
    "custom_ops",
    "examples",
    "tflite_delegate",
)
FILES = ("LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py")


def epoch() -> str:
    """Returns the time that every file gets, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    done = subprocess.run(
        ["git", "log", "-1", "--format=%ct"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def copy_sources(target: Path) -> None:
    """Copies what a build reads.

    Args:
        target: a folder that is made.
    """
    target.mkdir()
    built = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
    for name in SOURCES:
        shutil.copytree(ROOT / name, target / name, ignore=built)
    for name in FILES:
        shutil.copy(ROOT / name, target / name)


def run(tree: Path, *words: str | Path, **environment: str) -> None:
    """Runs setup.py in a tree.

    Args:
        tree: of the sources.
        *words: its arguments.
        **environment: is added to the process's own.
    """
    subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "-q", *words],
        cwd=tree,
        env=os.environ | {"SOURCE_DATE_EPOCH": epoch()} | environment,
        check=True,
    )


def build_wheel(architecture: str, dist: Path) -> None:
    """Builds the wheel of an architecture.

    Args:
        architecture: of the machine that runs it.
        dist: the folder that takes it.
    """
    compiler = (
        f"{sys.executable} -m ziglang c++ -target "
        f"{architecture}-linux-gnu.{GLIBC} -Qunused-arguments"
    )
    platform = f"manylinux_{GLIBC.replace('.', '_')}_{architecture}"
    with tempfile.TemporaryDirectory() as folder:
        tree, made = Path(folder) / "tree", Path(folder) / "made"
        copy_sources(tree)
        run(
            tree,
            "bdist_wheel",
            f"--plat-name={platform}",
            f"--dist-dir={made}",
            BIFSMN_WITHOUT_TRAINING="1",
            CC=compiler,
            CXX=compiler,
            LDSHARED=f"{compiler} -shared",
            LDCXXSHARED=f"{compiler} -shared",
        )
        (wheel,) = made.iterdir()
        pack(wheel, dist / wheel.name)


def pack(wheel: Path, target: Path) -> None:
    """Packs a wheel's content as small as a wheel may be.

    Args:
        wheel: as it was built.
        target: the file that is written.
    """
    with (
        zipfile.ZipFile(wheel) as source,
        zopfli.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in source.infolist():
            packed.writestr(member, source.read(member))


def build_sdist(dist: Path) -> None:
    """Builds the archive of the sources.

    Args:
        dist: the folder that takes it.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree, made = Path(folder) / "tree", Path(folder) / "made"
        copy_sources(tree)
        run(tree, "sdist", "--formats=tar", f"--dist-dir={made}")
        (archive,) = made.iterdir()
        content = _same_every_time(archive)
    (dist / f"{archive.name}.gz").write_bytes(content)


def _same_every_time(archive: Path) -> bytes:
    """Returns an archive's content packed, without who made it and when."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as target,
        tarfile.open(archive) as source,
    ):
        for member in sorted(source, key=lambda member: member.name):
            # It would be written with parts of a second, whatever mtime says.
            member.pax_headers.pop("mtime", None)
            member.mtime = int(epoch())
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() else 0o644
            target.addfile(member, source.extractfile(member))
    return packed.getvalue()


def main() -> None:
    """Builds what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    parser.add_argument(
        "--architecture", action="append", choices=ARCHITECTURES
    )
    arguments = parser.parse_args()
    dist = arguments.dist.resolve()
    dist.mkdir(parents=True, exist_ok=True)
    for architecture in arguments.architecture or ARCHITECTURES:
        build_wheel(architecture, dist)
    build_sdist(dist)
    for path in sorted(dist.iterdir()):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
