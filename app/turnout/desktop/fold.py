"""Two groups side by side, or one below the other where there is no room: a small screen, text at 200 %."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLayout, QSizePolicy, QWidget

from turnout.desktop.theme import px


class Fold(QWidget):
    """They share the room as `shares` say; what has no share of it begins at the left edge when folded."""

    def __init__(self, left: QLayout, right: QLayout, spacing: int = 8, shares: tuple[int, int] = (1, 0)) -> None:
        super().__init__()
        self.setObjectName("clear")
        self._left, self._right = left, right
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(px(spacing))
        self._box.addLayout(left, shares[0])
        self._box.addLayout(right, shares[1])
        self._shares = shares
        self.setLayout(self._box)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def folded(self) -> bool:
        return self._box.direction() is QBoxLayout.Direction.TopToBottom

    def minimumSizeHint(self) -> QSize:
        """As narrow as the wider of the two: it folds before it is cut."""
        width = max(self._left.minimumSize().width(), self._right.minimumSize().width())
        return QSize(width, self._box.minimumSize().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest:
            self._place()
        return super().event(event)

    def _place(self) -> None:
        need = self._left.minimumSize().width() + self._right.minimumSize().width() + self._box.spacing()
        way = QBoxLayout.Direction.TopToBottom if need > self.width() else QBoxLayout.Direction.LeftToRight
        if self._box.direction() is not way:
            self._box.setDirection(way)
            for part, share in zip((self._left, self._right), self._shares, strict=True):
                aside = self.folded and not share
                self._box.setAlignment(part, Qt.AlignmentFlag.AlignLeft if aside else Qt.AlignmentFlag(0))
            self._box.update()
            self.updateGeometry()
