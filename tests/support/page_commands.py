"""The commands on the pages that a reader is to type."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in (
        *("*.md", "docs/*.md", "results/*.md", "custom_ops/**/*.md"),
        *("benchmarks/**/*.md", "bifsmn_tf/**/*.md", "tflite_delegate/*.md"),
    )
    for path in ROOT.glob(pattern)
)

GUIDES = [
    path
    for path in PAGES
    if path.parent in (Path(), Path("docs")) and path.name != "CHANGELOG.md"
]
"""Pages whose commands a reader is to type."""

_SHELL = ("", "sh", "bash", "console")
"""The languages of a fence in which commands stand."""

_COMMAND = re.compile(r"(sudo )?[\w./-]+( (?![=<>]).*)?")
"""A line of a shell, and no formula."""

_PROGRAMS = re.compile(
    r"(sudo )?([\w./-]*/)?(python3?|pip|bifsmn|make|cmake|gcc|node|apt-get|"
    r"arecord|pre-commit) \S.*"
)
"""A command within a sentence: a program, and at least one word more."""


def code_lines(page: Path) -> list[str]:
    """Lines of indented code and of a shell's fences, continued ones joined."""
    lines, language = [], None
    for line in (ROOT / page).read_text().splitlines():
        if line.lstrip().startswith("```"):
            language = line.strip()[3:] if language is None else None
            continue
        indented = language is None and line.startswith("    ")
        lines.append(line if indented or language in _SHELL else "")
    return re.sub(r"\\\n\s*", " ", "\n".join(lines)).split("\n")


def inline_code(page: Path) -> list[str]:
    """What stands between backticks in a page's sentences."""
    text = (ROOT / page).read_text()
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)
    text = re.sub(r"^    .*$", "", text, flags=re.M)
    return [" ".join(code.split()) for code in re.findall("`([^`]+)`", text)]


def commands_on(page: Path) -> list[str]:
    """The commands on a page, in its order, without comments."""
    lines = [
        " ".join(re.sub(r"(^| )# .*", "", line).split())
        for line in code_lines(page)
    ]
    found = [line for line in lines if _COMMAND.fullmatch(line)]
    return found + [c for c in inline_code(page) if _PROGRAMS.fullmatch(c)]


def all_commands() -> list[str]:
    """Every command on any guide, once, in the order of the pages."""
    return list(dict.fromkeys(c for page in GUIDES for c in commands_on(page)))
