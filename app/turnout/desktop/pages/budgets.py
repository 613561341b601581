"""What may be spent, by whom, what is left, and who is waiting for an answer."""

import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from turnout.control.messages import BudgetLine, Waiting
from turnout.desktop import text, theme
from turnout.desktop.desk import Desk
from turnout.desktop.models import budgets as said
from turnout.desktop.models import rulesdoc
from turnout.desktop.models.budgets import Draft, action_words, scope_name, share_of
from turnout.desktop.pages.budgetrows import LineRow, SessionRow
from turnout.desktop.pages.overview import per_words
from turnout.desktop.pages.page import Page
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Combo,
    Elided,
    Empty,
    Field,
    Scroll,
    aside,
    clear,
    column,
    holding,
    label,
    row,
    rule,
    section,
)
from turnout.errors import SettingsError
from turnout.routing.rulefile import check_rules
from turnout.routing.rules import Budget, Loop, RuleSet
from turnout.settings.atomic import replace_file

LINES = 12
"""Of one budget, and of sessions: the fullest, the newest."""


class Budgets(Page):
    def __init__(self, desk: Desk) -> None:
        self.add = Button(tr("New budget"), "plus")
        super().__init__(desk, None, self.add)
        self._rules: RuleSet | None = None
        self._sessions: dict[str, SessionRow] = {}
        self._rows: dict[str, LineRow] = {}
        self._told: object = None
        self._shape: object = None
        """What stands on the page, but for its figures."""
        self.add.clicked.connect(self._toggle_form)
        self.waiting_box = QVBoxLayout()
        self.waiting_box.setSpacing(px(10))
        self.lines_box = QVBoxLayout()
        self.lines_box.setSpacing(px(16))
        self.sessions_box = QVBoxLayout()
        self.sessions_box.setSpacing(px(10))
        self.loops_box = QVBoxLayout()
        self.loops_box.setSpacing(px(10))
        self.form = BudgetForm()
        self.form.wanted.connect(self._save)
        self.form.hide()
        budgets = Card(section(tr("Budgets")), 4, self.lines_box, spacing=8)
        sessions = Card(
            row(section(tr("Sessions")), aside(tr("live, stopped or waiting")), None),
            4,
            self.sessions_box,
            None,
            spacing=8,
        )
        loops = Card(
            row(
                section(tr("Loop guard")),
                None,
                Button(tr("Edit in the rules"), look="link", pressed=lambda: desk.act("open", "rules")),
            ),
            2,
            self.loops_box,
            spacing=8,
        )
        self._lower = lower = QHBoxLayout()
        lower.setSpacing(px(14))
        lower.addWidget(sessions, 3)
        lower.addWidget(holding(column(loops, None)), 2)
        inside = QWidget()
        inside.setObjectName("clear")
        inside.setLayout(column(self.form, self.waiting_box, budgets, lower, None, spacing=14))
        self.bleed()
        self.body.addWidget(Scroll(inside), 1)
        self._clock = QTimer(self)
        self._clock.setInterval(1_000)
        self._clock.timeout.connect(self._tick)

    def heading(self) -> str:
        return tr("Budgets")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() >= px(700)
        way = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self._lower.direction() != way:
            self._lower.setDirection(way)

    def go(self, rest: str) -> None:
        if rest == "new":
            self._new()

    def refresh(self) -> None:
        path = self.desk.places.rules

        def read() -> RuleSet | None:
            try:
                return check_rules(path.read_text(encoding="utf-8"), (), path.name).rules
            except (OSError, ValueError):
                return None

        self.desk.pool.run(read, self._got_rules, self.failed, owner=self)
        self._told = None
        self.state_changed()

    def state_changed(self) -> None:
        status = self.desk.state.status
        told = (status.budgets, status.waiting) if status else None
        if told != self._told or status is None:
            self._told = told
            self._draw()
        if status is not None:
            self.desk.pool.run(
                lambda: self.desk.link.client().sessions(), self._got_sessions, lambda _: None, owner=self
            )

    # -- answers

    def _got_rules(self, rules: RuleSet | None) -> None:
        self._rules = rules
        self._draw()
        clear(self.loops_box)
        for loop in rules.loops if rules else ():
            self.loops_box.addLayout(_loop(loop))
        if rules is not None and not rules.loops:
            off = tr("Switched off in the rules: an agent that goes in circles is not stopped.")
            self.loops_box.addWidget(label(off, 12.5, 400, "warn", wrap=True))

    def _got_sessions(self, sessions: Sequence[Mapping[str, Any]]) -> None:
        shown = {str(one.get("id", "")): one for one in sessions[:LINES]}
        if shown.keys() == self._sessions.keys() and self.sessions_box.count():
            for key, made in self._sessions.items():
                made.show_session(shown[key])
            return
        clear(self.sessions_box)
        self._sessions = {key: SessionRow(one, self._act) for key, one in shown.items()}
        if not shown:
            self.sessions_box.addWidget(label(tr("No session in the last hour."), 13, 400, "faint"))
        for made in self._sessions.values():
            self.sessions_box.addWidget(made)

    # -- drawing

    def _draw(self) -> None:
        status = self.desk.state.status
        lines = status.budgets if status else ()
        defined = self._rules.budgets if self._rules else ()
        shape = (status is None, status.waiting if status else (), defined, frozenset(line.key for line in lines))
        if shape == self._shape:
            for line in lines:
                if line.key in self._rows:
                    self._rows[line.key].show_line(line)
            return
        self._shape = shape
        clear(self.waiting_box)
        for wait in status.waiting if status else ():
            self.waiting_box.addWidget(self._waiting(wait))
        self._clock.start() if status and status.waiting else self._clock.stop()
        clear(self.lines_box)
        self._rows.clear()
        if not defined and not lines:
            empty = Empty(
                "wallet",
                tr("No budget yet"),
                tr("A budget is a hard cap: each call is held against it before it is sent, so it cannot be overshot."),
                tr("New budget"),
                self._toggle_form,
            )
            empty.setMinimumHeight(px(220))
            self.lines_box.addWidget(empty)
            return
        for number, budget in enumerate(defined):
            if number:
                self.lines_box.addWidget(rule())
            self.lines_box.addLayout(self._budget(budget, [line for line in lines if line.budget == budget.name]))
        if status is None:
            self.lines_box.addWidget(label(tr("Figures come back when the proxy runs."), 12, 400, "faint"))

    def _budget(self, budget: Budget, lines: Sequence[BudgetLine]) -> QVBoxLayout:
        limit = said.limit_words(budget)
        whose = scope_name(budget.scope) if budget.who == "each" else text.one_line(budget.who, 40)
        words = (
            tr("{limit} {per} for each {whose}")
            if budget.who == "each" and budget.scope != "all"
            else tr("{limit} {per} for {whose}")
        )
        title = column(
            Elided(text.one_line(budget.name, 120), 14, 600),
            Elided(
                words.format(limit=limit, per=per_words(budget.per), whose=whose)
                + " · "
                + action_words(budget.on_exceed),
                12,
                400,
                "faint",
            ),
            spacing=2,
        )
        head = row(spacing=8)
        head.addLayout(title, 1)
        head.addWidget(
            Button(
                "",
                "pencil",
                "bare",
                name=tr("Edit {budget}").format(budget=budget.name),
                pressed=partial(self._edit, budget),
            )
        )
        box = column(head, spacing=12)
        if not lines:
            box.addWidget(label(tr("Nobody has used it yet."), 12.5, 400, "faint"))
        for line in sorted(lines, key=lambda one: -sum(share_of(one)))[:LINES]:
            made = LineRow(line, self._credit, credits=budget.in_credits)
            self._rows[line.key] = made
            box.addWidget(made)
        return box

    def _waiting(self, wait: Waiting) -> Card:
        title = tr("{client} is waiting for you").format(client=text.one_line(wait.client or wait.session, 60))
        count = label("", 12, 400, "warn")
        count.setProperty("until", wait.until_ms)
        count.setObjectName("countdown")
        words = column(
            Elided(title, 14, 600),
            row(Elided(text.one_line(wait.what, 160), 12.5, 400, "muted"), count, spacing=8),
            spacing=3,
        )
        line = row(spacing=8)
        line.addLayout(words, 1)
        line.addWidget(
            Button(
                tr("Let it go on"),
                look="main",
                name=tr("Let {client} go on").format(client=wait.client),
                pressed=partial(self.desk.act, "allow", wait.session),
            )
        )
        line.addWidget(
            Button(
                tr("Allow $1 more"),
                name=tr("Allow {client} $1 more").format(client=wait.client),
                pressed=partial(self.desk.act, "allow-usd", wait.session),
            )
        )
        line.addWidget(
            Button(
                tr("Stop it"),
                look="danger",
                name=tr("Stop {client}").format(client=wait.client),
                pressed=partial(self.desk.act, "stop", wait.session),
            )
        )
        card = Card(line)
        QTimer.singleShot(0, card, self._tick)
        return card

    def _tick(self) -> None:
        now = int(time.time() * 1000)
        for shown in self.findChildren(QLabel, "countdown"):
            left = max(0, int(shown.property("until") or 0) - now) // 1000
            shown.setText(tr("refused in {n} s").format(n=left))

    # -- pressed

    def _act(self, intent: str, session: str) -> None:
        self.desk.act(intent, session)

    def _credit(self, key: str, usd: str) -> None:
        self.desk.pool.run(
            lambda: self.desk.link.client().credit(key, usd),
            lambda _: self.note.say(
                tr("{n} added. Calls that waited for it go on.").format(n=text.dollars(usd)), "good"
            ),
            self.failed,
            owner=self,
        )
        self.desk.feed.hurry()

    def _toggle_form(self) -> None:
        if self.form.isVisible():
            self.form.hide()
        else:
            self._new()

    def _new(self) -> None:
        self.form.begin(None, [budget.name for budget in self._rules.budgets] if self._rules else ())
        self.form.show()

    def _edit(self, budget: Budget) -> None:
        self.form.begin(budget)
        self.form.show()

    def _save(self, name: str, fields: object, scope: object) -> None:
        """Into rules.toml, checked as ever; `fields` None takes the budget away."""
        path = self.desk.places.rules

        def work() -> None:
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            after = (
                rulesdoc.with_budget(before, name, fields, scope if isinstance(scope, tuple) else None)
                if isinstance(fields, dict)
                else rulesdoc.without_budget(before, name)
            )
            checked = check_rules(after, (), path.name)
            if checked.rules is None:
                raise checked.errors[0]
            try:
                replace_file(path, after.encode())
            except OSError as error:
                raise SettingsError(f"cannot be written: {error.strerror}", file=path.name) from error

        def saved(_: None) -> None:
            self.form.hide()
            self.note.say(tr("Saved in the rules."), "good")
            self.desk.pool.run(
                lambda: self.desk.link.client().reload(), lambda _: self.desk.feed.hurry(), lambda _: None, owner=self
            )
            self.refresh()

        self.desk.pool.run(work, saved, self.failed, owner=self)


