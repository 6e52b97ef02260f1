"""Builds the page: the engine as WebAssembly, with the packaged models.

``make web`` calls it. What it writes, ``build/web``, any server of files
serves:

    python web/build.py
    python -m http.server --directory build/web

It needs ``em++``, Debian's ``emscripten``, and nothing that has to be installed
in Python.
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/web-objects"
SITE = ROOT / "build/web"
NATIVE = runpy.run_path(str(ROOT / "custom_ops/sources.py"))
FLAGS = NATIVE["FLAGS"]
PARTS = ("kernels", "ops", "engine")
OTHER_PROCESSORS = re.compile("_avx|_neon")
"""Kernels that are empty here."""


EXPORTS = (
    "malloc",
    "free",
    *(
        f"bifsmn_spotter_{name}"
        for name in (
            "from_memory",
            "destroy",
            "labels",
            "label",
            "metadata",
            "sample_rate",
            "step",
            "deltas",
            "delta",
            "set_delta",
            "deciding_delta",
            "push_float",
            "flush",
            "reset",
            "poll",
            "decisions",
            "logits",
            "probabilities",
        )
    ),
)
"""What ``web/site/src`` calls."""


def version() -> str:
    """Returns the package's version."""
    found = runpy.run_path(str(ROOT / "bifsmn_tf/_version.py"))
    return str(found["__version__"])


def _newest(paths: Iterable[str | Path]) -> float:
    return max((ROOT / path).stat().st_mtime for path in paths)


def _compile(source: str, newest_header: float) -> Path:
    """Compiles a source unless its object is newer than all it is made of."""
    made = BUILD / (source.replace("/", "-") + ".o")
    newest = max(newest_header, (ROOT / source).stat().st_mtime)
    if not made.exists() or made.stat().st_mtime < newest:
        subprocess.run(
            ["em++", *FLAGS["WEB_COPTS"], "-Werror", "-I", ROOT]
            + [f'-DBIFSMN_VERSION="{version()}"', "-c", ROOT / source]
            + ["-o", made],
            check=True,
        )
    return made


def build_engine(module: Path) -> None:
    """Compiles the engine to a WebAssembly module.

    Args:
      module: where to write it.

    Raises:
      subprocess.CalledProcessError: the compiler said why.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    sources = [
        path
        for part in PARTS
        for path in NATIVE["SOURCES"][part]
        if not OTHER_PROCESSORS.search(path)
    ]
    headers = [path for part in PARTS for path in NATIVE["HEADERS"][part]]
    newest = _newest([*headers, "custom_ops/sources.bzl"])
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        objects = list(pool.map(lambda path: _compile(path, newest), sources))
    exports = ",".join("_" + name for name in EXPORTS)
    subprocess.run(
        ["em++", *objects, *FLAGS["WEB_LINKOPTS"]]
        + [f"-sEXPORTED_FUNCTIONS={exports}", "-o", module],
        check=True,
    )


def copy_models(folder: Path) -> None:
    """Copies the packaged models, with a list of their names beside them."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.tflite"):
        old.unlink()
    models = sorted((ROOT / "bifsmn_tf/pretrained").glob("*.tflite"))
    for model in models:
        shutil.copyfile(model, folder / model.name)
    names = json.dumps([model.stem for model in models])
    folder.joinpath("models.json").write_text(names + "\n", "utf-8")


def main() -> int:
    """Builds the page; returns the process's exit code."""
    if shutil.which("em++") is None:
        print(
            "error: no em++ to build the page with: apt-get install emscripten",
            file=sys.stderr,
        )
        return 1
    SITE.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "web/site", SITE, dirs_exist_ok=True)
    try:
        build_engine(SITE / "bifsmn.wasm")
    except subprocess.CalledProcessError as error:
        print(f"error: em++ gave {error.returncode}", file=sys.stderr)
        return 1
    copy_models(SITE / "models")
    print(f"built {SITE.relative_to(ROOT)}: python -m http.server -d build/web")
    return 0


if __name__ == "__main__":
    sys.exit(main())
