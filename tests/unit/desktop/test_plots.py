"""Charts whose values are pointed at: what they say, by pointer and by keyboard."""

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from turnout.desktop import theme
from turnout.desktop.plots import BurnLine, Descent, Left, nice_top

POINTS = [Left(n / 8, 8.0 - n, f"0{n}:00", f"${8 - n}.00 left") for n in range(5)]


@pytest.fixture
def line(qtbot: QtBot) -> BurnLine:
    made = BurnLine("Burn-down")
    qtbot.addWidget(made)
    made.resize(400, 200)
    made.show_descent(Descent(POINTS, 8.0, ahead=(1.0, 2.0)), lambda _: "{:g}".format, "the whole")
    made.show()
    qtbot.waitUntil(made.isVisible)
    return made


def test_arrows_home_and_end_read_single_moments_and_escape_the_whole(line: BurnLine) -> None:
    said = [line.accessibleDescription()]
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_End, Qt.Key.Key_Escape):
        QTest.keyClick(line, key)
        said.append(line.accessibleDescription())
    assert said == [
        "the whole",
        "04:00: $4.00 left",
        "03:00: $5.00 left",
        "00:00: $8.00 left",
        "01:00: $7.00 left",
        "04:00: $4.00 left",
        "the whole",
    ]


def test_the_pointer_finds_the_nearest_moment_and_none_beside_the_plot(line: BurnLine) -> None:
    plot = line.plot()
    assert [line.at(plot.left() + plot.width() * share) for share in (0, 0.05, 0.09, 0.5, 0.9)] == [0, 0, 1, 4, 4]
    assert line.at(plot.left() - 1) == -1


def test_new_values_keep_the_moment_that_is_read_and_none_leave_the_whole(line: BurnLine) -> None:
    QTest.keyClick(line, Qt.Key.Key_End)
    line.show_descent(Descent(POINTS[:2], 8.0), lambda _: "{:g}".format, "less")
    assert line.accessibleDescription() == "01:00: $7.00 left"
    line.show_descent(Descent(), lambda _: "{:g}".format, "nothing")
    assert line.accessibleDescription() == "nothing"


@pytest.mark.parametrize(("short", "color"), [(False, "good"), (True, "bad")])
def test_a_pace_that_runs_out_is_drawn_in_another_colour(line: BurnLine, short: bool, color: str) -> None:
    line.show_descent(Descent(POINTS, 8.0, ahead=(1.0, 2.0), short=short), lambda _: "{:g}".format, "")
    image = QImage(line.size(), QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    line.render(image)
    plot = line.plot()
    end = QPointF(plot.right() - 6, plot.bottom() - plot.height() * 2 / nice_top(8.0) - 6)
    near = {
        image.pixelColor(round(end.x()) + dx, round(end.y()) + dy).name().upper()
        for dx in range(10)
        for dy in range(14)
    }
    assert theme.now().named(color).upper() in near
