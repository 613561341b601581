"""The tray's icon and menu, kept in step with the desk. Values come from `menu` and `trayicon`; here they are only shown."""

import sys
import time
from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QGuiApplication
from PySide6.QtWidgets import QMenu, QSystemTrayIcon
from shiboken6 import delete

from turnout.calls.record import CallRecord
from turnout.desktop import menu, trayicon
from turnout.desktop.desk import Desk
from turnout.desktop.theme import look
from turnout.errors import TurnoutError


class Tray(QObject):
    """Lives without a panel too: Qt shows the icon as soon as one appears."""

    message_clicked = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._calls: Sequence[CallRecord] = ()
        self._items: list[menu.Item] = []
        self._glyph: trayicon.Glyph | None = None
        self._tip = ""
        self._menu = QMenu()
        self._icon = QSystemTrayIcon()
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._activated)
        self._icon.messageClicked.connect(self.message_clicked)
        # A burst of calls is one redraw, and at most one question for the newest calls a second.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(1_000)
        self._soon.timeout.connect(self._ask_calls)
        desk.state_changed.connect(self.refresh)
        desk.ledger_changed.connect(self._ledger_changed)
        look().changed.connect(self.refresh)
        self.refresh()

    @staticmethod
    def available() -> bool:
        return QSystemTrayIcon.isSystemTrayAvailable()

    def show(self) -> None:
        self._icon.show()

    def say(self, title: str, words: str, *, urgent: bool) -> None:
        kind = QSystemTrayIcon.MessageIcon.Warning if urgent else QSystemTrayIcon.MessageIcon.Information
        self._icon.showMessage(title, words, kind, 8_000)

    def refresh(self) -> None:
        glyph = trayicon.glyph(self._desk.state, _panel())
        if glyph != self._glyph:
            self._glyph = glyph
            self._icon.setIcon(trayicon.icon(glyph))
            QGuiApplication.setWindowIcon(trayicon.icon(trayicon.Glyph()))
        tip = menu.tooltip(self._desk.state)
        if tip != self._tip:
            self._tip = tip
            self._icon.setToolTip(tip.replace("<", "‹"))
        items = menu.menu(self._desk.state, self._calls, now_ms=int(time.time() * 1000))
        if items != self._items:
            same_shape = _shape(items) == _shape(self._items)
            self._items = items
            if same_shape:
                _update(self._menu, items)
            else:
                self._menu.clear()
                self._fill(self._menu, items)

    def end(self) -> None:
        """Before the application goes: left to Python's order, quitting crashed in one of five runs."""
        self._soon.stop()
        self._icon.hide()
        delete(self._menu)
        delete(self._icon)

    def _activated(self, why: QSystemTrayIcon.ActivationReason) -> None:
        if why in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self._desk.act("open")

    def _ledger_changed(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _ask_calls(self) -> None:
        self._desk.ledger.run(
            lambda ledger: ledger.newest(menu.LAST), self._got_calls, self._no_calls, key="tray", owner=self
        )

    def _got_calls(self, calls: Sequence[CallRecord]) -> None:
        self._calls = calls
        self.refresh()

    def _no_calls(self, _: TurnoutError) -> None:
        self._calls = ()
        self.refresh()

    def _fill(self, target: QMenu, items: Sequence[menu.Item]) -> None:
        group = QActionGroup(target)
        group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)  # paused: none is in force
        for item in items:
            if item.separator:
                target.addSeparator()
            elif item.children:
                inner = target.addMenu(_mnemonic_free(item.text))
                self._fill(inner, item.children)
            else:
                action = QAction(_mnemonic_free(item.text), target)
                action.setData((item.intent, item.argument))
                action.setCheckable(item.checked is not None)
                if item.checked is not None:  # one of several: a radio mark
                    action.setActionGroup(group)
                action.setChecked(bool(item.checked))
                action.setEnabled(item.enabled)
                action.triggered.connect(lambda _=False, action=action: self._triggered(action))
                target.addAction(action)

    def _triggered(self, action: QAction) -> None:
        intent, argument = action.data()
        self._items = []  # a pressed check mark has changed by itself: the next refresh puts it right
        self._desk.act(intent, argument)
        QTimer.singleShot(0, self.refresh)


def _panel() -> str:
    """Windows' and macOS' panels follow the theme; a Linux panel's colour is nobody's to ask."""
    if sys.platform in ("win32", "darwin"):
        return "dark" if look().tokens.dark else "light"
    return "any"


def _mnemonic_free(text: str) -> str:
    return text.replace("&", "&&")


def _shape(items: Sequence[menu.Item]) -> object:
    return [(item.separator, item.checked is None, _shape(item.children)) for item in items]


def _update(target: QMenu, items: Sequence[menu.Item]) -> None:
    """Texts and checks in place: a menu that stands open does not flicker, a D-Bus host is not sent it all again."""
    for action, item in zip(target.actions(), items, strict=True):
        if item.separator:
            continue
        if item.children:
            action.setText(_mnemonic_free(item.text))
            inner = action.menu()
            if isinstance(inner, QMenu):
                _update(inner, item.children)
            continue
        action.setText(_mnemonic_free(item.text))
        action.setData((item.intent, item.argument))
        action.setChecked(bool(item.checked))
        action.setEnabled(item.enabled)
