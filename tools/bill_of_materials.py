"""Writes what a wheel consists of and needs, as CycloneDX 1.6 and as text.

    python tools/bill_of_materials.py WHEEL --json=bom.json --licences=TEXT.md

Components are what pip installs with the wheel, at the versions of this
environment, with their licences as they state them; and what is linked into the
native library. ``--extras=train`` adds those of extras.
"""

import argparse
import hashlib
import importlib.metadata as packages
import json
import re
import sys
import uuid
import zipfile
from collections.abc import Sequence
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_LINKED = (
    ("libstdc++", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    ("libgcc", "GPL-3.0-or-later WITH GCC-exception-3.1"),
)
"""Linked statically into the native library, by setup.py's flags."""


def licence(about: Any) -> str:
    """Returns the licence that a package's metadata state, as they word it."""
    if about.get("License-Expression"):
        return about["License-Expression"]
    named = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License :: ") and line.count(" :: ") > 1
    ]
    if named:
        return ", ".join(named)
    stated = (about.get("License") or "").strip()
    # Some put the whole text there.
    return stated.splitlines()[0] if stated else ""


def needed(lines: Sequence[str], extras: Sequence[str]) -> list[Requirement]:
    """Returns the requirements that hold here, with extras."""
    found = []
    for line in lines:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            found.append(requirement)
    return found


def closure(
    lines: Sequence[str], extras: Sequence[str]
) -> dict[str, packages.Distribution]:
    """Returns what is installed for requirements, and for theirs, by name.

    Raises:
        SystemExit: One of them is not installed here.
    """
    found: dict[str, packages.Distribution] = {}
    waiting = needed(lines, extras)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        try:
            found[name] = packages.distribution(name)
        except packages.PackageNotFoundError:
            sys.exit(f"error: {name} is not installed here: install the wheel")
        waiting += needed(found[name].requires or (), [*requirement.extras])
    return dict(sorted(found.items()))


def read_wheel(path: Path) -> tuple[Message, str]:
    """Returns a wheel's metadata, and its SHA-256."""
    with zipfile.ZipFile(path) as wheel:
        (name,) = (
            n
            for n in wheel.namelist()
            if re.fullmatch(r"[^/]+\.dist-info/METADATA", n)
        )
        about = message_from_bytes(wheel.read(name))
    return about, hashlib.sha256(path.read_bytes()).hexdigest()


def bill(path: Path, extras: Sequence[str]) -> dict[str, Any]:
    """Returns the bill of materials of a wheel, as CycloneDX has it.

    Args:
        path: of the wheel.
        extras: whose requirements are listed, too.
    """
    about, digest = read_wheel(path)
    name, version = about["Name"], about["Version"]
    reference = f"pkg:pypi/{canonicalize_name(name)}@{version}"
    parts = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{package}@{found.version}",
            "purl": f"pkg:pypi/{package}@{found.version}",
            "name": package,
            "version": found.version,
            "licenses": [
                {"license": {"name": licence(found.metadata) or "not stated"}}
            ],
        }
        for package, found in closure(
            about.get_all("Requires-Dist") or (), extras
        ).items()
    ]
    parts += [
        {
            "type": "library",
            "bom-ref": f"linked:{package}",
            "name": package,
            "description": "linked into bifsmn_tf/runtime/libbifsmn.so",
            "licenses": [{"expression": text}],
        }
        for package, text in _LINKED
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # The same wheel and versions give the same bill.
        "serialNumber": uuid.uuid5(
            uuid.NAMESPACE_URL, digest + json.dumps(parts)
        ).urn,
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": reference,
                "purl": reference,
                "name": name,
                "version": version,
                "licenses": [{"license": {"name": licence(about)}}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
        },
        "components": parts,
        "dependencies": [
            {
                "ref": reference,
                "dependsOn": [part["bom-ref"] for part in parts],
            }
        ],
    }


def table(made: dict[str, Any]) -> str:
    """Returns the licences as a page."""
    about = made["metadata"]["component"]
    lines = [
        f"# What {about['name']} {about['version']} brings along",
        "",
        "| package | version | licence |",
        "|---|---|---|",
    ]
    for part in (about, *made["components"]):
        (stated,) = part["licenses"]
        text = stated.get("expression") or stated["license"]["name"]
        lines.append(f"| {part['name']} | {part.get('version', '')} | {text} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--extras", nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--licences", type=Path)
    options = parser.parse_args()
    made = bill(options.wheel, options.extras)
    if options.json:
        options.json.write_text(json.dumps(made, indent=1) + "\n")
    if options.licences:
        options.licences.write_text(table(made))
    print(table(made), end="")


if __name__ == "__main__":
    main()
