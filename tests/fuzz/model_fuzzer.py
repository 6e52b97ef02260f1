"""Loads and runs damaged models: each has to give a result or a message.

    python tests/fuzz/model_fuzzer.py --minutes=10 [--seed=N] [MODEL.tflite ...]

Models are random ops and chains of them, the corpus and the files that are
named. They are changed part by part, as the schema has them, byte by byte, or
in the JSON that describes them, and then loaded and run in processes of their
own: in a stock runtime with the library as its delegate, or, if they are
described, as a spotter by such a runtime or by the library's own engine. A
spotter refuses a model with one kind of error, when it loads it, or it works. A
spotter in C is given every file, those too that ``ModelFile`` refuses.
What ends or hangs such a process, or says anything else, is kept in
``--findings``, beside what it wrote to stderr.

Meant for a library that was built with sanitizers (see custom_ops/README.md):

    export LD_PRELOAD="$(gcc -print-file-name=libasan.so)
        $(gcc -print-file-name=libstdc++.so.6)" ASAN_OPTIONS=detect_leaks=0
    BIFSMN_LIBRARY=sanitized/bifsmn_tf/runtime/libbifsmn.so python ...

What the runtime's own ops do with tensors that are not theirs is the runtime's:
no op is turned into one of them.
"""

import argparse
import itertools
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from c_spotter import try_c_spotter
from mutator import Mutator
from seeds import chain
from seeds import seeds

from bifsmn_tf import KeywordSpotter
from bifsmn_tf import StreamingSpotter
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import metadata
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.runtime import interpreter as runtime
from bifsmn_tf.runtime.runners import ENGINES

SECONDS_A_MODEL = 60
MODELS_A_PROCESS = 200
# A model may ask the runtime for as much memory as it likes; that is the
# runtime's to refuse.
MAX_ELEMENTS = 1 << 22
# Whole models in a hundred, of which each is slower and has more in it.
DESCRIBED = 50

OPS = {op["name"] for op in runtime.native_contract()["ops"]}


def try_model(content: bytes, number: int) -> str:
    """Gives a model to one of those who read it; returns what became of it.

    Args:
      content: of the file.
      number: of the model: chooses who reads it, if it is described.

    Returns:
      ``ran``, ``refused`` (with a message), or ``large``, so not tried;
      behind it who read the file, and which ops of ours are in it.
    """
    reader = (*ENGINES, "runtime")[number % 3]
    ops: set[str] = set()
    try_c_spotter(content)
    try:
        model = ModelFile(content)
        ops = OPS & set(model.custom_op_names)
        if metadata.NAME.encode() not in content:
            reader = "runtime"
        if _elements(content) > MAX_ELEMENTS:
            return "large"
        outcome = _try(content, reader)
    except UserError:
        outcome = "refused"
    return " ".join([outcome, reader, *sorted(ops)])


def _try(content: bytes, reader: str) -> str:
    if reader == "runtime":
        return try_runtime(content)
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".tflite") as file:
        file.write(content)
        file.flush()
        spotter = KeywordSpotter(file.name, engine=reader)
        # What is loaded has to work: nothing of this may be refused.
        sound = np.random.default_rng(0).normal(size=16000) / 10
        try:
            probabilities = list(spotter(sound).values())
            stream = StreamingSpotter(spotter)
            for decision in stream.push(sound[: 2 * stream.step]):
                probabilities += decision.probabilities.tolist()
        except UserError as error:
            raise AssertionError("refused after it was loaded") from error
        assert np.isfinite(probabilities).all()
    return "ran"


def try_runtime(content: bytes) -> str:
    """Loads and runs a model in a stock runtime, then for other shapes.

    Returns:
      ``ran`` or ``refused``, with a message.
    """
    outcome = "refused"
    try:
        interpreter = runtime.make_interpreter(content)
        interpreter.allocate_tensors()
        _run(interpreter)
        outcome = "ran"
        for detail in interpreter.get_input_details():
            if len(detail["shape"]) > 1:
                shape = [2, *detail["shape"][1:]]
                interpreter.resize_tensor_input(detail["index"], shape)
        # Ops of streams refuse two of them.
        interpreter.allocate_tensors()
        _run(interpreter)
    except (ValueError, RuntimeError, TypeError) as error:
        if not str(error):
            raise
    return outcome


