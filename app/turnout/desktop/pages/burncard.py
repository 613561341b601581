"""What is left of a budget over its window: the line so far, the even pace, and where the pace so far leads."""

from collections.abc import Callable, Sequence
from datetime import datetime

from turnout.control.messages import BudgetLine
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.models.burndown import burn_down, drawable, name, span, tightest
from turnout.desktop.plots import BurnLine
from turnout.desktop.sources import Ledger
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Card, Combo, Dot, Elided, Empty, holding, label, row, section

MOST = 200
"""Budgets to choose from: one a client of a large team, and no more than a list can be read."""


class BurnCard(Card):
    def __init__(self, desk: Desk, axis: Callable[[float], Callable[[float], str]]) -> None:
        self._desk, self._axis = desk, axis
        self._hourly: Sequence[tuple[int, int]] = ()
        self._asked = ""
        """The budget's key that they are of."""
        self._offered: Sequence[str] = ()
        self.which = Combo(tr("Which budget"))
        self.which.setMinimumContentsLength(12)
        self.which.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.which.setFixedWidth(px(200))
        self.which.activated.connect(lambda _: self.ask())
        self.note = Elided("", 12, 400, "faint")
        self.line = BurnLine(tr("Credit burn-down"))
        self._pace = Dot("good")
        keys = ((Dot("accent"), tr("left")), (Dot("faint"), tr("even pace")), (self._pace, tr("this pace")))
        self._keys = holding(
            row(*(holding(row(dot, label(said, 12, 400, "muted"), spacing=6)) for dot, said in keys), spacing=14)
        )
        self.note.setMinimumWidth(px(240))
        self._below = Fold(row(self.note), row(self._keys))
        self.nothing = Empty(
            "wallet",
            tr("No budget in use"),
            tr("A budget per day, week or month shows here how it burns down, and when it will be used up."),
            tr("Set a budget"),
            lambda: desk.act("open", "budgets"),
        )
        super().__init__(
            row(section(tr("Credit burn-down")), None, self.which, spacing=10),
            self._below,
            4,
            spacing=4,
        )
        self.box.addWidget(self.line, 1)
        self.box.addWidget(self.nothing, 1)
        self.setMinimumHeight(px(278))
        self._empty(True)

    def state_changed(self) -> None:
        """What is left now comes with every status; the way there is asked for when another budget is shown."""
        lines = self._lines()
        offered = [line.key for line in lines]
        if offered != self._offered:
            self._offered = offered
            chosen = str(self.which.currentData() or "")
            self.which.clear()
            self.which.addItem(tr("Tightest budget"), "")
            for line in lines[:MOST]:
                self.which.addItem(name(line), line.key)
            self.which.setCurrentIndex(max(0, self.which.findData(chosen)))
        shown = self._shown()
        if shown is not None and shown.key != self._asked:
            self.ask()
        self._draw()

    def ask(self) -> None:
        line = self._shown()
        if line is None:
            return
        begun, _ = span(line, datetime.now().astimezone())
        since = int(begun.timestamp() * 1000)
        key, scope, who = line.key, line.scope, line.who

        def work(ledger: Ledger) -> Sequence[tuple[int, int]]:
            return ledger.hourly(scope, who, since, _END)

        self._desk.ledger.run(work, lambda found: self._got(key, found), lambda _: None, key="burn-down", owner=self)

    def _got(self, key: str, hourly: Sequence[tuple[int, int]]) -> None:
        self._asked, self._hourly = key, hourly
        self._draw()

    def _lines(self) -> list[BudgetLine]:
        status = self._desk.state.status
        return [line for line in status.budgets if drawable(line)] if status else []

    def _shown(self) -> BudgetLine | None:
        lines = self._lines()
        chosen = self.which.currentData()
        return next((line for line in lines if line.key == chosen), None) or tightest(lines)

    def _draw(self) -> None:
        line = self._shown()
        self._empty(line is None)
        if line is None:
            status = self._desk.state.status
            budgets = status.budgets if status else ()
            self.note.setText("")
            self.nothing.say(
                *(
                    (tr("Known when the proxy runs"), tr("What is left of each budget is kept there."))
                    if status is None
                    else (tr("No line to draw"), tr("Budgets per hour or session renew too soon for one."))
                    if budgets
                    else (
                        tr("No budget in use"),
                        tr("A budget per day, week or month shows here how it burns down, and when it will be used up."),
                    )
                )
            )
            return
        hourly = self._hourly if line.key == self._asked else ()
        found = burn_down(line, hourly, datetime.now().astimezone())
        self.note.setText(found.note)
        self._pace.set_color("bad" if found.descent.short else "good")
        self.line.setAccessibleName(tr("Burn-down of {budget}").format(budget=name(line)))
        self.line.show_descent(found.descent, self._axis, found.summary)

    def _empty(self, on: bool) -> None:
        self.nothing.setVisible(on)
        for part in (self.line, self._below, self.which):
            part.setVisible(not on)


_END = 2**62
