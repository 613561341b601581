"""What every page has: the desk, a head with title and tools, a note for what went wrong, and a body."""

from PySide6.QtCore import QEvent
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QBoxLayout, QSpacerItem, QWidget

from turnout.desktop.desk import Desk
from turnout.desktop.theme import px
from turnout.desktop.widgets import Note, Part, column, page_title, row
from turnout.errors import TurnoutError


class Page(QWidget):
    """Subclasses fill `head` and `body`, and override `refresh`, which runs when the page is shown and on changes."""

    title = ""

    def __init__(self, desk: Desk, *tools: Part) -> None:
        super().__init__()
        self.desk = desk
        self.setObjectName("page")
        self.setAccessibleName(self.heading())
        self.note = Note()
        self.caption = page_title(self.heading())
        at = tools.index(None) if None in tools else len(tools)
        self.head = row(self.caption, *tools[:at], None, spacing=12)
        self._tools = row(*tools[at + 1 :], None, spacing=12)
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._top.setSpacing(px(10))
        self._top.addLayout(self.head, 1)
        self._top.addLayout(self._tools)
        self._note_line = column(self.note)
        self.body = column(self._note_line, spacing=14)
        outer = column(self._top, spacing=0, margins=(26, 20, 12, 20))
        self._top.setContentsMargins(0, 0, px(14), px(14))
        self.body.setContentsMargins(0, 0, px(14), 0)
        self.head.insertSpacerItem(0, QSpacerItem(0, px(30)))
        outer.addLayout(self.body, 1)
        self.setLayout(outer)
        self.setMinimumWidth(px(380))
        desk.state_changed.connect(self._state_changed)
        desk.ledger_changed.connect(self._ledger_changed)

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._place_tools()
        return super().event(event)

    def _place_tools(self) -> None:
        """Beside the title, or below it where they do not fit, or each below the other: large type, a small screen."""
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        found = [self._tools.itemAt(n) for n in range(self._tools.count())]
        parts = [item.minimumSize().width() for item in found if item is not None and item.widget() is not None]
        tools = sum(parts) + self._tools.spacing() * len(parts)
        wide = self.head.minimumSize().width() + tools + px(62) <= self.width()
        for box, way in (
            (self._top, across if wide else down),
            (self._tools, across if tools + px(52) <= self.width() else down),
        ):
            if box.direction() != way:
                box.setDirection(way)

    def bleed(self) -> None:
        """The body scrolls up to the window's edges: what scrolls keeps the gutter, and the air at its end, itself."""
        self.body.setContentsMargins(0, 0, 0, 0)
        self._note_line.setContentsMargins(0, 0, px(14), 0)
        layout = self.layout()
        if layout is not None:
            margins = layout.contentsMargins()
            layout.setContentsMargins(margins.left(), margins.top(), margins.right(), 0)

    def heading(self) -> str:
        return self.title

    def refresh(self) -> None:
        """Everything anew; cheap to ask for, slow work goes to a lane."""

    def state_changed(self) -> None:
        """The proxy's status changed while this page is on show."""

    def ledger_changed(self) -> None:
        """Calls came in or settled while this page is on show."""

    def go(self, rest: str) -> None:
        """To a place within the page: a call's id, a provider's name..."""

    def failed(self, error: TurnoutError) -> None:
        self.note.say(error.said, "bad")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def _state_changed(self) -> None:
        if self.isVisible():
            self.state_changed()

    def _ledger_changed(self) -> None:
        if self.isVisible():
            self.ledger_changed()
