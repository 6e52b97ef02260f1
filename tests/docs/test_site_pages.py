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
from page_commands import GUIDES
from page_commands import PAGES
from page_commands import ROOT
from page_commands import commands_on
from sounds import noise

from bifsmn_tf.__main__ import COMMANDS

PROGRAMS = ("python", "python3", "pip", "bifsmn", "make")


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


def commands() -> list[tuple[str, str]]:
    """Pages and the commands on them, each part of a pipe by itself."""
    found = []
    for page in GUIDES:
        for line in commands_on(page):
            for part in line.removeprefix("sudo ").split(" | "):
                word = part.split()[0]
                if Path(word).name in PROGRAMS:
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
    elif rest and not rest[0].startswith("-"):
        assert (ROOT / rest[0]).is_file(), rest[0]


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_code_in_python_runs(page, tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
    soundfile.write(tmp_path / "recording.wav", noise(16000), 16000)
    monkeypatch.chdir(tmp_path)
    waveform = noise(44100)
    exec(code[1], {"samples": np.zeros(16000, np.int16), "waveform": waveform})


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
