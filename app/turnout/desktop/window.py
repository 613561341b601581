"""The window: a sidebar, one page at a time, the command palette. Pages are made when they are first shown."""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QFrame,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from turnout.desktop import taborder, text, theme
from turnout.desktop.desk import Desk
from turnout.desktop.models.entries import entries
from turnout.desktop.models.trouble import Trouble, trouble
from turnout.desktop.pages.page import Page
from turnout.desktop.palette import Palette
from turnout.desktop.sheet import sheet
from turnout.desktop.state import Health
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Button, Dot, Elided, Note, column, label, row

PAGES = (
    ("overview", "layout-dashboard", "Overview"),
    ("calls", "list-tree", "Calls"),
    ("rules", "route", "Rules"),
    ("budgets", "wallet", "Budgets"),
    ("models", "layers", "Models and keys"),
    ("connect", "plug", "Connect"),
    ("audit", "clipboard-check", "Audit"),
    ("settings", "settings", "Settings"),
)
"""Key (module and class name), icon, and title in order; Alt and a digit go to one."""


def titles() -> dict[str, str]:
    return {
        "overview": tr("Overview"),
        "calls": tr("Calls"),
        "rules": tr("Rules"),
        "budgets": tr("Budgets"),
        "models": tr("Models and keys"),
        "connect": tr("Connect"),
        "audit": tr("Audit"),
        "settings": tr("Settings"),
    }