def _elements(content: bytes) -> int:
    """The most elements that a tensor of the file claims to have."""
    model = schema.Model.GetRootAs(content)
    most = 0
    for g in range(model.SubgraphsLength()):
        graph = model.Subgraphs(g)
        for t in range(graph.TensorsLength()):
            shape = graph.Tensors(t).ShapeAsNumpy()
            if not isinstance(shape, int):
                most = max(most, int(np.prod(shape.astype(object))))
    return most


def _run(interpreter) -> None:
    for detail in interpreter.get_input_details():
        zeros = np.zeros(detail["shape"], detail["dtype"])
        interpreter.set_tensor(detail["index"], zeros)
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        interpreter.get_tensor(detail["index"])


def mutants(models: list[bytes], seed: int) -> Iterator[bytes]:
    """Damaged models without end; the same ones for the same seed."""
    described = [m for m in models if metadata.NAME.encode() in m]
    for number in range(sys.maxsize):
        rng = np.random.default_rng([seed, number])
        among = described if rng.integers(100) < DESCRIBED else models
        yield Mutator(rng).mutate(among[rng.integers(len(among))])


def fuzz(models: Iterable[bytes], findings: Path) -> Counter:
    """Tries models, and counts what became of them.

    Args:
      models: what to try.
      findings: folder for models that end or hang the process, by number.

    Returns:
      How many models ran, were refused, were too large, or are findings; how
      many ran with whom; and in how many of these each op is.
    """
    findings.mkdir(parents=True, exist_ok=True)
    runtime.make_interpreter(chain(0))  # Imported once, before the forks.
    outcomes: Counter = Counter()
    numbered = enumerate(models)
    tried = 0
    while batch := list(itertools.islice(numbered, MODELS_A_PROCESS)):
        if tried % 10000 < MODELS_A_PROCESS:
            print(f"model {tried}", file=sys.stderr, flush=True)
        while batch:
            done, failure = _try_batch(batch, findings / "stderr")
            for line in done:
                outcome, _, rest = line.partition(" ")
                outcomes[outcome] += 1
                if outcome == "ran":
                    reader, *ops = rest.split()
                    outcomes[f"ran in {reader}"] += 1
                    outcomes.update(f"ran {op}" for op in ops)
            batch = batch[len(done) :]
            tried += len(done)
            if failure:
                number, content = batch.pop(0)
                outcomes["findings"] += 1
                tried += 1
                (findings / f"{number}.tflite").write_bytes(content)
                (findings / "stderr").rename(findings / f"{number}.txt")
                print(f"model {number} {failure}", flush=True)
    return outcomes


def _try_batch(batch, stderr: Path) -> tuple[list[str], str]:
    """Tries models in a child; returns outcomes, and what ended it early."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        log = os.open(stderr, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(log, 2)
        try:
            for number, content in batch:
                signal.alarm(SECONDS_A_MODEL)
                answer = try_model(content, number)
                os.write(writing, f"{answer}\n".encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with open(reading) as lines:
        done = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    if status == 0:
        return done, ""
    if os.WIFSIGNALED(status):
        return done, f"ended by signal {os.WTERMSIG(status)}"
    return done, f"ended with exit status {os.WEXITSTATUS(status)}"


def main() -> None:
    """Fuzzes for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.tflite")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--count", type=int, help="models, instead of minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    options = parser.parse_args()
    models = seeds(options.seed)
    models += [path.read_bytes() for path in options.models]
    end = time.monotonic() + 60 * options.minutes
    tried = mutants(models, options.seed)
    if options.count is None:
        tried = itertools.takewhile(lambda _: time.monotonic() < end, tried)
    else:
        tried = itertools.islice(tried, options.count)
    outcomes = fuzz(tried, options.findings)
    for name, count in sorted(outcomes.items()):
        print(f"{name}: {count}")
    sys.exit(1 if outcomes["findings"] else 0)


if __name__ == "__main__":
    main()
