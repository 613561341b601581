"""Keeps a proxy running: attaches to one that runs, else starts one and restarts it when it dies.

Who started the proxy stops it. Ours is a child whose stdin we hold open: when we are killed, however brutally, its
stdin closes and it ends. A proxy that was there before us is never touched.
"""

import json
from collections.abc import Callable

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from turnout.desktop.commands import own_command
from turnout.desktop.state import Health

BACKOFF_MS = (500, 1_000, 2_000, 5_000, 15_000, 30_000)
"""Waits before the first, second... restart; the last one repeats."""
GIVE_UP = 6
"""Deaths in a row, each within `STEADY_MS` of its start, after which we stop and show why."""
STEADY_MS = 20_000
PATIENCE_MS = 8_000
"""For calls under way, when a restart is asked for."""


def serve_command() -> list[str]:
    return [*own_command(), "serve", "--parent-stdin"]


class Supervisor(QObject):
    changed = Signal()
    ready = Signal()
    """A proxy of ours accepts calls."""

    def __init__(self, find: Callable[[Callable[[bool], None]], None], command: list[str] | None = None) -> None:
        """`find` calls back with whether a proxy that is not ours is up; the search is not for the UI thread."""
        super().__init__()
        self._find = find
        self._finding = False
        self._command = command or serve_command()
        self._process: QProcess | None = None
        self._deaths = 0
        self._last_words = ""
        self._ending = False
        self.health = Health.STARTING
        self.owned = False
        self._retry = QTimer(self)
        self._retry.setSingleShot(True)
        self._retry.timeout.connect(self.start)
        self._steady = QTimer(self)
        self._steady.setSingleShot(True)
        self._steady.setInterval(STEADY_MS)
        self._steady.timeout.connect(self._forgive)

    @property
    def problem(self) -> str:
        """What the proxy said last before it died; empty while it is well."""
        return self._last_words if self.health in (Health.DOWN, Health.FAILED) else ""

    @property
    def pid(self) -> int:
        return int(self._process.processId()) if self._process is not None else 0

    def start(self) -> None:
        """Attach, or start a child; does nothing while one of ours runs."""
        if self._process is not None or self._ending or self._finding:
            return
        self._retry.stop()
        self._finding = True
        self._find(self._found)

    def _found(self, running: bool) -> None:
        self._finding = False
        if self._process is not None or self._ending:
            return
        if running:
            self._become(Health.UP, owned=False)
            return
        self._last_words = ""
        process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read_out)
        process.readyReadStandardError.connect(self._read_error)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._broke)
        self._process = process
        self._become(Health.STARTING, owned=True)
        process.start(self._command[0], self._command[1:])
        self._steady.start()

    def restart(self) -> None:
        """The user asked: forget what happened before."""
        self._deaths = 0
        self.start()

    def renew(self) -> None:
        """Ends our own child, calls first, and starts it again; a proxy that is not ours is left alone."""
        if self._process is not None:
            self._deaths = -1  # a death that was asked for is none: the first wait is the shortest
            process = self._process
            process.closeWriteChannel()
            # One that hangs hears neither that nor a signal it could catch.
            QTimer.singleShot(PATIENCE_MS, process, process.kill)

    def lost(self) -> None:
        """A proxy we had attached to is gone: from now on it is ours to start."""
        if self._process is None and not self._ending and self.health is not Health.STARTING:
            self._become(Health.DOWN, owned=False)
            self._again()

    def end(self, wait_ms: int = 4_000) -> None:
        """Stops our own child: first its stdin closes, which drains its calls; then it is told; then it is ended."""
        self._ending = True
        self._retry.stop()
        self._steady.stop()
        process, self._process = self._process, None
        if process is None:
            return
        process.finished.disconnect(self._finished)
        process.errorOccurred.disconnect(self._broke)
        process.closeWriteChannel()
        if process.state() is not QProcess.ProcessState.NotRunning and not process.waitForFinished(wait_ms):
            process.terminate()
            if not process.waitForFinished(1_000):
                process.kill()
                process.waitForFinished(1_000)
        process.deleteLater()

    def _read_out(self) -> None:
        if self._process is None:
            return
        for line in bytes(self._process.readAllStandardOutput().data()).splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict) and said.get("event") == "ready":
                self._become(Health.UP, owned=True)
                self.ready.emit()

    def _read_error(self) -> None:
        if self._process is None:
            return
        lines = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace").strip().splitlines()
        if lines:
            self._last_words = lines[-1][:400]

    def _finished(self, code: int, how: QProcess.ExitStatus) -> None:
        self._read_error()
        if not self._last_words:
            crashed = how is QProcess.ExitStatus.CrashExit
            self._last_words = f"It ended by signal {code}." if crashed else f"It ended with exit code {code}."
        self._bury()

    def _broke(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart and self._process is not None:
            self._last_words = self._process.errorString()
            self._bury()

    def _bury(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        self._steady.stop()
        self._become(Health.DOWN, owned=False)
        self._deaths += 1
        self._again()

    def _again(self) -> None:
        if self._deaths >= GIVE_UP:
            self._become(Health.FAILED, owned=False)
            return
        self._retry.start(BACKOFF_MS[min(max(0, self._deaths - 1), len(BACKOFF_MS) - 1)])

    def _forgive(self) -> None:
        self._deaths = 0

    def _become(self, health: Health, *, owned: bool) -> None:
        if (health, owned) != (self.health, self.owned):
            self.health, self.owned = health, owned
            self.changed.emit()
