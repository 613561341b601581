"""rules.toml for an editor: read, saved, never overwritten."""

from pathlib import Path

import pytest

from turnout.desktop.models.rulesfile import read_rules_text, save_rules_text
from turnout.errors import SettingsError

RULES = '[[rule]]\nname = "a"\nwhen = "true"\nroute = "fast"\n'


def test_a_file_that_is_not_there_is_empty_and_is_made(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    assert read_rules_text(file) == ""
    assert save_rules_text(file, RULES, "") is None
    assert file.read_text() == RULES


def test_what_somebody_else_wrote_meanwhile_is_told_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("# theirs\n")
    assert save_rules_text(file, RULES, "# base\n") == "# theirs\n"
    assert file.read_text() == "# theirs\n"


def test_rules_that_are_not_valid_are_not_written(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    with pytest.raises(SettingsError):
        save_rules_text(file, RULES.replace("true", "no-such-signal"), RULES)
    assert file.read_text() == RULES


def test_a_file_with_windows_line_ends_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(RULES.replace("\n", "\r\n").encode())
    assert read_rules_text(file) == RULES
    assert save_rules_text(file, RULES.replace("fast", "high"), RULES) is None
    assert file.read_bytes() == RULES.replace("fast", "high").replace("\n", "\r\n").encode()


def test_a_file_that_is_no_text_is_an_error_with_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_rules_text(file)
