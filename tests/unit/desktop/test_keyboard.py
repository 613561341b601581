"""The window without a mouse: on every page Tab comes to all there is, in the order one reads, shows where it is, and goes on."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot

from turnout.desktop.window import PAGES, Window

MOST = 400
"""Tab stops of a page; more, and Tab is going round in it."""
ALL = [key for key, *_ in (*PAGES, ("welcome", "", ""))]


@dataclass(frozen=True, slots=True)
class Stop:
    widget: QWidget
    place: QRect
    """In its page, wherever that is scrolled to."""
    marked: bool
    """Whether it looks different while it has the focus."""

    def __str__(self) -> str:
        return named(self.widget)


def focused() -> QWidget:
    found = QApplication.focusWidget()
    assert found is not None
    return found


def named(one: QWidget) -> str:
    return f"{type(one).__name__} {one.accessibleName()[:60]!r}"


@pytest.fixture(params=ALL)
def page(request: pytest.FixtureRequest, window: Window, qtbot: QtBot) -> QWidget:
    window.resize(1240, 820)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    window.go(request.param)
    found = window.page(request.param)
    assert found is not None
    qtbot.waitUntil(found.isVisible, timeout=20_000)
    settled(found, qtbot)
    return found


def settled(page: QWidget, qtbot: QtBot) -> None:
    """What is asked when a page opens has come: two looks in a row see the same."""
    seen: list[list[str]] = [[]]

    def still() -> bool:
        seen.append([named(one) for one in takers(page)])
        return len(seen) > 20 and seen[-1] == seen[-20]

    qtbot.waitUntil(still, timeout=30_000)


def takers(page: QWidget) -> list[QWidget]:
    """What takes the keyboard. Of buttons that exclude one another Tab reaches the one that is on; arrows go on from there."""

    def other(one: QWidget) -> bool:
        if not isinstance(one, QAbstractButton) or not one.isCheckable() or one.isChecked():
            return False
        group = one.group()
        return one.autoExclusive() or (group is not None and group.exclusive())

    return [
        one
        for one in page.findChildren(QWidget)
        if one.isVisible()
        and one.isEnabled()
        and one.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not other(one)
        and one.focusProxy() is None
    ]


def walked(window: Window, page: QWidget) -> list[Stop]:
    """Once round with Tab from the page's head on; what lies outside the page is passed over."""
    window.stack.setFocus()
    stops: list[Stop] = []
    while len(stops) < MOST:
        QTest.keyClick(focused(), Qt.Key.Key_Tab)
        now = focused()
        if any(now is stop.widget for stop in stops):
            return stops
        if page.isAncestorOf(now):
            place = QRect(now.mapTo(page, QPoint(0, 0)), now.size())
            lit = picture(now)
            now.clearFocus()
            stops.append(Stop(now, place, picture(now) != lit))
            now.setFocus(Qt.FocusReason.TabFocusReason)
    raise AssertionError(f"Tab never comes round: {[str(stop) for stop in stops[-5:]]}")


def picture(one: QWidget) -> object:
    """Of a widget and a bit around it: a frame may show the focus for it."""
    top = one.window()
    room = QRect(one.mapTo(top, QPoint(0, 0)), one.size()).adjusted(-4, -4, 4, 4)
    return top.grab(room).toImage()


def test_tab_reaches_everything_and_is_never_trapped(window: Window, page: QWidget) -> None:
    reached = {named(stop.widget) for stop in walked(window, page)}
    assert [named(one) for one in takers(page) if named(one) not in reached] == []


def test_whatever_has_the_focus_shows_it(window: Window, page: QWidget) -> None:
    assert [str(stop) for stop in walked(window, page) if not stop.marked] == []


def test_tab_goes_the_way_one_reads(window: Window, page: QWidget) -> None:
    stops = walked(window, page)
    wrong = []
    for before, after in pairwise(stops):
        a, b = before.place, after.place
        same_line = min(a.bottom(), b.bottom()) - max(a.top(), b.top()) > min(a.height(), b.height()) / 2
        back = same_line and b.right() <= a.left()
        up = b.bottom() <= a.top() and b.left() < a.right() - 8  # upwards only into the next column
        if back or up:
            wrong.append(f"{before} -> {after}")
    assert wrong == []


def test_shift_tab_goes_back_the_same_way(window: Window, page: QWidget) -> None:
    stops = walked(window, page)
    stops[-1].widget.setFocus()
    for stop in reversed(stops[:-1]):
        QTest.keyClick(focused(), Qt.Key.Key_Backtab)
        assert named(focused()) == str(stop)
