"""The local engine's models: installed, loaded, pulled with progress, removed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from threading import Event
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout

from turnout.desktop import text, theme
from turnout.desktop.charts import Meter
from turnout.desktop.desk import Desk
from turnout.desktop.link import Link
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Button, Card, Elided, Note, clear, column, holding, label, pill, row, section
from turnout.errors import TurnoutError


class _Pull(QObject):
    """One download, in a pool thread; its lines arrive on the UI thread."""

    told = Signal(str, float)
    """What it does, and how far: 0..1, negative when not known."""

    def __init__(self, link: Link, name: str) -> None:
        super().__init__()
        self._link, self._name = link, name
        self._stop = Event()

    def cancel(self) -> None:
        self._stop.set()

    def run(self) -> bool:
        """False when it was cancelled. Leaving the answer unread closes the connection, which ends the engine's download."""
        lines: Iterator[Mapping[str, Any]] = self._link.client().models_pull(self._name)
        for line in lines:
            if self._stop.is_set():
                return False
            total, done = line.get("total"), line.get("completed")
            share = done / total if isinstance(total, int) and total and isinstance(done, int) else -1.0
            self.told.emit(str(line.get("status", "")), share)
        return True


class PullCard(Card):
    changed = Signal()
    """Models came or went."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pull: _Pull | None = None
        self._name = QLineEdit()
        self._name.setPlaceholderText("qwen3-coder:30b")
        self._name.setAccessibleName(tr("Model to pull"))
        self._name.setFont(theme.font(13))
        self._name.setFixedWidth(px(230))
        self._name.returnPressed.connect(self._begin)
        self._go = Button(tr("Pull"), "download", pressed=self._begin)
        self._note = Note()
        self._words = Elided("", 12.5, 400, "muted")
        self._meter = Meter(tr("Pull progress"), 6)
        cancel = Button(tr("Cancel"), name=tr("Cancel the pull"), pressed=self._cancel)
        line = row(spacing=10)
        line.addWidget(self._words, 1)
        line.addWidget(cancel)
        self._progress = holding(column(line, self._meter, spacing=6))
        self._progress.hide()
        self._box = QVBoxLayout()
        self._box.setSpacing(px(8))
        super().__init__(
            row(
                section(tr("Local engine")),
                label(tr("Ollama's own models"), 12, 400, "faint"),
                None,
                self._name,
                self._go,
            ),
            self._note,
            self._progress,
            2,
            self._box,
            spacing=8,
        )

    def show_models(self, models: Sequence[Mapping[str, Any]], known: bool) -> None:
        clear(self._box)
        self.setVisible(known)
        if not models:
            self._box.addWidget(
                label(
                    tr("No local model is known. Pull one: it is then a candidate for tier local."),
                    13,
                    400,
                    "faint",
                    wrap=True,
                )
            )
        for one in models:
            name = str(one.get("model", ""))
            line = row(spacing=8)
            line.addWidget(Elided(text.one_line(name, 120), 13, 500), 1)
            if one.get("context"):
                line.addWidget(label(tr("{n} context").format(n=text.compact(int(one["context"]))), 12, 400, "faint"))
            if one.get("warm"):
                line.addWidget(pill(tr("loaded"), "good"))
            line.addWidget(
                Button(
                    "",
                    "trash-2",
                    "bare",
                    name=tr("Remove {model}").format(model=name),
                    pressed=partial(self._remove, name),
                )
            )
            self._box.addLayout(line)

    def _begin(self) -> None:
        name = self._name.text().strip()
        if not name or self._pull is not None:
            return
        pull = self._pull = _Pull(self._desk.link, name)
        pull.told.connect(self._told)
        self._note.say("")
        self._told(tr("asking for it"), -1.0)
        self._progress.show()
        self._go.setEnabled(False)
        self._desk.pool.run(pull.run, partial(self._ended, name), self._broke, owner=self)

    def _told(self, status: str, share: float) -> None:
        name = self._name.text().strip()
        known = f" · {text.percent(share)}" if share >= 0 else ""
        self._words.setText(f"{text.one_line(name, 80)}: {text.one_line(status, 80)}{known}")
        self._meter.set_parts([(max(0.0, share), "accent")], self._words.text())

    def _ended(self, name: str, whole: bool) -> None:
        self._over()
        if whole:
            self._note.say(tr("{model} is here.").format(model=text.one_line(name, 80)), "good")
            self._name.clear()
        else:
            self._note.say(tr("Cancelled. What was downloaded is kept: pulling again goes on from there."), "info")
        self.changed.emit()

    def _broke(self, error: TurnoutError) -> None:
        self._over()
        self._note.say(error.said, "bad", tr("Try again"), self._begin)

    def _over(self) -> None:
        self._pull = None
        self._progress.hide()
        self._go.setEnabled(True)

    def _cancel(self) -> None:
        if self._pull is not None:
            self._pull.cancel()

    def _remove(self, name: str) -> None:
        """Asked twice, in place: it deletes gigabytes."""
        self._note.say(
            tr("Remove {model} from the engine's disk?").format(model=text.one_line(name, 80)),
            "warn",
            tr("Remove it"),
            self._removal(name),
        )

    def _removal(self, name: str) -> Callable[[], None]:
        def go() -> None:
            self._note.say("")

            def gone(_: object) -> None:
                self._note.say(tr("{model} is removed.").format(model=text.one_line(name, 80)), "good")
                self.changed.emit()

            self._desk.pool.run(lambda: self._desk.link.client().models_remove(name), gone, self._broke, owner=self)

        return go
