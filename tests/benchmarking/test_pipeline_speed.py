import re
import subprocess
import sys

from sounds import write


def test_prints_clips_per_second(tmp_path):
    for split in ("train", "validation", "test"):
        for i in range(12):
            write(tmp_path / split / "hello" / f"{i}.wav")
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "bifsmn_tf.benchmarking.pipeline_speed",
        "--dataset=folder",
        f"--data_dir={tmp_path}",
        "--batch_size=4",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *rows = result.stdout.splitlines()
    assert first.startswith("folder: 12 clips, batches of 4")
    assert len(rows) == 5
    for row in rows:
        assert re.fullmatch(r"\S.* +[\d,]+ clips/s", row)
