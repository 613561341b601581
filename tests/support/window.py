"""The real window over a real ledger and beside a real proxy, without a screen; every name in it comes from somebody hostile."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop
from shiboken6 import delete

from tests.support.proxy import Turnout
from tests.support.records import settled
from turnout.calls.units import Nanos, Status
from turnout.desktop.desk import Desk
from turnout.desktop.window import Window
from turnout.ledger.writer import Writer
from turnout.settings.paths import paths

HOSTILE = '<img src="http://127.0.0.1:9/x">'
RULES = f"""
[signals]
loop = {{ kind = "tool-loop" }}

[[rule]]
name = '{HOSTILE}'
when = "loop"
route = "fast"

[[rule]]
name = "{"long " * 800}"
when = "true"
route = "grade"
"""


def written(ledger: Path, count: int) -> None:
    ledger.parent.mkdir(parents=True, exist_ok=True)

    async def run() -> None:
        writer = Writer(ledger, asyncio.get_running_loop())
        for n in range(count):
            writer.settle(
                settled(
                    id=f"c{n:04d}",
                    client=HOSTILE,
                    developer=HOSTILE,
                    department=HOSTILE,
                    project=HOSTILE,
                    session=f"{HOSTILE}{n % 3}",
                    model=HOSTILE,
                    asked_model=HOSTILE,
                    rule=HOSTILE,
                    reason=HOSTILE,
                    error=HOSTILE,
                    status=Status.FAILED if n % 5 == 0 else Status.SETTLED,
                    cost=Nanos(1_000_000),
                    signals={HOSTILE: True},
                )
            )
        await writer.flush()
        writer.close()

    asyncio.run(run())


@contextmanager
def opened(home: Path, *, settings: str = "", rules: str = RULES) -> Iterator[Window]:
    """Needs a QApplication. TURNOUT_HOME is `home` meanwhile, and no keyring is asked."""
    written(home / "data" / "ledger.db", 40)
    with pytest.MonkeyPatch.context() as patch, Turnout(home, settings=settings, rules=rules) as proxy:
        patch.setenv("TURNOUT_HOME", str(home))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        desk = Desk(paths(), [sys.executable, "-c", ""])
        desk.start()
        known = QEventLoop()
        desk.state_changed.connect(lambda: known.quit() if desk.state.status is not None else None)
        known.exec()
        made = Window(desk, tray=True)
        made.show()
        yield made
        desk.end()
        delete(made)
        assert proxy.control.status().pid
