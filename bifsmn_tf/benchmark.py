"""Measures how long one decision takes, beside what else one could run.

    python -m bifsmn_tf.benchmark
    python -m bifsmn_tf.benchmark --model=mine.tflite --model=other.tflite
    python -m bifsmn_tf.benchmark --always_on

Without files, networks with random weights: BiFSMN at all its depths, its
full-precision and 8-bit counterparts, DS-CNN and BC-ResNet-1; that needs
TensorFlow. One thread, one process, one clip of features per invoke, the
models in turns.

``--always_on`` measures what a second of sound costs instead, features
included: a streaming network at each depth, a model of the package that
computes clips anew, and what else listens all day, as far as ``pip install
'bifsmn_tf[peers]'`` has brought it; then how cost grows with the network.

``BIFSMN_ISA=avx2`` holds our kernels and the stock interpreter to what a
processor without AVX-512 has; that needs a C compiler. The peers' own runtimes
are not held.

``--profile`` adds the time of every layer of ours, ``--json``, ``--chart`` and
``--results`` write the outcome as JSON, PNG and a page.
"""

import importlib.util
import json
import shlex
import sys
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bifsmn_tf import cli
from bifsmn_tf import whole_file
from bifsmn_tf.benchmarking import always_on
from bifsmn_tf.benchmarking import chart
from bifsmn_tf.benchmarking import held
from bifsmn_tf.benchmarking import listener
from bifsmn_tf.benchmarking import peers
from bifsmn_tf.benchmarking import report as reports
from bifsmn_tf.benchmarking.listener import Listener
from bifsmn_tf.benchmarking.measure import measure
from bifsmn_tf.benchmarking.memory import spotter_bytes
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.benchmarking.model import from_file
from bifsmn_tf.benchmarking.model import smallest_model
from bifsmn_tf.benchmarking.profile import profile
from bifsmn_tf.cli import flags
from bifsmn_tf.errors import UserError

_NETWORKS = [
    "dfsmn",
    "bifsmn",
    "bifsmn_wide",
    "bifsmn_mixed",
    "ds_cnn",
    "bc_resnet",
]

PORTABLE_KERNELS = (
    "portable kernels=feature_conv_portable_1x16_s32,bgemm_portable_4x4_u16,"
    "memory_portable_1x16_u8,dense_portable_1x1_s32,"
    "igemm_portable_1x16_s32"
)

_LISTENERS = [
    "stream",
    "clips",
    "micro_wake_word",
    "open_wake_word",
    "ds_cnn",
    "growth",
]

_CLIPS = "bifsmn-sc12"

_ALWAYS_ON = flags.DEFINE_bool(
    "always_on",
    False,
    "Measure what a second of sound costs whoever listens to a stream. "
    "--model then gives streaming models instead of one with random weights.",
)
_MODEL = flags.DEFINE_multi_string(
    "model",
    [],
    "A .tflite file to measure, or the name of a model in the package; it may "
    "be repeated.",
)
_NETWORK = flags.DEFINE_list(
    "networks",
    None,
    f"The networks with random weights to measure, of {', '.join(_NETWORKS)}; "
    "by default all, or none if files are given. With --always_on who listens, "
    f"of {', '.join(_LISTENERS)}.",
)
_ARCHITECTURE = flags.DEFINE_enum(
    "architecture",
    "bifsmn",
    ["bifsmn", "bifsmn_s"],
    "The sizes of BiFSMN and of its full-precision counterparts.",
)
_CLASSES = flags.DEFINE_integer(
    "classes",
    12,
    "How many outputs the networks with random weights have.",
    lower_bound=1,
)
_KERNELS = flags.DEFINE_multi_string(
    "kernels",
    [PORTABLE_KERNELS],
    "NAME=KERNEL,KERNEL: measure BiFSMN with these native kernels, too, beside "
    "the library's own choice. It may be repeated; empty means none. By "
    "default the portable kernels.",
)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 100, "How many turns each model has.", lower_bound=1
)
_TURN = flags.DEFINE_float(
    "turn_milliseconds",
    1.0,
    "About how many milliseconds a turn takes.",
    lower_bound=0.0,
)
_PROFILE = flags.DEFINE_bool(
    "profile", False, "Measure the time of every layer of our networks, too."
)
_CYCLES = flags.DEFINE_string(
    "cycles",
    None,
    "A JSON file of modelled cycles to show beside what was measured: "
    '{"NAME": {"strict": cycles, "ideal": cycles}}.',
)
_JSON = flags.DEFINE_string(
    "json", None, "The file to write the report to, as JSON."
)
_CHART = flags.DEFINE_string(
    "chart", None, "The file to draw the picture to, as PNG."
)
_RESULTS = flags.DEFINE_string(
    "results", None, "The folder to write the page benchmark.md to."
)

