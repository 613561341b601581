"""The first two minutes: an engine, a key, a client. Each step can be left out by itself, and taken up again.

What was left out outlives the window (`desktop.firstrun`); nothing here cannot be done elsewhere later.
"""

import http.client
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QSpacerItem, QVBoxLayout, QWidget

from turnout.desktop import text, theme
from turnout.desktop.commands import Doc
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.pages.page import Page
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Button, Combo, Elided, Scroll, clear, column, holding, label, pill, row
from turnout.errors import SettingsError, TurnoutError
from turnout.settings.files import edit_settings, read_settings
from turnout.settings.model import Settings
from turnout.settings.presets import PRESETS

OLLAMA = ("127.0.0.1", 11434)


def ollama_models() -> list[str]:
    """What a local Ollama has; raises SettingsError when none answers."""
    connection = http.client.HTTPConnection(*OLLAMA, timeout=2)
    try:
        connection.request("GET", "/api/tags")
        doc = json.loads(connection.getresponse().read())
        return [str(one["name"]) for one in doc["models"]]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        raise SettingsError(
            "No Ollama answers on 127.0.0.1:11434.", hint="Start it (`ollama serve`), then look again."
        ) from error
    finally:
        connection.close()


def with_ollama(doc: Any, models: list[str]) -> None:
    """Adds the engine, and its models to tier local, where there is none yet."""
    import tomlkit

    for table in ("providers", "tiers"):
        if table not in doc:
            doc.add(table, tomlkit.table(is_super_table=table == "providers"))
    if "local" not in doc["providers"]:
        engine = tomlkit.table()
        engine.update(
            {"dialect": "ollama", "base_url": f"http://{OLLAMA[0]}:{OLLAMA[1]}", "key": "none", "sovereign": True}
        )
        doc["providers"].add("local", engine)
    if not doc["tiers"].get("local"):
        doc["tiers"]["local"] = [f"local/{name}" for name in models[:3]]


class Step(QFrame):
    """A numbered card that is open, done or left out."""

    skip_changed = Signal(bool)
    """Pressed: leave this step out, or take it up after all."""

    def __init__(self, number: int, title: str, words: str, *parts: QWidget | QHBoxLayout | QVBoxLayout) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setAccessibleName(title)
        self._number, self._title = number, title
        self._mark = label(str(number), 13, 600)
        self._mark.setObjectName("step")
        self._mark.setFixedSize(px(26), px(26))
        self._mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._state = pill("")
        self._state.hide()
        self._skip = Button(tr("Skip"), look="bare", pressed=lambda: self.skip_changed.emit(not self.skipped))
        body = column(label(words, 12.5, 400, "muted", wrap=True))
        body.addSpacing(px(12))
        for part in parts:
            body.addLayout(part) if not isinstance(part, QWidget) else body.addWidget(part)
        self._body = holding(body)
        head = row(label(title, 14, 600), None, self._state, self._skip)
        head.insertSpacerItem(0, QSpacerItem(0, px(30)))
        both = row(spacing=14, margins=(18, 14, 14, 14))
        both.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        both.addLayout(column(head, self._body, spacing=0), 1)
        self.setLayout(both)
        self.done = self.skipped = False
        self._words = ""
        self._draw()

    @property
    def settled(self) -> bool:
        return self.done or self.skipped

    def say(self, words: str, *, done: bool) -> None:
        self.done, self._words = done, words
        self._draw()

    def skip(self, on: bool) -> None:
        self.skipped = on
        self._draw()

    def _draw(self) -> None:
        """What is done stays done, also where it was left out before."""
        out = self.skipped and not self.done
        words = tr("skipped") if out else self._words
        self._mark.setText("✓" if self.done else "–" if out else str(self._number))
        self._mark.setProperty("done", "true" if self.done else "false")
        self._state.setText(words)
        self._state.setVisible(bool(words))
        self._state.setProperty("pill", "good" if self.done else "quiet")
        for shown in (self._mark, self._state):
            shown.style().unpolish(shown)
            shown.style().polish(shown)
        self._body.setVisible(not out)
        self._skip.setVisible(not self.done)
        self._skip.setText(tr("Do it now") if out else tr("Skip"))
        self._skip.setAccessibleName((tr("Do now: {step}") if out else tr("Skip: {step}")).format(step=self._title))
        self.setAccessibleDescription(words)


