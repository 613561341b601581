"""What may be spent, by whom, what is left, and who is waiting for an answer."""

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from turnout.calls.units import USD_NANOS
from turnout.control.messages import BudgetLine, Waiting
from turnout.desktop import text, theme
from turnout.desktop.charts import Meter
from turnout.desktop.desk import Desk
from turnout.desktop.models import rulesdoc
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
    clear,
    column,
    holding,
    label,
    pill,
    row,
    rule,
    section,
)
from turnout.errors import SettingsError
from turnout.routing.rulefile import check_rules
from turnout.routing.rules import Budget, Loop, RuleSet
from turnout.settings.atomic import replace_file

SCOPES = ("client", "developer", "department", "project", "session", "model", "tier")
PERIODS = ("day", "hour", "week", "month", "session", "ever")
ACTIONS = ("downgrade", "refuse", "ask")
NEAR, SPENT = 0.8, 1.0
"""Shares of a limit from which on a bar is amber and red."""


def scope_name(scope: str) -> str:
    names = {
        "client": tr("client"),
        "developer": tr("developer"),
        "department": tr("department"),
        "project": tr("project"),
        "session": tr("session"),
        "session_tree": tr("session and its subagents"),
        "tier": tr("tier"),
        "model": tr("model"),
        "all": tr("everything"),
    }
    return names.get(scope, scope)


def action_words(action: str) -> str:
    return {
        "downgrade": tr("then: a cheaper tier"),
        "refuse": tr("then: refused"),
        "ask": tr("then: you are asked"),
    }.get(action, action)


def amount(value: str, unit: str) -> str:
    """A line's figure: dollars, or a count."""
    if unit == "usd":
        return text.money(text.nanos_of(value), 2)
    return text.number(int(value)) if value.isdigit() else value


def share_of(line: BudgetLine) -> tuple[float, float]:
    """What is used and what is held, as shares of the limit."""
    limit = text.nanos_of(line.limit)
    if limit <= 0:
        return (1.0, 0.0)
    return text.nanos_of(line.used) / limit, text.nanos_of(line.held) / limit


