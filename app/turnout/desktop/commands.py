"""Turnout's own commands as questions: a child process answers in JSON, so heavy work holds neither this process's
interpreter nor its memory, and the window says exactly what the command line says.

Cost, measured on two cores: 0.3 to 0.9 s a question, most of it starting Python. So: questions a person can wait for.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject, QProcess, QTimer
from shiboken6 import isValid

from turnout.errors import TurnoutError

Doc = Mapping[str, Any]
"""A command's `--json` object; its keys are the surface's and hold."""
LIMIT_MS = 60_000


def own_command() -> list[str]:
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "turnout"]


class Commands(QObject):
    def __init__(self) -> None:
        super().__init__()
        self._running: dict[int, QProcess] = {}
        self._newest: dict[str, int] = {}
        self._count = 0

    def ask(
        self,
        words: list[str],
        done: Callable[[Doc], None],
        failed: Callable[[TurnoutError], None],
        *,
        stdin: str = "",
        key: str = "",
        owner: QObject | None = None,
        limit_ms: int = LIMIT_MS,
    ) -> None:
        """`turnout WORDS --json`. What must not be seen in a process list (a key, a prompt) goes through `stdin`.

        A newer question of the same `key` ends the older one, whose callbacks then never run.
        """
        self._count += 1
        number = self._count
        if key:
            old = self._running.get(self._newest.get(key, 0))
            if old is not None:
                old.kill()
            self._newest[key] = number
        process = QProcess(self)
        self._running[number] = process
        timer = QTimer(process)
        timer.setSingleShot(True)
        timer.timeout.connect(process.kill)

        def finished(code: int, how: QProcess.ExitStatus) -> None:
            self._running.pop(number, None)
            process.deleteLater()
            if (key and self._newest.get(key) != number) or (owner is not None and not isValid(owner)):
                return
            out = bytes(process.readAllStandardOutput().data())
            error = bytes(process.readAllStandardError().data()).decode("utf-8", "replace").strip()
            try:
                doc = json.loads(out) if out.strip() else {}
            except ValueError:
                doc = None
            # Exit code 2 with an object is an answer too: `rules check` says what is wrong in it.
            if how is QProcess.ExitStatus.NormalExit and isinstance(doc, dict) and (code == 0 or (doc and not error)):
                done(doc)
            else:
                failed(_error(words, error, code))

        def broke(error: QProcess.ProcessError) -> None:
            if error is QProcess.ProcessError.FailedToStart:
                finished(1, QProcess.ExitStatus.CrashExit)

        process.finished.connect(finished)
        process.errorOccurred.connect(broke)
        command = own_command()
        process.start(command[0], [*command[1:], *words, "--json"])
        process.write(stdin.encode())
        process.closeWriteChannel()
        timer.start(limit_ms)

    def end(self) -> None:
        for process in list(self._running.values()):
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(500)
        self._running.clear()


def _error(words: list[str], said: str, code: int) -> TurnoutError:
    """The command's own message, without its name in front."""
    lines = [line for line in said.splitlines() if line.strip()]
    if not lines:
        return TurnoutError(f"`turnout {' '.join(words[:2])}` ended with exit code {code}.")
    message = " ".join(line.strip() for line in lines[-3:])
    return TurnoutError(message.removeprefix("turnout: ").removeprefix("error: ")[:600])
