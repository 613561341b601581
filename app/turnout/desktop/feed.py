"""What the proxy says: one thread asks for its status now and then, another listens to its events; values arrive on the UI thread.

Asking costs the tray about a millisecond, so once every few seconds keeps idle CPU far below the 0.2 % it may use;
while a window shows, once a second; at once after `hurry`. Listening brings changes at once and is what makes us somebody
to ask: without a listener the proxy refuses what it could have held back for an answer. Only asking notices a proxy that hangs.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from turnout.control.messages import Status
from turnout.desktop.sources import Ledger
from turnout.desktop.tasks import Lane
from turnout.errors import TurnoutError

IDLE_S, BUSY_S = 3.0, 1.0
IDLE_LEDGER_MS, BUSY_LEDGER_MS = 2_000, 250


class Feed(QObject):
    told = Signal(object)
    """A Status, or the TurnoutError that asking for it raised."""
    ledger_changed = Signal()
    """The ledger has new or settled calls; at most four times a second."""

    def __init__(self, ask: Callable[[], Status], listen: Callable[[], Iterator[Status]], ledger: Lane[Ledger]) -> None:
        """`ask` blocks (for at most a few seconds) and raises TurnoutError when nobody answers; `listen` goes on until it does."""
        super().__init__()
        self._ask, self._listen, self._ledger = ask, listen, ledger
        self._wake = threading.Event()
        self._ending = False
        self._pause_s = IDLE_S
        self._version: int | None = None
        self._answered = threading.Event()
        """Set while the proxy answers: listening to one that does not would be asking it over and over."""
        self._thread = threading.Thread(target=self._loop, name="feed", daemon=True)
        self._listener = threading.Thread(target=self._hear, name="events", daemon=True)
        self._watch = QTimer(self)
        self._watch.setInterval(IDLE_LEDGER_MS)
        self._watch.setTimerType(Qt.TimerType.CoarseTimer)
        self._watch.timeout.connect(self._look)
        self._asked = False

    def start(self) -> None:
        self._thread.start()
        self._listener.start()
        self._watch.start()
        self._look()

    def busy(self, on: bool) -> None:
        """Whether somebody is looking."""
        self._pause_s = BUSY_S if on else IDLE_S
        self._watch.setInterval(BUSY_LEDGER_MS if on else IDLE_LEDGER_MS)
        if on:
            self.hurry()

    def hurry(self) -> None:
        self._wake.set()

    def end(self) -> None:
        self._ending = True
        self._watch.stop()
        self._wake.set()
        self._answered.set()
        if self._thread.is_alive():
            self._thread.join(0.5)

    def _loop(self) -> None:
        while not self._ending:
            answer: Status | TurnoutError
            try:
                answer = self._ask()
            except TurnoutError as error:
                answer = error
            if self._ending:
                return
            if isinstance(answer, Status):
                self._answered.set()
            else:
                self._answered.clear()
            with suppress(RuntimeError):  # the application ended meanwhile
                self.told.emit(answer)
            self._wake.wait(self._pause_s)
            self._wake.clear()

    def _hear(self) -> None:
        while not self._ending:
            self._answered.wait()
            with suppress(TurnoutError, RuntimeError):
                for status in self._listen():
                    if self._ending:
                        return
                    self.told.emit(status)
            # It ended or broke off: the next answer says whether somebody is there to listen to.
            self._answered.clear()

    def _look(self) -> None:
        if self._asked:
            return
        self._asked = True
        self._ledger.run(lambda ledger: ledger.data_version(), self._looked, self._not_looked, owner=self)

    def _looked(self, version: int) -> None:
        self._asked = False
        if version != self._version:
            self._version = version
            self.ledger_changed.emit()

    def _not_looked(self, _: TurnoutError) -> None:
        self._asked = False
        self._version = None
