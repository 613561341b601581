"""Small painted marks: an icon, a dot."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from turnout.desktop import theme
from turnout.desktop.theme import px


class Glyph(QWidget):
    """A Lucide icon in a token's colour, redrawn with the theme; decoration, so nothing for a screen reader."""

    def __init__(self, name: str, color: str = "muted", size: int = 16) -> None:
        super().__init__()
        self._name, self._color, self._size = name, color, px(size)
        self.setFixedSize(self._size, self._size)

    def show_icon(self, name: str, color: str) -> None:
        self._name, self._color = name, color
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap(
            0, 0, theme.pixmap(self._name, theme.now().named(self._color), self._size, self.devicePixelRatioF())
        )
        painter.end()


class Dot(QWidget):
    """A small filled square (legend) or disc (state)."""

    def __init__(self, color: str, size: int = 8, *, round_: bool = False) -> None:
        super().__init__()
        self._color, self._round = color, round_
        self.setFixedSize(px(size), px(size))

    def set_color(self, color: str) -> None:
        if color != self._color:
            self._color = color
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(self._color))
        radius = self.width() / 2 if self._round else px(2)
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        painter.end()
