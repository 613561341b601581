"""Owned hardware: what it costs by the calendar, how busy it is, and from how many tokens on it pays against the cloud."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from turnout.desktop import text
from turnout.desktop.charts import Meter
from turnout.desktop.commands import Doc
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.models import owned
from turnout.desktop.models.owned import Machine
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Combo,
    Elided,
    Field,
    Note,
    Segments,
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
from turnout.settings.files import edit_settings
from turnout.settings.model import Settings


class OwnedCard(Card):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = Settings()
        self._drawn: Sequence[Machine] | None = None
        self.since = Segments(
            tr("Range of owned hardware"), [("7d", tr("7 days")), ("30d", tr("30 days")), ("", tr("All"))], "30d"
        )
        self.since.chosen.connect(lambda _: self.ask())
        self.edit = Button(tr("Say what it costs"), "pencil", pressed=self._open)
        self.note = Note()
        self._box = QVBoxLayout()
        self._box.setSpacing(px(12))
        self._box.addWidget(label(tr("Adding up…"), 13, 400, "faint"))
        self._form = OwnedForm()
        self._form.hide()
        self._form.which.activated.connect(lambda _: self._fill())
        self._form.save.clicked.connect(self._save)
        self._form.cancel.clicked.connect(self._form.hide)
        super().__init__(
            Fold(
                row(
                    section(tr("Owned hardware")),
                    aside(tr("booked by the calendar, never drawn from credits")),
                    None,
                ),
                row(self.since, self.edit),
            ),
            self.note,
            self._form,
            4,
            self._box,
            spacing=8,
        )
        self.hide()

    def show_settings(self, settings: Settings) -> None:
        """Shown where there is an engine inside our walls, or an entry that says what one costs."""
        self._settings = settings
        offered = owned.patterns(settings)
        self.setVisible(bool(offered))
        self._form.offer(offered)
        if offered:
            self.ask()

    def ask(self) -> None:
        since = self.since.value()
        words = ["spend", *(["--since", since] if since else [])]
        self._desk.commands.ask(words, self._got, self._broke, key="owned", owner=self)

    def _broke(self, error: TurnoutError) -> None:
        self.note.say(error.said, "bad", tr("Try again"), self.ask)

    def _got(self, doc: Doc) -> None:
        if self.note.property("kind") == "bad":
            self.note.say("")
        found = owned.machines(doc)
        if found == self._drawn:
            return
        self._drawn = found
        clear(self._box)
        for number, machine in enumerate(found):
            if number:
                self._box.addWidget(rule())
            self._box.addLayout(_machine(machine))
        if not found:
            words = tr(
                "Nothing is said of what your own machine costs: its calls count as free. With its watts and price, each call "
                "has its electricity, and here stands whether it pays against the cloud."
            )
            self._box.addWidget(label(words, 13, 400, "faint", wrap=True))

    # -- saying what it costs

    def _open(self) -> None:
        self.note.say("")
        self._form.setVisible(self._form.isHidden())
        if not self._form.isHidden():
            self._fill()
            self._form.fields[0].inside.setFocus()

    def _fill(self) -> None:
        self._form.fill(owned.entry(self._settings, self._form.pattern))

    def _save(self) -> None:
        pattern, values = self._form.pattern, self._form.values()
        said = owned.wrong(values)
        self._form.wrong(said)
        if said:
            return
        path = self._desk.places.settings

        def saved(settings: Settings) -> None:
            self._form.hide()
            self._settings = settings
            self.note.say(
                tr("Noted for {models}: it counts from the next call on.").format(models=text.one_line(pattern, 60)),
                "good",
            )
            client = self._desk.link.client
            self._desk.pool.run(lambda: client().reload(), lambda _: None, lambda _: None, owner=self)
            self.ask()

        self._desk.pool.run(
            lambda: edit_settings(path, lambda doc: owned.change(doc, pattern, values)),
            saved,
            lambda error: self._form.wrong(error.said),
            owner=self,
        )


class OwnedForm(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("clear")
        self.which = Combo(tr("Whose costs"))
        self.which.setFixedWidth(px(220))
        titles = (
            (tr("Watts while busy"), "320"),
            (tr("Dollars per kWh"), "0.30"),
            (tr("Price of the hardware, dollars"), "2400"),
            (tr("Paid off over, months"), "36"),
        )
        self.fields = []
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(px(12))
        grid.setVerticalSpacing(px(10))
        for n, (title, hint) in enumerate(titles):
            edit = QLineEdit()
            edit.setPlaceholderText(hint)
            edit.setAccessibleName(title)
            field = Field(title, edit)
            self.fields.append(field)
            grid.addWidget(field, n // 2, n % 2)
        self.save = Button(tr("Save costs"), look="main")
        self.cancel = Button(tr("Cancel"), name=tr("Leave the costs as they are"))
        self._wrong = label("", 12.5, 400, "bad", wrap=True)
        self._wrong.hide()
        self.setLayout(
            column(row(self.which, None), holding(grid), self._wrong, row(self.save, self.cancel, None), spacing=10)
        )

    @property
    def pattern(self) -> str:
        return str(self.which.currentData() or "")

    def offer(self, patterns: Sequence[str]) -> None:
        if [self.which.itemData(n) for n in range(self.which.count())] != list(patterns):
            chosen = self.pattern
            self.which.clear()
            for one in patterns:
                self.which.addItem(text.one_line(one, 80), one)
            self.which.setCurrentIndex(max(0, self.which.findData(chosen)))

    def fill(self, values: Sequence[str]) -> None:
        self.wrong("")
        for edit, value in zip(self._edits(), values, strict=True):
            edit.setText(value)

    def values(self) -> list[str]:
        return [edit.text() for edit in self._edits()]

    def wrong(self, words: str) -> None:
        self._wrong.setText(words)
        self._wrong.setVisible(bool(words))

    def _edits(self) -> list[QLineEdit]:
        return [field.inside for field in self.fields if isinstance(field.inside, QLineEdit)]


def _machine(one: Machine) -> QVBoxLayout:
    words, kind = one.verdict
    calls = text.plural(one.calls, "{n} call", "{n} calls")
    box = column(
        row(Elided(text.one_line(one.pattern, 80), 13, 600), aside(calls), pill(words, kind))
    )
    box.setSpacing(px(9))
    lines = [
        (tr("Hardware, by the calendar"), text.money(one.booked), one.hardware_said, None),
        (tr("Electricity, by the call"), text.money(one.energy), "", None),
        (tr("Utilisation"), text.percent(one.utilisation), one.utilisation_said, (one.utilisation, "fast")),
    ]
    if one.compared:
        cloud = tr("The same tokens at {model}").format(model=text.one_line(one.cloud, 60))
        lines.append((cloud, text.money(one.cloud_cost), one.cloud_said, None))
        share = text.percent(min(one.share, 9.99)) if one.pays_from else "–"
        color = "local" if one.share >= 1 else "amber"
        lines.append((tr("Break-even"), share, one.even_said, (min(1.0, one.share), color)))
    for title, value, why, meter in lines:
        line = row(Elided(title, 13, 400), aside(why), _figure(value), spacing=12)
        box.addLayout(line)
        if meter is not None:
            shown = Meter(title, 5)
            shown.set_parts([meter], f"{title}: {value}, {why}")
            box.addWidget(shown)
    return box


def _figure(value: str) -> QWidget:
    made = label(value, 13, 500)
    made.setMinimumWidth(px(70))
    made.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return made
