"""What is installed, and from where it may come: every package pinned by hash, nothing that runs at start unasked (T29)."""

import re
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
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


@pytest.mark.parametrize("lock", LOCKS)
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
