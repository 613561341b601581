"""One call in full: why it went there, its tokens by bucket, its time, its attempts, its cost against the other ways."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from turnout.calls.record import CallRecord
from turnout.calls.units import USD_NANOS, Status, Tier
from turnout.desktop import text, theme
from turnout.desktop.charts import Chart, Meter
from turnout.desktop.desk import Desk
from turnout.desktop.models.audit import judging
from turnout.desktop.models.calls import UNFINISHED, cost
from turnout.desktop.models.onecall import Elsewhere, cost_ways, elsewhere, graded_by, switch_sides, told_signals
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Dot,
    Elided,
    Scroll,
    clear,
    column,
    holding,
    label,
    pill,
    row,
    rule,
)

BUCKETS = (
    ("uncached", "high"),
    ("cache_read", "teal"),
    ("cache_write_5m", "amber"),
    ("cache_write_1h", "pink"),
    ("output", "fast"),
    ("reasoning", "faint"),
)


def bucket_name(field: str) -> str:
    return {
        "uncached": tr("Prompt, full price"),
        "cache_read": tr("Prompt, from cache"),
        "cache_write_5m": tr("Cache written, 5 min"),
        "cache_write_1h": tr("Cache written, 1 h"),
        "output": tr("Answer"),
        "reasoning": tr("Reasoning"),
    }[field]


class CallDetail(QFrame):
    closed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.setObjectName("card")
        self.setAccessibleName(tr("Call"))
        self.setFixedWidth(px(372))
        self.call: CallRecord | None = None
        self._thumb: bool | None = None
        self._elsewhere: Sequence[Elsewhere] = ()
        self._title = Elided("", 15, 600)
        self._when = label("", 12, 400, "faint")
        self._state = pill("")
        close = Button("", "x", "bare", name=tr("Close"), pressed=self.closed.emit)
        self._inside = QVBoxLayout()
        self._inside.setSpacing(px(16))
        self._inside.setContentsMargins(px(18), px(4), px(14), px(18))
        inside = QWidget()
        inside.setObjectName("clear")
        inside.setLayout(self._inside)
        head = row(spacing=8)
        head.addLayout(column(self._title, self._when, spacing=2), 1)
        head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(column(column(head, margins=(18, 15, 10, 10)), Scroll(inside), spacing=0))

    @property
    def unfinished(self) -> bool:
        return self.call is not None and self.call.status in UNFINISHED

    def show_call(self, call: CallRecord, thumb: bool | None = None) -> None:
        """`thumb` as it was given before; of a dear call the verdict is what counts, and is looked up here."""
        dear = call.tier is Tier.HIGH
        if dear:
            thumb = self._thumb if self.call is not None and self.call.id == call.id else None
            self._desk.ledger.run(
                lambda ledger: ledger.verdicts().get(call.id),
                lambda good: self._got_verdict(call.id, good),
                lambda _: None,
                key="verdict",
                owner=self,
            )
        if self.call is None or self.call.id != call.id or self.call.usage != call.usage:
            self._elsewhere = ()
            self._ask_elsewhere(call)
        self.call, self._thumb = call, thumb
        self._draw()

    def _ask_elsewhere(self, call: CallRecord) -> None:
        tokens = {name: int(getattr(call.usage, name)) for name, _ in BUCKETS if getattr(call.usage, name)}
        if tokens and call.status not in UNFINISHED:
            link = self._desk.link
            self._desk.pool.run(
                lambda: link.client().elsewhere(tokens),
                lambda tiers: self._got_elsewhere(call.id, tiers),
                lambda _: None,  # without the proxy, what the row itself knows is shown
                owner=self,
            )

    def _got_elsewhere(self, call_id: str, tiers: Sequence[Mapping[str, Any]]) -> None:
        if self.call is not None and self.call.id == call_id:
            self._elsewhere = elsewhere(tiers)
            self._draw()

    def _draw(self) -> None:
        call = self.call
        if call is None:
            return
        self._title.setText(text.one_line(call.model or call.asked_model or tr("No model"), 120))
        self._when.setText(f"{text.moment(call.at_ms)} · {text.status(call.status)}")
        self.setAccessibleDescription(summary(call))
        clear(self._inside)
        for title, part in (
            (tr("Why it went there"), self._why(call)),
            (tr("Cost"), self._cost(call)),
            (tr("Tokens"), self._tokens(call)),
            (tr("Time"), self._time(call)),
            (tr("Attempts"), self._attempts(call)),
            (tr("Who"), self._who(call)),
        ):
            if part is not None:
                self._inside.addLayout(column(label(title, 12, 600, "muted"), part, spacing=8))
                self._inside.addWidget(rule())
        self._inside.addWidget(holding(self._foot(call)))
        self._inside.addStretch(1)

    # -- parts

    def _why(self, call: CallRecord) -> QVBoxLayout:
        box = column(spacing=6)
        head = row(Dot(call.tier.value if call.tier else "faint", round_=True), spacing=8)
        head.addWidget(label(text.tier(call.tier) if call.tier else text.status(call.status), 13, 600))
        if call.grade is not None:
            head.addWidget(pill(tr("grade {grade}").format(grade=text.grade(call.grade).lower())))
        if call.confidence is not None:
            head.addWidget(label(tr("{n} sure").format(n=text.percent(call.confidence)), 12, 400, "faint"))
        head.addStretch(1)
        box.addLayout(head)
        if call.reason:
            box.addWidget(_words(call.reason))
        if call.rule:
            box.addLayout(_pair(tr("Rule"), call.rule))
        if call.score is not None:
            box.addLayout(_pair(tr("Score"), tr("{n}, from 0 (simple) to 1 (hard)").format(n=f"{call.score:.2f}")))
        grader = graded_by(call)
        if grader:
            box.addLayout(_pair(tr("Graded by"), grader))
        if call.asked_model and call.asked_model != call.model:
            box.addLayout(_pair(tr("Asked for"), call.asked_model))
        if call.observed:
            box.addLayout(_pair(tr("Observed rule"), tr("would have routed to {route}").format(route=call.observed)))
        for name, said in told_signals(call.signals):
            box.addLayout(_pair(name, said))
        if call.switch:
            self._switch(box, call.switch)
        if call.error:
            wrong = _words(call.error)
            wrong.setProperty("tone", "bad")
            box.addWidget(wrong)
        if call.note:
            box.addWidget(_words(call.note))
        return box

    def _switch(self, box: QVBoxLayout, said: str) -> None:
        """Staying with the conversation's model, or leaving it: both prices, to scale."""
        sides = switch_sides(said)
        if sides is None:
            box.addLayout(_pair(tr("Switch"), said))
            return
        top = max(sides.staying, sides.switching, 1)
        for name, nanos, color in (
            (tr("Staying here"), sides.staying, "local" if sides.staying <= sides.switching else "strong"),
            (tr("Switching"), sides.switching, "local" if sides.switching < sides.staying else "strong"),
        ):
            amount = text.money(nanos, 2 if nanos >= USD_NANOS else 4)
            meter = Meter(name, 5)
            meter.set_parts([(nanos / top, color)], f"{name}: {amount}")
            box.addLayout(column(row(label(name, 13, 400, "muted"), None, label(amount, 13, 500)), meter, spacing=4))
        if sides.but:
            box.addWidget(_words(sides.but, "faint"))

    def _cost(self, call: CallRecord) -> QVBoxLayout | None:
        if call.status in UNFINISHED:
            held = tr("{n} held until it ends").format(n=text.money(call.hold))
            return column(label(held, 13))
        if call.status is Status.REFUSED:
            return None
        ways = cost_ways(call, self._elsewhere)
        top = max(way.nanos or 0 for way in ways)
        # As many digits in every line, so that they compare at a glance.
        digits = 2 if min((way.nanos for way in ways if way.nanos), default=0) >= USD_NANOS // 10 else 4
        box = column(spacing=9)
        for way in ways:
            said = cost(call) if way.paid else way.said(digits)
            meter = Meter(way.name, 5)
            meter.set_parts([((way.nanos or 0) / top if top else 0.0, way.color)], f"{way.name}: {said}")
            model = Elided(text.one_line(way.model, 60), 12, 400, "faint")
            name = label(way.name, 13, 600 if way.paid else 400)
            box.addLayout(column(row(name, model, label(said, 13, 600 if way.paid else 500)), meter, spacing=4))
        notes = []
        if call.unpriced:
            notes.append(tr("No price is known for this model: it counts as unpriced, not as free."))
        if call.estimated:
            notes.append(tr("The tokens are our own count: the provider reported none."))
        if call.disputed:
            notes.append(tr("The provider's figures are far from our count."))
        if call.overhead:
            notes.append(tr("{n} of it for grading and context work.").format(n=text.money(call.overhead)))
        if call.energy:
            notes.append(tr("{n} of electricity, not in the cost.").format(n=text.money(call.energy)))
        for note in notes:
            box.addWidget(_words(note, "faint"))
        return box

    def _tokens(self, call: CallRecord) -> QVBoxLayout | None:
        values = [(field, int(getattr(call.usage, field)), color) for field, color in BUCKETS]
        total = sum(value for _, value, _ in values)
        if not total:
            return None
        meter = Meter(tr("Tokens by bucket"), 8)
        meter.set_parts(
            [(value / total, color) for _, value, color in values],
            ", ".join(f"{bucket_name(field)} {text.number(value)}" for field, value, _ in values if value),
        )
        box = column(meter, spacing=6)
        for field, value, color in values:
            if value:
                box.addLayout(
                    row(
                        Dot(color),
                        label(bucket_name(field), 13, 400, "muted"),
                        None,
                        label(text.number(value), 13, 500),
                        spacing=8,
                    )
                )
        return box

    def _time(self, call: CallRecord) -> QVBoxLayout | None:
        if not call.duration_ms:
            return None
        line = TimeLine(call)
        box = column(line, spacing=6)
        for name, ms, color in line.parts:
            box.addLayout(
                row(Dot(color), label(name, 13, 400, "muted"), None, label(text.duration(ms), 13, 500), spacing=8)
            )
        produced = call.usage.produced
        stream = call.duration_ms - (call.first_byte_ms or 0)
        if produced and stream > 200 and call.first_byte_ms is not None:
            speed = tr("{n} tokens a second").format(n=text.number(round(produced / stream * 1000)))
            box.addWidget(label(speed, 12, 400, "faint"))
        return box

    def _attempts(self, call: CallRecord) -> QVBoxLayout | None:
        if not call.attempts:
            return None
        box = column(spacing=8)
        for number, one in enumerate(call.attempts, 1):
            good = one.status == "ok"
            head = row(
                label(f"{number}.", 13, 400, "faint"),
                Elided(text.one_line(f"{one.provider}/{one.model}"), 13, 500),
                pill(text.one_line(one.status, 24), "good" if good else "bad"),
                spacing=7,
            )
            said = f"{text.tier(one.tier)} · {text.duration(one.duration_ms)} · {text.money(one.cost)}"
            lines = column(head, label(said, 12, 400, "faint"), spacing=3)
            if one.error:
                lines.addWidget(_words(one.error, "bad"))
            box.addLayout(lines)
        return box

    def _who(self, call: CallRecord) -> QVBoxLayout:
        box = column(spacing=5)
        for name, value in (
            (tr("Client"), call.client),
            (tr("Developer"), call.developer),
            (tr("Department"), call.department),
            (tr("Project"), call.project),
            (tr("Session"), call.session),
            (tr("Provider"), call.provider),
            (tr("Spoke"), call.dialect.replace("_", " ")),
        ):
            if value:
                box.addLayout(_pair(name, value))
        if call.dropped:
            box.addLayout(_pair(tr("Dropped"), ", ".join(call.dropped)))
        return box

    def _foot(self, call: CallRecord) -> QVBoxLayout:
        def copy() -> None:
            QGuiApplication.clipboard().setText(call.id)
            button.setText(tr("Copied"))

        button = Button(tr("Copy id"), "copy", pressed=copy)
        session = call.session

        def see_session() -> None:
            self._desk.act("open", f"calls/session/{session}")

        both = row(button, spacing=8)
        if session:
            both.addWidget(Button(tr("This session"), "list-filter", pressed=see_session))
        both.addStretch(1)
        box = column(spacing=10)
        if call.tier is not None and call.status is Status.SETTLED:
            box.addLayout(self._thumbs(call))
        box.addLayout(both)
        return box

    def _thumbs(self, call: CallRecord) -> QVBoxLayout:
        dear = call.tier is Tier.HIGH
        question = tr("Would a cheaper model have done?") if dear else tr("Was the answer good enough?")
        yes, no = judging(call.tier) if dear else (tr("Good answer"), tr("Bad answer"))
        line = row(label(question, 13), None, spacing=6)
        for up, icon, name in ((True, "thumbs-up", yes), (False, "thumbs-down", no)):
            given = self._thumb is up
            button = Button(
                "",
                icon,
                "plain" if given else "bare",
                name=name,
                pressed=partial(self._give_thumb, call.id, up, dear),
            )
            button.setAccessibleDescription(tr("given") if given else "")
            line.addWidget(button)
        box = column(line, spacing=3)
        if self._thumb is not None:
            noted = (
                tr("Noted. It counts when the grader is calibrated.")
                if call.grade is not None or call.features
                else tr("Noted. The grader learns nothing from it: this call was not graded.")
            )
            box.addWidget(label(noted, 12, 400, "faint", wrap=True))
        return box

    def _got_verdict(self, call_id: str, good: bool | None) -> None:
        if good is not None and self.call is not None and self.call.id == call_id:
            self._thumb = good
            self._draw()

    def _give_thumb(self, call_id: str, up: bool, dear: bool) -> None:
        link = self._desk.link

        def work() -> object:
            client = link.client()
            return client.verdict(call_id, good=up) if dear else client.thumbs(call_id, up=up)

        self._desk.pool.run(
            work,
            lambda _: self._got_verdict(call_id, up),
            lambda error: self._desk.failed.emit(error.said),
            owner=self,
        )


