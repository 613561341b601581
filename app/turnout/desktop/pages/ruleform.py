"""One rule as a form. It says which keys changed, as typing rests; the page writes them into the text."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QCompleter, QGridLayout, QLineEdit, QListView, QWidget

from turnout.desktop import theme
from turnout.desktop.models.rulesdoc import RuleRow, Value
from turnout.desktop.pages.rulelist import route_name
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Button, Combo, Field, Switch, column, label, row

ROUTES = ("grade", "high", "fast", "local", "pinned", "asked", "block")


def failures() -> list[tuple[tuple[str, ...], str]]:
    """What `on_failure` is in the file, and its words."""
    return [
        (("next",), tr("Next candidate")),
        (("next", "up"), tr("Next candidate, then one tier up")),
        (("next", "down"), tr("Next candidate, then one tier down")),
        (("refuse",), tr("Refuse")),
    ]


class WhenEdit(QLineEdit):
    """Completes signals and the words between them, at the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self.setFont(theme.mono(12.5))
        self._words = QStringListModel([])
        self._completer = QCompleter(self._words, self)
        self._popup = QListView()
        self._completer.setPopup(self._popup)
        self._completer.setWidget(self)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.activated.connect(self._take)
        self.textEdited.connect(self._offer)

    def set_words(self, words: Sequence[str]) -> None:
        self._words.setStringList([*words, "and", "or", "not", "true"])

    def _offer(self, _: str) -> None:
        prefix = self._prefix()
        self._completer.setCompletionPrefix(prefix)
        if not prefix or self._completer.completionCount() == 0 or self._completer.currentCompletion() == prefix:
            self._popup.hide()
        else:
            self._completer.complete()

    def _prefix(self) -> str:
        before = self.text()[: self.cursorPosition()]
        return before[max(before.rfind(" "), before.rfind("(")) + 1 :]

    def _take(self, word: str) -> None:
        at, prefix = self.cursorPosition(), self._prefix()
        self.setText(self.text()[: at - len(prefix)] + word + self.text()[at:])
        self.setCursorPosition(at - len(prefix) + len(word))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if not self._popup.isVisible():
            super().focusOutEvent(event)


