r"""Which words are spoken in a recording, and when: label files.

A label track, as Audacity exports it (File, Export, Labels), is a text beside
the recording, a line for each word, its fields separated by tabs::

    1.25    1.80    yes

A table is one CSV for a whole folder, with a heading::

    file,start,end,word
    kitchen/one.wav,1.25,1.80,yes

Times are in seconds from the beginning of the recording.
"""

import csv
import math
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bifsmn_tf.errors import DataError

COLUMNS = ("file", "start", "end", "word")


class Word(NamedTuple):
    """A word that is spoken.

    Attributes:
        start: seconds from the beginning of the recording.
        end: the same.
        label: of the word.
    """

    start: float
    end: float
    label: str

    def later(self, seconds: float) -> "Word":
        """Returns the word in a recording that begins so much earlier."""
        return Word(self.start + seconds, self.end + seconds, self.label)


def read_track(path: Path) -> list[Word]:
    """Reads a label track.

    Raises:
        DataError: It is none; the message names the line and the remedy.
    """
    words = []
    for number, line in _lines(path):
        # Audacity writes the frequencies of a selection below its times.
        if not line.strip() or line.startswith("\\"):
            continue
        fields = line.rstrip("\r\n").split("\t")
        if len(fields) != 3:
            raise DataError(
                f"{path}, line {number}: {line.strip()!r} is not a start, an "
                "end and a word with tabs between them; export the labels "
                "from Audacity again, or correct the line"
            )
        words.append(_word(path, number, *fields))
    return words


def read_table(path: Path, recordings: Sequence[str]) -> dict[str, list[Word]]:
    """Reads a table of words.

    Args:
        path: of the CSV.
        recordings: the files that it may name.

    Returns:
        The words of each file that has any.

    Raises:
        DataError: It is none; the message names the line and the remedy.
    """
    rows = csv.reader((line for _, line in _lines(path)), skipinitialspace=True)
    heading = [field.strip().lower() for field in next(rows, [])]
    if heading != list(COLUMNS):
        raise DataError(
            f"{path}, line 1: the heading has to be {','.join(COLUMNS)}, not "
            f"{','.join(heading)!r}"
        )
    words: dict[str, list[Word]] = {}
    for fields in rows:
        if not fields:
            continue
        if len(fields) != len(COLUMNS):
            raise DataError(
                f"{path}, line {rows.line_num}: {len(fields)} fields instead "
                f"of {','.join(COLUMNS)}; put a word with a comma in quotes"
            )
        name, start, end, label = fields
        if name not in recordings:
            raise DataError(
                f"{path}, line {rows.line_num}: there is no recording "
                f"{name!r} beside it; write its path below {path.parent}"
            )
        word = _word(path, rows.line_num, start, end, label)
        words.setdefault(name, []).append(word)
    return words


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from enumerate(file, 1)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8: save it as that") from (
            error
        )


def _word(path: Path, number: int, start: str, end: str, label: str) -> Word:
    try:
        # Where the decimal point is a comma, Audacity has written one.
        times = [float(text.replace(",", ".")) for text in (start, end)]
    except ValueError as error:
        raise DataError(
            f"{path}, line {number}: {start!r} and {end!r} have to be times "
            "in seconds, such as 1.25"
        ) from error
    if not 0 <= times[0] <= times[1] < math.inf:
        raise DataError(
            f"{path}, line {number}: a word cannot last from {start} to {end} "
            "seconds; put the earlier time first"
        )
    if not label.strip():
        raise DataError(
            f"{path}, line {number}: there is no word; write which it is"
        )
    return Word(times[0], times[1], label.strip())
