"""Beside the rules: what the edit would have done to the last calls, and what any prompt would get."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from turnout.desktop import text, theme
from turnout.desktop.charts import Meter
from turnout.desktop.models.preview import ORDER, Moved, Preview, Tried, WayLine, way_name
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Dot,
    Elided,
    clear,
    column,
    label,
    retone,
    row,
    section,
)

SHOWN = 5
TIERS = tuple(tier.value for tier in ORDER)


class PreviewCard(Card):
    opened = Signal(str)
    """A call's id."""

    def __init__(self) -> None:
        self._count = label("", 12, 400, "faint")
        self._head = label("", 20, 600)
        self._words = label("", 12.5, 400, "muted", wrap=True)
        self._verdict = label("", 12, 400, "faint", wrap=True)
        self._title = section(tr("What these rules would have done"))
        self._lines = QVBoxLayout()
        self._lines.setSpacing(px(11))
        self._moved = QVBoxLayout()
        self._moved.setSpacing(px(7))
        super().__init__(
            row(self._title, None, self._count),
            self._head,
            self._words,
            4,
            self._lines,
            2,
            self._verdict,
            4,
            self._moved,
        )
        self.setAccessibleName(tr("Preview"))
        self.wait()

    def wait(self) -> None:
        retone(self._head, "faint")
        self._words.setText(tr("Replaying the last calls through these rules…"))
        if not self._head.text():
            self._head.setText("…")

    def say(self, words: str) -> None:
        """No preview: the file has errors, or there are no calls."""
        self._head.setText("–")
        retone(self._head, "faint")
        self._words.setText(words)
        self._verdict.hide()
        self._count.setText("")
        clear(self._lines)
        clear(self._moved)

    def show_preview(self, shown: Preview) -> None:
        edit = shown.base == "in force"
        self._title.setText(tr("What the edit would have done") if edit else tr("What these rules would have done"))
        self._count.setText(text.plural(shown.replayed, "{n} call", "{n} calls"))
        self._head.setText(shown.headline)
        retone(self._head, {True: "good", False: "warn", None: ""}[shown.better])
        self._words.setText(_words(shown))
        self._verdict.setText(text.one_line(shown.verdict, 300))
        self._verdict.setVisible(bool(shown.verdict))
        self.setAccessibleDescription(f"{shown.headline}. {self._words.text()}")
        clear(self._lines)
        for line in shown.lines:
            self._lines.addLayout(_way(line))
        clear(self._moved)
        for one in shown.moved[:SHOWN]:
            self._moved.addLayout(self._moved_row(one))
        if len(shown.moved) > SHOWN:
            self._moved.addWidget(
                label(tr("and {n} more").format(n=text.number(len(shown.moved) - SHOWN)), 12, 400, "faint")
            )

    def _moved_row(self, one: Moved) -> QHBoxLayout:
        before, after = one.before.partition(" "), one.after.partition(" ")
        change = _change(one.cost_after - one.cost_before)
        opens = Button(
            change,
            look="link",
            name=tr("Open this call: {change}").format(change=change),
            tip=tr("Open this call"),
            pressed=partial(self.opened.emit, one.call),
        )
        opens.setProperty("side", "right")
        opens.setFixedWidth(px(70))
        return row(
            Dot(before[0] if before[0] in TIERS else "faint", round_=True),
            Elided(text.one_line(before[2].partition("/")[2], 60), 12, 400, "muted"),
            label("→", 12, 400, "faint"),
            Dot(after[0] if after[0] in TIERS else "faint", round_=True),
            Elided(text.one_line(after[2].partition("/")[2], 60), 12, 500),
            opens,
            spacing=4,
        )


def _way(line: WayLine) -> QVBoxLayout:
    name = way_name(line.name)
    meter = Meter(name, 6)
    mix = ", ".join(f"{text.tier(tier)} {text.percent(line.mix[tier])}" for tier in ORDER)
    meter.set_parts([(line.mix[tier], tier.value) for tier in ORDER], f"{name}: {mix}, {text.money(line.cost)}")
    meter.setToolTip(mix)
    strong = line.name == "these rules"
    met = tr("{n} of need met").format(n=text.percent(line.met)) if line.met is not None else ""
    cost = label(text.money(line.cost), 13, 600 if strong else 500)
    cost.setMinimumWidth(px(58))
    cost.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    head = row(Elided(name, 13, 600 if strong else 400), label(met, 12, 400, "faint"), cost, spacing=10)
    return column(head, meter, spacing=4)


