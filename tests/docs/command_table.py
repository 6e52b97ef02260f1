"""What is done with every command on the pages: run, or not and why.

A file that a reason names is a test that runs the command, or what is in it.
"""

from typing import NamedTuple


class Run(NamedTuple):
    """How a command is run."""

    shows: str
    """A regular expression of what it prints, on either stream."""

    less: str = ""
    """Flags behind it, by which it takes seconds."""

    after: str = ""
    """The command on the pages that has to have run before."""


_SECONDS = (
    "--teacher_epochs=1 --epochs=1 --architecture=bifsmn_s --blocks=2 "
    "--deltas=1 --batch_size=32 --renditions=1 --warmup_steps=1"
)
_ALONE = f"{_SECONDS} --distillation=none --logit_weight=0"
"""Without a teacher, too."""
_TRAIN = (
    "python -m bifsmn_tf.train --dataset=speech_commands/v0.02-12-official "
    "--data_dir=DATA --run_dir=runs/v2-12 --epochs=80"
)
_TRAIN_MINE = (
    "python -m bifsmn_tf.train --dataset=synthetic "
    "--words='computer,lights on' --run_dir=runs/mine"
)
_CONVERT_MINE = (
    "python -m bifsmn_tf.convert --model=runs/mine --output=mine.tflite"
)

RUN = {
    "bifsmn --help": Run(r"bifsmn COMMAND --flags"),
    "bifsmn models": Run(r"bifsmn_stream-sc12"),
    "bifsmn listen": Run(r"[1-9] keywords?$"),
    "python -m bifsmn_tf.listen": Run(r"[1-9] keywords?$"),
    "python -m bifsmn_tf.listen --list_devices": Run(r"1 words.wav"),
    "python -m bifsmn_tf.listen --device=1 --model=bifsmn_stream-sc12 "
    "--delta=4": Run(r"[1-9] keywords?$", "--model=bifsmn-sc12"),
    "python -m bifsmn_tf.listen --model=quiet.tflite": Run(r"keywords?$"),
    "arecord -q -f S16_LE -r 16000 -c 1 -t raw | "
    "python -m bifsmn_tf.listen --input=-": Run(r"[1-9] keywords?$"),
    "arecord -q -f S16_LE -r 48000 -c 2 -t raw | "
    "python -m bifsmn_tf.listen --input=- --rate=48000 --channels=2": Run(
        r"[1-9] keywords?$"
    ),
    'python -c "import bifsmn_tf; print(bifsmn_tf.__version__)"': Run(
        r"^\d+\.\d+\.\d+"
    ),
    "python tests/support/damaged.py FOLDER --count=1000 --seed=0": Run(
        r"folder: ", "--count=20"
    ),
    "python -m bifsmn_tf.benchmark --model=mine.tflite --model=other.tflite": (
        Run(r"mine.*delta_4", "--rounds=1 --turn_milliseconds=0.1")
    ),
    "python -m bifsmn_tf.benchmarking.invoke --model=bifsmn.tflite "
    "--signature=delta_1 --repetitions=200": Run(r"^"),
    "python -m bifsmn_tf.evaluate --model=bifsmn.tflite --dataset=folder "
    "--data_dir=MY_RECORDINGS": Run(r"accuracy"),
    "python -m bifsmn_tf.network.summary": Run(r"paper's FLOPs"),
    "python -m bifsmn_tf.network.summary --architecture=bifsmn --classes=12": (
        Run(r"paper's FLOPs")
    ),
    _TRAIN: Run(r"next: ", _SECONDS),
    "python -m bifsmn_tf.convert --model=runs/v2-12 --output=bifsmn.tflite": (
        Run(r"bifsmn.tflite", after=_TRAIN)
    ),
    "python -m bifsmn_tf.convert --model=runs/v2-12 --output=v2-12.tflite": (
        Run(r"v2-12.tflite", after=_TRAIN)
    ),
    "python -m bifsmn_tf.evaluate --model=bifsmn.tflite --data_dir=DATA": Run(
        r"accuracy"
    ),
    "python -m bifsmn_tf.evaluate --model=runs/v2-12 --data_dir=DATA "
    "--json=v2-12.json": Run(r"accuracy", after=_TRAIN),
    "python -m bifsmn_tf.train --dataset=folder --data_dir=MY_RECORDINGS "
    "--run_dir=runs/mine": Run(
        r"next: ", f"{_ALONE} --batch_size=8 --run_dir=runs/recordings"
    ),
    _TRAIN_MINE: Run(r"next: ", f"{_ALONE} --clips_per_word=8"),
    _CONVERT_MINE: Run(r"mine.tflite", after=_TRAIN_MINE),
    "python -m bifsmn_tf.evaluate_stream --model=bifsmn.tflite "
    "--streams=MY_STREAMS --data_dir=DATA --json=result.json": Run(
        r"1 s after a word are a hit", "--words=40"
    ),
    "python -m bifsmn_tf.evaluate_stream --model=bifsmn.tflite "
    "--streams=MY_STREAMS --data_dir=DATA --split=validation "
    "--false_accepts_per_hour=0.5 --output=quiet.tflite": Run(
        r"quiet.tflite", "--words=40"
    ),
    "python -m bifsmn_tf.evaluate_stream --model=mine.tflite "
    "--streams=MY_STREAMS --trials='MY_TRIALS/computer,MY_TRIALS/lights on' "
    "--false_accepts_per_hour=0.5 --output=quiet.tflite": Run(
        r"quiet.tflite", after=_CONVERT_MINE
    ),
}
"""Commands that are run as they stand, with a few flags behind them."""

