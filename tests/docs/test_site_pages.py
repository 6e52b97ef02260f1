"""The pages: links lead somewhere, commands and code are those there are."""

import functools
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import run_apart
from sounds import noise

from bifsmn_tf.__main__ import COMMANDS

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

NOT_OURS = {
    "arecord": "is piped to a command, which is looked at",
    "cmake": "is run by the tests of the C interface",
    "cp": "is for the board",
    "gcc": "is run by the tests of the C interface",
    "node": "is run, with this script, by the tests of tests/web",
    "pre-commit": "is the reader's to install",
    "ulimit": "is the shell's",
}
"""Why a command is not looked at, by its first word."""


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            place = ROOT / page.parent / target
            assert place.exists(), f"{page} leads to {target}"


def test_readme_is_short_and_begins_with_the_picture():
    text = (ROOT / "README.md").read_text()
    assert text.count("\n") <= 120
    first = re.search(r"!\[([^]]*)\]\(([^)]*)\)", text)
    assert "accuracy against cycles" in first[1]
    assert text.index(first[0]) < text.index("##")


def code_lines(page: Path) -> list[str]:
    """Lines of indented and fenced code, continued ones joined."""
    lines, fenced = [], None
    for line in (ROOT / page).read_text().splitlines():
        if line.lstrip().startswith("```"):
            fenced = None if fenced is not None else line.strip()[3:]
            continue
        indented = fenced is None and line.startswith("    ")
        lines.append(line if indented or fenced in ("sh", "bash") else "")
    return re.sub(r"\\\n\s*", " ", "\n".join(lines)).split("\n")


def commands() -> list[tuple[str, str]]:
    """Pages and the commands on them, each part of a pipe by itself."""
    found = []
    for page in GUIDES:
        for line in code_lines(page):
            for part in line.strip().removeprefix("sudo ").split(" | "):
                word = part.split()[0] if part.split() else ""
                if re.fullmatch(r"[\w./-]*(python3?|pip|bifsmn|make)", word):
                    found.append((str(page), part))
    return found


@functools.cache
def flags_of(module: str) -> set[str]:
    """The flags that a module has."""
    command = module.removeprefix("bifsmn_tf.")
    done = run_apart(command, "--helpfull")
    if done.returncode == 2:
        # It has no flags of absl's.
        done = run_apart(command, "--help")
    assert done.returncode == 0, done.stderr
    return {*re.findall(r"^  --(\w+)", done.stdout, re.M)} | {"flagfile"}


def check_module(module: str, words: list[str]) -> None:
    """Looks whether a module is there and has all flags."""
    assert importlib.util.find_spec(module) is not None, module
    if module == "bifsmn_tf.pretrained":
        return
    for word in words:
        assert word.startswith("--"), word
        name, _, value = word[2:].partition("=")
        if name != "help":
            names = {name, name.removeprefix("no")}
            assert names & flags_of(module), f"{module} has no {word}"
        if name == "flagfile":
            assert (ROOT / value).is_file(), value


def extras() -> set[str]:
    """The extras of setup.py."""
    text = (ROOT / "setup.py").read_text()
    return {*re.findall(r'^        "(\w+)": \[', text, re.M)}


@pytest.mark.parametrize(("page", "command"), commands())
def test_commands_are_those_there_are(page, command):
    words = shlex.split(command, comments=True)
    program, rest = Path(words[0]).name, words[1:]
    if program == "make":
        target = next(word for word in rest if "=" not in word)
        makefile = (ROOT / "Makefile").read_text()
        assert re.search(rf"^{target}:", makefile, re.M), target
    elif program == "pip":
        for extra in re.findall(r"\[(\w+)", " ".join(rest)):
            assert extra in extras() | {"and"}, extra
    elif program == "bifsmn":
        name, *flags = rest or ["--help"]
        if name in ("--help", "--version", "COMMAND"):
            return
        check_module(COMMANDS[name], flags)
    elif rest[:1] == ["-m"]:
        if rest[1].startswith("bifsmn_tf"):
            check_module(rest[1], rest[2:])
    elif rest and rest[0] != "-":
        assert (ROOT / rest[0]).is_file(), rest[0]


def test_every_other_command_is_known():
    for page in GUIDES:
        for line in code_lines(page):
            for part in line.strip().removeprefix("sudo ").split(" | "):
                word = part.split(" ")[0]
                if re.fullmatch(r"[a-z][a-z-]+", word) and looks_like_shell(
                    part
                ):
                    known = {*NOT_OURS, "python", "python3", "pip", "bifsmn"}
                    assert word in known | {"make", "systemctl"}, (page, part)


def looks_like_shell(part: str) -> bool:
    """Whether a line of code looks like a command of a shell."""
    return bool(re.match(r"[a-z-]+ (-|\S*/|install\b)", part))


def test_readmes_code_runs(tmp_path, monkeypatch):
    (code,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S
    )
    soundfile.write(tmp_path / "recording.wav", noise(16000), 16000)
    monkeypatch.chdir(tmp_path)
    exec(code, {"samples": np.zeros(16000, np.int16)})


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet"]
        + [f"--site-dir={tmp_path / 'site'}"],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    text = (tmp_path / "site" / "ops.html").read_text()
    assert "int16" in text
    home = (tmp_path / "site" / "index.html").read_text()
    assert 'href="raspberry_pi.html"' in home
    # Whoever reads it fetches nothing from elsewhere.
    for tag in re.findall(r"<(?:script|link|img)[^>]*>", home):
        assert "https://" not in tag or 'rel="canonical"' in tag, tag
