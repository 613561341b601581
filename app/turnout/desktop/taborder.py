"""Where Tab goes: what takes the keyboard, in the order of the layouts, which is the order one reads.

Qt goes by when widgets were made; pages fill in as answers come, so what came last would be last whatever its place.
"""

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QGridLayout,
    QLayout,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QWidget,
)

WHOLE = (QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox)
"""One stop each, whatever they are made of."""


def stops(top: QWidget | None) -> Iterator[QWidget]:
    """Of buttons that exclude one another only the one that is on: the arrow keys go on from there."""
    if top is None or not top.isVisible() or not top.isEnabled():
        return
    if top.focusPolicy() & Qt.FocusPolicy.TabFocus and not _left_to_arrows(top):
        yield top
    if isinstance(top, WHOLE):
        return
    if isinstance(top, QScrollArea):
        yield from stops(top.widget())
    elif isinstance(top, QStackedWidget):
        yield from stops(top.currentWidget())
    elif isinstance(top, QSplitter):
        for number in range(top.count()):
            yield from stops(top.widget(number))
    else:
        layout = top.layout()
        if layout is not None:
            yield from _within(layout)


def _within(layout: QLayout) -> Iterator[QWidget]:
    numbers = list(range(layout.count()))
    if isinstance(layout, QGridLayout):
        numbers.sort(key=lambda number: tuple(layout.getItemPosition(number))[:2])  # type: ignore[arg-type]  # a tuple of four numbers
    for number in numbers:
        item = layout.itemAt(number)
        widget, inner = (item.widget(), item.layout()) if item is not None else (None, None)
        if widget is not None:
            yield from stops(widget)
        elif inner is not None:
            yield from _within(inner)


def _left_to_arrows(one: QWidget) -> bool:
    if not isinstance(one, QAbstractButton) or not one.isCheckable() or one.isChecked():
        return False
    group = one.group()
    return one.autoExclusive() or (group is not None and group.exclusive())


def after(top: QWidget, now: QWidget | None, *, forward: bool) -> QWidget | None:
    """The stop after (or before) `now`, round and round; None: `now` is not of this order, or there is no stop.

    From what holds stops itself (a page that was just opened) the way goes into it.
    """
    order = list(stops(top))
    if not order or now is None:
        return None
    if now in order:
        return order[(order.index(now) + (1 if forward else -1)) % len(order)]
    inside = [one for one in order if now.isAncestorOf(one)]
    if inside:
        return inside[0] if forward else order[order.index(inside[0]) - 1]
    return None


def bring_into_view(one: QWidget) -> None:
    """Qt scrolls only where the focus was within the same area before."""
    above = one.parentWidget()
    while above is not None:
        if isinstance(above, QScrollArea):
            above.ensureWidgetVisible(one)
        above = above.parentWidget()