class BudgetForm(Card):
    wanted = Signal(str, object, object)
    """Name; its keys, or None to take it away; scope as (kind, who)."""

    def __init__(self) -> None:
        self._title = section("")
        super().__init__(self._title, spacing=10)
        self._name, self._who, self._amount = QLineEdit(), QLineEdit(), QLineEdit()
        for edit in (self._name, self._who, self._amount):
            edit.setFont(theme.font(13))
            edit.returnPressed.connect(self._save)
        self._who.setPlaceholderText(tr("each"))
        self._amount.setPlaceholderText("5.00")
        self._unit, self._scope, self._per, self._exceed = Combo(tr("Unit")), Combo(), Combo(), Combo()
        for combo, values, words in (
            (self._unit, said.UNITS, said.unit_name),
            (self._scope, said.SCOPES, scope_name),
            (self._per, said.PERIODS, per_words),
            (self._exceed, said.ACTIONS, action_words),
        ):
            for value in values:
                combo.addItem(words(value), value)
        self._scope.currentIndexChanged.connect(lambda _: self._who.setEnabled(self._scope.currentData() != "all"))
        self.name = Field(tr("Name"), self._name)
        self.amount = Field(tr("At most"), self._amount)
        limit = holding(row(self.amount, Field(tr("Of what"), self._unit), spacing=8))
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(14))
        grid.setVerticalSpacing(px(10))
        fields = (
            self.name,
            limit,
            Field(tr("Per"), self._per),
            Field(tr("For each, or for one"), self._scope),
            Field(tr("Whose (empty: each)"), self._who),
            Field(tr("When it is used up"), self._exceed),
        )
        for n, field in enumerate(fields):
            grid.addWidget(field, n // 3, n % 3, Qt.AlignmentFlag.AlignTop)
            grid.setColumnStretch(n % 3, 1)
        self._remove = Button(tr("Delete budget"), "trash-2", "danger", pressed=self._drop)
        save = Button(tr("Save budget"), look="main", pressed=self._save)
        cancel = Button(tr("Cancel"), pressed=self.hide)
        self.box.addLayout(grid)
        self.box.addLayout(row(self._remove, None, cancel, save))
        self._taken: Collection[str] = ()

    def begin(self, budget: Budget | None, taken: Collection[str] = ()) -> None:
        self._taken = () if budget is not None else taken
        draft = said.draft_of(budget) if budget is not None else Draft()
        self._title.setText(tr("Edit budget") if budget else tr("New budget"))
        self._remove.setVisible(budget is not None)
        self._name.setEnabled(budget is None)
        self._name.setText(draft.name)
        self._amount.setText(draft.amount)
        self._who.setText(draft.who)
        for combo, value in (
            (self._unit, draft.unit),
            (self._scope, draft.scope),
            (self._per, draft.per),
            (self._exceed, draft.on_exceed),
        ):
            combo.setCurrentIndex(max(0, combo.findData(value)))
        self._mark({})
        self._name.setFocus() if budget is None else self._amount.setFocus()

    def draft(self) -> Draft:
        return Draft(
            self._name.text().strip(),
            self._amount.text(),
            str(self._unit.currentData()),
            str(self._per.currentData()),
            str(self._scope.currentData()),
            self._who.text(),
            str(self._exceed.currentData()),
        )

    def _mark(self, wrong: Mapping[str, str]) -> None:
        self.name.wrong(wrong.get("name", ""))
        self.amount.wrong(wrong.get("amount", ""))

    def _save(self) -> None:
        draft = self.draft()
        wrong = said.wrong(draft, self._taken)
        self._mark(wrong)
        if not wrong:
            self.wanted.emit(draft.name, said.keys(draft), said.scope(draft))

    def _drop(self) -> None:
        self.wanted.emit(self._name.text(), None, None)


def _loop(loop: Loop) -> QVBoxLayout:
    """The guard's figures, one a line."""
    box = column(
        label(
            tr("Per {scope}; {then}").format(scope=scope_name(loop.scope), then=action_words(loop.on_exceed)),
            12,
            400,
            "faint",
        ),
        spacing=6,
    )
    for name, value in (
        (tr("Turns since the last new ask"), text.number(loop.turns) if loop.turns else ""),
        (tr("The same request again"), text.number(loop.same_request) if loop.same_request else ""),
        (tr("The same tool call again"), text.number(loop.same_tool_call) if loop.same_tool_call else ""),
        (tr("Dollars"), text.money(loop.usd) if loop.usd else ""),
        (tr("Calls a minute"), text.number(loop.per_minute) if loop.per_minute else ""),
    ):
        if value:
            box.addLayout(row(label(name, 13, 400, "muted"), None, label(value, 13, 500)))
    return box
