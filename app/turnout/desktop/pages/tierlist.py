"""One tier's candidates in order: dragged within and between tiers, or moved by keys."""

from collections.abc import Sequence

from PySide6.QtCore import QMimeData, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QPainter,
)
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
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import keyed

MIME = "application/x-turnout-model"


class _Rows(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(px(80), px(36))

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        t = theme.now()
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(option.rect).adjusted(0.5, px(2), -0.5, -px(2))
        chosen = bool(option.state & QStyle.StateFlag.State_Selected and option.state & QStyle.StateFlag.State_HasFocus)
        p.setPen(QColor(t.accent if chosen else t.border))
        p.setBrush(QColor(t.hover if option.state & QStyle.StateFlag.State_MouseOver else t.card))
        p.drawRoundedRect(room, px(8), px(8))
        ratio = p.device().devicePixelRatioF()
        p.drawPixmap(
            int(room.left()) + px(8),
            int(room.center().y()) - px(7),
            theme.pixmap("grip-vertical", t.faint, px(14), ratio),
        )
        provider, _, model = str(index.data()).partition("/")
        box = room.adjusted(px(28), 0, -px(10), 0)
        name_font, maker_font = theme.font(13, 500), theme.font(12)
        maker = min(QFontMetricsF(maker_font).horizontalAdvance(provider), box.width() * 0.4)
        p.setFont(name_font)
        p.setPen(QColor(t.text))
        shown = QFontMetricsF(name_font).elidedText(
            model or provider, Qt.TextElideMode.ElideRight, box.width() - maker - px(8)
        )
        p.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        if model:
            p.setFont(maker_font)
            p.setPen(QColor(t.faint))
            said = QFontMetricsF(maker_font).elidedText(provider, Qt.TextElideMode.ElideRight, maker + 1)
            p.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, said)


class TierList(QListWidget):
    wanted = Signal(object, object)
    """This tier, and its models as they shall be."""

    def __init__(self, tier: Tier) -> None:
        super().__init__()
        self._tier = tier
        self.setAccessibleName(tr("Candidates of tier {tier}").format(tier=text.tier(tier)))
        self.setItemDelegate(_Rows(self))
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.show_models(())

    def show_models(self, names: Sequence[str]) -> None:
        self.clear()
        for name in names:
            item = QListWidgetItem(text.one_line(name, 200))
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.addItem(item)
        self.setFixedHeight(px(36) * max(2, len(names)) + px(4))

    def names(self) -> list[str]:
        return [str(self.item(n).data(Qt.ItemDataRole.UserRole)) for n in range(self.count())]

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, items: Sequence[QListWidgetItem]) -> QMimeData:
        data = QMimeData()
        if items:
            data.setData(MIME, str(items[0].data(Qt.ItemDataRole.UserRole)).encode())
        return data

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Settings are what moves; the lists are filled anew from them."""
        name = bytes(event.mimeData().data(MIME).data()).decode("utf-8", "replace")
        index = self.indexAt(event.position().toPoint())
        at = index.row() if index.isValid() else self.count()
        if index.isValid() and self.dropIndicatorPosition() == QAbstractItemView.DropIndicatorPosition.BelowItem:
            at += 1
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        if name:
            names = self.names()
            if name in names:
                at -= names.index(name) < at
                names.remove(name)
            self.wanted.emit(self._tier, [*names[:at], name, *names[at:]])

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        keyed(self, event.reason())
        if self.currentRow() < 0 and self.count():
            self.setCurrentRow(0)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        keyed(self, None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        at, names = self.currentRow(), self.names()
        alt = event.modifiers() == Qt.KeyboardModifier.AltModifier
        if alt and at >= 0 and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            to = at + (1 if event.key() == Qt.Key.Key_Down else -1)
            if 0 <= to < len(names):
                names.insert(to, names.pop(at))
                self.wanted.emit(self._tier, names)
                self.setCurrentRow(to)
            return
        if event.key() == Qt.Key.Key_Delete and at >= 0:
            self.wanted.emit(self._tier, names[:at] + names[at + 1 :])
            return
        super().keyPressEvent(event)
