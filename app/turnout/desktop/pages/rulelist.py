"""The rules in order: dragged with the mouse, moved with Alt and the arrow keys, first match wins."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QDropEvent, QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from turnout.calls.units import Tier
from turnout.desktop import text, theme
from turnout.desktop.models.rulesdoc import RuleRow
from turnout.desktop.text import tr
from turnout.desktop.theme import px

ROW = int(Qt.ItemDataRole.UserRole) + 1
WRONG = int(Qt.ItemDataRole.UserRole) + 2


def route_name(route: str) -> str:
    names = {
        "grade": tr("By grade"),
        "pinned": tr("Keep its model"),
        "asked": tr("As asked"),
        "block": tr("Block"),
    }
    if route in {tier.value for tier in Tier}:
        return text.tier(Tier(route))
    return names.get(route, text.one_line(route, 48))


def route_color(route: str) -> str:
    if route in {tier.value for tier in Tier}:
        return route
    return {"block": "bad", "grade": "accent", "pinned": "amber"}.get(route, "faint")


class _Rows(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(px(120), px(52))

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        row = index.data(ROW)
        if not isinstance(row, RuleRow):
            return
        t = theme.now()
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(option.rect).adjusted(0, px(1), 0, -px(1))
        state = option.state
        chosen, hover = bool(state & QStyle.StateFlag.State_Selected), bool(state & QStyle.StateFlag.State_MouseOver)
        if chosen or hover:
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QColor(t.select if chosen else t.hover))
            p.drawRoundedRect(room, px(8), px(8))
        if chosen and state & QStyle.StateFlag.State_HasFocus:
            p.setPen(QColor(t.accent))
            p.setBrush(Qt.BrushStyle.NoBrush)
            p.drawRoundedRect(room.adjusted(0.5, 0.5, -0.5, -0.5), px(8), px(8))
        grip = theme.pixmap("grip-vertical", t.faint, px(14), p.device().devicePixelRatioF())
        p.drawPixmap(int(room.left()) + px(6), int(room.center().y()) - px(7), grip)
        left = room.left() + px(28)
        p.setFont(theme.font(12))
        p.setPen(QColor(t.faint))
        p.drawText(QRectF(left, room.top(), px(22), room.height()), Qt.AlignmentFlag.AlignVCenter, str(index.row() + 1))
        left += px(26)
        chip = self._chip(p, room, row)
        width = chip - left - px(10)
        name_font, when_font = theme.font(13, 500), theme.mono(11.5)
        p.setFont(name_font)
        wrong = bool(index.data(WRONG))
        p.setPen(QColor(t.bad if wrong else t.text))
        name = QFontMetricsF(name_font).elidedText(text.one_line(row.name, 200), Qt.TextElideMode.ElideRight, width)
        p.drawText(QRectF(left, room.top() + px(6), width, px(19)), Qt.AlignmentFlag.AlignVCenter, name)
        p.setFont(when_font)
        p.setPen(QColor(t.muted))
        when = QFontMetricsF(when_font).elidedText(text.one_line(row.when, 200), Qt.TextElideMode.ElideRight, width)
        p.drawText(QRectF(left, room.top() + px(26), width, px(18)), Qt.AlignmentFlag.AlignVCenter, when)

    def _chip(self, p: QPainter, room: QRectF, row: RuleRow) -> float:
        """Route, and small signs for private and observed, from the right; where they begin."""
        t = theme.now()
        font = theme.font(12, 500)
        said = route_name(row.route)
        width = min(QFontMetricsF(font).horizontalAdvance(said), px(150)) + px(28)
        box = QRectF(room.right() - px(10) - width, room.center().y() - px(11), width, px(22))
        p.setPen(QColor(t.border))
        p.setBrush(QColor(t.card))
        p.drawRoundedRect(box, px(11), px(11))
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor(t.named(route_color(row.route))))
        p.drawEllipse(QRectF(box.left() + px(9), box.center().y() - px(3.5), px(7), px(7)))
        p.setFont(font)
        p.setPen(QColor(t.text))
        inside = box.adjusted(px(21), 0, -px(6), 0)
        p.drawText(
            inside,
            Qt.AlignmentFlag.AlignVCenter,
            QFontMetricsF(font).elidedText(said, Qt.TextElideMode.ElideRight, inside.width()),
        )
        left = box.left()
        for sign, on in (("lock", row.private), ("eye", row.observe)):
            if on:
                left -= px(22)
                p.drawPixmap(
                    int(left),
                    int(room.center().y()) - px(7),
                    theme.pixmap(sign, t.muted, px(14), p.device().devicePixelRatioF()),
                )
        return left


class RuleList(QListWidget):
    moved = Signal(int, int)
    """From where, to where: indexes as they were and as they shall be."""
    chosen = Signal(int)
    removed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Rules in order"))
        self.setAccessibleDescription(tr("The first rule that fits decides. Alt with the arrow keys moves one."))
        self.setItemDelegate(_Rows(self))
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentRowChanged.connect(self._current)
        self._filling = False

    def show_rules(self, rows: Sequence[RuleRow], wrong: Sequence[int], current: int) -> None:
        self._filling = True
        if self.count() != len(rows):
            self.clear()
            for _ in rows:
                self.addItem(QListWidgetItem())
        for number, row in enumerate(rows):
            item = self.item(number)
            item.setData(ROW, row)
            item.setData(WRONG, number in wrong)
            item.setData(
                Qt.ItemDataRole.AccessibleTextRole,
                tr("{n}. {name}: when {when}, route {route}").format(
                    n=number + 1,
                    name=text.one_line(row.name, 80),
                    when=text.one_line(row.when, 80),
                    route=route_name(row.route),
                ),
            )
        self.setCurrentRow(min(current, len(rows) - 1))
        self._filling = False
        self.viewport().update()

    def _current(self, row: int) -> None:
        if not self._filling and row >= 0:
            self.chosen.emit(row)

    def dropEvent(self, event: QDropEvent) -> None:
        """The text is what moves; the list is filled anew from it, so Qt's own move is not let through."""
        start = self.currentRow()
        index = self.indexAt(event.position().toPoint())
        below = self.dropIndicatorPosition() == QAbstractItemView.DropIndicatorPosition.BelowItem
        end = index.row() + (1 if below else 0) if index.isValid() else self.count()
        if end > start:
            end -= 1
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        if end != start:
            self.moved.emit(start, end)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.currentRow()
        alt = event.modifiers() == Qt.KeyboardModifier.AltModifier
        if alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and row >= 0:
            end = row + (1 if event.key() == Qt.Key.Key_Down else -1)
            if 0 <= end < self.count():
                self.moved.emit(row, end)
            return
        if event.key() == Qt.Key.Key_Delete and row >= 0:
            self.removed.emit(row)
            return
        super().keyPressEvent(event)
