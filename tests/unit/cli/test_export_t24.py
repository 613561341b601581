"""Where an export may go (T24): a plain file that the user names, and nothing else of what bears the name."""

import os
from pathlib import Path

import pytest
from tests.unit.cli.shell import SETTINGS, Shell


@pytest.mark.parametrize("name", ["nul\0.csv", "none/such/out.csv", "", ".", "..", "../", "turnout.toml/out.csv"])
def test_t24_a_name_that_no_file_can_have_is_said_and_nothing_is_left(
    name: str, settled_home: Path, turnout: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settled_home)
    # The first command of a home makes its folders.
    turnout("export", "csv", "-o", "-")
    before = sorted(settled_home.rglob("*"))

    said = turnout("export", "csv", "-o", name)

    assert said.code == 2
    assert said.err.strip()
    assert "Traceback" not in said.err
    assert sorted(settled_home.rglob("*")) == before


def test_t24_an_export_goes_where_the_user_says_also_upwards(
    settled_home: Path, turnout: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settled_home / "here").mkdir()
    monkeypatch.chdir(settled_home / "here")

    assert turnout("export", "csv", "-o", "../up.csv").code == 0
    assert (settled_home / "up.csv").read_text().count("\n") == 5


def test_t24_an_export_takes_the_place_of_ones_own_file_and_is_for_oneself_alone(
    settled_home: Path, turnout: Shell
) -> None:
    out = settled_home / "out.csv"
    out.write_text("of last month")
    out.chmod(0o644)

    assert turnout("export", "csv", "-o", str(out)).code == 0
    assert "of last month" not in out.read_text()
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["hard link", "pipe"])
def test_t24_what_else_bears_the_name_is_replaced_and_not_written_into(
    kind: str, settled_home: Path, turnout: Shell
) -> None:
    out = settled_home / "out.csv"
    if kind == "hard link":
        os.link(settled_home / "turnout.toml", out)
    else:
        os.mkfifo(out)

    assert turnout("export", "csv", "-o", str(out)).code == 0
    assert out.is_file()
    assert (settled_home / "turnout.toml").read_text() == SETTINGS


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_t24_an_export_does_not_write_through_a_link(kind: str, settled_home: Path, turnout: Shell) -> None:
    out = settled_home / "out.csv"
    if kind == "link":
        out.symlink_to(settled_home / "turnout.toml")
    else:
        out.mkdir()

    assert turnout("export", "csv", "-o", str(out)).code == 2
    assert (settled_home / "turnout.toml").read_text() == SETTINGS


def test_t24_a_folder_that_cannot_be_written_is_said(settled_home: Path, turnout: Shell) -> None:
    """/proc takes no file, whoever asks."""
    said = turnout("export", "csv", "-o", "/proc/out.csv")

    assert said.code == 2
    assert "cannot be written" in said.err
