"""`turnout` without a command: the tray, with the window a click away.

The window's modules are loaded when it is first opened; until then this process stays small.
"""

import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale, QObject, QTimer, QTranslator
from PySide6.QtWidgets import QApplication
from shiboken6 import delete

from turnout.desktop.bubbles import Bubbles
from turnout.desktop.desk import Desk
from turnout.desktop.models.news import QUIET_MS, Letter, News
from turnout.desktop.single import Single
from turnout.desktop.theme import load_fonts, look
from turnout.desktop.tray import Tray
from turnout.resources import resource
from turnout.settings.paths import Paths, paths

if TYPE_CHECKING:
    from turnout.desktop.window import Window


AHEAD = (
    "PySide6.QtSvg",
    *(f"turnout.desktop.{name}" for name in ("charts", "widgets", "palette", "window", "pages.overview")),
)
"""What the window needs and an idle tray can afford: 5 MB, and half of the first click's wait."""
AHEAD_MS = 1_500
"""Between two of them; the first only after the start has settled."""
QUIET_AFTER_MS = 5_000
"""Nothing new was loaded and no window shows for so long: `trim`."""


class App(QObject):
    """Tray, window and desk together; `end` takes them down in the order that Qt survives."""

    def __init__(self, where: Paths, single: Single, command: list[str] | None = None) -> None:
        super().__init__()
        self.desk = Desk(where, command)
        self.tray = Tray(self.desk)
        self.window: Window | None = None
        self.news, self.bubbles = News(), Bubbles()
        self._unclicked = ""
        """Where a click on the tray's own bubble leads."""
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(QUIET_MS)
        self._later.timeout.connect(self._tell)
        self.desk.state_changed.connect(self._tell)
        self.bubbles.pressed.connect(self.desk.act)
        self.bubbles.refused.connect(self._bubble)
        self.tray.message_clicked.connect(lambda: self.desk.act("open", self._unclicked))
        self._ahead = list(AHEAD)
        self._idle = QTimer(self)
        self._idle.setInterval(AHEAD_MS)
        self._idle.timeout.connect(self._look_ahead)
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(QUIET_AFTER_MS)
        self._quiet.timeout.connect(self._trim)
        self._single = single
        single.wished.connect(self._wished)
        self.desk.open_wanted.connect(self.open)
        self.desk.quit_wanted.connect(self.quit)

    def start(self, *, window: bool) -> None:
        first = self.desk.first
        fresh = first.due and not first.begun  # before the proxy that we start makes a ledger
        self.tray.show()
        self.desk.start()
        self._idle.start()
        if fresh:
            self.open("welcome")
        elif window or not Tray.available():
            self.open("")

    def open(self, place: str = "") -> None:
        self._quiet.stop()
        window = self.window
        if window is None:
            # Closed in the middle of the first steps, it goes on with them; a start at login does not insist.
            place = place or ("welcome" if self.desk.first.begun else "")
            from turnout.desktop.window import Window

            window = self.window = Window(self.desk, tray=Tray.available())
            window.closed.connect(self._closed)
        window.go(place)
        window.show()
        window.setWindowState(window.windowState() & ~window.windowState().WindowMinimized)
        window.raise_()
        window.activateWindow()
        self.desk.feed.busy(True)

    def _tell(self) -> None:
        """What is new becomes notifications; what came too soon after its like waits."""
        status = self.desk.state.status
        if status is None:
            return
        for letter in self.news.take(status, int(time.time() * 1000)):
            self.bubbles.show(letter)
        if self.news.due and not self._later.isActive():
            self._later.start()

    def _bubble(self, letter: object) -> None:
        if isinstance(letter, Letter):
            self._unclicked = letter.place
            self.tray.say(letter.title, letter.text, urgent=letter.urgent)

    def _look_ahead(self) -> None:
        """A module at a time, while nothing happens: the click that opens the window then finds them loaded."""
        if self._ahead and self.window is None:
            import_module(self._ahead.pop(0))
            return
        self._idle.stop()
        load_fonts()
        if self.window is None:
            self._quiet.start()

    def _trim(self) -> None:
        from turnout.desktop.trim import give_back

        self.desk.pool.run(give_back, lambda _: None, owner=self)

    def quit(self) -> None:
        QApplication.quit()

    def end(self) -> None:
        self._later.stop()
        self._idle.stop()
        self._quiet.stop()
        self.bubbles.end()
        self.desk.end()
        self.tray.end()
        if self.window is not None:
            delete(self.window)
            self.window = None
        self._single.end()

    def _closed(self) -> None:
        self.desk.feed.busy(False)
        self._quiet.start()
        if not Tray.available():
            self.quit()

    def _wished(self, wish: str) -> None:
        verb, _, place = wish.partition(" ")
        if verb == "open":
            self.open(place)
        elif verb == "quit":
            self.quit()


def run(*, home: Path | None, window: bool = False, command: list[str] | None = None) -> int:
    """The exit code. `home` is as TURNOUT_HOME; `command` starts the proxy (None: `turnout serve`).

    A second start asks the first to show its window and is done (I16).
    """
    if home is not None:
        os.environ["TURNOUT_HOME"] = str(home)  # the proxy we start inherits it
    where = paths()
    where.make()
    # Before there is an application: it tells the accessibility bus its name as soon as it is made.
    QApplication.setApplicationName("turnout")
    _lean()
    application = QApplication([sys.argv[0]])
    application.setApplicationDisplayName("Turnout")
    application.setDesktopFileName("turnout")
    application.setQuitOnLastWindowClosed(False)
    if QLocale().language() is QLocale.Language.C:  # it would write "3.18$"
        QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    load_translation(application, QLocale())
    single = Single(where.run)
    if not single.first:
        told = single.tell("open")
        print("Turnout runs already: its window is open now." if told else "Turnout runs already.")  # noqa: T201
        return 0 if told else 1
    look()
    app = App(where, single, command)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: QApplication.quit())
    # Python sees a signal only between bytecodes: an idle Qt loop has to come round now and then.
    heartbeat = QTimer()
    heartbeat.setInterval(1_000)
    heartbeat.timeout.connect(_nothing)
    heartbeat.start()
    app.start(window=window)
    code = application.exec()
    heartbeat.stop()
    app.end()
    return int(code)


def _lean() -> None:
    """No GTK in our process (20 MB of it): all that we took from its theme is light or dark, and `portal` asks for that itself."""
    if sys.platform.startswith("linux") and "KDE" not in os.environ.get("XDG_CURRENT_DESKTOP", ""):
        os.environ.setdefault("QT_QPA_PLATFORMTHEME", "generic")


def load_translation(application: QCoreApplication, locale: QLocale) -> bool:
    """Whether there is one for that language among the shipped files; without, the window speaks English."""
    try:
        folder = resource("translations")
    except FileNotFoundError:
        return False
    translator = QTranslator(application)
    return translator.load(locale, "turnout", "_", str(folder)) and application.installTranslator(translator)


def _nothing() -> None:
    """Gives Python's signal handlers their turn."""