class RuleForm(QWidget):
    changed = Signal(object)
    """Mapping of key to value; None takes the key away."""
    removed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("clear")
        self._showing = RuleRow("")
        self._name, self._max = QLineEdit(), QLineEdit()
        self._when = WhenEdit()
        self._route, self._failure = Combo(), Combo()
        self._route.setEditable(False)
        self._private, self._observe = Switch(tr("Private: never leaves for a cloud")), Switch(tr("Observe only"))
        for value, said in failures():
            self._failure.addItem(said, value)
        self._max.setPlaceholderText(tr("no limit"))
        self.name, self.when = Field(tr("Name"), self._name), Field(tr("When"), self._when)
        self.route, self.failure = Field(tr("Route"), self._route), Field(tr("When it fails"), self._failure)
        self.max = Field(tr("At most, in dollars a call"), self._max)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(px(14))
        grid.setVerticalSpacing(px(10))
        for n, (field, at) in enumerate(
            ((self.name, (0, 0)), (self.route, (0, 1)), (self.when, (1, 0)), (self.failure, (1, 1)), (self.max, (2, 1)))
        ):
            del n
            grid.addWidget(field, *at, Qt.AlignmentFlag.AlignTop)
        switches = column(
            row(self._private, label(tr("Private: never leaves for a cloud"), 13), None, spacing=9),
            row(self._observe, label(tr("Observe only: note it, change nothing"), 13), None, spacing=9),
            spacing=9,
            margins=(0, 4, 0, 0),
        )
        grid.addLayout(switches, 2, 0, Qt.AlignmentFlag.AlignTop)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        remove = Button(tr("Delete rule"), "trash-2", "danger", pressed=self.removed.emit)
        self.setLayout(column(grid, row(None, remove), spacing=8))
        self._held: dict[QLineEdit, str] = {}
        """What each held when it was last shown or said: what a file may hold, a line edit may not hold as it is."""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(300)
        self._rest.timeout.connect(self.flush)
        for edit in (self._name, self._when, self._max):
            # `textChanged`: assistive technology writes without `textEdited`, and completion does too.
            edit.textChanged.connect(lambda _: self._rest.start())
            edit.editingFinished.connect(self.flush)
        self._route.activated.connect(lambda _: self._say("route", str(self._route.currentData()), self._showing.route))
        self._failure.activated.connect(self._say_failure)
        self._private.toggled.connect(lambda on: self.changed.emit({"private": True if on else None}))
        self._observe.toggled.connect(lambda on: self.changed.emit({"mode": "observe" if on else None}))

    def set_choices(self, models: Sequence[str], signals: Sequence[str]) -> None:
        self._when.set_words(signals)
        wanted = [*ROUTES, *models]
        if [self._route.itemData(n) for n in range(self._route.count())] == wanted:
            return
        self._route.clear()
        for route in wanted:
            self._route.addItem(route_name(route), route)
        self._choose_route(self._showing.route)

    def show_rule(self, rule: RuleRow) -> None:
        """What is being typed stays as it is typed."""
        if not self._rest.isActive() or rule.line != self._showing.line:
            for edit, value in ((self._name, rule.name), (self._when, rule.when), (self._max, rule.max_usd)):
                if edit.text().strip() != value.strip():
                    edit.setText(value)
                    edit.setCursorPosition(0)  # of a long name the beginning is what one knows it by
                self._held[edit] = edit.text()
            self._rest.stop()
        self._showing = rule
        self._choose_route(rule.route)
        failure = rule.on_failure or ("next",)
        at = next((n for n, (value, _) in enumerate(failures()) if value == failure), -1)
        if at < 0:
            at = self._failure.findText(", ".join(failure))
            if at < 0:
                self._failure.addItem(", ".join(failure), failure)
                at = self._failure.count() - 1
        self._failure.setCurrentIndex(at)
        self._private.set_quietly(rule.private)
        self._observe.set_quietly(rule.observe)

    def show_wrong(self, messages: Mapping[str, str]) -> None:
        """By key; what has no field of its own stands in the page's list of errors."""
        for key, field in (
            ("name", self.name),
            ("when", self.when),
            ("route", self.route),
            ("on_failure", self.failure),
            ("max_usd_per_call", self.max),
        ):
            field.wrong(messages.get(key, ""))

    def focus_name(self) -> None:
        self._name.setFocus()
        self._name.selectAll()

    def _choose_route(self, route: str) -> None:
        at = self._route.findData(route)
        if at < 0 and route:
            self._route.addItem(route_name(route), route)
            at = self._route.count() - 1
        self._route.setCurrentIndex(at)

    def flush(self) -> None:
        """What was typed and not yet said, is."""
        self._rest.stop()
        said: dict[str, Value | None] = {}
        for key, edit in (("name", self._name), ("when", self._when)):
            if self._said_anew(edit):
                said[key] = edit.text().strip()
        if self._said_anew(self._max):
            said |= self._max_said()
        if said:
            self.changed.emit(said)

    def _said_anew(self, edit: QLineEdit) -> bool:
        before, self._held[edit] = self._held.get(edit, ""), edit.text()
        return edit.text().strip() != before.strip()

    def _say(self, key: str, value: Value, before: Value) -> None:
        if value != before:
            self.changed.emit({key: value})

    def _max_said(self) -> dict[str, Value | None]:
        """Empty where it is no figure."""
        said = self._max.text().strip().removeprefix("$").replace(",", ".")
        try:
            value = float(said) if said else None
        except ValueError:
            self.max.wrong(tr("Write dollars like 0.50."))
            return {}
        self.max.wrong("")
        return {"max_usd_per_call": value}

    def _say_failure(self, _: int) -> None:
        value = self._failure.currentData()
        if isinstance(value, tuple) and value != (self._showing.on_failure or ("next",)):
            self.changed.emit({"on_failure": None if value == ("next",) else list(value)})
