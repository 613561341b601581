"""What is installed, and from where it may come: every package pinned by hash, nothing that runs at start unasked (T29)."""

import importlib.util
import json
import re
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, distributions, metadata
from pathlib import Path
from types import ModuleType

import pytest

from turnout import __version__

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
TOOLS = ("packaging/build.lock", "packaging/audit.lock")
MOST = 65
"""Packages that a user installs, over all platforms together; a new one is a decision."""
STARTS = {"turnout-checkout.pth", "distutils-precedence.pth", "_virtualenv.pth"}
"""Files of a fresh environment that Python runs at its start: ours, and setuptools' where it is there."""


def pinned(lock: str) -> dict[str, int]:
    """Package -> how many hashes it may have."""
    found: dict[str, int] = {}
    name = ""
    for line in (ROOT / lock).read_text().splitlines():
        if head := re.match(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?==(\S+)", line):
            name = head[1].lower()
            found.setdefault(name, 0)
        elif line and not line.startswith(("#", " ")):
            raise AssertionError(f"{lock}: a line that pins nothing: {line}")
        if name:
            found[name] += line.count("--hash=sha256:")
    return found


def tool(name: str) -> ModuleType:
    """A file of `packaging/`, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "packaging" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    sys.path.insert(0, str(ROOT / "packaging"))
    try:
        spec.loader.exec_module(made)
    finally:
        sys.path.remove(str(ROOT / "packaging"))
        del sys.modules[name]
    return made


@pytest.mark.parametrize("lock", [*LOCKS, *TOOLS])
def test_t29_every_package_is_pinned_to_a_version_and_its_hashes(lock: str) -> None:
    found = pinned(lock)

    assert len(found) > 20
    assert [name for name, hashes in found.items() if not hashes] == []
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--extra-index" not in text


def test_t29_the_user_gets_no_package_that_the_tests_did_not_have() -> None:
    run, test = pinned(LOCKS[0]), pinned(LOCKS[1])

    assert set(run) <= set(test)
    assert len(run) <= MOST


@pytest.mark.skipif(not (Path(sys.prefix) / ".turnout-test").exists(), reason="not the environment packaging/ made")
def test_t29_nothing_but_what_is_locked_is_installed_and_nothing_runs_at_pythons_start() -> None:
    site = Path(sysconfig.get_path("purelib"))
    allowed = {name.replace("_", "-").replace(".", "-") for name in pinned(LOCKS[1])} | {"pip", "setuptools", "wheel"}
    here = {
        (one.metadata["Name"] or "").lower().replace("_", "-").replace(".", "-")
        for one in distributions(path=[str(site)])
    }

    assert here - allowed == set()
    assert {one.name for one in site.glob("*.pth")} - STARTS == set()
    assert not (site / "sitecustomize.py").exists()
    assert not (site / "usercustomize.py").exists()


def test_t29_what_is_packaged_is_what_is_locked_to_run() -> None:
    def versions(lock: str) -> set[str]:
        return set(re.findall(r"^[A-Za-z0-9][^ ]*==[^ ;]+", (ROOT / lock).read_text(), re.MULTILINE))

    assert versions("requirements.lock") - versions("packaging/build.lock") == set()
    assert not any("pyinstaller" in one for one in versions("requirements.lock") | versions("requirements-dev.lock"))


def test_t29_every_package_that_a_user_gets_has_a_licence_that_is_allowed() -> None:
    sbom = tool("sbom")
    allowed, known = sbom.licences((ROOT / "packaging" / "licences.toml").read_text())
    locked = {one.name for one in sbom.locked((ROOT / "requirements.lock").read_text())}

    assert set(known) == locked
    assert [name for name, licence in known.items() if not sbom.acceptable(licence, allowed)] == []


def test_t29_a_package_says_of_itself_what_we_say_of_it() -> None:
    sbom = tool("sbom")
    known = sbom.licences((ROOT / "packaging" / "licences.toml").read_text())[1]
    said: dict[str, str] = {}
    for name in known:
        try:
            own = metadata(name).json.get("license_expression")
        except PackageNotFoundError:  # for another platform or Python
            continue
        if own:
            said[name] = str(own)

    assert len(said) > 20
    assert {name: (own, known[name]) for name, own in said.items() if own != known[name]} == {}


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR ISC)", True),
        ("(MIT OR GPL-3.0-only) AND SSPL-1.0", False),
        ("", False),
        ("MIT AND", False),
        ("(MIT", False),
        ("MIT ISC", False),
    ],
)
def test_t29_a_licence_is_judged_by_its_parts(expression: str, good: bool) -> None:
    assert tool("sbom").acceptable(expression, frozenset({"MIT", "ISC"})) is good


def test_t29_the_bill_of_materials_is_the_lock() -> None:
    text = tool("sbom").bill(__version__)
    bill = json.loads(text)
    rows = {one["name"]: one for one in bill["components"]}
    hashes = {
        name: sum(part["name"] == "turnout:sha256" for part in one["properties"]) for name, one in rows.items()
    }

    assert bill["metadata"]["component"]["version"] == __version__
    assert hashes == pinned("requirements.lock")
    assert len(bill["components"]) == len(rows)
    assert all(one["licenses"] and one["purl"] == f"pkg:pypi/{name}@{one['version']}" for name, one in rows.items())
    assert any(part["name"] == "turnout:where" for part in rows["colorama"]["properties"])
    assert tool("sbom").bill(__version__) == text


AUDITED = {"name": "anyio", "version": "4.16.0", "vulns": []}
SKIPPED = {"name": "certifi", "skip_reason": "Dependency not found on PyPI and could not be audited"}
FLAWED = {"name": "idna", "version": "3.6", "vulns": [{"id": "PYSEC-2024-60", "fix_versions": ["3.7"]}]}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([AUDITED], 0, "1 of 1 packages looked up, 0 vulnerabilities known"),
        ([AUDITED, FLAWED], 1, "idna 3.6: PYSEC-2024-60"),
        ([AUDITED, SKIPPED], 2, "NOT AUDITED: certifi"),
        ([SKIPPED, FLAWED], 1, "NOT AUDITED: certifi"),
        ([], 2, "0 of 0 packages"),
    ],
)
def test_t29_what_could_not_be_looked_up_is_not_called_clean(packages: list[object], code: int, words: str) -> None:
    text, found = tool("audit").verdict("requirements.lock", json.dumps({"dependencies": packages}), "")

    assert found == code
    assert words in text


def test_t29_without_a_network_the_audit_says_so() -> None:
    text, code = tool("audit").verdict("requirements.lock", "", "Traceback...\nConnectionError: no route to host\n")

    assert code == 2
    assert "NOT AUDITED" in text
    assert "no route to host" in text
