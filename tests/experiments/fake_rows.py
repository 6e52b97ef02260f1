"""Rows of trainings that take no time."""

from bifsmn_tf.experiments.rows import Row

COMMAND = "tests.experiments.fake_training"


def row(name: str, *flags: str, **settings) -> Row:
    """A row whose training is ``fake_training``."""
    return Row(
        name,
        name.title(),
        "sc10_baselines.flags",
        flags,
        **{
            "seeds": (0, 1),
            "command": COMMAND,
            "report": "report_keras",
            "converts": False,
            **settings,
        },
    )
