"""The tasks that people train on Speech Commands.

Two protocols of the 12-class task are around, and a figure of one says nothing
about the other:

* ``official``: unknown and silence are each about as frequent as one keyword,
  silence is cut from the background recordings, and the test is the data set's
  own 12-class test archive where that is available.
* ``bifsmn``: that of the reference code. Every other word is unknown, more than
  half of all clips, and silence is exact zeros, a tenth of the words again.

With 20 words or with all there is neither unknown nor silence, so both are the
same and bear the name ``official``.
"""

import dataclasses

from bifsmn_tf.data.clips import KEYWORDS

DIGITS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
WORDS: dict[str, tuple[str, ...]] = {
    "v0.01": (
        *KEYWORDS,
        *DIGITS,
        *("bed", "bird", "cat", "dog", "happy"),
        *("house", "marvin", "sheila", "tree", "wow"),
    ),
}
WORDS["v0.02"] = (
    *WORDS["v0.01"],
    *("backward", "follow", "forward", "learn", "visual"),
)


@dataclasses.dataclass(frozen=True)
class Task:
    """One task on one version of the data set.

    Attributes:
        version: "v0.01" (30 words) or "v0.02" (35 words).
        keywords: the words to tell apart, in the order of the labels.
        protocol: "official" or "bifsmn".
        others: whether there are classes for other words and for silence.
    """

    version: str
    keywords: tuple[str, ...]
    protocol: str
    others: bool

    @property
    def name(self) -> str:
        """Its name, such as "v0.02-12-official"; 12 counts the classes."""
        classes = len(self.keywords) + 2 * self.others
        return f"{self.version}-{classes}-{self.protocol}"

    @property
    def has_archive(self) -> bool:
        """Whether the data set has a test archive for this task."""
        return self.protocol == "official" and self.others


def _tasks() -> dict[str, Task]:
    tasks = []
    for version, words in WORDS.items():
        tasks += [
            Task(version, KEYWORDS, "official", True),
            Task(version, KEYWORDS, "bifsmn", True),
            Task(version, (*KEYWORDS, *DIGITS), "official", False),
            Task(version, words, "official", False),
        ]
    return {task.name: task for task in tasks}


TASKS = _tasks()
