"""What the site has beside the pages of docs/: results, and the ops' contract.

Links of a page lead through the repository, so that they work wherever its
files are shown. Here they lead to the page of the site, if it has one; else
their text stays, with the file's name.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]

ELSEWHERE = {
    "custom_ops/README.md": "ops.md",
    "custom_ops/kernels/NEON.md": "kernels/neon.md",
    "custom_ops/kernels/X86.md": "kernels/x86.md",
    "custom_ops/kernels/LOG_MEL.md": "kernels/log_mel.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Pages of the site by their place in the repository."""

_LINK = re.compile(r"(!?)\[((?:[^\]\\]|\\.)*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def pages() -> dict[str, str]:
    """Returns the files of the site by their place in the repository."""
    found = dict(ELSEWHERE)
    for folder in ("docs", "results"):
        for path in (ROOT / folder).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in (".md", ".png") and "discussion" not in name:
                found[name] = name.removeprefix("docs/")
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files that are not in docs/."""
    for place, name in pages().items():
        if not place.startswith("docs/") and (ROOT / place).is_file():
            content = (ROOT / place).read_bytes()
            files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files, **_: Any
) -> str:
    """Leads links to where the site has what they name."""
    known = pages()
    here = page.file.src_uri
    (place,) = [x for x, name in known.items() if name == here]

    def lead(match: re.Match[str]) -> str:
        image, text, target, anchor = match.groups(default="")
        if "://" in target or target.startswith("mailto:"):
            return match.group()
        wanted = posixpath.normpath(
            posixpath.join(posixpath.dirname(place), target)
        )
        if not (ROOT / wanted).exists():
            raise ValueError(f"{place} leads to {wanted}, which is not there")
        name = known.get(wanted)
        if name is None:
            plain = text.strip("`")
            return text if plain == wanted else f"{text} (`{wanted}`)"
        way = posixpath.relpath(name, posixpath.dirname(here) or ".")
        return f"{image}[{text}]({way}{anchor})"

    return _LINK.sub(lead, markdown)
