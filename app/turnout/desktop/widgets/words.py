"""Text on the screen: plain, whatever it holds, in the type scale."""

from html import escape

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolTip, QWidget

from turnout.desktop import theme
from turnout.desktop.theme import px


def label(text: str = "", size: float = 13, weight: int = 400, tone: str = "", *, wrap: bool = False) -> QLabel:
    """Plain text, always: names and reasons come from outside (T22)."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setFont(theme.font(size, weight, -0.4 if size >= 18 else 0.0))
    made.setWordWrap(wrap)
    if tone:
        made.setProperty("tone", tone)
    if wrap:
        made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return made


def retone(shown: QLabel, tone: str) -> None:
    if shown.property("tone") != tone:
        shown.setProperty("tone", tone)
        shown.style().unpolish(shown)
        shown.style().polish(shown)


class Elided(QLabel):
    """One line that ends in an ellipsis where room ends; the whole text as a plain tooltip and to screen readers."""

    def __init__(
        self, text: str = "", size: float = 13, weight: int = 400, tone: str = "", *, middle: bool = False
    ) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size, weight))
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        if tone:
            self.setProperty("tone", tone)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setAccessibleName(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(px(24), super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and not self.toolTip():
            cut = self.fontMetrics().horizontalAdvance(self.text()) > self.width()
            QToolTip.showText(event.globalPos(), plain(self.text()) if cut else "", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setFont(self.font())
        shown = self.fontMetrics().elidedText(self.text(), self._mode, self.width())
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.end()


def aside(text: str) -> Elided:
    """A few words beside a title: as wide as they are, and cut where room ends instead of asking for more."""
    made = Elided(text, 12, 400, "faint")
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    return made


def pill(text: str = "", kind: str = "quiet") -> QLabel:
    made = label(text, 12, 500)
    made.setProperty("pill", kind)
    made.setFixedHeight(px(19))
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return made


def repill(shown: QLabel, text: str, kind: str) -> None:
    shown.setText(text)
    if shown.property("pill") != kind:
        shown.setProperty("pill", kind)
        shown.style().unpolish(shown)
        shown.style().polish(shown)


def keyed(view: QWidget, reason: Qt.FocusReason | None) -> None:
    """A view that the keyboard came to is framed, one that was clicked is not; None: the focus went on."""
    keys = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)
    view.setProperty("keyed", "true" if reason in keys else "false")
    view.style().unpolish(view)
    view.style().polish(view)


def plain(text: str) -> str:
    """Tooltips guess at HTML; with its brackets escaped under a plain opening they show text as it is (T22)."""
    return f"<qt>{escape(text)}</qt>" if "<" in text else text


def page_title(text: str) -> QLabel:
    return label(text, 20, 600)


def section(text: str) -> QLabel:
    return label(text, 14, 600)