class Budgets(Page):
    def __init__(self, desk: Desk) -> None:
        self.add = Button(tr("New budget"), "plus")
        super().__init__(desk, None, self.add)
        self._rules: RuleSet | None = None
        self._sessions: Sequence[Mapping[str, Any]] = ()
        self._told: object = None
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
            row(section(tr("Sessions")), label(tr("live, stopped or waiting"), 12, 400, "faint"), None),
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
        lower = QHBoxLayout()
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

    def _got_sessions(self, sessions: Sequence[Mapping[str, Any]]) -> None:
        if sessions == self._sessions and self.sessions_box.count():
            return
        self._sessions = sessions
        clear(self.sessions_box)
        if not sessions:
            self.sessions_box.addWidget(label(tr("No session in the last hour."), 13, 400, "faint"))
        for one in sessions[:12]:
            self.sessions_box.addLayout(self._session(one))

    # -- drawing

    def _draw(self) -> None:
        status = self.desk.state.status
        clear(self.waiting_box)
        for wait in status.waiting if status else ():
            self.waiting_box.addWidget(self._waiting(wait))
        self._clock.start() if status and status.waiting else self._clock.stop()
        clear(self.lines_box)
        lines = status.budgets if status else ()
        defined = self._rules.budgets if self._rules else ()
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
        limit = text.money(budget.limit) if budget.unit == "usd" else f"{text.number(budget.limit)} {budget.unit}"
        whose = scope_name(budget.scope) if budget.who == "each" else text.one_line(budget.who, 40)
        said = (
            tr("{limit} {per} for each {whose}")
            if budget.who == "each" and budget.scope != "all"
            else tr("{limit} {per} for {whose}")
        )
        words = column(
            Elided(text.one_line(budget.name, 120), 14, 600),
            label(
                said.format(limit=limit, per=per_words(budget.per), whose=whose)
                + " · "
                + action_words(budget.on_exceed),
                12,
                400,
                "faint",
            ),
            spacing=2,
        )
        head = row(spacing=8)
        head.addLayout(words, 1)
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
        for line in sorted(lines, key=lambda one: -sum(share_of(one)))[:12]:
            box.addLayout(self._line(line))
        return box

    def _line(self, line: BudgetLine) -> QVBoxLayout:
        used, held = share_of(line)
        color = "bad" if used + held >= SPENT else "amber" if used + held >= NEAR else "local"
        meter = Meter(f"{line.budget} {line.who}", 6)
        left = tr("{left} left").format(left=amount(line.left, line.unit))
        said = tr("{used} of {limit}").format(used=amount(line.used, line.unit), limit=amount(line.limit, line.unit))
        meter.set_parts([(used, color), (held, "strong")], f"{text.one_line(line.who, 60)}: {said}, {left}", NEAR)
        words = row(spacing=9)
        words.addWidget(Elided(text.one_line(line.who or line.budget, 80), 13, 500), 1)
        if text.nanos_of(line.held):
            words.addWidget(label(tr("{n} held").format(n=amount(line.held, line.unit)), 12, 400, "faint"))
        words.addWidget(label(said, 12, 400, "muted"))
        figure = label(left, 13, 500, "bad" if used + held >= SPENT else "")
        figure.setMinimumWidth(px(92))
        figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        words.addWidget(figure)
        if line.unit == "usd":
            more = tr("Add $1 to {who}").format(who=line.who)
            words.addWidget(
                Button("+ $1", look="bare", name=more, tip=more, pressed=partial(self._credit, line.key, "1.00"))
            )
            more = tr("Add $5 to {who}").format(who=line.who)
            words.addWidget(
                Button("+ $5", look="bare", name=more, tip=more, pressed=partial(self._credit, line.key, "5.00"))
            )
        return column(words, meter, spacing=4)

    def _waiting(self, wait: Waiting) -> Card:
        title = tr("{client} is waiting for you").format(client=text.one_line(wait.client or wait.session, 60))
        count = label("", 12, 400, "warn")
        count.setProperty("until", wait.until_ms)
        count.setObjectName("countdown")
        words = column(
            label(title, 14, 600),
            row(label(text.one_line(wait.what, 160), 12.5, 400, "muted"), count, None, spacing=8),
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

    def _session(self, one: Mapping[str, Any]) -> QVBoxLayout:
        session = str(one.get("id", ""))
        state = (
            ("warn", tr("waiting"))
            if one.get("waiting")
            else ("bad", tr("stopped"))
            if one.get("stopped")
            else ("good", tr("live"))
        )
        facts = [
            text.plural(int(one.get("calls", 0)), "{n} call", "{n} calls"),
            text.dollars(str(one.get("spent_usd", "0"))),
            text.plural(int(one.get("turns", 0)), "{n} turn", "{n} turns"),
        ]
        if one.get("private"):
            facts.append(tr("private"))
        if one.get("model"):
            facts.append(text.one_line(str(one["model"]), 60))
        words = row(spacing=8)
        words.addLayout(
            column(
                row(
                    Elided(text.one_line(str(one.get("client", "")), 60), 13, 500), pill(state[1], state[0]), spacing=8
                ),
                Elided(" · ".join(facts), 12, 400, "faint"),
                spacing=2,
            ),
            1,
        )
        if one.get("stopped") or one.get("waiting"):
            words.addWidget(
                Button(
                    tr("Let it go on"),
                    name=tr("Let {session} go on").format(session=session),
                    pressed=partial(self._raise, session),
                )
            )
        else:
            words.addWidget(
                Button(
                    tr("Stop"),
                    look="bare",
                    name=tr("Stop {session}").format(session=session),
                    pressed=partial(self.desk.act, "stop", session),
                )
            )
        return column(words)

    # -- pressed

    def _raise(self, session: str) -> None:
        self.desk.act("allow", session)

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
        self.form.begin(None)
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
        self._name, self._who, self._usd = QLineEdit(), QLineEdit(), QLineEdit()
        for edit in (self._name, self._who, self._usd):
            edit.setFont(theme.font(13))
        self._who.setPlaceholderText(tr("each"))
        self._usd.setPlaceholderText("5.00")
        self._scope, self._per, self._exceed = Combo(), Combo(), Combo()
        for scope in SCOPES:
            self._scope.addItem(scope_name(scope), scope)
        for per in PERIODS:
            self._per.addItem(per_words(per), per)
        for action in ACTIONS:
            self._exceed.addItem(action_words(action), action)
        self.name, self.usd = Field(tr("Name"), self._name), Field(tr("Dollars"), self._usd)
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(14))
        grid.setVerticalSpacing(px(10))
        for n, field in enumerate(
            (
                self.name,
                self.usd,
                Field(tr("Per"), self._per),
                Field(tr("For each, or for one"), self._scope),
                Field(tr("Whose (empty: each)"), self._who),
                Field(tr("When it is used up"), self._exceed),
            )
        ):
            grid.addWidget(field, n // 3, n % 3, Qt.AlignmentFlag.AlignTop)
            grid.setColumnStretch(n % 3, 1)
        self._remove = Button(tr("Delete budget"), "trash-2", "danger", pressed=self._drop)
        save = Button(tr("Save budget"), look="main", pressed=self._save)
        cancel = Button(tr("Cancel"), pressed=self.hide)
        self.box.addLayout(grid)
        self.box.addLayout(row(self._remove, None, cancel, save))
        self._editing: Budget | None = None

    def begin(self, budget: Budget | None) -> None:
        self._editing = budget
        self._title.setText(tr("Edit budget") if budget else tr("New budget"))
        self._remove.setVisible(budget is not None)
        self._name.setEnabled(budget is None)
        self._name.setText(budget.name if budget else "")
        self._usd.setText(f"{budget.limit / USD_NANOS:.2f}" if budget and budget.unit == "usd" else "")
        self._who.setText(budget.who if budget and budget.who != "each" else "")
        for combo, value in (
            (self._scope, budget.scope if budget else "client"),
            (self._per, budget.per if budget else "day"),
            (self._exceed, budget.on_exceed if budget else "ask"),
        ):
            combo.setCurrentIndex(max(0, combo.findData(value)))
        self.name.wrong("")
        self.usd.wrong("")
        self._name.setFocus() if budget is None else self._usd.setFocus()

    def _save(self) -> None:
        name, said = self._name.text().strip(), self._usd.text().strip().removeprefix("$").replace(",", ".")
        self.name.wrong("" if name else tr("A budget needs a name."))
        try:
            usd = Decimal(said)
        except InvalidOperation:
            usd = Decimal(-1)
        fine = usd.is_finite() and 0 <= usd <= 1_000_000
        self.usd.wrong("" if fine else tr("Write dollars like 5.00."))
        if not name or not fine:
            return
        fields = {"usd": float(usd), "per": str(self._per.currentData()), "on_exceed": str(self._exceed.currentData())}
        self.wanted.emit(name, fields, (str(self._scope.currentData()), self._who.text().strip() or "each"))

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
