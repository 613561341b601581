"""The command line called in this process, over a home of its own; `conftest.py` has its fixtures."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.ledger.made import settled

from turnout.calls.record import CallRecord
from turnout.calls.units import Grade, Nanos, Tier
from turnout.cli.commands import run
from turnout.ledger.entries import write_settled
from turnout.ledger.recover import recover
from turnout.ledger.schema import connect

SETTINGS = """
[providers.anthropic]
dialect = "anthropic"
base_url = "https://api.anthropic.com"
[providers.local]
dialect = "ollama"
base_url = "http://127.0.0.1:1"
key = "none"
sovereign = true
[tiers]
high = ["anthropic/claude-opus-5-5"]
fast = ["anthropic/claude-haiku-5-5"]
local = ["local/qwen3-coder:30b"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TURNOUT_HOME of its own, and a user's home with nothing in it."""
    root = tmp_path / "turnout"
    root.mkdir(mode=0o700)
    monkeypatch.setenv("TURNOUT_HOME", str(root))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("SHELL", "/bin/bash")
    for name in ("XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "user").mkdir()
    return root


@pytest.fixture
def settled_home(home: Path) -> Path:
    """With settings, and a ledger of four calls."""
    write(home / "turnout.toml", SETTINGS)
    ledger = home / "data" / "ledger.db"
    ledger.parent.mkdir(mode=0o700)
    recover(ledger)
    db = connect(ledger)
    for record in RECORDS:
        write_settled(db, record)
    db.commit()
    db.close()
    return home


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


RECORDS: tuple[CallRecord, ...] = (
    settled(1, cost=40_000_000, grade=Grade.HIGH),
    settled(2, cost=30_000_000, grade=Grade.LOW, project='=HYPERLINK("http://evil")', client="+cmd"),
    settled(3, cost=1_000_000, grade=Grade.MEDIUM, tier=Tier.FAST),
    settled(4, cost=0, grade=None, tier=Tier.LOCAL, baseline=Nanos(0), session="=1+1"),
)


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def doc(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Shell:
    def __init__(self, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capture, self._patch = capture, patch

    def __call__(self, *args: str, stdin: str = "") -> Said:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = run(list(args))
        out, err = self._capture.readouterr()
        return Said(code, out, err)


@pytest.fixture
def turnout(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(capsys, monkeypatch)
