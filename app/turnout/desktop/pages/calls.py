"""Every call: search as you type, and for one of them why it went where it did and what it cost."""

from datetime import datetime, timedelta

from PySide6.QtCore import QTimer
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QStackedWidget

from turnout.calls.record import CallRecord
from turnout.calls.units import Status, Tier
from turnout.desktop import text, theme
from turnout.desktop.calltable import CallTable
from turnout.desktop.desk import Desk
from turnout.desktop.models.calls import LONGEST_MS, CallsModel
from turnout.desktop.pages.calldetail import CallDetail
from turnout.desktop.pages.page import Page
from turnout.desktop.sources import Search as Wanted
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Button, Card, Combo, Empty, Search, Segments, label, row


class Calls(Page):
    def __init__(self, desk: Desk) -> None:
        self.count = label("", 13, 400, "faint")
        self.tiers = Segments(
            tr("Tier"), [("", tr("All")), ("high", tr("High")), ("fast", tr("Fast")), ("local", tr("Local"))]
        )
        self.outcome = Combo(tr("Outcome"))
        self.outcome.addItem(tr("Any outcome"), "")
        for status in (Status.SETTLED, Status.REFUSED, Status.FAILED, Status.ABORTED):
            self.outcome.addItem(text.status(status), status.value)
        self.outcome.setFont(theme.font(12.5))
        self.outcome.setFixedWidth(px(124))
        self.seek = Search(tr("Client, model, rule, session…"), tr("Search calls"), 230)
        super().__init__(desk, self.count, None, self.outcome, self.tiers, self.seek)
        self.model = CallsModel(desk.ledger, desk.slow)
        self.table = CallTable(self.model, tr("Calls"))
        self.detail = CallDetail(desk)
        self.detail.hide()
        self.detail.closed.connect(self.close_detail)
        self._day = ""
        self._shown = ""
        self.chip = Button("", "x", name=tr("Show every day"))
        self.chip.hide()
        self.head.insertWidget(2, self.chip)
        self.chip.clicked.connect(lambda: self._set_day(""))
        self.empty = Empty("inbox", tr("No calls yet"))
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.card = Card(self.stack, margins=(10, 8, 4, 6))
        both = row(spacing=14)
        both.addWidget(self.card, 1)
        both.addWidget(self.detail)
        self.body.addLayout(both, 1)
        # One question when typing rests, not one a key.
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(60)
        self._typed.timeout.connect(self._search)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(250)
        self._soon.timeout.connect(self._refresh)
        self.seek.textChanged.connect(lambda _: self._typed.start())
        self.tiers.chosen.connect(lambda _: self._search())
        self.outcome.activated.connect(lambda _: self._search())
        self.table.chosen.connect(self.show_call)
        self.model.loaded.connect(self._loaded)
        QShortcut(QKeySequence("Ctrl+F"), self).activated.connect(self.seek.setFocus)
        QShortcut(QKeySequence("/"), self.table).activated.connect(self.seek.setFocus)
        QShortcut(QKeySequence("Escape"), self).activated.connect(self.close_detail)
        self.seek.returnPressed.connect(self._first_row)
        self.model.reload()

    def heading(self) -> str:
        return tr("Calls")

    def go(self, rest: str) -> None:
        """A call's id, `day/2026-11-13`, or `session/ID`."""
        kind, _, value = rest.partition("/")
        if kind == "day":
            self._set_day(value)
        elif kind == "session":
            self.seek.setText(value)
        elif kind == "search":
            self.seek.setFocus()
        elif rest:
            self.show_call(rest)

    def refresh(self) -> None:
        self._refresh()

    def ledger_changed(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def show_call(self, call_id: str) -> None:
        self._shown = call_id
        self.detail.show()
        self._share_room()
        self.desk.ledger.run(
            lambda ledger: (ledger.call(call_id), ledger.thumbs().get(call_id)),
            lambda got: self._got_call(*got),
            self.failed,
            key="call-detail",
            owner=self,
        )

    def close_detail(self) -> None:
        if self.seek.hasFocus() and self.seek.text():
            self.seek.clear()
            return
        self._shown = ""
        self.detail.hide()
        self._share_room()
        self.table.clearSelection()
        self.table.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_room()

    def _share_room(self) -> None:
        """Where both do not fit, the detail stands in the table's place until it is closed."""
        narrow = self.width() < px(700)
        self.card.setVisible(not narrow or self.detail.isHidden())
        self.detail.setMinimumWidth(px(372))
        self.detail.setMaximumWidth(16_777_215 if narrow else px(372))

    def _refresh(self) -> None:
        self.model.refresh()
        if self._shown and self.detail.unfinished:
            self.show_call(self._shown)

    def _got_call(self, call: CallRecord | None, thumb: bool | None) -> None:
        if call is None:
            self.note.say(tr("That call is not in the ledger any more."), "warn")
            self.detail.hide()
            return
        self.detail.show_call(call, thumb)
        row_ = self.model.row_of(call.id)
        if row_ >= 0 and self.table.currentIndex().row() != row_:
            self.table.selectRow(row_)

    def _set_day(self, day: str) -> None:
        self._day = day
        self.chip.setVisible(bool(day))
        self.chip.setText(text.day(day))
        self._search()

    def _search(self) -> None:
        tier = self.tiers.value()
        since = until = 0
        if self._day:
            try:
                start = datetime.strptime(self._day, "%Y-%m-%d").astimezone()
                since, until = int(start.timestamp() * 1000), int((start + timedelta(days=1)).timestamp() * 1000)
            except ValueError:
                self._day = ""
        outcome = str(self.outcome.currentData())
        self.model.reload(
            Wanted(
                self.seek.text().strip(),
                Tier(tier) if tier else None,
                Status(outcome) if outcome else None,
                since_ms=since,
                until_ms=until,
            )
        )

    def _first_row(self) -> None:
        if self.model.rowCount():
            self.table.setFocus()
            self.table.selectRow(0)

    def _loaded(self) -> None:
        rows = self.model.rowCount()
        more = "…" if self.model.searching else "" if self.model.counted else "+"
        self.count.setText(text.number(rows) + more if rows else tr("Searching…") if self.model.searching else "")
        if self.model.problem:
            self.note.say(self.model.problem, "bad", tr("Try again"), self.model.reload)
        elif self.model.stopped:
            self.note.say(
                tr("The search stopped after {n} s, back to {when}: older calls were not searched.").format(
                    n=text.number(LONGEST_MS // 1000), when=text.stamp(self.model.reached_ms)
                ),
                "info",
                tr("Search on"),
                self.model.go_on,
            )
        else:
            self.note.say("")
        if rows:
            self.stack.setCurrentWidget(self.table)
            return
        if self.model.stopped:
            self.empty.say(tr("Nothing yet"), tr("No newer call fits this search."), "search")
        elif self.model.search.everything:
            self.empty.say(
                tr("No calls yet"),
                tr("Every call that goes through Turnout is listed here, newest first, with the reason for its track."),
                "inbox",
            )
        elif self.model.searching:
            back = self.model.reached_ms
            when = tr("Nothing back to {when} yet; older calls are being looked through.").format(when=text.stamp(back))
            self.empty.say(tr("Nothing yet"), when if back else tr("Older calls are being looked through."), "search")
        else:
            self.empty.say(tr("Nothing matches"), tr("No call fits this search. Escape clears it."), "search")
        self.stack.setCurrentWidget(self.empty)
