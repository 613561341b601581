"""Two groups that stand side by side, or one below the other."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from turnout.desktop.fold import Fold
from turnout.desktop.widgets import row
from turnout.desktop.widgets.boxes import holding


@pytest.fixture
def fold(qtbot: QtBot) -> Iterator[Fold]:
    parts = [holding(row()) for _ in range(2)]
    for part in parts:
        part.setFixedSize(100, 20)
    around = QWidget()  # a window would not be made smaller than its layout
    qtbot.addWidget(around)
    made = Fold(row(parts[0]), row(parts[1]), 8)
    made.setParent(around)
    around.show()
    qtbot.waitUntil(made.isVisible)
    yield made
    around.hide()


def test_it_folds_only_where_both_do_not_fit(fold: Fold, qtbot: QtBot) -> None:
    for width, folded in ((300, False), (150, True), (208, False), (207, True)):
        fold.resize(width, 60)
        qtbot.waitUntil(lambda folded=folded: fold.folded is folded)  # type: ignore[misc]


def test_it_asks_for_no_more_than_the_wider_of_the_two_and_is_as_high_as_both_when_folded(
    fold: Fold, qtbot: QtBot
) -> None:
    assert fold.minimumSizeHint().width() == 100
    fold.resize(300, 60)
    qtbot.waitUntil(lambda: fold.sizeHint().height() == 20)
    fold.resize(150, 60)
    qtbot.waitUntil(lambda: fold.sizeHint().height() == 48)
