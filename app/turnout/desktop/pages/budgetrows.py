"""A budget's line and a session's, changed in place: calls come many a second, and a button that is made anew under the pointer
loses its press."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from turnout.control.messages import BudgetLine
from turnout.desktop import text
from turnout.desktop.charts import Meter
from turnout.desktop.models import budgets as said
from turnout.desktop.models.budgets import NEAR, SPENT
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Button, Elided, column, label, pill, repill, retone, row

Pressed = Callable[[str, str], None]


class LineRow(QWidget):
    def __init__(self, line: BudgetLine, credit: Pressed, *, credits: bool) -> None:
        """`credit` is called with the line's key and dollars."""
        super().__init__()
        self.setObjectName("clear")
        self._credits = credits
        self._meter = Meter(f"{line.budget} {line.who}", 6)
        self._held, self._spent = label("", 12, 400, "faint"), label("", 12, 400, "muted")
        self._left = label("", 13, 500)
        self._left.setMinimumWidth(px(92))
        self._left.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        words = row(spacing=9)
        words.addWidget(Elided(text.one_line(line.who or line.budget, 80), 13, 500), 1)
        for part in (self._held, self._spent, self._left):
            words.addWidget(part)
        if line.unit == "usd":
            for usd, sign in (("1.00", "+ $1"), ("5.00", "+ $5")):
                more = tr("Add {amount} to {who}").format(amount=sign[2:], who=line.who)
                words.addWidget(Button(sign, look="bare", name=more, tip=more, pressed=partial(credit, line.key, usd)))
        self.setLayout(column(words, self._meter, spacing=4))
        self.show_line(line)

    def show_line(self, line: BudgetLine) -> None:
        used, held = said.share_of(line)
        color = "bad" if used + held >= SPENT else "amber" if used + held >= NEAR else "local"
        left = tr("{left} left").format(left=self._shown(line.left, line))
        spent = tr("{used} of {limit}").format(used=self._shown(line.used, line), limit=self._shown(line.limit, line))
        words = f"{text.one_line(line.who, 60)}: {spent}, {left}"
        self._meter.set_parts([(used, color), (held, "strong")], words, NEAR)
        self._spent.setText(spent)
        self._left.setText(left)
        retone(self._left, "bad" if used + held >= SPENT else "")
        holds = text.nanos_of(line.held) > 0
        self._held.setText(tr("{n} held").format(n=self._shown(line.held, line)) if holds else "")

    def _shown(self, value: str, line: BudgetLine) -> str:
        return said.amount(value, line.unit, credits=self._credits)


class SessionRow(QWidget):
    def __init__(self, session: Mapping[str, Any], act: Pressed) -> None:
        """`act` is called with `allow` or `stop`, and the session's id."""
        super().__init__()
        self.setObjectName("clear")
        self._id, self._act, self._held_up = str(session.get("id", "")), act, False
        self._client, self._facts = Elided("", 13, 500), Elided("", 12, 400, "faint")
        self._state = pill("")
        self._press = Button("", pressed=self._pressed)
        words = row(spacing=8)
        words.addLayout(column(self._client, self._facts, spacing=2), 1)
        words.addWidget(self._state)
        words.addWidget(self._press)
        self.setLayout(words)
        self.show_session(session)

    def show_session(self, session: Mapping[str, Any]) -> None:
        self._client.setText(text.one_line(str(session.get("client", "")), 60))
        repill(self._state, *said.stands(session))
        facts = [
            text.one_line(str(session.get("stopped") or ""), 80),
            text.plural(int(session.get("calls", 0)), "{n} call", "{n} calls"),
            text.dollars(str(session.get("spent_usd", "0"))),
            text.plural(int(session.get("turns", 0)), "{n} turn", "{n} turns"),
            tr("private") if session.get("private") else "",
            text.one_line(str(session.get("model") or ""), 60),
        ]
        self._facts.setText(" · ".join(fact for fact in facts if fact))
        self._held_up = bool(session.get("stopped") or session.get("waiting"))
        self._press.setText(tr("Let it go on") if self._held_up else tr("Stop"))
        name = tr("Let {session} go on") if self._held_up else tr("Stop {session}")
        self._press.setAccessibleName(name.format(session=self._id))

    def _pressed(self) -> None:
        self._act("allow" if self._held_up else "stop", self._id)