_SAVE = flags.DEFINE_string(
    "save_models",
    None,
    "The folder to write the measured files to, and models.json, a list of "
    '{"name", "file", "signature", "kernels"}, for benchmarks/a53.',
)

_BUSY = 0.5


def _networks() -> list[str]:
    if _NETWORK.value is None:
        return [] if _MODEL.value else _NETWORKS
    for name in _NETWORK.value:
        if name not in _NETWORKS:
            raise UserError(
                f"--networks: there is no {name}: of {', '.join(_NETWORKS)}"
            )
    return _NETWORK.value


def _listeners(folder: Path, skipped: list[str]) -> list[Listener]:
    """Makes who listens; says in ``skipped`` who cannot.

    Args:
        folder: Takes files of networks with random weights.
        skipped: Is added to.
    """
    chosen = _LISTENERS if _NETWORK.value is None else _NETWORK.value
    for name in chosen:
        if name not in _LISTENERS:
            raise UserError(
                f"--networks: nobody listens as {name}: of "
                f"{', '.join(_LISTENERS)}"
            )
    random: ModuleType | None = None
    try:
        from bifsmn_tf.benchmarking import stream_networks

        random = stream_networks
    except ImportError:
        pass
    found: list[Listener] = []
    for name in _LISTENERS:
        if name not in chosen:
            continue
        if name == "stream" and _MODEL.value:
            for path in _MODEL.value:
                found += listener.streaming(str(path), path)
        elif name == "clips":
            found += listener.of_clips(_CLIPS, _CLIPS)
        elif name in peers.PACKAGES:
            missing = peers.missing(name)
            if missing:
                skipped.append(f"{name}: pip install {' '.join(missing)}")
            else:
                found += peers.make(name)
        elif random is None:
            skipped.append(
                f"{name}: networks with random weights need "
                "TensorFlow: pip install 'bifsmn_tf[train]'"
            )
        elif name == "stream":
            found += random.make(_CLASSES.value, folder)
        elif name == "ds_cnn":
            found += random.recomputed(_CLASSES.value)
        else:
            found += random.grown(_CLASSES.value, folder)
            hops = (1, 4, 8)
            found += listener.of_clips(_CLIPS, _CLIPS, random.RATE, hops)
    if not found:
        raise UserError("there is nobody to listen: " + "; ".join(skipped))
    return found


def _listen(folder: Path) -> reports.Report:
    """Measures what a second of sound costs."""
    skipped: list[str] = []
    found = _listeners(folder, skipped)
    if _SAVE.value:
        parts = {part.name: part for one in found for part in one.parts}
        _save(
            [part.model for part in parts.values() if part.model],
            Path(_SAVE.value),
            {name: part.module for name, part in parts.items() if part.module},
        )
    machine = _machine()
    memory = {}
    for one in found:
        if one.group == listener.OURS:
            size = spotter_bytes(one.path, one.delta)
            if size is not None:
                memory[one.name] = size
    rounds, turn = _ROUNDS.value, _TURN.value
    times = always_on.measure(found, rounds, turn)
    return always_on.make(
        found,
        times,
        memory,
        skipped,
        settings={
            "classes": _CLASSES.value,
            "threads": 1,
            "rounds": rounds,
            "turn_milliseconds": turn,
        },
        machine=machine | {"load_average_after": reports.load_average()},
        command=_command(),
    )


def _kernels() -> dict[str, str]:
    found = {}
    for text in filter(None, _KERNELS.value):
        name, _, kernels = text.partition("=")
        if not name or not kernels:
            raise UserError(f"--kernels is NAME=KERNEL,KERNEL, not {text!r}")
        found[name] = kernels
    return found


def _models() -> list[BenchmarkModel]:
    chosen, kernels = _networks(), _kernels()
    found = [model for path in _MODEL.value for model in from_file(path)]
    if not chosen:
        return [*found, smallest_model()]
    try:
        from bifsmn_tf.benchmarking import networks
    except ImportError as error:
        raise UserError(
            "networks with random weights need TensorFlow: pip install "
            "'bifsmn_tf[train]', or give files with --model"
        ) from error
    for name in _NETWORKS:
        if name in chosen:
            found += networks.make(
                name, _ARCHITECTURE.value, _CLASSES.value, kernels
            )
    return [*found, smallest_model(), networks.smallest_bifsmn()]


