"""Which days a page looks at: four usual ranges, or any two dates."""

from datetime import date, timedelta

from PySide6.QtCore import QDate, Signal
from PySide6.QtWidgets import QDateEdit, QWidget

from turnout.desktop import theme
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Segments, label, row

USUAL = {"7": 7, "30": 30, "90": 90, "365": 365}
LONGEST = 1_100
"""Days: three years of bars a pixel wide."""


class RangeBar(QWidget):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("clear")
        self.usual = Segments(
            tr("Range"),
            [
                ("7", tr("7 days")),
                ("30", tr("30 days")),
                ("90", tr("90 days")),
                ("365", tr("Year")),
                ("any", tr("Dates")),
            ],
            "30",
        )
        self.start, self.end = _date_edit(tr("From")), _date_edit(tr("To"))
        self._dash = label("–", 13, 400, "faint")
        self._set(date.today() - timedelta(days=29), date.today())  # noqa: DTZ011  the user's own calendar
        self.setLayout(row(self.start, self._dash, self.end, self.usual, None, spacing=6))
        self._open(False)
        self.usual.chosen.connect(self._chosen)
        for edit in (self.start, self.end):
            edit.dateChanged.connect(lambda _: self.changed.emit())

    def days(self, today: date) -> tuple[date, date]:
        """First and last day, both included, in order."""
        key = self.usual.value()
        if key in USUAL:
            return today - timedelta(days=USUAL[key] - 1), today
        first, last = sorted((_date_of(self.start), _date_of(self.end)))
        return max(first, last - timedelta(days=LONGEST - 1)), last

    def _set(self, first: date, last: date) -> None:
        for edit, day in ((self.start, first), (self.end, last)):
            edit.blockSignals(True)
            edit.setDate(QDate(day.year, day.month, day.day))
            edit.blockSignals(False)

    def _chosen(self, key: str) -> None:
        self._open(key == "any")
        self.changed.emit()

    def _open(self, on: bool) -> None:
        for part in (self.start, self._dash, self.end):
            part.setVisible(on)


def _date_edit(name: str) -> QDateEdit:
    made = QDateEdit()
    made.setAccessibleName(name)
    made.setFont(theme.font(12.5))
    made.setFixedWidth(px(104))
    made.setButtonSymbols(QDateEdit.ButtonSymbols.NoButtons)
    return made


def _date_of(edit: QDateEdit) -> date:
    day = edit.date()
    return date(day.year(), day.month(), day.day())
