"""The shadow check: one prompt asked of a cheap and a dear tier at once; which answer is enough is the user's to say."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from turnout.calls.record import CallRecord
from turnout.calls.units import Tier
from turnout.desktop import text, theme
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.models.audit import Shadow, Side, shadow
from turnout.desktop.models.calls import UNFINISHED, cost
from turnout.desktop.sources import Ledger
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Combo,
    Dot,
    Elided,
    aside,
    clear,
    column,
    holding,
    label,
    row,
    section,
)
from turnout.errors import TurnoutError


class SideBySide(Card):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found: Shadow | None = None
        self._facts: dict[str, Elided] = {}
        """By call id, where its price and time go once the ledger has them."""
        self._prompt = QPlainTextEdit()
        self._prompt.setAccessibleName(tr("Prompt to compare"))
        self._prompt.setPlaceholderText(tr("A prompt of yours…"))
        self._prompt.setFont(theme.font(13))
        self._prompt.setTabChangesFocus(True)
        self._prompt.setFixedHeight(px(66))
        self._cheap = _tier_choice(tr("Cheap tier"), (Tier.LOCAL, Tier.FAST))
        self._dear = _tier_choice(tr("Dear tier"), (Tier.HIGH, Tier.FAST))
        self._go = Button(tr("Ask both"), look="main", pressed=self._ask)
        self._said = label("", 12.5, 400, "faint", wrap=True)
        self._said.hide()
        self._answers = QVBoxLayout()
        self._answers.setSpacing(px(10))
        super().__init__(
            row(section(tr("Side by side")), aside(tr("would the cheap tier have done?")), None),
            2,
            self._prompt,
            Fold(
                row(self._cheap, label(tr("against"), 12.5, 400, "faint"), self._dear),
                row(self._go, aside(tr("costs what the two calls cost")), None),
                shares=(0, 1),
            ),
            self._said,
            self._answers,
            spacing=8,
        )

    def ledger_changed(self) -> None:
        """A call settles a moment after its answer: its price is read then."""
        waiting = [id_ for id_, shown in self._facts.items() if not shown.text()]
        if waiting:
            self._desk.ledger.run(partial(_calls, waiting), self._settled, key="side-by-side", owner=self)

    def _ask(self) -> None:
        prompt = self._prompt.toPlainText().strip()
        if not prompt:
            self._prompt.setFocus()
            return
        tiers = [str(self._cheap.currentData()), str(self._dear.currentData())]
        if tiers[0] == tiers[1]:
            self._say(tr("Choose two different tiers."), "warn")
            return
        self._go.setEnabled(False)
        self._clear()
        self._say(tr("Asking both…"))
        self._desk.pool.run(
            lambda: self._desk.link.client().compare(prompt, tiers), self._got, self._failed, owner=self
        )

    def _got(self, doc: Mapping[str, Any]) -> None:
        self._go.setEnabled(True)
        found = self._found = shadow(doc)
        self._say("")
        both = row(spacing=14)
        for side in found.sides:
            both.addWidget(self._side(side), 1)
        self._answers.addLayout(both)
        if found.judgeable:
            cheap, dear = (text.tier(side.tier).lower() for side in found.sides)
            self._answers.addLayout(
                row(
                    Button(
                        tr("The {tier} one is good enough").format(tier=cheap),
                        "thumbs-up",
                        pressed=partial(self._judge, 0.0),
                    ),
                    Button(
                        tr("It takes the {tier} one").format(tier=dear),
                        "thumbs-down",
                        pressed=partial(self._judge, 1.0),
                    ),
                    label(found.graded, 12, 400, "faint"),
                    None,
                )
            )
        self.ledger_changed()

    def _side(self, side: Side) -> QWidget:
        facts = Elided("", 12, 400, "faint")
        self._facts[side.call] = facts
        shown = QPlainTextEdit()
        shown.setReadOnly(True)
        shown.setTabChangesFocus(True)
        shown.setFont(theme.font(13))
        shown.setPlainText(side.text or tr("No answer (status {n}).").format(n=side.status))
        shown.setAccessibleName(tr("Answer of {model}").format(model=text.one_line(side.model, 80)))
        shown.setFixedHeight(px(190))
        name = row(
            Dot(side.tier.value if side.tier else "faint", round_=True),
            label(text.tier(side.tier), 13, 600),
            Elided(text.one_line(side.model, 80), 12.5, 400, "muted"),
            spacing=7,
        )
        return holding(column(name, facts, shown, spacing=4))

    def _settled(self, calls: Sequence[CallRecord]) -> None:
        for call in calls:
            shown = self._facts.get(call.id)
            if shown is not None:
                shown.setText(f"{cost(call)} · {text.duration(call.duration_ms)}")

    def _judge(self, need: float) -> None:
        found = self._found
        if found is None:
            return
        self._desk.pool.run(
            lambda: self._desk.link.client().keep("shadow", found.sides[0].call, found.verdict(need)),
            lambda _: self._say(tr("Noted. It counts when the grader is calibrated."), "good"),
            self._failed,
            owner=self,
        )

    def _failed(self, error: TurnoutError) -> None:
        self._go.setEnabled(True)
        self._say(error.said, "bad")

    def _say(self, words: str, tone: str = "faint") -> None:
        from turnout.desktop.widgets import retone

        self._said.setText(words)
        retone(self._said, tone)
        self._said.setVisible(bool(words))

    def _clear(self) -> None:
        self._found = None
        self._facts.clear()
        clear(self._answers)


def _calls(wanted: Sequence[str], ledger: Ledger) -> list[CallRecord]:
    found = [ledger.call(one) for one in wanted]
    return [one for one in found if one is not None and one.status not in UNFINISHED]


def _tier_choice(name: str, tiers: Sequence[Tier]) -> Combo:
    made = Combo(name)
    for tier in tiers:
        made.addItem(text.tier(tier), tier.value)
    made.setFixedWidth(px(104))
    made.setFont(theme.font(12.5))
    return made