class TimeLine(Chart):
    """Waiting in our queue, waiting for the first byte, the stream: to scale."""

    def __init__(self, call: CallRecord) -> None:
        super().__init__(tr("Time line"))
        queue = call.queue_ms
        first = max(0, (call.first_byte_ms if call.first_byte_ms is not None else call.duration_ms) - queue)
        stream = max(0, call.duration_ms - queue - first)
        names = (
            (tr("In the queue"), queue, "amber"),
            (tr("To the first byte"), first, "strong"),
            (tr("Stream"), stream, "fast"),
        )
        self.parts = [part for part in names if part[1]]
        self._total = max(1, sum(ms for _, ms, _ in self.parts))
        self.setFixedHeight(px(10))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleDescription(", ".join(f"{name} {text.duration(ms)}" for name, ms, _ in self.parts))

    def paintEvent(self, event: QPaintEvent) -> None:
        p, t = self.begin(), theme.now()
        x, gap = 0.0, px(2)
        room = self.width() - gap * (len(self.parts) - 1)
        p.setPen(Qt.PenStyle.NoPen)
        for _, ms, color in self.parts:
            width = max(2.0, room * ms / self._total)
            p.setBrush(QColor(t.named(color)))
            p.drawRoundedRect(QRectF(x, 0, width, self.height()), px(3), px(3))
            x += width + gap
        p.end()


def summary(call: CallRecord) -> str:
    """One sentence for a screen reader."""
    return tr("{model} for {client}: {reason}. {cost}, {time}.").format(
        model=text.one_line(call.model or call.asked_model),
        client=text.one_line(call.client),
        reason=text.one_line(call.reason or call.error or text.status(call.status), 160),
        cost=cost(call),
        time=text.duration(call.duration_ms),
    )


def _words(said: str, tone: str = "") -> QLabel:
    made = label(said[:1_000], 13 if not tone else 12.5, 400, tone, wrap=True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def _pair(name: str, value: str) -> QVBoxLayout:
    left = label(name, 13, 400, "faint")
    left.setFixedWidth(px(92))
    shown = Elided(text.one_line(value, 400), 13)
    shown.setToolTip(_tip(value))
    line = row(spacing=8)
    line.addWidget(left)
    line.addWidget(shown, 1)
    box = column(spacing=0)
    box.addLayout(line)
    return box


def _tip(value: str) -> str:
    from turnout.desktop.widgets import plain

    return plain(text.one_line(value, 400))
