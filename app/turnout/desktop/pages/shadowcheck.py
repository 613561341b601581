"""Dear calls asked again of a cheap tier: the cost said first, progress, a way to stop, and both answers to judge."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from threading import Event
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from turnout.calls.units import USD_NANOS, Tier
from turnout.desktop import text, theme
from turnout.desktop.charts import Meter
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.link import Link
from turnout.desktop.models import shadowcheck as said
from turnout.desktop.models.shadowcheck import Comparison, Plan, Progress
from turnout.desktop.text import nanos_of, tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Combo,
    Dot,
    Elided,
    Note,
    aside,
    clear,
    column,
    holding,
    label,
    pill,
    row,
    rule,
    section,
)
from turnout.errors import TurnoutError


class _Check(QObject):
    """One check, in a pool thread; its lines arrive on the UI thread."""

    told = Signal(object)

    def __init__(self, link: Link, *, sample: int, usd: str, on: str) -> None:
        super().__init__()
        self._link, self._sample, self._usd, self._on = link, sample, usd, on
        self._stop = Event()

    def cancel(self) -> None:
        self._stop.set()

    def run(self) -> bool:
        """False when it was cancelled: leaving the answer unread ends the call under way."""
        lines: Iterator[Mapping[str, Any]] = self._link.client().shadow_steps(
            last=said.LAST, sample=self._sample, usd=self._usd, on=self._on
        )
        with closing(lines):  # type: ignore[type-var]  # a generator, whatever its annotation narrows it to
            for line in lines:
                if self._stop.is_set():
                    return False
                self.told.emit(line)
        return True


class ShadowCheck(Card):
    judged = Signal(str, bool)
    """A verdict was given: the call, and whether the cheap answer would do."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._plan: Plan | None = None
        self._unplanned = False
        """The note says why there is no plan."""
        self._check: _Check | None = None
        self._progress = Progress(0, 0)
        self._given: dict[str, bool] = {}
        """By call id: whether the cheap answer would have done."""
        self._marks: dict[str, QHBoxLayout] = {}
        self._tier = Combo(tr("Asked again of"))
        for tier in (Tier.FAST, Tier.LOCAL):
            self._tier.addItem(text.tier(tier), tier.value)
        self._sample = Combo(tr("How many calls"))
        for count in said.SAMPLES:
            self._sample.addItem(text.plural(count, "{n} call", "{n} calls"), count)
        self._sample.setCurrentIndex(1)
        self._limit = Combo(tr("Spend at most"))
        for usd in said.LIMITS:
            self._limit.addItem(text.dollars(usd), usd)
        self._limit.setCurrentIndex(2)
        for combo in (self._tier, self._sample, self._limit):
            combo.setFixedWidth(px(104))
            combo.setFont(theme.font(12.5))
            combo.activated.connect(lambda _: self.ask_plan())
        self._go = Button(tr("Ask them again"), look="main", pressed=self._begin)
        self._go.setEnabled(False)
        self._cost = label("", 12.5, 400, "faint", wrap=True)
        self._cost.hide()
        self.note = Note()
        self._words = Elided("", 12.5, 400, "muted")
        self._meter = Meter(tr("Shadow check"), 6)
        self._cancel = Button(tr("Cancel"), name=tr("Cancel the shadow check"), pressed=self._stop)
        line = row(spacing=10)
        line.addWidget(self._words, 1)
        line.addWidget(self._cancel)
        self._running = holding(column(line, self._meter, spacing=6))
        self._running.hide()
        self._answers = QVBoxLayout()
        self._answers.setSpacing(px(12))
        super().__init__(
            row(
                section(tr("Shadow check")), aside(tr("dear calls asked again of a cheap tier")), None
            ),
            2,
            Fold(
                row(self._tier, self._sample),
                row(label(tr("for at most"), 12.5, 400, "faint"), self._limit, self._go, None),
                shares=(0, 1),
            ),
            self._cost,
            self.note,
            self._running,
            self._answers,
            spacing=8,
        )

    # -- the plan

    def ask_plan(self) -> None:
        """What it would ask and cost; asks nothing."""
        if self._check is not None:
            return
        sample, on = int(self._sample.currentData()), str(self._tier.currentData())
        link = self._desk.link
        self._desk.pool.run(
            lambda: link.client().shadow_plan(last=said.LAST, sample=sample, on=on),
            lambda doc: self._planned((sample, on), said.plan(doc)),
            self._no_plan,
            owner=self,
        )

    def _planned(self, asked: tuple[int, str], plan: Plan) -> None:
        if asked != (int(self._sample.currentData()), str(self._tier.currentData())) or self._check is not None:
            return  # another choice was made meanwhile
        self._plan = plan
        self._say_cost(plan.words(self._limit_nanos))
        self._go.setEnabled(plan.sample > 0)
        if self._unplanned:
            self._unplanned = False
            self.note.say("")

    def _no_plan(self, error: TurnoutError) -> None:
        """Mostly: no texts are kept. That is the user's to switch on, so it says where."""
        self._plan, self._unplanned = None, True
        self._go.setEnabled(False)
        self._say_cost("")
        if "store_bodies" in error.said:
            self.note.say(error.said, "info", tr("Open Settings"), lambda: self._desk.act("open", "settings"))
        elif "[tiers]" in error.said:
            self.note.say(error.said, "info", tr("Open Models and keys"), lambda: self._desk.act("open", "models"))
        else:
            self.note.say(error.said, "warn", tr("Try again"), self.ask_plan)

    def _say_cost(self, words: str) -> None:
        self._cost.setText(words)
        self._cost.setVisible(bool(words))

    @property
    def _limit_nanos(self) -> int:
        return nanos_of(str(self._limit.currentData()))

    # -- the check

    def _begin(self) -> None:
        plan = self._plan
        if plan is None or self._check is not None:
            return
        check = self._check = _Check(
            self._desk.link,
            sample=plan.sample,
            usd=str(self._limit.currentData()),
            on=str(self._tier.currentData()),
        )
        check.told.connect(self._told)
        self._progress = Progress(plan.sample, self._limit_nanos)
        clear(self._answers)
        self._marks.clear()
        self.note.say("")
        self._show_progress()
        self._busy(True)
        self._desk.pool.run(check.run, self._ended, self._broke, owner=self)

    def _told(self, line: object) -> None:
        if not isinstance(line, dict):
            return
        self._progress = self._progress.after(line)
        self._show_progress()
        if isinstance(line.get("compared"), dict):
            if self._marks:
                self._answers.addWidget(rule())
            self._answers.addWidget(self._compared(said.comparison(line["compared"])))
        if isinstance(line.get("done"), dict):
            self.note.say(said.ended(line["done"]), "good")

    def _show_progress(self) -> None:
        self._words.setText(self._progress.words)
        self._meter.set_parts([(self._progress.share, "accent")], self._progress.words)

    def _ended(self, whole: bool) -> None:
        self._busy(False)
        if not whole:
            self.note.say(tr("Cancelled. The answers so far are kept with their calls."), "info")
        self._plan_soon()

    def _broke(self, error: TurnoutError) -> None:
        self._busy(False)
        self.note.say(error.said, "bad", tr("Try again"), self.ask_plan)

    def _busy(self, on: bool) -> None:
        if not on:
            self._check = None
        self._running.setVisible(on)
        self._cost.setVisible(not on and bool(self._cost.text()))
        self._cancel.setEnabled(on)
        for part in (self._go, self._tier, self._sample, self._limit):
            part.setEnabled(not on)

    def _plan_soon(self) -> None:
        QTimer.singleShot(0, self, self.ask_plan)

    def _stop(self) -> None:
        if self._check is not None:
            self._check.cancel()
            self._cancel.setEnabled(False)
            self._words.setText(tr("Stopping…"))

    # -- answers

    def _compared(self, one: Comparison) -> QWidget:
        ask = Elided(text.one_line(one.ask, 200), 13, 600)
        both = row(spacing=14)
        cost = _money(one.cost)
        both.addWidget(_side(one.tier, one.model, cost, one.answer or tr("Its text is not kept.")), 1)
        on = Tier(str(self._tier.currentData()))
        cheap = one.cheap_answer if one.judgeable else tr("No answer: {why}.").format(why=text.one_line(one.error, 80))
        cheap_cost = _money(one.cheap_cost) if one.cheap_cost else tr("Free")
        both.addWidget(_side(on, one.cheap_model or (self._plan.model if self._plan else ""), cheap_cost, cheap), 1)
        marks = self._marks[one.call] = row(spacing=8)
        self._mark(one)
        return holding(column(ask, both, marks, spacing=8))

    def _mark(self, one: Comparison) -> None:
        """The two verdicts, or the one that was given."""
        line = self._marks[one.call]
        clear(line)
        about = text.one_line(one.ask, 60)
        for good, icon, words in (
            (True, "thumbs-up", tr("The cheap answer would do")),
            (False, "thumbs-down", tr("It took the dear model")),
        ):
            given = self._given.get(one.call) is good
            button = Button(
                words,
                icon,
                "plain" if given or one.call not in self._given else "bare",
                name=f"{words}: {about}",
                pressed=partial(self._judge, one, good),
            )
            button.setAccessibleDescription(tr("given") if given else "")
            button.setEnabled(one.judgeable)
            line.addWidget(button)
        if one.call in self._given:
            line.addWidget(pill(tr("noted for calibration"), "good"))
        line.addStretch(1)

    def _judge(self, one: Comparison, good: bool) -> None:
        link = self._desk.link

        def noted(_: object) -> None:
            self._given[one.call] = good
            if one.call in self._marks:
                self._mark(one)
            self.judged.emit(one.call, good)

        self._desk.pool.run(
            lambda: link.client().verdict(one.call, good=good),
            noted,
            lambda error: self.note.say(error.said, "bad"),
            owner=self,
        )


def _money(nanos: int) -> str:
    """As many digits on both sides, so that they compare at a glance."""
    return text.money(nanos, 2 if nanos >= USD_NANOS else 4)


def _side(tier: Tier | None, model: str, cost: str, words: str) -> QWidget:
    shown = QPlainTextEdit()
    shown.setReadOnly(True)
    shown.setTabChangesFocus(True)
    shown.setFont(theme.font(13))
    shown.setPlainText(words)
    shown.setAccessibleName(tr("Answer of {model}").format(model=text.one_line(model, 80)))
    shown.setFixedHeight(px(132))
    name = row(
        Dot(tier.value if tier else "faint", round_=True),
        label(text.tier(tier), 13, 600),
        Elided(text.one_line(model, 80), 12.5, 400, "muted"),
        label(cost, 12.5, 500),
        spacing=7,
    )
    return holding(column(name, shown, spacing=5))
