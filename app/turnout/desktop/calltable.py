"""How a table of calls looks: painted cells, fixed heights, columns that leave when room gets scarce."""

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from turnout.calls.record import CallRecord
from turnout.calls.units import Grade, Status
from turnout.desktop import theme
from turnout.desktop.models.calls import (
    CLIENT,
    COST,
    GRADE,
    MODEL,
    RECORD,
    TIER,
    TIME,
    TOKENS,
    TOOK,
    UNFINISHED,
    WHY,
    CallsModel,
    cell,
)
from turnout.desktop.theme import px
from turnout.desktop.widgets import keyed

WIDTHS = {TIME: 112, CLIENT: 118, GRADE: 90, TIER: 82, MODEL: 142, TOKENS: 128, COST: 78, TOOK: 68}
LEAVES = ((GRADE, 860), (TOKENS, 800), (TOOK, 680), (MODEL, 640), (CLIENT, 460))
"""Below that width of the view (px at 96 dpi) a column goes."""
BARS = {Grade.LOW: 1, Grade.MEDIUM: 2, Grade.HIGH: 3}


class Cells(QStyledItemDelegate):
    """Grade as bars, tier as a dot and a word, figures to the right; a grey bar where a row is still on its way."""

    def __init__(self, table: "CallTable") -> None:
        super().__init__(table)
        self._table = table
        self._body, self._bold = theme.font(13), theme.font(13, 500)
        self._metrics = {id(font): QFontMetricsF(font) for font in (self._body, self._bold)}

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(px(60), px(36))

    def paint(self, p: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        t, column = theme.now(), index.column()
        room = QRectF(option.rect)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            p.fillRect(room, QColor(t.select))
        elif index.row() == self._table.hot:
            p.fillRect(room, QColor(t.hover))
        p.setPen(QColor(t.border))
        p.drawLine(room.bottomLeft(), room.bottomRight())
        box = room.adjusted(px(8), 0, -px(8), 0)
        call = index.data(RECORD)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not isinstance(call, CallRecord):
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QColor(t.track))
            width = box.width() * (0.4 + 0.12 * ((index.row() * 7 + column * 3) % 5))
            p.drawRoundedRect(QRectF(box.left(), box.center().y() - px(4), width, px(8)), px(4), px(4))
            return
        self._cell(p, box, call, column)

    def _cell(self, p: QPainter, box: QRectF, call: CallRecord, column: int) -> None:
        t = theme.now()
        said = cell(call, column)
        font = self._bold if column in (CLIENT, COST) else self._body
        color = t.text if column in (CLIENT, MODEL) else t.muted
        if column == GRADE and call.grade is not None:
            p.setPen(Qt.PenStyle.NoPen)
            for i in range(3):
                p.setBrush(QColor(t.text if i < BARS[call.grade] else t.track))
                height = px(5) + px(3.5) * i
                p.drawRoundedRect(
                    QRectF(box.left() + i * px(5.5), box.center().y() + px(6) - height, px(3.5), height), 1, 1
                )
            box = box.adjusted(px(24), 0, 0, 0)
        elif column == TIER:
            bad = call.status in (Status.REFUSED, Status.FAILED)
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QColor(t.bad if bad else t.tier(call.tier)))
            disc = QRectF(box.left(), box.center().y() - px(3.5), px(7), px(7))
            if call.status in UNFINISHED:
                p.setBrush(Qt.BrushStyle.NoBrush)
                p.setPen(QColor(t.tier(call.tier)))
            p.drawEllipse(disc)
            box, color = box.adjusted(px(15), 0, 0, 0), t.bad if bad else t.text
        elif column == COST:
            color = t.good if call.cost == 0 and call.status is Status.SETTLED and not call.unpriced else t.text
        elif column == WHY and call.status in (Status.REFUSED, Status.FAILED):
            color = t.bad
        p.setFont(font)
        p.setPen(QColor(color))
        side = Qt.AlignmentFlag.AlignRight if column >= TOKENS else Qt.AlignmentFlag.AlignLeft
        shown = self._metrics[id(font)].elidedText(said, Qt.TextElideMode.ElideRight, box.width())
        p.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, shown)


class CallTable(QTableView):
    chosen = Signal(str)
    """The id of the call that is current now."""

    def __init__(self, model: CallsModel, name: str) -> None:
        super().__init__()
        self.hot = -1
        self.setModel(model)
        self.setItemDelegate(Cells(self))
        self.setAccessibleName(name)
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side = self.verticalHeader()
        side.hide()
        side.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)  # or Qt measures a million rows
        side.setDefaultSectionSize(px(36))
        head = self.horizontalHeader()
        head.setFont(theme.font(12))
        head.setHighlightSections(False)
        head.setSectionsClickable(False)
        head.setFixedHeight(px(30))
        for column, width in WIDTHS.items():
            self.setColumnWidth(column, px(width))
        head.setSectionResizeMode(WHY, QHeaderView.ResizeMode.Stretch)
        self.selectionModel().currentRowChanged.connect(self._current)
        theme.look().changed.connect(self.viewport().update)

    def _current(self, index: QModelIndex, _: QModelIndex) -> None:
        call = index.data(RECORD)
        if isinstance(call, CallRecord):
            self.chosen.emit(call.id)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for column, least in LEAVES:
            self.setColumnHidden(column, self.width() < px(least))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        keyed(self, event.reason())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        keyed(self, None)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.indexAt(event.position().toPoint()).row())
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)
        super().leaveEvent(event)

    def _hover(self, row: int) -> None:
        if row != self.hot:
            self.hot = row
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # `j` and `k` as in a terminal; all else is Qt's.
        if event.key() in (Qt.Key.Key_J, Qt.Key.Key_K) and not event.modifiers():
            step = 1 if event.key() == Qt.Key.Key_J else -1
            row = min(max(0, self.currentIndex().row() + step), self.model().rowCount() - 1)
            self.selectRow(row)
            return
        super().keyPressEvent(event)
