"""The bill of materials: every package of requirements.lock with its hashes and its licence, as CycloneDX 1.6. Standard library only.

`bill()` is a function of the lock and of licences.toml alone: the same two files give the same bytes.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
LICENCES = ROOT / "packaging" / "licences.toml"
_HEAD = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^ ;\\]+)(?: *; *([^\\]+?))? *\\?$")


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    where: str
    """The condition under which it is installed, as pip reads it; empty: everywhere."""
    hashes: tuple[str, ...]
    """SHA-256 of each of its files."""

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(text: str) -> list[Package]:
    """The packages of a lock file, in its order."""
    found: list[Package] = []
    for line in text.splitlines():
        if head := _HEAD.match(line):
            name = re.sub(r"[-_.]+", "-", head[1]).lower()
            found.append(Package(name, head[2], head[3] or "", ()))
        elif found and (hashed := re.search(r"--hash=sha256:([0-9a-f]{64})", line)):
            last = found[-1]
            found[-1] = Package(last.name, last.version, last.where, (*last.hashes, hashed[1]))
    return found


def licences(text: str) -> tuple[frozenset[str], dict[str, str]]:
    """What is allowed, and each package's own."""
    doc = tomllib.loads(text)
    return frozenset(doc["allowed"]), dict(doc["packages"])


def acceptable(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression can be met: of OR one side must be allowed, of AND both."""
    words = re.findall(r"\(|\)|[A-Za-z0-9.+-]+", expression)

    def either() -> bool:
        good = both()
        while words and words[0] == "OR":
            words.pop(0)
            good = both() or good
        return good

    def both() -> bool:
        good = one()
        while words and words[0] == "AND":
            words.pop(0)
            good = one() and good
        return good

    def one() -> bool:
        word = words.pop(0) if words else ")"
        if word == "(":
            good = either()
            return bool(words) and words.pop(0) == ")" and good
        return word in allowed

    return either() and not words


def bill(version: str) -> str:
    """JSON; raises KeyError with the name of a package whose licence nobody wrote down."""
    known = licences(LICENCES.read_text(encoding="utf-8"))[1]
    packages = locked(LOCK.read_text(encoding="utf-8"))
    root = f"pkg:generic/turnout@{version}"
    doc = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "turnout",
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": [_component(one, known[one.name]) for one in packages],
        "dependencies": [{"ref": root, "dependsOn": [one.purl for one in packages]}],
    }
    return json.dumps(doc, indent=1) + "\n"


def _component(package: Package, licence: str) -> dict[str, object]:
    simple = re.fullmatch(r"[A-Za-z0-9.+-]+", licence) and not licence.startswith("LicenseRef-")
    named = {"license": {"id": licence}} if simple else {"expression": licence}
    made: dict[str, object] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "licenses": [named],
        "purl": package.purl,
        "properties": [{"name": "turnout:sha256", "value": one} for one in package.hashes],
    }
    if package.where:
        made["properties"] = [*made["properties"], {"name": "turnout:where", "value": package.where}]  # type: ignore[misc]
    return made


