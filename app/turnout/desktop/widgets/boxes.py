"""What holds other things: rows, columns, cards, what scrolls."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from turnout.desktop.theme import px
from turnout.desktop.widgets.words import Elided

Part = QWidget | QLayout | int | None
"""What a row or column takes: a widget, a layout, a gap in px, or None for a stretch."""
GUTTER = 14
"""Pixels right of a scrolling column, of which a scroll bar takes ten."""


def _fill(box: QBoxLayout, parts: Sequence[Part]) -> None:
    for part in parts:
        if part is None:
            box.addStretch(1)
        elif isinstance(part, int):
            box.addSpacing(px(part))
        elif isinstance(part, QLayout):
            box.addLayout(part)
        else:
            # What elides takes the room that is left; it asks for none itself.
            greedy = isinstance(part, Elided) and part.sizePolicy().horizontalPolicy() is QSizePolicy.Policy.Ignored
            box.addWidget(part, 1 if greedy and isinstance(box, QHBoxLayout) else 0)


def row(*parts: Part, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QHBoxLayout:
    box = QHBoxLayout()
    box.setSpacing(px(spacing))
    box.setContentsMargins(*(px(m) for m in margins))
    _fill(box, parts)
    return box


def column(*parts: Part, spacing: int = 4, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QVBoxLayout:
    box = QVBoxLayout()
    box.setSpacing(px(spacing))
    box.setContentsMargins(*(px(m) for m in margins))
    _fill(box, parts)
    return box


def holding(layout: QLayout, name: str = "clear") -> QWidget:
    made = QWidget()
    made.setObjectName(name)
    made.setLayout(layout)
    return made


def rule() -> QFrame:
    made = QFrame()
    made.setObjectName("rule")
    made.setFixedHeight(1)
    return made


class Card(QFrame):
    def __init__(self, *parts: Part, margins: tuple[int, int, int, int] = (18, 15, 18, 16), spacing: int = 6) -> None:
        super().__init__()
        self.setObjectName("card")
        self.box = column(*parts, spacing=spacing, margins=margins)
        self.setLayout(self.box)


class Scroll(QScrollArea):
    """A column that scrolls up and down; sideways only where the screen is too small for what cannot shrink. Its gutter is always
    there, so nothing shifts with the bar."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(inside)
        self.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        self._inside = inside
        self.verticalScrollBar().rangeChanged.connect(self._gutter)
        self._gutter(0, 0)

    def _gutter(self, low: int, high: int) -> None:
        layout = self._inside.layout()
        if layout is not None:
            margins = layout.contentsMargins()
            right = max(0, GUTTER - (10 if high > low else 0))
            if margins.right() != right or not margins.bottom():
                layout.setContentsMargins(margins.left(), margins.top(), right, px(20))


def clear(layout: QLayout) -> None:
    """Takes everything out of a layout and deletes it later."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)
