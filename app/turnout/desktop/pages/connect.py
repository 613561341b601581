"""The clients on this machine: found or not, connected or not; one press does it, another undoes it."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from turnout.desktop import text, theme
from turnout.desktop.commands import Doc
from turnout.desktop.desk import Desk
from turnout.desktop.pages.page import Page
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Elided,
    Empty,
    Scroll,
    clear,
    column,
    label,
    pill,
    repill,
    row,
    rule,
    section,
)
from turnout.errors import TurnoutError

STATES = ("connected", "changed", "present", "absent", "impossible")
"""In the order they are listed: what works first, what cannot be last."""


def state_words(state: str) -> tuple[str, str]:
    return {
        "connected": (tr("connected"), "good"),
        "changed": (tr("changed since"), "warn"),
        "present": (tr("found"), "accent"),
        "absent": (tr("not on this machine"), "quiet"),
        "impossible": (tr("cannot be"), "quiet"),
    }.get(state, (state, "quiet"))


class Connect(Page):
    def __init__(self, desk: Desk) -> None:
        self.url = label("", 13, 400, "faint")
        super().__init__(desk, self.url, None, Button(tr("Look again"), "refresh-cw", pressed=self.look))
        self._rows: Sequence[Mapping[str, Any]] = ()
        self._seen_labels: dict[str, QLabel] = {}
        self._shown = ""
        """The client whose changes are shown."""
        self._busy = ""
        self.clients_box = QVBoxLayout()
        self.clients_box.setSpacing(px(12))
        self.clients_box.addWidget(Empty("plug", tr("Looking for clients…")))
        self.other_box = QVBoxLayout()
        self.other_box.setSpacing(px(8))
        self._name = QLineEdit()
        self._name.setPlaceholderText(tr("a name, like my-script"))
        self._name.setAccessibleName(tr("New client's name"))
        self._name.setFont(theme.font(13))
        self._name.returnPressed.connect(self._add)
        line = row(spacing=8)
        line.addWidget(self._name, 1)
        line.addWidget(Button(tr("Make a token"), "key-round", pressed=self._add))
        other = Card(
            section(tr("Anything else that speaks OpenAI, Anthropic, Gemini or Ollama")),
            label(tr("Give it a name and it gets a token of its own, shown once."), 12.5, 400, "muted", wrap=True),
            4,
            line,
            self.other_box,
            spacing=6,
        )
        inside = QWidget()
        inside.setObjectName("clear")
        inside.setLayout(
            column(
                Card(section(tr("Clients on this machine")), 4, self.clients_box, spacing=8), other, None, spacing=14
            )
        )
        self.bleed()
        self.body.addWidget(Scroll(inside), 1)

    def heading(self) -> str:
        return tr("Connect")

    def refresh(self) -> None:
        self.look()

    def look(self) -> None:
        self.desk.commands.ask(["connect"], self._got, self._not_got, key="connect", owner=self)

    def state_changed(self) -> None:
        """Only the lights: who called, and when."""
        status = self.desk.state.status
        now = int(time.time() * 1000)
        for name, shown in self._seen_labels.items():
            at = status.clients_seen.get(name) if status else None
            if at:
                repill(shown, tr("seen {when}").format(when=text.ago(at, now)), "good")
            else:
                repill(shown, tr("waiting for its first call…"), "quiet")

    def _got(self, doc: Doc) -> None:
        before, self._busy = (self._busy, self._rows, self.clients_box.count()), ""
        self.url.setText(text.one_line(str(doc.get("url", "")), 60))
        rows = [one for one in doc.get("clients", ()) if isinstance(one, dict)]
        self._rows = sorted(
            rows, key=lambda one: STATES.index(str(one.get("state"))) if one.get("state") in STATES else 9
        )
        if before == ("", self._rows, self.clients_box.count()) and self._rows:
            return  # drawn anew, a button that is being pressed would be gone before it clicks
        self._draw()

    def _not_got(self, error: TurnoutError) -> None:
        self._busy = ""
        self.failed(error)
        self._draw()

    def _draw(self) -> None:
        clear(self.clients_box)
        self._seen_labels.clear()
        shown = [one for one in self._rows if one.get("state") not in ("absent", "impossible")]
        rest = [one for one in self._rows if one.get("state") in ("absent", "impossible")]
        if not shown:
            self.clients_box.addWidget(label(tr("None of the clients we know is on this machine."), 13, 400, "faint"))
        for number, one in enumerate(shown):
            if number:
                self.clients_box.addWidget(rule())
            self.clients_box.addLayout(self._client(one))
        if rest:
            self.clients_box.addWidget(rule())
            names = ", ".join(
                text.one_line(str(one.get("title", "")), 40) for one in rest if one.get("state") == "absent"
            )
            self.clients_box.addWidget(
                label(tr("Not found here: {names}.").format(names=names), 12, 400, "faint", wrap=True)
            )
            for one in rest:
                if one.get("state") == "impossible":
                    words = f"{text.one_line(str(one.get('title', '')), 40)}: {text.one_line(str(one.get('detail', '')), 300)}"
                    self.clients_box.addWidget(label(words, 12, 400, "faint", wrap=True))
        self.state_changed()

    def _client(self, one: Mapping[str, Any]) -> QVBoxLayout:
        name, title, state = (
            str(one.get("name", "")),
            text.one_line(str(one.get("title", "")), 60),
            str(one.get("state", "")),
        )
        files = [str(file) for file in one.get("files", ())]
        said, kind = state_words(state)
        head = row(Elided(title, 14, 600), spacing=8)
        facts = text.one_line(str(one.get("detail") or ", ".join(map(text.place, files))), 200) or tr(
            "to be set up by hand: we show how"
        )
        line = row(spacing=8)
        line.addLayout(column(head, Elided(facts, 12, 400, "faint", middle=True), spacing=2), 1)
        if state in ("connected", "changed"):
            seen = pill("")
            self._seen_labels[name] = seen
            line.addWidget(seen)
        line.addWidget(pill(said, kind))
        busy = self._busy == name
        show = Button(
            tr("Hide") if self._shown == name else tr("What changes"),
            look="bare",
            name=tr("What changes for {client}").format(client=title),
            pressed=partial(self._show, name),
        )
        line.addWidget(show)
        if state == "connected":
            press = Button(
                tr("Undo"),
                "undo-2",
                name=tr("Undo {client}").format(client=title),
                pressed=partial(self._do, name, "--undo"),
            )
        else:
            press = Button(
                tr("Connect"),
                "plug",
                "main",
                name=tr("Connect {client}").format(client=title),
                pressed=partial(self._do, name, "--apply"),
            )
        press.setEnabled(not busy)
        line.addWidget(press)
        if state == "changed":
            line.addWidget(
                Button(
                    tr("Undo"), name=tr("Undo {client}").format(client=title), pressed=partial(self._do, name, "--undo")
                )
            )
        box = column(line, spacing=8)
        if self._shown == name:
            inside = QVBoxLayout()
            inside.setSpacing(px(6))
            box.addLayout(inside)
            inside.addWidget(label(tr("Asking…"), 12, 400, "faint"))
            self.desk.commands.ask(
                ["connect", name, "--print"],
                partial(_show_changes, inside),
                partial(_show_error, inside),
                key="connect-print",
                owner=self,
            )
        return box

    def _show(self, name: str) -> None:
        self._shown = "" if self._shown == name else name
        self._draw()

    def _do(self, name: str, how: str) -> None:
        self._busy = name
        self._draw()

        def done(doc: Doc) -> None:
            steps = " ".join(text.one_line(str(step), 300) for step in doc.get("steps", ()))
            if how == "--undo":
                self.note.say(tr("{client} is as it was before.").format(client=name), "good")
            elif doc.get("by_hand"):
                self.note.say(steps or tr("Follow the steps shown."), "info")
            else:
                self.note.say(f"{tr('Connected. Waiting for the first call…')} {steps}".strip(), "good")
            self.look()
            self.desk.feed.hurry()

        self.desk.commands.ask(["connect", name, how], done, self._not_got, key="connect-do", owner=self)

    def _add(self) -> None:
        name = self._name.text().strip()
        if not name:
            return

        def made(doc: Doc) -> None:
            self._name.clear()
            clear(self.other_box)
            url = self.url.text()
            token = str(doc.get("token", ""))
            self.other_box.addWidget(label(tr("This token is not shown again:"), 12.5, 500, "warn"))
            for title, value in (
                (tr("Token"), token),
                (tr("OpenAI base URL"), f"{url}/v1"),
                (tr("Anthropic base URL"), url),
                (tr("Where no header can be set"), f"{url}/c/{token}/v1"),
            ):
                self.other_box.addLayout(_copyable(title, value))

        self.desk.commands.ask(["client", "add", name], made, self.failed, owner=self)


def _copyable(title: str, value: str) -> QVBoxLayout:
    shown = QLineEdit(value)
    shown.setReadOnly(True)
    shown.setFont(theme.mono(12))
    shown.setAccessibleName(title)
    shown.setCursorPosition(0)
    caption = label(title, 12.5, 400, "muted")
    caption.setFixedWidth(px(178))
    button = Button(tr("Copy"), "copy", name=tr("Copy {what}").format(what=title))
    button.clicked.connect(lambda: _copy(value, button))
    line = row(spacing=8)
    line.addWidget(caption)
    line.addWidget(shown, 1)
    line.addWidget(button)
    return column(line)


def _copy(value: str, button: Button) -> None:
    QGuiApplication.clipboard().setText(value)
    button.setText(tr("Copied"))


def _show_changes(inside: QVBoxLayout, doc: Doc) -> None:
    clear(inside)
    for step in doc.get("steps", ()):
        inside.addWidget(label(text.one_line(str(step), 400), 12.5, 400, "muted", wrap=True))
    for file in doc.get("files", ()):
        inside.addWidget(
            Elided(text.one_line(text.place(str(file.get("path", ""))), 300), 12, 500, "muted", middle=True)
        )
        shown = QLabel()
        shown.setTextFormat(Qt.TextFormat.PlainText)
        shown.setText(str(file.get("text", ""))[:4_000].rstrip())
        shown.setFont(theme.mono(11.5))
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        frame = QWidget()
        frame.setObjectName("inset")
        frame.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        frame.setLayout(column(shown, margins=(12, 10, 12, 10)))
        inside.addWidget(frame)


def _show_error(inside: QVBoxLayout, error: TurnoutError) -> None:
    clear(inside)
    inside.addWidget(label(error.said, 12.5, 400, "bad", wrap=True))
