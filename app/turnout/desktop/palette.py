"""The command palette: Ctrl+K, a few letters, Return. It lies over the window and takes no other window's place."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QWidget

from turnout.desktop import theme
from turnout.desktop.models.entries import Entry, matching
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Glyph, column, label, row, rule

ROWS = 9


class Palette(QFrame):
    chosen = Signal(str, str)
    """Intent and argument."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self._over = over
        self.setObjectName("popup")
        self.setAccessibleName(tr("Command palette"))
        self._entries: list[Entry] = []
        self._shown: list[Entry] = []
        self._before: QWidget | None = None
        self._typed = QLineEdit()
        self._typed.setObjectName("bare")
        self._typed.setFont(theme.font(15))
        self._typed.setPlaceholderText(tr("What do you want to do?"))
        self._typed.setAccessibleName(tr("Command"))
        self._typed.textChanged.connect(self._draw)
        self._typed.installEventFilter(self)
        self._list = QListWidget()
        self._list.setObjectName("commands")
        self._list.setAccessibleName(tr("Commands"))
        self._list.setFont(theme.font(13, 500))
        self._list.setIconSize(QSize(px(16), px(16)))
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.itemClicked.connect(lambda _: self._take())
        self._nothing = label(tr("No command fits."), 13, 400, "faint")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setLayout(
            column(
                row(Glyph("search", "faint"), self._typed, spacing=10, margins=(16, 12, 16, 12)),
                rule(),
                column(self._list, self._nothing, margins=(6, 6, 6, 6)),
                spacing=0,
            )
        )
        over.installEventFilter(self)
        self.hide()

    def open(self, entries: list[Entry]) -> None:
        focused = self._over.focusWidget()
        self._before = focused if focused is not None and not self.isAncestorOf(focused) else self._before
        self._entries = entries
        self._typed.clear()
        self._draw()
        self._place()
        self.show()
        self.raise_()
        self._typed.setFocus()

    def close_up(self) -> None:
        self.hide()
        if self._before is not None:
            self._before.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._over and event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        if watched is self._typed:
            if event.type() == QEvent.Type.FocusOut and self.isVisible():
                self.hide()
            elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                return self._key(event)
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key == Qt.Key.Key_Escape:
            self.close_up()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take()
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Tab):
            step = -1 if key == Qt.Key.Key_Up else 1
            count = self._list.count()
            if count:
                self._list.setCurrentRow((self._list.currentRow() + step) % count)
                self._say()
        else:
            return False
        return True

    def _draw(self) -> None:
        self._shown = matching(self._entries, self._typed.text())
        t = theme.now()
        self._list.clear()
        for one in self._shown:
            item = QListWidgetItem(theme.icon(one.icon, t.muted, px(16)), one.title)
            item.setSizeHint(QSize(0, px(34)))
            item.setToolTip(one.keys)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{one.title} {one.keys}".strip())
            self._list.addItem(item)
        self._list.setCurrentRow(0)
        self._list.setFixedHeight(px(34) * min(ROWS, max(1, len(self._shown))) + px(2))
        self._list.setVisible(bool(self._shown))
        self._nothing.setVisible(not self._shown)
        self._say()
        self.adjustSize()
        self._place()

    def _say(self) -> None:
        row_ = self._list.currentRow()
        self._typed.setAccessibleDescription(self._shown[row_].title if 0 <= row_ < len(self._shown) else "")

    def _take(self) -> None:
        row_ = self._list.currentRow()
        if 0 <= row_ < len(self._shown):
            one = self._shown[row_]
            self.close_up()
            self.chosen.emit(one.intent, one.argument)

    def _place(self) -> None:
        over = self._over
        self.setFixedWidth(min(px(560), over.width() - px(48)))
        self.move((over.width() - self.width()) // 2, min(px(110), max(px(16), over.height() // 8)))
