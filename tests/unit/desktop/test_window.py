"""The whole window over a real ledger, page by page: nothing slow on the UI thread, nothing from outside as rich text."""

import re
import sys
import threading
from functools import partial

import pytest
from PySide6.QtCore import QObject, Qt, QTranslator
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot
from shiboken6 import delete
from tests.support.window import HOSTILE

from turnout.desktop.charts import Chart
from turnout.desktop.plots import StackedBars
from turnout.desktop.widgets import Scroll
from turnout.desktop.window import PAGES, Window

KEYBOARD = (QAbstractButton, QLineEdit, QComboBox, QAbstractItemView, QPlainTextEdit, QAbstractSpinBox)
WORD = re.compile(r"[A-Za-z]{3,}")
DATA = ("<img", "&lt;img", ".toml", "ledger.db", "kind =", "qwen3", "Ctrl+", "Python 3", "Turnout", "loop", "local", "[tiers]")
FORBIDDEN = ("sqlite3.connect", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system")
"""What blocks for as long as somebody else likes. A connection opened elsewhere refuses to be used here: SQLite checks."""
caught: list[str] = []
watching = threading.Event()


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if watching.is_set() and event in FORBIDDEN and threading.current_thread() is threading.main_thread():
        caught.append(f"{event} {arguments!r:.120}")


sys.addaudithook(_audit)  # for good: Python takes none back


def everything(top: QObject) -> list[QWidget]:
    return top.findChildren(QWidget)


def test_no_page_asks_a_database_a_socket_or_another_program_on_the_ui_thread(window: Window, qtbot: QtBot) -> None:
    caught.clear()
    watching.set()
    try:
        for key, *_ in (*PAGES, ("welcome", "", "")):
            window.go(key)
            page = window.page(key)
            assert page is not None
            qtbot.waitUntil(page.isVisible, timeout=30_000)
            page.refresh()
            page.state_changed()
            page.ledger_changed()
        window.go("calls/c0001")
        calls = window.page("calls")
        assert calls is not None
        qtbot.waitUntil(lambda: _open(calls), timeout=30_000)
    finally:
        watching.clear()
    assert caught == []


def test_t22_names_from_outside_are_plain_text_on_every_page(window: Window, qtbot: QtBot) -> None:
    window.go("calls/c0001")
    calls = window.page("calls")
    assert calls is not None
    qtbot.waitUntil(lambda: _open(calls), timeout=30_000)
    for key, *_ in PAGES:
        window.go(key)
        page = window.page(key)
        assert page is not None
        if key == "overview":
            qtbot.waitUntil(partial(_shows, page, HOSTILE), timeout=30_000)
    seen = 0
    for widget in everything(window):
        if isinstance(widget, QLabel):
            assert widget.textFormat() is Qt.TextFormat.PlainText or not widget.text(), widget.text()
            assert not widget.openExternalLinks()
            seen += HOSTILE in widget.text()
        tip = widget.toolTip()
        assert "<img" not in tip, tip  # a tooltip guesses at HTML: ours are escaped
    assert seen > 3


def test_all_that_takes_the_keyboard_has_a_name_and_every_chart_has_words(window: Window, qtbot: QtBot) -> None:
    window.go("overview")
    overview = window.page("overview")
    assert overview is not None
    qtbot.waitUntil(lambda: _shows(overview, HOSTILE), timeout=30_000)
    for key, *_ in (*PAGES, ("welcome", "", "")):
        window.go(key)
    nameless = [
        f"{type(one).__name__} in {type(one.parentWidget()).__name__}"
        for one in everything(window)
        if isinstance(one, KEYBOARD)
        and one.focusPolicy() is not Qt.FocusPolicy.NoFocus
        and not isinstance(one.parentWidget(), QAbstractSpinBox | QComboBox)
        and one.window() is window
        and not one.isHidden()
        and not one.accessibleName()
    ]
    assert nameless == []
    mute = [type(one).__name__ for one in everything(overview) if isinstance(one, Chart) and not one.accessibleName()]
    assert mute == []
    assert all(chart.accessibleDescription() for chart in overview.findChildren(StackedBars))


def test_an_error_in_a_rule_stands_at_its_field_and_cannot_be_saved_until_it_is_mended(
    window: Window, qtbot: QtBot
) -> None:
    window.go("rules")
    rules = window.page("rules")
    assert rules is not None
    qtbot.waitUntil(lambda: _shows(rules, "In force"), timeout=30_000)
    when = next(one for one in rules.findChildren(QLineEdit) if one.accessibleName() == "When")
    save = next(one for one in rules.findChildren(QAbstractButton) if one.accessibleName() == "Save")
    before = when.text()
    when.setText(f"{before} and no-such-signal")
    qtbot.waitUntil(lambda: _shows(rules, "1 error"), timeout=30_000)
    field = when.parentWidget()
    assert field is not None
    assert _shows(field, "no-such-signal")
    assert not save.isEnabled()
    when.setText(before)
    qtbot.waitUntil(lambda: _shows(rules, "In force"), timeout=30_000)
    assert not _shows(field, "no-such-signal")


LOADING = ("Looking at the last", "Asking the proxy")


@pytest.mark.parametrize("key", ["overview", "models", "audit", "welcome"])
def test_nothing_is_cut_on_1024_by_700_with_text_at_200_percent(window: Window, qtbot: QtBot, key: str) -> None:
    """There Qt doubles its pixels: 512 by 350 are left. Pages scroll down, never sideways."""
    size, least = window.size(), window.minimumSize()
    window.setMinimumSize(100, 100)
    window.resize(512, 350)
    try:
        window.go(key)
        page = window.page(key)
        assert page is not None
        (scroll,) = (one for one in page.findChildren(Scroll) if one.isVisible())
        inside = scroll.widget()
        assert inside is not None
        qtbot.waitUntil(lambda: not any(_shows(page, said) for said in LOADING), timeout=30_000)
        qtbot.waitUntil(lambda: inside.minimumSizeHint().width() <= scroll.viewport().width(), timeout=30_000)
        assert page.width() <= window.stack.width()
    finally:
        window.setMinimumSize(least)
        window.resize(size)


class Pseudo(QTranslator):
    """Marks every translated string."""

    def translate(self, context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str:
        return f"⟦{text}⟧" if context == "turnout" else text

    def isEmpty(self) -> bool:
        return False


def test_every_word_of_ours_can_be_translated(window: Window, qtbot: QtBot, qapp: QApplication) -> None:
    pseudo = Pseudo()
    qapp.installTranslator(pseudo)
    try:
        other = Window(window.desk, tray=False)
        other.show()
        for key, *_ in (*PAGES, ("welcome", "", "")):
            other.go(key)
        other.go("overview")
        overview = other.page("overview")
        assert overview is not None
        qtbot.waitUntil(lambda: _shows(overview, HOSTILE), timeout=30_000)
        other.go("calls/c0001")
        qtbot.waitUntil(lambda: _shows(other, "⟦Why it went there⟧"), timeout=30_000)
        bare = {text for one in everything(other) for text in _words(one) if WORD.search(text) and "⟦" not in text}
    finally:
        qapp.removeTranslator(pseudo)
    delete(other)
    assert {text for text in bare if not any(part in text for part in DATA)} == set()


def _words(one: QWidget) -> list[str]:
    said = [one.accessibleName(), one.toolTip()]
    if isinstance(one, QLabel | QAbstractButton):
        said.append(one.text())
    if isinstance(one, QLineEdit):
        said.append(one.placeholderText())
    return said


def _open(calls: QWidget) -> bool:
    return any(isinstance(one, QLabel) and one.text() == "Why it went there" for one in everything(calls))


def _shows(page: QWidget, part: str) -> bool:
    return any(isinstance(one, QLabel) and part in one.text() for one in everything(page))