def _check_outputs() -> None:
    """Checks, before the measurement, that its outcome can be written."""
    for name, value in (("json", _JSON.value), ("chart", _CHART.value)):
        if value and not Path(value).parent.is_dir():
            raise UserError(
                f"--{name}: there is no folder {Path(value).parent}"
            )
    if _CHART.value and importlib.util.find_spec("matplotlib") is None:
        raise UserError("--chart needs matplotlib: pip install matplotlib")


def _save(
    models: Sequence[BenchmarkModel],
    folder: Path,
    modules: Mapping[str, Sequence[str]] | None = None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[bytes, str] = {}
    for model in models:
        name = files.setdefault(model.content, f"{len(files)}.tflite")
        whole_file.write_bytes(folder / name, model.content)
    index: list[dict[str, Any]] = [
        {
            "name": m.name,
            "file": files[m.content],
            "signature": m.signature,
            "kernels": m.kernels,
            **({"shape": m.shape} if m.shape else {}),
        }
        for m in models
    ]
    index += [
        {"name": name, "module": list(module)}
        for name, module in (modules or {}).items()
    ]
    text = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    whole_file.write_text(folder / "models.json", text)
    print(f"models: {folder / 'models.json'}")


def _machine() -> dict[str, Any]:
    """Describes the machine, and says if it is busy."""
    machine = reports.describe_machine(held.hold())
    if machine["load_average"] > _BUSY:
        print(
            "note: something else is running (load average "
            f"{machine['load_average']}): times are longer than they need be",
            file=sys.stderr,
        )
    return machine


def _command() -> str:
    return shlex.join(["python", "-m", "bifsmn_tf.benchmark", *sys.argv[1:]])


def _measure(models: Sequence[BenchmarkModel], cycles: reports.Cycles) -> dict:
    names = [m.name for m in models]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise UserError(f"{repeated.pop()} is given twice")
    machine = _machine()
    invocations = {}
    for model in models:
        try:
            invocations[model.name] = model.invocation()
        except UserError as error:
            raise UserError(f"{model.name}: {error}") from error
    rounds, turn = _ROUNDS.value, _TURN.value
    ways = {
        (name, way): getattr(invocation, way)
        for name, invocation in invocations.items()
        for way in ("invoke", "call")
    }
    times = measure(ways, rounds, turn)
    for name, invocation in invocations.items():
        try:
            invocation.check()
        except RuntimeError as error:
            raise UserError(f"{name}: {error}") from error
    profiles = {
        m.name: profile(invocations[m.name], m.content, rounds)
        for m in models
        if _PROFILE.value and m.role in (Role.OURS, Role.VARIANT)
    }
    return reports.make(
        models,
        {m.name: times[m.name, "invoke"] for m in models},
        {m.name: times[m.name, "call"] for m in models},
        profiles,
        cycles,
        settings={
            "networks": _networks(),
            "architecture": _ARCHITECTURE.value,
            "classes": _CLASSES.value,
            "threads": 1,
            "rounds": rounds,
            "turn_milliseconds": turn,
        },
        machine=machine,
        command=_command(),
    )


def main() -> None:
    """Measures what the flags say."""
    _check_outputs()
    cycles = reports.read_cycles(_CYCLES.value) if _CYCLES.value else {}
    if _ALWAYS_ON.value:
        with tempfile.TemporaryDirectory() as name:
            report = always_on.with_cycles(_listen(Path(name)), cycles)
        text, page = always_on.text(report), always_on.page(report)
    else:
        models = _models()
        if _SAVE.value:
            _save(models, Path(_SAVE.value))
        report = _measure(models, cycles)
        text, page = reports.text(report), reports.page(report)
    print(text)
    if _JSON.value:
        whole_file.write_text(_JSON.value, json.dumps(report, indent=1) + "\n")
        print(f"report: {_JSON.value}")
    if _CHART.value:
        draw = chart.seconds if _ALWAYS_ON.value else chart.latencies
        draw(report, _CHART.value)
        print(f"chart: {_CHART.value}")
    if _RESULTS.value:
        folder = Path(_RESULTS.value)
        folder.mkdir(parents=True, exist_ok=True)
        name = "always_on.md" if _ALWAYS_ON.value else "benchmark.md"
        whole_file.write_text(folder / name, page)
        print(f"page: {folder / name}")


if __name__ == "__main__":
    cli.run(main)
