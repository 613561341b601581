"""Words for people."""

from pathlib import Path

import pytest

from turnout.desktop import text


def test_a_place_at_home_is_said_with_a_tilde_and_no_other_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert text.place(str(tmp_path / ".config" / "x.toml")) == "~/.config/x.toml"
    assert text.place(str(tmp_path)) == "~"
    assert text.place(f"{tmp_path}-other/x.toml") == f"{tmp_path}-other/x.toml"
    assert text.place("/etc/x.toml") == "/etc/x.toml"
    assert str(Path(text.place(str(tmp_path / "x.csv"))).expanduser()) == str(tmp_path / "x.csv")
