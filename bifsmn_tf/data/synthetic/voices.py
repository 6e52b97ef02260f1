"""The voices of espeak-ng, divided so that none is in two splits.

A voice is a variant (who speaks) in an accent. It is the variants that are
divided: the same throat with another accent would still be known to a network.
Variants that are made to sound like machines, whispers or monsters are left
out, and those that are versions of one another are in the same split.
"""

import functools

ACCENTS = (
    "en",
    "en-us",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-us-nyc",
    "en-029",
)

VARIANTS = {
    "train": (
        *("Alex", "Andrea", "Andy", "AnxiousAndy", "Denis", "Diogo", "Gene"),
        *("Gene2", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario"),
        *("Michael", "Mike", "mike2", "Mr serious", "Nguyen", "Reed"),
        *("RicishayMax", "RicishayMax2", "RicishayMax3", "Storm", "Tweaky"),
        *("anika", "announcer", "benjamin", "boris", "caleb", "ed", "edward"),
        *("edward2", "f1", "f3", "f5", "grandma", "gustave", "iven", "iven2"),
        *("iven3", "iven4", "kaukovalta", "klatt", "klatt2", "klatt3"),
        *("klatt4", "klatt5", "klatt6", "m1", "m2", "m4", "m5", "m7"),
        *("marcelo", "max", "miguel", "pablo", "pedro", "sandro", "shelby"),
        *("steph", "steph2", "steph3", "victor"),
    ),
    "validation": (
        *("Annie", "antonio", "belinda", "f2", "grandpa", "ian", "john"),
        *("m3", "norbert", "paul", "zac"),
    ),
    "test": (
        *("Alicia", "adam", "aunty", "david", "f4", "linda", "m6", "m8"),
        *("michel", "quincy", "rob", "robert", "travis"),
    ),
}


@functools.lru_cache
def voices(split: str) -> tuple[str, ...]:
    """Returns the voices of a split, as espeak-ng names them: "en+m1"."""
    return tuple(
        f"{accent}+{variant}"
        for variant in VARIANTS[split]
        for accent in ACCENTS
    )
