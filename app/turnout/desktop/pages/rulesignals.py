"""The named facts that rules ask for: each with its definition as TOML, edited in place."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QVBoxLayout

from turnout.desktop import text as words
from turnout.desktop import theme
from turnout.desktop.models.rulesdoc import SignalRow
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Button, Card, Elided, aside, clear, label, row, section


class SignalsCard(Card):
    wanted = Signal(str, str)
    """A name and its definition; an empty one takes the signal away."""

    def __init__(self) -> None:
        self._rows = QVBoxLayout()
        self._rows.setSpacing(px(8))
        self._shown: Sequence[SignalRow] = ()
        self._name, self._value = QLineEdit(), QLineEdit()
        self._name.setPlaceholderText(tr("name"))
        self._name.setAccessibleName(tr("New signal's name"))
        self._name.setFixedWidth(px(120))
        self._value.setPlaceholderText('{ kind = "tokens", gte = 60000 }')
        self._value.setAccessibleName(tr("New signal's definition"))
        for edit in (self._name, self._value):
            edit.setFont(theme.mono(12))
            edit.returnPressed.connect(self._add)
        self._wrong = label("", 12, 400, "bad", wrap=True)
        self._wrong.hide()
        fresh = row(spacing=8)
        fresh.addWidget(self._name)
        fresh.addWidget(self._value, 1)
        fresh.addWidget(Button(tr("Add"), pressed=self._add, name=tr("Add signal")))
        super().__init__(
            row(section(tr("Signals")), aside(tr("named facts that rules ask for")), None),
            2,
            self._rows,
            4,
            fresh,
            self._wrong,
        )

    def show_signals(self, signals: Sequence[SignalRow]) -> None:
        if signals == self._shown and self._rows.count():
            return
        self._shown = signals
        clear(self._rows)
        for one in signals:
            name = Elided(words.one_line(one.name, 60), 13, 500)
            name.setFixedWidth(px(120))
            name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
            value = QLineEdit(words.one_line(one.definition, 2_000))
            value.setFont(theme.mono(12))
            value.setCursorPosition(0)
            value.setAccessibleName(tr("Definition of {signal}").format(signal=one.name))
            value.editingFinished.connect(partial(self._edited, one, value))
            drop = Button(
                "",
                "trash-2",
                "bare",
                name=tr("Delete signal {signal}").format(signal=one.name),
                pressed=partial(self.wanted.emit, one.name, ""),
            )
            line = row(spacing=8)
            line.addWidget(name)
            line.addWidget(value, 1)
            line.addWidget(drop)
            self._rows.addLayout(line)

    def judge(self, *, good: bool) -> None:
        """Whether what was wanted is TOML; what was typed stays until it is."""
        self._wrong.setVisible(not good)
        if good:
            self._name.clear()
            self._value.clear()
        else:
            self._wrong.setText(tr('Write it as TOML, like {{ kind = "tokens", gte = 60000 }}.').format())

    def _add(self) -> None:
        name, value = self._name.text().strip(), self._value.text().strip()
        if name and value:
            self.wanted.emit(name, value)

    def _edited(self, one: SignalRow, edit: QLineEdit) -> None:
        definition = edit.text().strip()
        if definition and definition != words.one_line(one.definition, 2_000):
            self.wanted.emit(one.name, definition)
