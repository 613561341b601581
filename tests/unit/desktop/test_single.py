"""One instance a home: a second start reaches the first, and nothing that lies about is in the way (I16)."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QDir
from pytestqt.qtbot import QtBot

from turnout.desktop.doorbell import CALLERS, LIMIT
from turnout.desktop.single import Single


@pytest.fixture
def first(tmp_path: Path, qtbot: QtBot) -> "Single":
    single = Single(tmp_path / "run")
    assert single.first
    return single


def bell(single: Single) -> Path:
    return Path(QDir.tempPath()) / single._name


def test_a_second_start_hands_its_wish_to_the_first(first: Single, tmp_path: Path, qtbot: QtBot) -> None:
    second = Single(tmp_path / "run")

    with qtbot.waitSignal(first.wished, timeout=20_000) as heard:
        assert second.tell("open calls/ID")

    assert not second.first
    assert heard.args == ["open calls/ID"]
    first.end()


def test_homes_do_not_hear_each_other(first: Single, tmp_path: Path) -> None:
    other = Single(tmp_path / "elsewhere")

    assert other.first
    other.end()
    assert not other.tell("open")
    first.end()


def test_the_bell_is_its_owners_alone_and_goes_with_it(first: Single) -> None:
    path = bell(first)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first.end()
    assert not path.exists()


def test_what_a_killed_one_left_is_not_in_the_way(tmp_path: Path, qtbot: QtBot) -> None:
    program = (
        "import os, sys; from pathlib import Path; from PySide6.QtCore import QCoreApplication\n"
        "from turnout.desktop.single import Single\n"
        "application = QCoreApplication([]); single = Single(Path(sys.argv[1])); assert single.first; os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], check=False).returncode == 9

    single = Single(tmp_path / "run")
    second = Single(tmp_path / "run")

    assert single.first
    with qtbot.waitSignal(single.wished, timeout=20_000):
        assert second.tell("open")
    single.end()


def test_a_wish_that_comes_in_pieces_is_one_and_a_long_one_is_cut_off(first: Single, qtbot: QtBot) -> None:
    with socket.socket(socket.AF_UNIX) as slow, qtbot.waitSignal(first.wished, timeout=20_000) as heard:
        slow.connect(str(bell(first)))
        slow.sendall(b"open ")
        slow.sendall(b"budgets")
        slow.shutdown(socket.SHUT_WR)
    assert heard.args == ["open budgets"]

    with socket.socket(socket.AF_UNIX) as endless, qtbot.waitSignal(first.wished, timeout=20_000) as heard:
        endless.connect(str(bell(first)))
        endless.sendall(b"x" * LIMIT)
    assert heard.args == ["x" * LIMIT]
    first.end()


def test_who_rings_and_says_nothing_keeps_nobody_out(first: Single, tmp_path: Path, qtbot: QtBot) -> None:
    silent = [socket.socket(socket.AF_UNIX) for _ in range(CALLERS * 2)]
    for one in silent:
        one.connect(str(bell(first)))

    with qtbot.waitSignal(first.wished, timeout=20_000) as heard:
        assert Single(tmp_path / "run").tell("open")

    assert heard.args == ["open"]
    for one in silent:
        one.close()
    first.end()


def test_a_place_that_is_taken_costs_the_bell_and_not_the_tray(tmp_path: Path, qtbot: QtBot) -> None:
    probe = Single(tmp_path / "run")
    taken = bell(probe)
    probe.end()
    taken.mkdir()  # what we may not remove
    try:
        single = Single(tmp_path / "run")

        assert single.first
        assert not Single(tmp_path / "run").tell("open")
        single.end()
    finally:
        taken.rmdir()
