"""What is typed into or picked from."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from turnout.desktop import theme
from turnout.desktop.theme import px
from turnout.desktop.widgets.boxes import column
from turnout.desktop.widgets.words import label, retone


class Search(QLineEdit):
    def __init__(self, hint: str, name: str, width: int = 260) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setFont(theme.font(12.5))
        self.setFixedWidth(px(width))
        self.setClearButtonEnabled(False)
        self.setTextMargins(px(20), 0, 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        size = px(14)
        painter.drawPixmap(
            px(10),
            (self.height() - size) // 2,
            theme.pixmap("search", theme.now().faint, size, self.devicePixelRatioF()),
        )
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)


class Combo(QComboBox):
    """With a chevron in the theme's own colour, and no change by a wheel that only meant to scroll the page."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.setFont(theme.font(13))
        if name:
            self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def minimumSizeHint(self) -> QSize:
        """Its longest entry is what it likes, not what it needs: on a small screen the page would be wider than the window."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), px(104)), hint.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        size = px(14)
        shape = theme.pixmap("chevron-down", theme.now().muted, size, self.devicePixelRatioF())
        painter.drawPixmap(self.width() - size - px(8), (self.height() - size) // 2, shape)
        painter.end()


class Field(QWidget):
    """A labelled input with a line for what is wrong with it, so that nothing jumps when it appears."""

    def __init__(self, title: str, inside: QWidget, hint: str = "") -> None:
        super().__init__()
        self.setObjectName("clear")
        caption = label(title, 12, 500, "muted")
        caption.setBuddy(inside)
        inside.setAccessibleName(inside.accessibleName() or title)
        inside.setFont(theme.font(13))
        self._hint = hint
        self._below = label(hint, 12, 400, "faint", wrap=True)
        self._below.setVisible(bool(hint))
        self.inside = inside
        self.setLayout(column(caption, inside, self._below, spacing=5))

    def wrong(self, message: str) -> None:
        """Empty: it is right again."""
        self._below.setText(message or self._hint)
        self._below.setVisible(bool(message or self._hint))
        retone(self._below, "bad" if message else "faint")
        self.inside.setProperty("wrong", "true" if message else "false")
        self.inside.style().unpolish(self.inside)
        self.inside.style().polish(self.inside)
