"""The last 100 calls asked one question: which of them needed the dear model? Thumbs teach the grader."""

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from turnout.calls.units import USD_NANOS, Tier
from turnout.desktop import text
from turnout.desktop.charts import Meter
from turnout.desktop.commands import Doc
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.models.audit import Audit as Found
from turnout.desktop.models.audit import Judged, audit, fitted, judging
from turnout.desktop.pages.page import Page
from turnout.desktop.pages.shadowcheck import ShadowCheck
from turnout.desktop.pages.sidebyside import SideBySide
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Dot,
    Elided,
    Scroll,
    Segments,
    aside,
    clear,
    column,
    holding,
    label,
    row,
    rule,
    section,
)
from turnout.errors import TurnoutError


class Audit(Page):
    def __init__(self, desk: Desk) -> None:
        self.which = Segments(
            tr("Which calls"), [("cheaper", tr("A cheaper tier would do")), ("dear", tr("Dear")), ("all", tr("All"))]
        )
        super().__init__(desk, None, self.which, Button(tr("Audit again"), "refresh-cw", pressed=self.refresh))
        self._found: Found | None = None
        self._thumbs: dict[str, bool] = {}
        """By call id: what was said of it, by thumb, of dear calls by verdict (`models.audit.judging`)."""
        self._verdicts: dict[str, bool] = {}
        self._more = 25
        self.which.chosen.connect(lambda _: self._draw())
        self.headline = label("…", 20, 600, wrap=True)
        self.words = label(tr("Looking at the last 100 calls…"), 13, 400, "muted", wrap=True)
        self.ways = QVBoxLayout()
        self.ways.setSpacing(px(10))
        self.headline.setMinimumWidth(px(220))
        summary = Fold(column(self.headline, self.words, None, spacing=6), self.ways, 28, (3, 2))
        # Wrapped words are as high as their width leaves them.
        summary.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.rows = QVBoxLayout()
        self.rows.setSpacing(0)
        self.calls = Card(
            row(
                section(tr("Calls")),
                aside(tr("thumbs teach the grader")),
                None,
                Button(
                    tr("Calibrate the grader"),
                    "sliders-horizontal",
                    tip=tr("Fit the grader to the thumbs and side-by-side verdicts so far"),
                    pressed=self._calibrate,
                ),
            ),
            4,
            self.rows,
            spacing=6,
        )
        self.check = ShadowCheck(desk)
        self.check.judged.connect(self._judged)
        self.shadow = SideBySide(desk)
        inside = QWidget()
        inside.setObjectName("clear")
        inside.setLayout(column(Card(summary), self.calls, self.check, self.shadow, None, spacing=14))
        self.bleed()
        self.body.addWidget(Scroll(inside), 1)

    def heading(self) -> str:
        return tr("Audit")

    def refresh(self) -> None:
        self.desk.ledger.run(
            lambda ledger: (ledger.thumbs(), ledger.verdicts()),
            lambda said: self._got_thumbs(*said),
            lambda _: None,
            owner=self,
        )
        self.check.ask_plan()
        self._audit()

    def _audit(self) -> None:
        self.desk.commands.ask(["audit", "--last", "100"], self._got, self.failed, key="audit", owner=self)

    def ledger_changed(self) -> None:
        self.shadow.ledger_changed()

    def _got_thumbs(self, thumbs: Mapping[str, bool], verdicts: Mapping[str, bool]) -> None:
        self._thumbs, self._verdicts = dict(thumbs), dict(verdicts)
        self._draw()

    def _got(self, doc: Doc) -> None:
        if self.note.property("kind") == "bad":
            self.note.say("")
        found = self._found = audit(doc)
        self.calls.setVisible(bool(found.calls))
        self.which.setVisible(bool(found.calls))
        self.headline.setText(found.headline)
        self.words.setText(found.words)
        clear(self.ways)
        known = [(tr("As it was"), found.cost, "accent")]
        known += [
            (tr("All of them {tier}").format(tier=text.tier(tier).lower()), cost, tier.value)
            for tier in (Tier.HIGH, Tier.FAST, Tier.LOCAL)
            if (cost := found.all_at[tier]) is not None
        ]
        top = max((cost for _, cost, _ in known), default=0)
        for name, cost, color in known if found.calls else ():
            meter = Meter(name, 6)
            meter.set_parts([(cost / top if top else 0.0, color)], f"{name}: {text.money(cost)}")
            self.ways.addLayout(column(row(Elided(name, 13), label(text.money(cost), 13, 500)), meter, spacing=4))
        self.ways.addStretch(1)
        self._draw()

    def _draw(self) -> None:
        clear(self.rows)
        found = self._found
        if found is None:
            return
        which = self.which.value()
        rows = [
            one
            for one in found.rows
            if which == "all" or (which == "cheaper" and one.cheaper) or (which == "dear" and one.tier is Tier.HIGH)
        ]
        if which == "cheaper":
            rows.sort(key=lambda one: -one.could_save)
        if not rows:
            none = {
                "cheaper": tr("As far as their grades say, no cheaper tier would have done any of them."),
                "dear": tr("None of them went to the dear tier."),
            }.get(which, tr("None."))
            self.rows.addWidget(label(none, 13, 400, "faint", wrap=True))
        for number, one in enumerate(rows[: self._more]):
            if number:
                self.rows.addWidget(rule())
            self.rows.addWidget(self._row(one))
        if len(rows) > self._more:
            self.rows.addWidget(
                Button(tr("Show {n} more").format(n=len(rows) - self._more), look="link", pressed=self._all)
            )

    def _row(self, one: Judged) -> QWidget:
        arrow = row(spacing=7)
        for n, tier in enumerate((one.tier, one.enough) if one.cheaper else (one.tier,)):
            if n:
                arrow.addWidget(label("→", 12, 400, "faint"))
            arrow.addWidget(Dot(tier.value if tier else "faint", round_=True))
            arrow.addWidget(label(text.tier(tier), 13, 500))
        arrow.addStretch(1)
        track = holding(arrow)
        track.setFixedWidth(px(132))
        what = row(track, spacing=10)
        what.addWidget(Elided(text.one_line(one.client, 60), 13, 500), 2)
        what.addWidget(Elided(text.one_line(one.reason, 200), 13, 400, "muted"), 5)
        line = row(spacing=10)
        saved = tr("{n} less").format(n=_money(one.could_save)) if one.cheaper else ""
        for shown, width in ((label(saved, 12, 400, "good"), 96), (label(_money(one.cost), 13, 500), 64)):
            shown.setFixedWidth(px(width))
            shown.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            line.addWidget(shown)
        yes, no = judging(one.tier)
        said = self._verdicts if one.tier is Tier.HIGH else self._thumbs
        for up, icon, name in ((True, "thumbs-up", yes), (False, "thumbs-down", no)):
            given = said.get(one.call) is up
            button = Button(
                "",
                icon,
                "plain" if given else "bare",
                name=f"{name}: {text.one_line(one.reason, 60)}",
                tip=name,
                pressed=partial(self._thumb, one, up),
            )
            button.setAccessibleDescription(tr("given") if given else "")
            line.addWidget(button)
        line.addWidget(
            Button(
                "",
                "chevron-right",
                "bare",
                name=tr("Open this call"),
                pressed=partial(self.desk.act, "open", f"calls/{one.call}"),
            )
        )
        return holding(column(Fold(what, line, 10), margins=(0, 7, 0, 7)))

    def _all(self) -> None:
        self._more = 100
        self._draw()

    def _calibrate(self) -> None:
        def done(doc: Doc) -> None:
            words, kind = fitted(doc)
            self.note.say(words, kind, tr("Take it back"), self._uncalibrate)

        self.note.say(tr("Fitting…"), "info")
        self.desk.commands.ask(["calibrate"], done, self._not_calibrated, key="calibrate", owner=self)

    def _not_calibrated(self, error: TurnoutError) -> None:
        self.note.say(error.said, "warn")

    def _uncalibrate(self) -> None:
        self.desk.commands.ask(
            ["calibrate", "undo"],
            lambda _: self.note.say(tr("The grader is as it was shipped."), "info"),
            self.failed,
            key="calibrate",
            owner=self,
        )

    def _judged(self, call: str, good: bool) -> None:
        """In the shadow check below: the rows and the headline follow."""
        self._verdicts[call] = good
        self._audit()

    def _thumb(self, one: Judged, up: bool) -> None:
        dear = one.tier is Tier.HIGH
        said = self._verdicts if dear else self._thumbs
        before = said.get(one.call)
        said[one.call] = up
        self._draw()

        def broke(error: TurnoutError) -> None:
            said.pop(one.call, None)
            if before is not None:
                said[one.call] = before
            self._draw()
            self.failed(error)

        link = self.desk.link

        def work() -> object:
            client = link.client()
            return client.verdict(one.call, good=up) if dear else client.thumbs(one.call, up=up)

        # A verdict goes before the grade: what a cheaper tier could have done is another sum now.
        self.desk.pool.run(work, lambda _: self._audit() if dear else None, broke, owner=self)


def _money(nanos: int) -> str:
    """With as many digits in every row, so that a column can be read down."""
    return text.money(nanos, 2 if nanos >= USD_NANOS else 4)
