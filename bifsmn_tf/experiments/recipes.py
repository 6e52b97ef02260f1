"""Rows that several experiments have, and what they have in common."""

import dataclasses

from bifsmn_tf.experiments.rows import Row

SEEDS = (0, 1, 2)

EPOCHS = 60
"""The epochs of every row of a table, unless ``--epochs`` says otherwise."""

TEACHER = Row(
    "dfsmn",
    "D-FSMN, full precision",
    "sc10_dfsmn.flags",
    seeds=SEEDS,
    own_epochs=True,
)

SMALL_TEACHER = Row(
    "dfsmn_s",
    "D-FSMN in the sizes of BiFSMN_S, full precision",
    "sc10_dfsmn_s.flags",
    seeds=SEEDS,
    own_epochs=True,
)

NO_LOGITS = "--logit_weight=0"
"""The paper distils hidden states only."""

ONE_DEPTH = "--deltas=1"
"""The binarized D-FSMN: BiFSMN that has its full depth only."""


def distilled(name: str, title: str, *flags: str, note: str = "") -> Row:
    """Returns a row of BiFSMN's recipe with changes, with its teacher.

    Args:
        name: the row's name.
        title: the row's title.
        *flags: what differs from the recipe.
        note: what a reader has to know of this row alone.
    """
    return Row(
        name,
        title,
        "sc10_bifsmn.flags",
        flags,
        seeds=SEEDS,
        teacher=TEACHER.name,
        note=note,
    )


WIDE = dataclasses.replace(
    distilled("bifsmn_wide", "BiFSMN, wider front end"),
    flagfile="sc10_bifsmn_wide.flags",
)


BOARD_TEACHER = dataclasses.replace(
    TEACHER,
    name="dfsmn_board",
    title="D-FSMN, full precision, board's features",
    flagfile="sc10_dfsmn_board.flags",
)

BOARD = dataclasses.replace(
    WIDE,
    name="bifsmn_board",
    title="BiFSMN, wider front end, board's features",
    flagfile="sc10_bifsmn_board.flags",
    teacher=BOARD_TEACHER.name,
)


def distilled_small(name: str, title: str, *flags: str) -> Row:
    """Returns a row of BiFSMN_S's recipe with changes, with its teacher.

    Args:
        name: the row's name.
        title: the row's title.
        *flags: what differs from the recipe.
    """
    return Row(
        name,
        title,
        "sc10_bifsmn_s.flags",
        flags,
        seeds=SEEDS,
        teacher=SMALL_TEACHER.name,
    )


SMALL_BOARD_TEACHER = dataclasses.replace(
    SMALL_TEACHER,
    name="dfsmn_s_board",
    title=f"{SMALL_TEACHER.title}, board's features",
    flagfile="sc10_dfsmn_s_board.flags",
)

SMALL_BOARD = dataclasses.replace(
    distilled_small("bifsmn_s_board", "BiFSMN_S, board's features"),
    flagfile="sc10_bifsmn_s_board.flags",
    teacher=SMALL_BOARD_TEACHER.name,
)


STREAM_TEACHER = dataclasses.replace(
    TEACHER,
    name="dfsmn_stream",
    title="D-FSMN of a stream, full precision",
    flagfile="sc10_dfsmn_stream.flags",
    converts=False,
    note="Evaluated in Keras.",
)

STREAM = dataclasses.replace(
    WIDE,
    name="bifsmn_stream",
    title="BiFSMN of a stream",
    flagfile="sc10_bifsmn_stream.flags",
    teacher=STREAM_TEACHER.name,
)


def in_keras(row: Row, why: str = "") -> Row:
    """Returns a row as one whose network no file can hold.

    Args:
        row: the row.
        why: the reason, for its note.
    """
    note = f"Evaluated in Keras{f': {why}' if why else ''}."
    return dataclasses.replace(row, converts=False, note=note)


MIXED = dataclasses.replace(
    WIDE,
    name="bifsmn_mixed",
    title="BiFSMN, mixed precision: wider front end, second convolution and "
    "projection in 8 bits",
    flagfile="sc10_bifsmn_mixed.flags",
)

MIXED_BOARD = dataclasses.replace(
    MIXED,
    name="bifsmn_mixed_board",
    title="BiFSMN, mixed precision, board's features",
    flagfile="sc10_bifsmn_mixed_board.flags",
    teacher=BOARD_TEACHER.name,
)


def baseline(
    name: str,
    title: str,
    model: str,
    *flags: str,
    own_epochs: bool = False,
    note: str = "",
) -> Row:
    """Returns a row of a baseline, with the teacher's data and augmentation.

    Args:
        name: the row's name.
        title: the row's title.
        model: the baseline's name.
        *flags: further flags of its training.
        own_epochs: whether it keeps the epochs of its flags.
        note: what a reader has to know of this row alone.
    """
    return Row(
        name,
        title,
        "sc10_baselines.flags",
        (f"--model={model}", *flags),
        seeds=SEEDS,
        command="bifsmn_tf.baselines.train",
        converts=False,
        report="report_keras",
        own_epochs=own_epochs,
        note=note,
    )


def vanilla(name: str, title: str, *flags: str) -> Row:
    """Returns a row of BiFSMN's recipe with changes, without a teacher.

    Args:
        name: the row's name.
        title: the row's title.
        *flags: what differs from the recipe.
    """
    return Row(
        name,
        title,
        "sc10_bifsmn.flags",
        ("--distillation=none", NO_LOGITS, *flags),
        seeds=SEEDS,
    )