def _words(shown: Preview) -> str:
    if shown.base == "in force":
        words = [text.plural(len(shown.moved), "{n} call would go elsewhere.", "{n} calls would go elsewhere.")]
    else:
        words = [
            text.plural(len(shown.moved), "{n} call would have gone elsewhere.", "{n} calls would have gone elsewhere.")
        ]
    if shown.refused:
        words.append(text.plural(shown.refused, "{n} would have been refused.", "{n} would have been refused."))
    unknown = sum(shown.unknown.values())
    if unknown:
        words.append(
            text.plural(unknown, "{n} cannot be judged: no text is kept.", "{n} cannot be judged: no text is kept.")
        )
    return " ".join(words)


class TryCard(Card):
    asked = Signal(str)

    def __init__(self) -> None:
        self._box = QLineEdit()
        self._box.setPlaceholderText(tr("Type any prompt…"))
        self._box.setAccessibleName(tr("Prompt to try"))
        self._box.setFont(theme.font(13))
        self._answer = QVBoxLayout()
        self._answer.setSpacing(px(6))
        self._go = Button(tr("Try"), pressed=self._ask)
        line = row(spacing=8)
        line.addWidget(self._box, 1)
        line.addWidget(self._go)
        super().__init__(section(tr("Try a prompt")), 2, line, 2, self._answer, spacing=6)
        self._box.returnPressed.connect(self._ask)

    def prompt(self) -> str:
        return self._box.text().strip()

    def again(self) -> None:
        """The rules changed: what is typed is asked again."""
        if self.prompt() and self._answer.count():
            self._ask()

    def _ask(self) -> None:
        if self.prompt():
            self.asked.emit(self.prompt())

    def say(self, words: str) -> None:
        clear(self._answer)
        self._answer.addWidget(label(words, 12.5, 400, "faint", wrap=True))

    def show_tried(self, shown: Tried) -> None:
        clear(self._answer)
        if shown.refusal:
            self._answer.addWidget(label(tr("Refused"), 14, 600, "bad"))
            self._answer.addWidget(label(shown.refusal, 12.5, 400, "muted", wrap=True))
        else:
            name = text.tier(shown.tier) if shown.tier else tr("As asked")
            head = row(Dot(shown.tier.value if shown.tier else "faint", round_=True), label(name, 14, 600), spacing=8)
            head.addWidget(Elided(text.one_line(shown.models[0], 80) if shown.models else "", 13, 400, "muted"), 1)
            self._answer.addLayout(head)
            self._answer.addWidget(label(text.one_line(shown.reason, 300), 12.5, 400, "muted", wrap=True))
            if len(shown.models) > 1:
                then = tr("then {models}").format(models=", ".join(text.one_line(one, 48) for one in shown.models[1:4]))
                self._answer.addWidget(label(then, 12, 400, "faint", wrap=True))
        for name, outcome in shown.reached[-4:]:
            self._answer.addLayout(_reached(name, outcome))
        self.setAccessibleDescription(shown.refusal or f"{shown.rule}: {shown.reason}")


def _reached(name: str, outcome: str) -> QVBoxLayout:
    said: dict[str, tuple[str, str]] = {
        "matched": (tr("fits"), "good"),
        "observed": (tr("noted"), "amber"),
        "no": (tr("does not fit"), "faint"),
    }
    words, tone = said.get(outcome, (outcome, "faint"))
    line: list[QWidget] = [
        Elided(text.one_line(name, 80), 12, 400, "muted" if outcome != "no" else "faint"),
        _right(words, tone),
    ]
    return column(row(*line, spacing=8))


def _right(words: str, tone: str) -> QLabel:
    made = label(words, 12, 500 if tone == "good" else 400, tone if tone != "amber" else "warn")
    made.setAlignment(Qt.AlignmentFlag.AlignRight)
    return made


def _change(nanos: int) -> str:
    if nanos == 0:
        return "±0"
    return ("−" if nanos < 0 else "+") + text.money(abs(nanos))