_DOWNLOADS = (
    "downloads, and compiles for a minute; tests/tools/test_wheels.py installs "
    "the wheel with and without extras, and tests/docs/test_site_pages.py "
    "looks whether the extra is there"
)
_IS_THIS = "runs the very tests"
_SERVES = "serves until it is stopped: tests/test_wyoming.py"
_BOARD = "changes a system of the reader's"
_C = "tests/native/test_c_programs.py"
_TABLES = "trains for days: tests/experiments/test_pages.py makes the page"

NOT_RUN = {
    "make install": "is what the tests run in",
    "make test": _IS_THIS,
    ".venv/bin/python -m pytest tests/runtime/test_streaming.py": _IS_THIS,
    '.venv/bin/python -m pytest tests -k "delta and not aarch64"': _IS_THIS,
    "make lint": "a part of make test",
    "make test-native": "a part of make test",
    "make format": "changes the sources; make lint has the same tools",
    "pre-commit install": "changes the reader's repository",
    "make quickstart": "trains for minutes: tests/test_commands.py has its "
    "steps, tests/test_configs.py its settings and tests/test_quickstart.py "
    "its end",
    "make web": "tests/web/test_wasm_engine.py",
    "make docs": "tests/docs/test_site_pages.py",
    "make bom": "tests/test_supply.py",
    "make wheels": "tests/tools/test_wheels.py",
    "python -m bifsmn_tf.train "
    "--flagfile=configs/sc10_bifsmn_shallow_mixed.flags "
    "--data_dir=DATA --run_dir=runs/shallow --teacher=runs/teacher0 "
    "--more_teachers=runs/teacher1,runs/teacher2": "trains four networks: "
    "tests/test_commands.py has more teachers, tests/test_configs.py the file",
    "make lock": "downloads; tests/test_supply.py looks at what it makes",
    "make fuzz MINUTES=60 SEED=7": "tests/native/test_fuzz.py, for less long",
    "python -m http.server --directory build/web": "serves until it is "
    "stopped: tests/web/test_page.py serves the folder by the same module",
    "node tests/web/decide.mjs build/web "
    "bifsmn_tf/pretrained/bifsmn_stream-sc12.tflite 1": (
        "tests/web/test_wasm_engine.py"
    ),
    "python tests/web/take_screenshot.py RECORDING.wav docs/browser.png": (
        "tests/web/test_page.py"
    ),
    "make install-c": _C,
    "make install-c PREFIX=/usr/local": _C,
    "cmake -S examples -B build/examples && cmake --build build/examples": _C,
    "gcc -o spot examples/spot.c $(pkg-config --cflags --libs bifsmn)": _C,
    "arecord -q -f S16_LE -r 16000 -c 1 -t raw | ./spot model.tflite": _C,
    "gcc -O1 -o footprint benchmarks/c/footprint.c "
    "$(pkg-config --cflags --libs bifsmn) -lpthread": _C,
    "./footprint MODEL.tflite [DELTA]": _C,
    "python -m bifsmn_tf.experiments.redraw": (
        "tests/experiments/test_redraw.py, in a copy"
    ),
    "python benchmarks/a53/spotter.py "
    "bifsmn_tf/pretrained/bifsmn_stream-sc12.tflite": "builds the library "
    "twice with a cross compiler: a minute",
    "python -m bifsmn_tf.benchmark": "measures for minutes: "
    "tests/test_benchmark.py",
    "python -m bifsmn_tf.benchmark --always_on": "measures for minutes: "
    "tests/test_benchmark.py",
    "python -m bifsmn_tf.experiments --name=table1 --data_dir=DATA": _TABLES,
    "python -m bifsmn_tf.experiments --name=table1 --data_dir=RECORDINGS": (
        _TABLES
    ),
    "python -m bifsmn_tf.experiments --name=sc10 --data_dir=RECORDINGS": (
        _TABLES
    ),
    "python -m bifsmn_tf.train --flagfile=configs/v0.02-12-official.flags "
    "--data_dir=DATA --run_dir=runs/v2-12 --threads=8": "trains for days: "
    "tests/test_configs.py starts every flagfile",
    "python -m bifsmn_tf.train --flagfile=configs/wake_word.flags "
    "--words='hey robin' --run_dir=runs/robin": "trains for minutes: "
    "tests/test_configs.py starts every flagfile",
    "python -m bifsmn_tf.train --flagfile=configs/wake_word.flags "
    "--words='hey robin' --recordings=recordings --run_dir=runs/robin": (
        "trains for minutes: tests/test_record.py has the recordings' way in"
    ),
    "python -m bifsmn_tf.record --words='hey robin' --output=recordings": (
        "asks somebody to speak: tests/test_record.py"
    ),
    "python -m bifsmn_tf.baselines.train --model=ds_cnn --data_dir=DATA "
    "--dataset=speech_commands/v0.02-12-official --run_dir=runs/ds_cnn": (
        "tests/baselines/test_train.py, on less data"
    ),
    "python -m bifsmn_tf.wyoming --uri=tcp://0.0.0.0:10400": _SERVES,
    "python -m bifsmn_tf.wyoming --model=hey_robin.tflite,bifsmn_quiet-sc12 "
    "--threshold=0.9": _SERVES,
    **dict.fromkeys(
        (
            "pip install .",
            "pip install '.[listen]'",
            "pip install '.[litert]'",
            "pip install '.[evaluate]'",
            "pip install '.[wyoming]'",
            "pip install '.[peers]'",
            "pip install '.[train]'",
            "pip install 'bifsmn_tf[voices]'",
            ".venv/bin/pip install --editable .",
        ),
        _DOWNLOADS,
    ),
    "pip install 'tensorflow[and-cuda]==2.17.1'": "downloads gigabytes, for "
    "a GPU",
    **dict.fromkeys(
        (
            "sudo python3 -m venv /opt/bifsmn",
            "sudo /opt/bifsmn/bin/pip install '.[wyoming]'",
            "sudo cp examples/wyoming.service "
            "/etc/systemd/system/bifsmn-wyoming.service",
            "sudo systemctl enable --now bifsmn-wyoming",
        ),
        _BOARD,
    ),
}
"""Commands that are not run here: why, and which test has what is in them."""
