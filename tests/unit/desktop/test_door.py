"""What an idle tray holds in memory, for days: only what it needs."""

import subprocess
import sys

HEAVY = {
    "PySide6.QtNetwork",
    "hashlib",
    "ssl",
    "html",
    "http.client",
    "httpx",
    "keyring",
    "typer",
    "turnout.desktop.window",
}
PROGRAM = """
import sys
from turnout.desktop.door import enter
enter()
import turnout.control.client, turnout.ledger.reader
"""


def after(more: str) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM + more], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_idle_tray_loads_nothing_heavy() -> None:
    loaded = set(after("print(*sys.modules)").split())

    assert {"turnout.desktop.tray", "turnout.ledger.reader", "PySide6.QtWidgets"} <= loaded
    assert loaded & HEAVY == set()


def test_the_sources_of_what_was_imported_are_not_kept() -> None:
    assert after("import linecache; print(*(path for path in linecache.cache if path.endswith('tray.py')))") == ""
