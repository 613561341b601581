"""What moves in the window, and that nothing does where the desktop asks for less motion; heard live, in the middle of a move too."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtDBus import QDBusMessage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from turnout.desktop import theme
from turnout.desktop.charts import Chart
from turnout.desktop.portal import INTERFACE, PATH, STILL
from turnout.desktop.widgets import Switch

Ask = Callable[[bool], None]


def say(space: str, key: str, value: int) -> None:
    message = QDBusMessage.createSignal(PATH, INTERFACE, "SettingChanged")
    message.setArguments([space, key, value])
    theme.look()._portal.told(message)


@pytest.fixture(params=STILL, ids=[key for _, key, _ in STILL])
def still(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[Ask]:
    """`still(True)`: the desktop says that it wants less motion, in each of the ways there are."""
    space, key, value = request.param
    yield lambda on: say(space, key, value if on else 1 - value)
    say(space, key, 1 - value)


def test_charts_grow_and_switches_slide_where_nobody_minds(qtbot: QtBot) -> None:
    assert not theme.reduced_motion()
    chart, switch = Chart("Spend"), Switch("Keep")
    for one in (chart, switch):
        qtbot.addWidget(one)
        one.show()
    chart.animate(10_000)
    switch.setChecked(True)
    qtbot.waitUntil(lambda: 0.0 < chart.grow < 1.0, timeout=20_000)
    qtbot.waitUntil(lambda: switch._at == 1.0, timeout=20_000)


def test_nothing_moves_where_the_desktop_asks_for_less(qtbot: QtBot, still: Ask) -> None:
    still(True)
    chart, switch = Chart("Spend"), Switch("Keep")
    for one in (chart, switch):
        qtbot.addWidget(one)
        one.show()
    chart.animate(10_000)
    switch.setChecked(True)
    assert chart.grow == 1.0
    assert switch._at == 1.0


def test_what_moves_already_is_there_at_once_when_the_desktop_asks(qtbot: QtBot, still: Ask) -> None:
    chart = Chart("Spend")
    qtbot.addWidget(chart)
    chart.show()
    chart.animate(600_000)
    qtbot.waitUntil(lambda: 0.0 < chart.grow < 1.0, timeout=20_000)
    still(True)
    qtbot.waitUntil(lambda: chart.grow == 1.0, timeout=20_000)
    still(False)
    assert not theme.reduced_motion()
