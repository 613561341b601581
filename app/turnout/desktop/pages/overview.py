"""What is spent and saved, where it goes, and what runs now."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from turnout.calls.units import USD_NANOS
from turnout.desktop import text
from turnout.desktop.charts import Chart, Donut, Gauge, Meter, Series, Spark
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.models import burndown, overview
from turnout.desktop.pages.burncard import BurnCard
from turnout.desktop.pages.page import Page
from turnout.desktop.pages.ranges import RangeBar
from turnout.desktop.pages.running import RunningCard
from turnout.desktop.plots import StackedBars
from turnout.desktop.sources import Ledger, Spend
from turnout.desktop.state import Health, left_share
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Combo,
    Dot,
    Elided,
    Empty,
    Scroll,
    Segments,
    clear,
    column,
    holding,
    label,
    pill,
    plain,
    repill,
    retone,
    row,
    section,
)
from turnout.errors import TurnoutError


class Overview(Page):
    def __init__(self, desk: Desk) -> None:
        self.pill = pill("")
        self.ranges = RangeBar()
        self.pause = Button(tr("Pause routing"), "circle-pause")
        super().__init__(desk, self.pill, None, self.ranges, self.pause)
        self._spend: Spend | None = None
        self._models = Spend("model")
        self._placed = (True, True, True)
        self._sides: list[QHBoxLayout] = []
        """Pairs that stand one below the other where there is no room."""
        self._priced: Sequence[Mapping[str, Any]] = ()
        self._kinds: Sequence[Series] = ()
        self._first = self._last = datetime.now().astimezone().date()
        self._counting = False
        self._drawn = False
        self.ranges.changed.connect(self._range_changed)
        self.pause.clicked.connect(self._pause_pressed)
        # A burst of calls is one look at the ledger.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(300)
        self._soon.timeout.connect(self._ask)
        inside = QWidget()
        inside.setObjectName("clear")
        inside.setLayout(column(self._figures(), self._charts(), self._now(), self._below(), None, spacing=14))
        self.bleed()
        self.body.addWidget(Scroll(inside), 1)

    def heading(self) -> str:
        return tr("Overview")

    # -- parts

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = self.width()
        self._place(three=width >= px(720), pairs=width >= px(880), words=width >= px(500))

    def _place(self, *, three: bool, pairs: bool, words: bool) -> None:
        """`three` figures in a row or one above two; `pairs` side by side or one above the other; in `words`, choices are spelt
        out, else all stands in one column."""
        if (three, pairs, words) == self._placed:
            return
        self._placed = three, pairs, words
        way = QBoxLayout.Direction.LeftToRight if pairs else QBoxLayout.Direction.TopToBottom
        for both in self._sides:
            both.setDirection(way)
        self._mix.setMinimumWidth(px(236))
        self._mix.setMaximumWidth(px(236) if pairs else 16_777_215)
        for n, card in enumerate(self._cards):
            below = (0, 0, 1, 2) if n == 0 else (1, n - 1, 1, 1)
            self._grid.addWidget(card, *((0, n, 1, 1) if three else below if words else (n, 0, 1, 1)))
        self._grid.setColumnStretch(1, 1 if words else 0)
        self._grid.setColumnStretch(2, 1 if three else 0)
        self.by.setVisible(words)
        self.by_list.setVisible(not words)
        self.by_list.setCurrentIndex(max(0, self.by_list.findData(self.by.value())))

    def _by_listed(self) -> None:
        self.by.set_value(str(self.by_list.currentData()))
        self._ask()

    def _figures(self) -> QGridLayout:
        self.gauge = Gauge(tr("Credit left"))
        self.today_line = Spark(tr("Spend, last two weeks"), "accent")
        self.saved_line = Spark(tr("Saved by day, last two weeks"), "local")
        self.credit, self.credit_note = label("–", 26, 600), Elided("", 12, 400, "faint")
        self.today, self.today_note = label("–", 26, 600), Elided("", 12, 400, "faint")
        self.saved, self.saved_note = label("–", 26, 600), Elided("", 12, 500, "good")
        self.credit_title = Elided(tr("Credit left"), 13, 500, "muted")
        grid = self._grid = QGridLayout()
        grid.setSpacing(px(14))
        self._cards = []
        for n, (title, value, note, picture) in enumerate(
            (
                (self.credit_title, self.credit, self.credit_note, self.gauge),
                (Elided(tr("Spent today"), 13, 500, "muted"), self.today, self.today_note, self.today_line),
                (Elided(tr("Saved"), 13, 500, "muted"), self.saved, self.saved_note, self.saved_line),
            )
        ):
            card = _figure(title, value, note, picture)
            self._cards.append(card)
            grid.addWidget(card, 0, n)
            grid.setColumnStretch(n, 1)
        return grid

    def _charts(self) -> QHBoxLayout:
        self.bars = StackedBars(tr("Spend by day"))
        self.bars.picked.connect(self._day_picked)
        self.measure = Segments(tr("Measure"), [("cost", tr("Cost")), ("calls", tr("Calls"))])
        self.measure.chosen.connect(self._measure_chosen)
        self.legend = QHBoxLayout()
        self.legend.setSpacing(px(14))
        self.chart_title = section(tr("Spend by day"))
        self.stacked = Combo(tr("Stacked by"))
        for key, said in dimensions():
            self.stacked.addItem(tr("by {what}").format(what=said.lower()), key)
        self.stacked.setFixedWidth(px(140))
        self.stacked.activated.connect(lambda _: self._ask())
        head = Fold(row(self.chart_title, self.legend, None, spacing=10), row(self.stacked, self.measure, spacing=10))
        chart = Card(head, self.bars)
        chart.setMinimumHeight(px(278))
        self.nothing = Empty(
            "route",
            tr("No calls yet"),
            tr("Connect a client and ask it something: its first call shows up here within a second."),
            tr("Connect a client"),
            lambda: self.desk.act("open", "connect"),
        )
        self.nothing.hide()
        chart.box.addWidget(self.nothing, 1)
        self.donut = Donut(tr("Tier mix"))
        self.mix_rows = QVBoxLayout()
        self.mix_rows.setSpacing(px(5))
        mix = Card(
            row(section(tr("Tier mix")), None, label(tr("calls"), 12, 400, "faint")),
            self.donut,
            self.mix_rows,
            spacing=8,
        )
        mix.setFixedWidth(px(236))
        self._mix = mix
        both = row(spacing=14)
        both.addWidget(chart, 1)
        both.addWidget(mix)
        self._sides.append(both)
        return both

    def _now(self) -> QHBoxLayout:
        """What is left, and what takes from it just now."""
        self.burning = BurnCard(self.desk, _money_axis)
        self.running = RunningCard()
        return self._pair(self.burning, self.running)

    def _below(self) -> QHBoxLayout:
        self.by = Segments(tr("Spend by"), dimensions()[1:])
        self.by.chosen.connect(lambda _: self._ask())
        self.shares = QVBoxLayout()
        self.shares.setSpacing(px(11))
        # Where there is no room for all the words of a choice, it is a list.
        self.by_list = Combo(tr("Spend by"))
        for key, said in dimensions()[1:]:
            self.by_list.addItem(said, key)
        self.by_list.activated.connect(lambda _: self._by_listed())
        self.by_list.hide()
        who = Card(row(section(tr("Where it goes")), None, self.by, self.by_list), 4, self.shares, None, spacing=8)
        self.facts = QVBoxLayout()
        self.facts.setSpacing(px(8))
        return self._pair(who, Card(section(tr("Honest figures")), 2, self.facts, None, spacing=8))

    def _pair(self, wide: QWidget, narrow: QWidget) -> QHBoxLayout:
        both = row(spacing=14)
        both.addWidget(wide, 3)
        both.addWidget(narrow, 2)
        self._sides.append(both)
        return both

    # -- asking

    def refresh(self) -> None:
        self.state_changed()
        self._ask()
        self._ask_prices()

    def _ask_prices(self) -> None:
        self.desk.pool.run(lambda: self.desk.link.client().models(), self._got_prices, lambda _: None, owner=self)

    def _got_prices(self, priced: Sequence[Mapping[str, Any]]) -> None:
        self._priced = priced
        if self._spend is not None:
            self._draw_facts(self._spend)

    def ledger_changed(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _ask(self) -> None:
        by, stacked = self.by.value(), str(self.stacked.currentData())
        now = datetime.now().astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        first, last = self._first, self._last = self.ranges.days(now.date())
        since, until = _ms(first), min(_ms(last + timedelta(days=1)), int(now.timestamp() * 1000) + 60_000)
        fortnight = _ms(now.date() - timedelta(days=13))

        def work(ledger: Ledger) -> tuple[Spend, Spend, Spend, Spend]:
            chart = ledger.spend(stacked, since, until, int(midnight.timestamp() * 1000))
            named = chart if by == stacked else ledger.spend(by, since, until, until)
            models = named if by == "model" else ledger.spend("model", since, until, until)
            # The small lines show the last two weeks whatever the range is.
            recent = chart if since <= fortnight and last == now.date() else ledger.spend("tier", fortnight, _END, _END)
            return chart, named, models, recent

        self.desk.ledger.run(work, lambda got: self._got(*got), self.failed, key="overview", owner=self)
        self.burning.ask()

    def failed(self, error: TurnoutError) -> None:
        self.note.say(error.said, "bad", tr("Try again"), self._ask)

    # -- answers

    def _got(self, chart: Spend, named: Spend, models: Spend, recent: Spend) -> None:
        self.note.say("")
        self._spend, self._models = chart, models
        self._draw(chart)
        self._draw_mix(chart)
        self._draw_shares(named)
        self._draw_figures(chart, recent, datetime.now().astimezone().date())
        self._draw_facts(chart)

    def _draw(self, spend: Spend) -> None:
        stacks = overview.bars(spend, self._first, self._last, count=self._counting)
        empty = not any(row.calls for row in spend.tiers)
        self.nothing.setVisible(empty)
        self.bars.setVisible(not empty)
        kinds = overview.series(spend)
        whole = overview.total(spend.tiers, "calls") if self._counting else overview.total(spend.tiers, "cost")
        said = text.number(whole) if self._counting else text.money(whole)
        self.bars.setAccessibleName(tr("Calls by day") if self._counting else tr("Spend by day"))
        self.chart_title.setText(tr("Calls by day") if self._counting else tr("Spend by day"))
        self.bars.set_bars(
            kinds, stacks, _calls_axis if self._counting else _money_axis, overview.summary(stacks, said)
        )
        if kinds != self._kinds:
            self._kinds = kinds
            clear(self.legend)
            # Tier names are short; up to seven names of clients or models are read in the card that hovering opens.
            for one in reversed(kinds if spend.by == "tier" else kinds[-3:]):
                self.legend.addWidget(
                    holding(row(Dot(one.color), label(text.one_line(one.name, 16), 12, 400, "muted"), spacing=6))
                )
        if not self._drawn and not empty:
            self._drawn = True
            self.bars.animate()
            self.donut.animate()

    def _draw_mix(self, spend: Spend) -> None:
        slices = overview.mix(spend.tiers)
        first = slices[0] if slices else None
        self.donut.set_slices(slices, first.said if first else "–", first.name.lower() if first else tr("no calls"))
        clear(self.mix_rows)
        shown = [(one.color, one.name, one.said) for one in slices]
        # Without calls the same lines stand there, so that nothing moves when the first one comes.
        for color, name, said in shown or [(tier.value, text.tier(tier), "–") for tier in overview.TIERS]:
            self.mix_rows.addLayout(
                row(Dot(color), label(name, 12, 400, "muted"), None, label(said, 12, 500), spacing=7)
            )

    def _draw_shares(self, spend: Spend) -> None:
        clear(self.shares)
        lines = overview.breakdown(spend.rows, spend.by)
        if not lines:
            self.shares.addWidget(label(tr("Nothing in this range."), 13, 400, "faint"))
        for line in lines:
            meter = Meter(line.name, 5)
            meter.set_parts([(line.share, line.color)], f"{line.name}: {line.said}, {line.note}")
            words = row(spacing=12)
            words.addWidget(Elided(line.name, 13, 500), 1)
            words.addWidget(label(line.note, 12, 400, "faint"))
            figure = label(line.said, 13, 500)
            figure.setMinimumWidth(px(64))
            figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            words.addWidget(figure)
            self.shares.addLayout(column(words, meter, spacing=5))

    def _draw_figures(self, spend: Spend, recent: Spend, today: date) -> None:
        costs = {day.day: sum(day.costs.values()) for day in recent.days}
        fortnight = [(today - timedelta(days=n)).isoformat() for n in range(13, -1, -1)]
        line = [costs.get(day, 0) / USD_NANOS for day in fortnight]
        self.today_line.set_values(line, ", ".join(text.money(costs.get(day, 0)) for day in fortnight[-5:]))
        spent = overview.total(spend.today, "cost")
        calls = overview.total(spend.today, "calls")
        self.today.setText(text.money(spent, 2 if spent == 0 or spent >= USD_NANOS // 100 else None))
        self.today_note.setText(text.plural(calls, "{n} call", "{n} calls"))
        saving = overview.savings(spend.tiers)
        self.saved.setText(saving.headline)
        self.saved_note.setText(saving.note)
        retone(self.saved_note, "good" if saving.saved > 0 else "faint")
        saved = {day.name: (day.baseline - day.cost) / USD_NANOS for day in recent.by_day}
        self.saved_line.set_values([saved.get(day, 0.0) for day in fortnight], saving.note)

    def _draw_facts(self, spend: Spend) -> None:
        clear(self.facts)
        for fact in overview.facts(spend.tiers, overview.context(self._models.rows, self._priced)):
            below = [label(fact.why, 12, 400, "faint", wrap=True)] if fact.why else []
            words = column(Elided(fact.title, 13), *below, spacing=1)
            figure = label(fact.value, 13, 500)
            figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
            line = row(spacing=10)
            line.addLayout(words, 1)
            line.addWidget(figure)
            self.facts.addLayout(line)

    # -- the proxy's status

    def state_changed(self) -> None:
        state = self.desk.state
        status = state.status
        if status is None:
            words = {
                Health.STARTING: (tr("Starting…"), "quiet"),
                Health.HUNG: (tr("Not answering"), "warn"),
            }.get(state.health, (tr("Proxy is down"), "bad"))
            repill(self.pill, *words)
            self.pause.setEnabled(False)
            self._draw_credit()
            self.burning.state_changed()
            self.running.show_running(())
            return
        self.pause.setEnabled(True)
        paused = status.paused_until_ms is not None
        self.pause.setText(tr("Resume routing") if paused else tr("Pause routing"))
        self.pause.setAccessibleName(self.pause.text())
        self.pause.set_icon("circle-play" if paused else "circle-pause")
        if paused:
            repill(self.pill, tr("Paused"), "warn")
        else:
            repill(self.pill, text.mode(status.mode), "good")
        self._draw_credit()
        self.burning.state_changed()
        self.running.show_running(status.running)

    def _draw_credit(self) -> None:
        status = self.desk.state.status
        lines = [line for line in status.budgets if line.unit == "usd"] if status else []
        tightest = burndown.tightest(lines)
        if tightest is None:
            self.credit.setText("–")
            self.credit_note.setText(tr("no budget in use") if status else tr("known when the proxy runs"))
            self.gauge.set_value(None, None, "", tr("No budget in use"))
            return
        share = left_share(tightest) or 0.0
        burn = burndown.burn(tightest, datetime.now().astimezone())
        self.credit.setText(text.dollars(tightest.left))
        limit = tr("of {limit} {per}").format(limit=text.dollars(tightest.limit), per=per_words(tightest.per))
        whose = burndown.name(tightest)
        self.credit_note.setText(burn.said if burn is not None else limit)
        self.credit_note.setToolTip(plain(f"{whose}: {limit}"))
        self.credit_title.setText(tr("Credit left · {whose}").format(whose=whose))
        said = tr("{share} of {budget} left").format(share=text.percent(share), budget=whose)
        self.gauge.set_value(
            share,
            burn.left_at_end if burn is not None else None,
            text.percent(share),
            f"{said}, {limit}" + (f"; {burn.said}" if burn is not None else ""),
        )

    # -- pressed

    def _range_changed(self) -> None:
        self._drawn = False
        self._ask()

    def _measure_chosen(self, key: str) -> None:
        self._counting = key == "calls"
        if self._spend is not None:
            self._draw(self._spend)

    def _pause_pressed(self) -> None:
        status = self.desk.state.status
        if status is not None:
            self.desk.act(*(("pause", "0") if status.paused_until_ms is None else ("resume", "")))

    def _day_picked(self, index: int) -> None:
        day = self._first + timedelta(days=index)
        self.desk.act("open", f"calls/day/{day.isoformat()}")


def per_words(per: str) -> str:
    return {
        "minute": tr("a minute"),
        "hour": tr("an hour"),
        "day": tr("a day"),
        "week": tr("a week"),
        "month": tr("a month"),
        "session": tr("a session"),
        "ever": tr("in all"),
    }.get(per, per)


def dimensions() -> list[tuple[str, str]]:
    return [
        ("tier", tr("Tier")),
        ("client", tr("Client")),
        ("model", tr("Model")),
        ("developer", tr("Developer")),
        ("department", tr("Department")),
        ("project", tr("Project")),
    ]


_END = 2**62


def _ms(day: date) -> int:
    """Local midnight at its beginning."""
    return int(datetime(day.year, day.month, day.day).astimezone().timestamp() * 1000)


def _figure(title: QLabel, value: QLabel, note: QLabel, picture: Chart) -> Card:
    """Title, value and note stand at one height in every card; the picture beside them."""
    gauge = isinstance(picture, Gauge)
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(px(12))
    grid.setVerticalSpacing(px(3))
    grid.addWidget(title, 0, 0, 1, 2 if gauge else 1)
    grid.addWidget(value, 1, 0)
    grid.addWidget(note, 2, 0, 1, 1 if gauge else 2)
    if gauge:
        grid.addWidget(picture, 1, 1, 2, 1, Qt.AlignmentFlag.AlignBottom)
    else:
        grid.addWidget(picture, 0, 1, 2, 1)
    grid.setRowStretch(3, 1)
    grid.setColumnStretch(0, 1)
    grid.setColumnStretch(1, 0 if gauge else 1)
    card = Card(grid)
    card.setFixedHeight(px(112))
    card.setMinimumWidth(px(170))  # or the widest words would decide how the three share the row
    return card


def _money_axis(top: float) -> Callable[[float], str]:
    """As many digits on every line of the axis."""
    steps = [top * n / 4 for n in range(5)]
    digits = next((n for n in range(3) if all(abs(step - round(step, n)) < 1e-9 for step in steps)), 2)
    return lambda value: text.money(round(value * USD_NANOS), digits)


def _calls_axis(_: float) -> Callable[[float], str]:
    return lambda value: text.compact(round(value)) if value >= 1 or value == 0 else f"{value:g}"
