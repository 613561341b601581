"""What we tell a user to install for an extra is what the extra is, and never a stranger's package under our name."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from turnout.extras import ELSEWHERE, PACKAGES, how_to_install

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def name(requirement: str) -> str:
    return re.split(r"[=><; \[]", requirement.strip("'"))[0]


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_an_extra_is_told_package_by_package(extra: str) -> None:
    told = [*PACKAGES[extra], *ELSEWHERE.get(extra, ())]

    assert sorted(map(name, told)) == sorted(map(name, EXTRAS[extra]))
    assert {one for one in told if "==" in one} == {one.partition(";")[0] for one in EXTRAS[extra] if "==" in one}
    assert how_to_install(extra).startswith(f"Install the extra `{extra}`: {sys.executable} -m pip install ")


def test_a_package_has_no_pip_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert "pip" not in how_to_install("plus")
    assert "from source" in how_to_install("plus")


def test_nobody_is_told_to_install_turnout_from_an_index() -> None:
    files = [*(ROOT / "app").rglob("*.py"), ROOT / "README.md"]

    assert [str(path) for path in files if re.search(r"pip install '?turnout", path.read_text()) and path.name != "extras.py"] == []
