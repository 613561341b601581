"""The supervisor over real child processes: started, attached to, restarted, given up on, never another's killed."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from turnout.desktop import supervisor as timing
from turnout.desktop.state import Health
from turnout.desktop.supervisor import Supervisor

READY = 'import sys; print(\'{"event": "ready"}\', flush=True); '
SERVES = READY + "sys.stdin.read()"
DIES = 'import sys; print("port 7717 is taken", file=sys.stderr); sys.exit(3)'
Made = Callable[..., Supervisor]


@pytest.fixture
def supervise(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    monkeypatch.setattr(timing, "BACKOFF_MS", (1,))
    made: list[Supervisor] = []

    def make(code: str, *, running: bool = False) -> Supervisor:
        one = Supervisor(lambda found: found(running), [sys.executable, "-c", code])
        made.append(one)
        return one

    yield make
    for one in made:
        one.end()
        one.deleteLater()


def up(qtbot: QtBot, one: Supervisor) -> int:
    qtbot.waitUntil(lambda: one.health is Health.UP, timeout=20_000)
    return one.pid


def test_it_starts_one_and_owns_it(qtbot: QtBot, supervise: Made) -> None:
    one = supervise(SERVES)
    one.start()
    assert up(qtbot, one)
    assert one.owned


def test_one_that_runs_already_is_joined_and_not_owned(supervise: Made) -> None:
    one = supervise(SERVES, running=True)
    one.start()
    assert (one.health, one.owned, one.pid) == (Health.UP, False, 0)
    one.renew()  # a restart is not ours to ask for
    assert one.health is Health.UP


def test_a_child_that_is_killed_is_started_again(qtbot: QtBot, supervise: Made) -> None:
    one = supervise(SERVES)
    one.start()
    first = up(qtbot, one)
    assert one._process is not None
    one._process.kill()
    qtbot.waitUntil(lambda: one.health is Health.UP and one.pid not in (0, first), timeout=20_000)


def test_one_that_dies_again_and_again_is_given_up_with_its_last_words(qtbot: QtBot, supervise: Made) -> None:
    one = supervise(DIES)
    one.start()
    qtbot.waitUntil(lambda: one.health is Health.FAILED, timeout=60_000)
    assert one.problem == "port 7717 is taken"
    one.restart()
    assert one.health is Health.STARTING


def test_a_restart_lets_the_old_one_end_by_itself(qtbot: QtBot, supervise: Made) -> None:
    one = supervise(SERVES)
    one.start()
    first = up(qtbot, one)
    one.renew()
    qtbot.waitUntil(lambda: one.health is Health.UP and one.pid not in (0, first), timeout=20_000)


def test_a_restart_does_not_wait_for_one_that_hangs(
    qtbot: QtBot, supervise: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "PATIENCE_MS", 50)
    one = supervise(READY + "import threading; threading.Event().wait()")
    one.start()
    first = up(qtbot, one)
    one.renew()
    qtbot.waitUntil(lambda: one.health is Health.UP and one.pid not in (0, first), timeout=20_000)


def test_at_the_end_its_child_is_gone(qtbot: QtBot, supervise: Made) -> None:
    one = supervise(SERVES)
    one.start()
    child = up(qtbot, one)
    one.end()
    assert not Path(f"/proc/{child}").exists()


def test_a_program_that_cannot_be_started_is_said(qtbot: QtBot) -> None:
    one = Supervisor(lambda found: found(False), ["/no/such/program"])
    one.start()
    qtbot.waitUntil(lambda: one.health in (Health.DOWN, Health.FAILED), timeout=20_000)
    assert one.problem
    one.end()
