"""rules.toml as text: line numbers, colours, errors where they are, signals completed."""

import re
from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import QCompleter, QListView, QPlainTextEdit, QTextEdit, QWidget

from turnout.desktop import theme
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.errors import SettingsError

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*$")
_LONGEST = 2_000
"""Characters of a line that are coloured; a 4 KB rule name must not cost a keystroke."""


class Colours(QSyntaxHighlighter):
    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        theme.look().changed.connect(self.rehighlight)

    def highlightBlock(self, text: str) -> None:
        text = text[:_LONGEST]
        stripped = text.lstrip()
        if stripped.startswith("#"):
            self._paint(0, len(text), "faint")
            return
        if stripped.startswith("["):
            self._paint(0, len(text), "accent", bold=True)
            return
        key = re.match(r'\s*([A-Za-z0-9_."-]+)\s*=', text)
        if key:
            self._paint(key.start(1), len(key.group(1)), "fast")
        for found in re.finditer(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', text):
            self._paint(found.start(), len(found.group()), "good")
        bare = re.sub(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', lambda found: " " * len(found.group()), text)
        for found in re.finditer(r"\b(true|false|\d[\d_.]*)\b", bare):
            self._paint(found.start(), len(found.group()), "high")
        comment = bare.find("#")
        if comment >= 0:
            self._paint(comment, len(text) - comment, "faint")

    def _paint(self, start: int, length: int, color: str, *, bold: bool = False) -> None:
        made = QTextCharFormat()
        made.setForeground(theme.color(color))
        if bold:
            made.setFontWeight(600)
        self.setFormat(start, length, made)


class RuleText(QPlainTextEdit):
    edited = Signal(str)
    """The text, when typing rests."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("flat")
        self.setAccessibleName(tr("Rules as text"))
        self.setFont(theme.mono())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)
        self._errors: Sequence[SettingsError] = ()
        self._gutter = _Gutter(self)
        self._colours = Colours(self.document())
        self._words = QStringListModel([])
        self._completer = QCompleter(self._words, self)
        self._popup = QListView()
        self._completer.setPopup(self._popup)
        self._completer.setWidget(self)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.activated.connect(self._complete)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(250)
        self._rest.timeout.connect(lambda: self.edited.emit(self.toPlainText()))
        self.blockCountChanged.connect(lambda _: self._place_gutter())
        self.updateRequest.connect(self._scrolled)
        self.textChanged.connect(self._rest.start)
        theme.look().changed.connect(self._mark)
        self._place_gutter()

    def set_words(self, words: Sequence[str]) -> None:
        self._words.setStringList(sorted(set(words)))

    def show_text(self, text: str) -> None:
        """From outside: without `edited`, the place kept, and it can be undone."""
        if text == self.toPlainText():
            return
        at, scroll = self.textCursor().position(), self.verticalScrollBar().value()
        self.blockSignals(True)
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        cursor.endEditBlock()
        self.blockSignals(False)
        cursor.setPosition(min(at, max(0, self.document().characterCount() - 1)))
        self.setTextCursor(cursor)
        self.verticalScrollBar().setValue(scroll)
        self._place_gutter()

    def flush(self) -> str:
        """What stands there now, without waiting for typing to rest."""
        self._rest.stop()
        return self.toPlainText()

    def show_errors(self, errors: Sequence[SettingsError]) -> None:
        self._errors = errors
        self._mark()

    def go_to(self, line: int, column: int = 1) -> None:
        block = self.document().findBlockByNumber(max(0, line - 1))
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + min(max(0, column - 1), max(0, block.length() - 1)))
        self.setTextCursor(cursor)
        self.centerCursor()
        self.setFocus()

    # -- looks

    def gutter_width(self) -> int:
        digits = max(2, len(str(self.blockCount())))
        return px(22) + self.fontMetrics().horizontalAdvance("9") * digits

    def paint_gutter(self, event: QPaintEvent) -> None:
        t = theme.now()
        painter = QPainter(self._gutter)
        painter.setFont(self.font())
        wrong = {error.line for error in self._errors}
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid() and top <= event.rect().bottom():
            height = self.blockBoundingRect(block).height()
            number = block.blockNumber() + 1
            if number in wrong:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(t.bad))
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.drawEllipse(px(3), round(top + height / 2 - px(3)), px(6), px(6))
            painter.setPen(QColor(t.bad if number in wrong else t.faint))
            room = QRect(0, round(top), self._gutter.width() - px(8), round(height))
            painter.drawText(room, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), str(number))
            top += height
            block = block.next()
        painter.end()

    def _mark(self) -> None:
        marks = []
        for error in self._errors[:50]:
            block = self.document().findBlockByNumber(max(0, error.line - 1))
            mark = QTextEdit.ExtraSelection()
            shape = QTextCharFormat()
            shape.setBackground(QColor(theme.now().bad_bg))
            shape.setProperty(QTextFormat.Property.FullWidthSelection, True)
            cursor = QTextCursor(block)
            mark.format = shape
            mark.cursor = cursor
            marks.append(mark)
        self.setExtraSelections(marks)
        self._gutter.update()

    def _place_gutter(self) -> None:
        self.setViewportMargins(self.gutter_width(), 0, 0, 0)
        inside = self.contentsRect()
        self._gutter.setGeometry(inside.left(), inside.top(), self.gutter_width(), inside.height())

    def _scrolled(self, rect: QRect, dy: int) -> None:
        if dy:
            self._gutter.scroll(0, dy)
        else:
            self._gutter.update(0, rect.y(), self._gutter.width(), rect.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_gutter()

    # -- completion

    def keyPressEvent(self, event: QKeyEvent) -> None:
        popup = self._popup
        if popup.isVisible() and event.key() in (
            Qt.Key.Key_Return,
            Qt.Key.Key_Enter,
            Qt.Key.Key_Escape,
            Qt.Key.Key_Tab,
        ):
            event.ignore()
            return
        super().keyPressEvent(event)
        asked = event.key() == Qt.Key.Key_Space and event.modifiers() == Qt.KeyboardModifier.ControlModifier
        if not asked and not event.text().strip():
            popup.hide()
            return
        self._offer(asked=asked)

    def _offer(self, *, asked: bool) -> None:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()][-200:]
        # Signals are named in `when` alone; elsewhere a popup would only be in the way.
        if not re.match(r"\s*when\s*=", before) and not asked:
            self._popup.hide()
            return
        found = _WORD.search(before)
        prefix = found.group() if found else ""
        if len(prefix) < 1 and not asked:
            self._popup.hide()
            return
        self._completer.setCompletionPrefix(prefix)
        if self._completer.completionCount() == 0 or self._completer.currentCompletion() == prefix:
            self._popup.hide()
            return
        room = self.cursorRect()
        room.translate(self.gutter_width(), 0)
        room.setWidth(px(220))
        self._completer.complete(room)

    def _complete(self, word: str) -> None:
        cursor = self.textCursor()
        cursor.movePosition(
            QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self._completer.completionPrefix())
        )
        cursor.insertText(word)
        self.setTextCursor(cursor)


class _Gutter(QWidget):
    def __init__(self, editor: RuleText) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        return QSize(self._editor.gutter_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._editor.paint_gutter(event)