class Welcome(Page):
    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.caption.hide()
        self._settings = Settings()
        self._shown: list[Mapping[str, Any]] | None = None
        self.engine_words = label("", 13, 500)
        self.engine_words.setWordWrap(True)
        look = Button(tr("Look for Ollama"), "refresh-cw", pressed=self._look)
        engine_line = row(spacing=12)
        engine_line.addWidget(self.engine_words, 1)
        engine_line.addWidget(look)
        self.engine = Step(
            1,
            tr("An engine of your own"),
            tr("Simple calls go to a model on this machine and cost nothing per token. Ollama is found by itself."),
            engine_line,
        )
        self.provider = Combo(tr("Provider"))
        for name in PRESETS:
            self.provider.addItem(name, name)
        self.provider.setFixedWidth(px(150))
        self.key_edit = QLineEdit()
        self.key_edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.key_edit.setAccessibleName(tr("Key"))
        self.key_edit.setPlaceholderText(tr("Paste it: it goes to the keyring"))
        self.key_edit.setFont(theme.font(13))
        self.key_edit.returnPressed.connect(self._save_key)
        save = row(spacing=8)
        save.addWidget(self.key_edit, 1)
        save.addWidget(Button(tr("Save key"), look="main", pressed=self._save_key))
        self.key_edit.setMinimumWidth(px(180))
        line = column(Fold(row(self.provider), save))
        self.key = Step(
            2,
            tr("A key for the cloud"),
            tr("For what the local model cannot do. It is bound to the provider's address and stays in the keyring."),
            line,
        )
        self.clients = QVBoxLayout()
        self.clients.setSpacing(px(10))
        self.client = Step(
            3,
            tr("A client"),
            tr(
                "One press points it at Turnout, with a token of its own; another puts its settings back byte for byte."
            ),
            self.clients,
        )
        self._steps = {"engine": self.engine, "key": self.key, "client": self.client}
        self._skipped: frozenset[str] = frozenset()
        for name, step in self._steps.items():
            step.skip_changed.connect(partial(self._skip, name))
        self.finish = Button(tr("Skip all of it"), look="plain", pressed=self._finish)
        column_ = QWidget()
        column_.setObjectName("clear")
        column_.setMaximumWidth(px(640))
        column_.setLayout(
            column(
                label(tr("Welcome to Turnout"), 26, 600),
                label(tr("Three steps, two minutes. Each can wait."), 14, 400, "muted"),
                10,
                self.engine,
                self.key,
                self.client,
                6,
                Fold(
                    row(
                        label(tr("You find all of this later under Models and keys, and Connect."), 12, 400, "faint"),
                        None,
                    ),
                    row(self.finish),
                ),
                spacing=12,
            )
        )
        middle = row()
        middle.addStretch(1)
        middle.addLayout(column(None, column_, None), 1_000)
        middle.addStretch(1)
        self.bleed()
        self.body.addWidget(Scroll(holding(middle)), 1)
        desk.pool.run(desk.first.skipped, self._got_skipped, owner=self)

    def heading(self) -> str:
        return tr("Welcome")

    def refresh(self) -> None:
        path = self.desk.places.settings
        self.desk.pool.run(lambda: read_settings(path), self._got_settings, self.failed, owner=self)
        self.desk.commands.ask(["key", "list"], self._got_keys, lambda _: None, key="welcome-keys", owner=self)
        self.desk.commands.ask(["connect"], self._got_clients, self.failed, key="welcome-clients", owner=self)

    def state_changed(self) -> None:
        status = self.desk.state.status
        found = [one for one in status.engines if one.sovereign] if status else []
        up = [one for one in found if one.state == "up"]
        if up:
            names = ", ".join(text.one_line(one.provider, 30) for one in up)
            models = text.plural(sum(one.models for one in up), "{n} model", "{n} models")
            self.engine_words.setText(tr("“{names}” answers, with {models}.").format(names=names, models=models))
            self.engine.say(tr("found"), done=True)
        else:
            self.engine_words.setText(
                tr("Starting…")
                if status is None
                else tr("None answers yet. Without one, everything goes to the cloud.")
            )
            self.engine.say("", done=False)
        seen = status.clients_seen if status else {}
        if seen:
            self.client.say(tr("first call seen"), done=True)
        self._say_finish()

    def _got_settings(self, settings: Settings) -> None:
        self._settings = settings
        self.state_changed()

    def _got_keys(self, doc: Doc) -> None:
        saved = [str(one.get("provider")) for one in doc.get("keys", ()) if one.get("state") == "saved"]
        if saved:
            self.key.say(tr("saved for {names}").format(names=", ".join(saved)), done=True)
        self._say_finish()

    def _got_clients(self, doc: Doc) -> None:
        rows = [one for one in doc.get("clients", ()) if isinstance(one, Mapping)]
        shown = [one for one in rows if one.get("state") in ("present", "connected", "changed")]
        if shown == self._shown:
            return  # drawn anew, a button that is being pressed would be gone before it clicks
        self._shown = shown
        clear(self.clients)
        for one in shown[:5]:
            self.clients.addLayout(self._client(one))
        if not shown:
            self.clients.addWidget(
                label(tr("None that we know is installed here. Connect has tokens for everything else."), 13, wrap=True)
            )
        connected = [str(one.get("title")) for one in rows if one.get("state") == "connected"]
        if connected and not self.client.done:
            self.client.say(tr("connected: waiting for the first call…"), done=True)
        self._say_finish()

    def _client(self, one: Mapping[str, Any]) -> QHBoxLayout:
        title = text.one_line(str(one.get("title", "")), 60)
        line = row(Elided(title, 13, 500), spacing=8)
        if one.get("state") == "connected":
            line.addWidget(pill(tr("connected"), "good"))
        else:
            line.addWidget(
                Button(
                    tr("Connect"),
                    "plug",
                    name=tr("Connect {client}").format(client=title),
                    pressed=partial(self._connect, str(one.get("name", ""))),
                )
            )
        return line

    def _say_finish(self) -> None:
        settled = sum(step.settled for step in self._steps.values())
        some = any(step.done for step in self._steps.values())
        whole = settled == len(self._steps)
        said = (
            (tr("Done") if some else tr("Go on"))
            if whole
            else tr("Go on without the rest")
            if settled
            else tr("Skip all of it")
        )
        self.finish.setText(said)
        self.finish.setAccessibleName(said)
        self.finish.setProperty("look", "main" if settled else "plain")
        self.finish.style().unpolish(self.finish)
        self.finish.style().polish(self.finish)

    def _got_skipped(self, skipped: frozenset[str]) -> None:
        self._show_skipped(self._skipped | skipped)

    def _show_skipped(self, skipped: frozenset[str]) -> None:
        """Written down by the newest state, whichever of the pool's threads is first."""
        self._skipped = skipped
        for name, step in self._steps.items():
            step.skip(name in skipped)
        self._say_finish()
        first = self.desk.first
        self.desk.pool.run(lambda: first.keep(self._skipped), lambda _: None, owner=self)

    # -- pressed

    def _skip(self, name: str, on: bool) -> None:
        self._show_skipped(self._skipped | {name} if on else self._skipped - {name})

    def _look(self) -> None:
        self.engine_words.setText(tr("Looking…"))
        path = self.desk.places.settings

        def work() -> None:
            models = ollama_models()
            edit_settings(path, lambda doc: with_ollama(doc, models))
            self.desk.link.client().reload()

        def broke(error: TurnoutError) -> None:
            self.engine_words.setText(error.said)

        self.desk.pool.run(work, lambda _: self.desk.feed.hurry(), broke, owner=self)

    def _save_key(self) -> None:
        key, name = self.key_edit.text().strip(), str(self.provider.currentData())
        if not key:
            self.key_edit.setFocus()
            return
        self.key_edit.clear()
        self.key.say(tr("saving…"), done=False)

        def saved(_: Doc) -> None:
            self.note.say("")
            self.desk.feed.hurry()
            self.refresh()

        def broke(error: TurnoutError) -> None:
            self.key.say("", done=False)
            self.failed(error)

        # Through stdin: arguments stand in the process list for every user to read.
        self.desk.commands.ask(["key", "set", name, "--stdin"], saved, broke, stdin=key, owner=self)

    def _connect(self, name: str) -> None:
        def done(doc: Doc) -> None:
            if doc.get("by_hand"):
                self.desk.act("open", "connect")
                return
            self.refresh()

        self.desk.commands.ask(["connect", name, "--apply"], done, self.failed, key="welcome-connect", owner=self)

    def _finish(self) -> None:
        self.desk.first.finish()
        self.desk.act("open", "overview")