class Window(QWidget):
    closed = Signal()

    def __init__(self, desk: Desk, *, tray: bool) -> None:
        super().__init__()
        self.desk = desk
        self.setObjectName("root")
        self.setWindowTitle("Turnout")
        self._fit(QGuiApplication.primaryScreen().availableGeometry().size())
        self._pages: dict[str, Page] = {}
        self._troubled: Trouble | None = None
        self._dismissed: set[str] = set()
        self._nav: dict[str, Nav] = {}
        self._narrow = False
        self.stack = QStackedWidget()
        self.stack.setObjectName("pages")
        self.note = Note()
        outer = row(spacing=0)
        self._side_frame = self._side()
        outer.addWidget(self._side_frame)
        right = column(spacing=0)
        if not tray:
            stays = Note(
                tr("This desktop shows no tray icon. Turnout stays in this window, and closing it quits."), "info"
            )
            right.addLayout(column(stays, margins=(26, 14, 26, 0)))
        right.addLayout(column(self.note, margins=(26, 0, 26, 0)))
        right.addWidget(self.stack, 1)
        outer.addLayout(right, 1)
        self.setLayout(outer)
        self.palette_ = Palette(self)
        self.palette_.chosen.connect(desk.act)
        self._shortcuts()
        desk.state_changed.connect(self._state_changed)
        desk.failed.connect(self._failed)
        theme.look().changed.connect(self.restyle)
        self.restyle()
        self._state_changed()
        self.go("overview")
        self.stack.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.stack.setFocus()

    def _fit(self, screen: QSize) -> None:
        """Never larger than the screen, title bar included: on 1024 by 700, and where text is set to 200 %."""
        bar = px(34)
        self.resize(min(px(1240), screen.width()), min(px(820), screen.height() - bar))
        self.setMinimumSize(min(px(640), screen.width()), min(px(460), screen.height() - bar))

    # -- parts

    def _side(self) -> QFrame:
        side = QFrame()
        side.setObjectName("side")
        side.setFixedWidth(px(212))
        box = QVBoxLayout(side)
        box.setContentsMargins(px(12), px(16), px(12), px(14))
        box.setSpacing(px(2))
        self._mark = QLabel()
        self._mark.setFixedSize(px(20), px(20))
        commands = Button(
            "", "command", "bare", name=tr("Commands"), tip=tr("Commands (Ctrl+K)"), pressed=self.open_palette
        )
        name = label("Turnout", 15, 600)
        self._wide = [name, commands]
        """What the sidebar shows only while there is room for words."""
        box.addLayout(row(self._mark, name, None, commands, spacing=9, margins=(8, 0, 0, 10)))
        group = QButtonGroup(self)
        names = titles()
        for number, (key, icon, _) in enumerate(PAGES, 1):
            if key == "settings":
                box.addStretch(1)
                box.addLayout(self._foot())
            button = Nav(names[key], icon)
            button.setToolTip(f"{names[key]} ({tr('Alt+{n}').format(n=number % 10)})")
            # Not `clicked`: assistive technology toggles without clicking. `go` checks it too, hence the guard there.
            button.toggled.connect(partial(self._nav_toggled, key))
            group.addButton(button)
            self._nav[key] = button
            box.addWidget(button)
        if not any(key == "settings" for key, *_ in PAGES):
            box.addStretch(1)
            box.addLayout(self._foot())
        return side

    def _foot(self) -> QVBoxLayout:
        self._dot = Dot("faint", 8, round_=True)
        self._where = Elided("", 12, 500)
        self._what = Elided("", 12, 400, "faint")
        self._wide += [self._where, self._what]
        self._foot_box = column(row(self._dot, self._where, spacing=8), self._what, spacing=3, margins=(10, 8, 4, 10))
        return self._foot_box

    def _shortcuts(self) -> None:
        for number, (key, *_) in enumerate(PAGES, 1):
            self._on(f"Alt+{number % 10}", partial(self.go, key))
        for keys in ("Ctrl+K", "Ctrl+Shift+P"):
            self._on(keys, self.open_palette)
        self._on("Ctrl+W", self.close)
        self._on("Ctrl+Q", lambda: self.desk.act("quit"))
        self._on("Ctrl+,", lambda: self.go("settings"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < px(900)
        if narrow == self._narrow:
            return
        self._narrow = narrow
        self._side_frame.setFixedWidth(px(60 if narrow else 212))
        self._foot_box.setContentsMargins(px(0 if narrow else 10), px(8), px(0 if narrow else 4), px(10))
        for part in self._wide:
            part.setVisible(not narrow)
        for button in self._nav.values():
            button.show_title(not narrow)

    def open_palette(self) -> None:
        names = titles()
        pages = [(key, icon, names[key]) for key, icon, _ in PAGES]
        self.palette_.open(entries(self.desk.state, pages))

    def focusNextPrevChild(self, next: bool) -> bool:
        """Every Tab that no widget keeps for itself comes here."""
        found = taborder.after(self, QApplication.focusWidget(), forward=next)
        if found is None:
            return super().focusNextPrevChild(next)
        reason = Qt.FocusReason.TabFocusReason if next else Qt.FocusReason.BacktabFocusReason
        found.setFocus(reason)
        taborder.bring_into_view(found)
        return True

    def _on(self, keys: str, wanted: Callable[[], object]) -> None:
        QShortcut(QKeySequence(keys), self).activated.connect(lambda: wanted())

    # -- going places

    def go(self, place: str) -> None:
        """`calls/ID`, `budgets`...; empty or unknown: where one is."""
        key, _, rest = place.partition("/")
        key = "budgets" if key == "sessions" else key
        if key not in self._nav and key != "welcome":
            return
        page = self._pages.get(key)
        if page is None:
            module = import_module(f"turnout.desktop.pages.{key}")
            made: Page = getattr(module, key.capitalize())(self.desk)
            page = self._pages[key] = made
            self.stack.addWidget(page)
        # The first steps stand alone: a sidebar would ask for decisions before there is anything to decide.
        self._side_frame.setVisible(key != "welcome")
        self.stack.setCurrentWidget(page)
        if key in self._nav:
            self._nav[key].setChecked(True)
        if rest:
            page.go(rest)
        # A screen reader says where one is.
        self.setAccessibleDescription(page.heading())
        self.stack.setAccessibleName(page.heading())

    def _nav_toggled(self, key: str, on: bool) -> None:
        if on and self.stack.currentWidget() is not self._pages.get(key, self):
            self.go(key)

    def page(self, key: str) -> Page | None:
        return self._pages.get(key)

    # -- the proxy's state

    def _state_changed(self) -> None:
        state = self.desk.state
        status = state.status
        if status is not None:
            paused = status.paused_until_ms is not None
            self._dot.set_color("amber" if paused or state.warning else "local")
            self._where.setText(status.url.removeprefix("http://"))
            running = len(status.running)
            said = tr("Paused") if paused else text.mode(status.mode)
            troubled = [one for one in status.engines if one.state in ("down", "locked", "no key")]
            if status.waiting:
                said = text.plural(len(status.waiting), "{n} call waits for you", "{n} calls wait for you")
            elif troubled and not running:
                said += " · " + text.plural(len(troubled), "{n} provider needs a look", "{n} providers need a look")
            if running:
                said += " · " + text.plural(running, "{n} running", "{n} running")
            self._what.setText(said)
        else:
            self._dot.set_color("faint" if state.health is Health.STARTING else "bad")
            self._where.setText(
                {
                    Health.STARTING: tr("Starting…"),
                    Health.HUNG: tr("Not answering"),
                    Health.FAILED: tr("Could not start"),
                }.get(state.health, tr("Proxy is down"))
            )
            self._what.setText(
                text.one_line(state.problem, 200)
                or (
                    tr("waiting for the first answer")
                    if state.health is Health.STARTING
                    else tr("it is being restarted")
                )
            )
        self._say_trouble()

    def _say_trouble(self) -> None:
        found = trouble(self.desk.state, frozenset(self._dismissed))
        if found is not None:
            self.note.say(found.text, found.kind, found.action, partial(self._answer, found))
        elif self._troubled is not None and self.note.text() == self._troubled.text:
            self.note.say("")
        self._troubled = found

    def _answer(self, found: Trouble) -> None:
        if found.intent == "dismiss":
            self._dismissed.add(found.text)
            self._say_trouble()
        else:
            self.desk.act(found.intent)

    def _failed(self, message: str) -> None:
        self.note.say(message, "bad")
        QTimer.singleShot(8_000, self, lambda: self.note.say("") if self.note.text() == message else None)

    # -- looks

    def restyle(self) -> None:
        tokens = theme.now()
        self.setPalette(theme.palette(tokens))
        self.setStyleSheet(sheet(tokens))
        self._mark.setPixmap(theme.pixmap("route", tokens.accent, px(20), self.devicePixelRatioF()))

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.closed.emit()


class Nav(QPushButton):
    """A line of the sidebar."""

    def __init__(self, title: str, icon: str) -> None:
        super().__init__("  " + title)
        self._title = title
        self.setObjectName("nav")
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFont(theme.font(13, 500))
        self.setIconSize(QSize(px(17), px(17)))
        self._icon = icon
        self.toggled.connect(self.restyle)
        theme.look().changed.connect(self.restyle)
        self.restyle()

    def show_title(self, on: bool) -> None:
        self.setText("  " + self._title if on else "")

    def restyle(self) -> None:
        t = theme.now()
        self.setIcon(theme.icon(self._icon, t.text if self.isChecked() else t.muted, px(17)))
