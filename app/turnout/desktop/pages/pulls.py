"""A model pulled onto a node: its name, how far it is, and a way to stop it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from threading import Event
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from turnout.desktop import text, theme
from turnout.desktop.charts import Meter
from turnout.desktop.desk import Desk
from turnout.desktop.link import Link
from turnout.desktop.models import nodes as said
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Button, Combo, Elided, Note, column, holding, row
from turnout.errors import TurnoutError


class _Pull(QObject):
    """One download, in a pool thread; its lines arrive on the UI thread."""

    told = Signal(object)
    """A line as the engine wrote it."""

    def __init__(self, link: Link, name: str, node: str) -> None:
        super().__init__()
        self._link, self._name, self._node = link, name, node
        self._stop = Event()

    def cancel(self) -> None:
        self._stop.set()

    def run(self) -> bool:
        """False when it was cancelled. Leaving the answer unread closes the connection, which ends the engine's download."""
        lines: Iterator[Mapping[str, Any]] = self._link.client().models_pull(self._name, self._node)
        with closing(lines):  # type: ignore[type-var]  # a generator, whatever its annotation narrows it to
            for line in lines:
                if self._stop.is_set():
                    return False
                self.told.emit(line)
        return True


class PullRow(QWidget):
    """The field and button; `below` is where progress and outcome appear."""

    changed = Signal()
    """A model came."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.setObjectName("clear")
        self._desk = desk
        self._pull: _Pull | None = None
        self._pulled = ""
        self._name = QLineEdit()
        self._name.setPlaceholderText("qwen3-coder:30b")
        self._name.setAccessibleName(tr("Model to pull"))
        self._name.setFont(theme.font(13))
        self._name.setMinimumWidth(px(150))
        self._name.setMaximumWidth(px(230))
        self._name.returnPressed.connect(self._begin)
        self._node = Combo(tr("Node to pull onto"))
        self._node.hide()
        self._go = Button(tr("Pull"), "download", pressed=self._begin)
        self.setLayout(row(self._name, self._node, self._go, spacing=8))
        self._note = Note()
        self._words = Elided("", 12.5, 400, "muted")
        self._meter = Meter(tr("Pull progress"), 6)
        self._cancel = Button(tr("Cancel"), name=tr("Cancel the pull"), pressed=self._stop)
        line = row(spacing=10)
        line.addWidget(self._words, 1)
        line.addWidget(self._cancel)
        self._progress = holding(column(line, self._meter, spacing=6))
        self._progress.hide()
        self.below = holding(column(self._note, self._progress, spacing=8))

    def set_nodes(self, names: Sequence[str]) -> None:
        """Asked for only where there is a choice."""
        if [self._node.itemData(n) for n in range(self._node.count())] != list(names):
            self._node.clear()
            for name in names:
                self._node.addItem(text.one_line(name, 40), name)
        self._node.setVisible(len(names) > 1)

    def _begin(self) -> None:
        name = self._name.text().strip()
        if not name or self._pull is not None:
            return
        self._pulled = name
        pull = self._pull = _Pull(self._desk.link, name, str(self._node.currentData() or ""))
        pull.told.connect(self._told)
        self._note.say("")
        self._told({"status": tr("asking for it")})
        self._progress.show()
        self._go.setEnabled(False)
        self._cancel.setEnabled(True)
        self._desk.pool.run(pull.run, self._ended, self._broke, owner=self)

    def _told(self, line: object) -> None:
        how = said.progress(self._pulled, line if isinstance(line, dict) else {})
        self._words.setText(how.words)
        self._meter.set_parts([(max(0.0, how.share), "accent")], how.words)

    def _ended(self, whole: bool) -> None:
        self._over()
        name = text.one_line(self._pulled, 80)
        if whole:
            self._note.say(tr("{model} is here.").format(model=name), "good")
            if self._name.text().strip() == self._pulled:
                self._name.clear()
        else:
            self._note.say(tr("Cancelled. What was downloaded is kept: pulling again goes on from there."), "info")
        self.changed.emit()

    def _broke(self, error: TurnoutError) -> None:
        self._over()
        self._note.say(error.said, "bad", tr("Try again"), partial(self._retry, self._pulled))
        self.changed.emit()

    def _retry(self, name: str) -> None:
        self._name.setText(name)
        self._begin()

    def _over(self) -> None:
        self._pull = None
        self._progress.hide()
        self._go.setEnabled(True)

    def _stop(self) -> None:
        if self._pull is not None:
            self._pull.cancel()
            self._cancel.setEnabled(False)
            self._words.setText(tr("{model}: stopping…").format(model=text.one_line(self._pulled, 80)))
