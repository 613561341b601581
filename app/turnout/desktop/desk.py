"""What tray and window share: the state of things, the lanes, and the intents that reach the proxy.

Everything slow happens in a lane or the pool; here values arrive and signals leave.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from turnout.control.messages import Status
from turnout.desktop.commands import Commands
from turnout.desktop.feed import Feed
from turnout.desktop.firstrun import FirstRun
from turnout.desktop.link import Link
from turnout.desktop.sources import Ledger, LedgerFile
from turnout.desktop.state import Health, State
from turnout.desktop.supervisor import Supervisor
from turnout.desktop.tasks import Lane, Pool
from turnout.desktop.theme import look
from turnout.errors import TurnoutError
from turnout.settings.paths import Paths
from turnout.settings.theme import read_theme

PATIENCE = 3
"""Questions without an answer before a living proxy counts as hung."""


class Desk(QObject):
    state_changed = Signal()
    ledger_changed = Signal()
    failed = Signal(str)
    """An intent did not work; the window shows why, inline."""
    open_wanted = Signal(str)
    """Open the window at a place: "", "calls/ID", "budgets"..."""
    quit_wanted = Signal()

    def __init__(self, places: Paths, command: list[str] | None = None) -> None:
        """`command` starts the proxy; None: `turnout serve`."""
        super().__init__()
        self.home = Path(os.environ["TURNOUT_HOME"]) if os.environ.get("TURNOUT_HOME") else None
        self.places = places
        self.first = FirstRun(places)
        self.link = Link(places.runtime)
        self.ledger: Lane[Ledger] = Lane("ledger", lambda: LedgerFile(places.ledger), lambda ledger: ledger.close())
        self.slow: Lane[Ledger] = Lane("ledger-slow", lambda: LedgerFile(places.ledger), lambda ledger: ledger.close())
        self.pool = Pool()
        self.commands = Commands()
        self.supervisor = Supervisor(self._find, command)
        self.feed = Feed(self.link.status, self.link.events, self.ledger)
        self.state = State()
        self._silent = 0
        self.supervisor.changed.connect(self._supervised)
        self.supervisor.ready.connect(self.feed.hurry)
        self.feed.told.connect(self._told)
        self.feed.ledger_changed.connect(self.ledger_changed)

    def start(self) -> None:
        self.pool.run(lambda: read_theme(self.places.settings), look().choose, lambda _: None, owner=self)
        self.supervisor.start()
        self.feed.start()

    def act(self, intent: str, argument: str = "", done: Callable[[], None] | None = None) -> None:
        """From menu, pages and notifications alike."""
        if intent == "open":
            self.open_wanted.emit(argument)
        elif intent == "quit":
            self.quit_wanted.emit()
        elif intent == "start":
            self.supervisor.restart()
        elif intent == "restart":
            self.supervisor.renew()
        elif intent == "theme":
            self._choose_theme(argument)
        else:

            def acted(_: None) -> None:
                self.feed.hurry()
                if done is not None:
                    done()

            self.pool.run(lambda: self.link.act(intent, argument), acted, self._not_acted, owner=self)

    def _choose_theme(self, choice: str) -> None:
        look().choose(choice)

        def change(doc: Any) -> None:
            import tomlkit

            if "desktop" not in doc:
                doc.add("desktop", tomlkit.table())
            doc["desktop"]["theme"] = choice

        def write() -> None:
            from turnout.settings.files import edit_settings

            edit_settings(self.places.settings, change)

        self.pool.run(write, lambda _: None, self._not_acted, owner=self)

    def end(self) -> None:
        self.feed.end()
        self.commands.end()
        self.supervisor.end()
        self.pool.end()
        for lane in (self.ledger, self.slow):
            lane.end()

    def _find(self, found: Callable[[bool], None]) -> None:
        self.pool.run(self.link.running, found, lambda _: found(False), owner=self)

    def _not_acted(self, error: TurnoutError) -> None:
        self.failed.emit(error.said)
        self.feed.hurry()

    def _told(self, answer: object) -> None:
        if isinstance(answer, Status):
            self._silent = 0
            self._settle(Health.UP, answer, "")
            return
        self._silent += 1
        health = self.supervisor.health
        if health is Health.UP:
            if self._silent < PATIENCE:
                return
            self._find(self._hung_or_lost)
            return
        self._settle(health, None, self.supervisor.problem)

    def _hung_or_lost(self, running: bool) -> None:
        if self.supervisor.health is not Health.UP or self._silent < PATIENCE:
            return
        if running:
            self._settle(Health.HUNG, None, "")
        else:
            self.supervisor.lost()

    def _supervised(self) -> None:
        health = self.supervisor.health
        if health is Health.UP:
            self.feed.hurry()
            # The menu shows figures only once there are some: until the first answer it still starts.
            if self.state.status is None:
                health = Health.STARTING
            self._settle(health, self.state.status, "")
        else:
            self._settle(health, None, self.supervisor.problem)

    def _settle(self, health: Health, status: Status | None, problem: str) -> None:
        state = State(health, status, self.supervisor.owned, problem)
        if state != self.state:
            self.state = state
            self.state_changed.emit()
