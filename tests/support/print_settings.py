"""The training command without the training: prints what its flags mean."""

import dataclasses
import json

from bifsmn_tf import train

GROUPS = train.GROUPS


def main() -> None:
    """Prints the settings as a line of JSON."""
    settings = train.read_settings()
    parts = {
        name: dataclasses.asdict(getattr(settings, name))
        for name in ("data", "features", "student", "teacher", "loss", "fit")
    }
    print(json.dumps(parts))
