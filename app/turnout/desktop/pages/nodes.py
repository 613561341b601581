"""The local engines: each Ollama with its health and models; what is loaded and where it lies; pulled, warmed up, removed."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from turnout.control.messages import LocalModel, Node
from turnout.desktop import text
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.models import nodes as said
from turnout.desktop.pages.pulls import PullRow
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Combo,
    Elided,
    Note,
    aside,
    clear,
    column,
    label,
    pill,
    row,
    rule,
    section,
)
from turnout.errors import TurnoutError
from turnout.settings.files import edit_settings

AGAIN_MS = 5_000
"""What a node holds in memory is asked for this often while somebody looks."""


class NodesCard(Card):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._nodes: Sequence[Node] = ()
        self._drawn: object = None
        self._busy: dict[tuple[str, str], str] = {}
        """(node, model) -> what is being done with it."""
        self.note = Note()
        self.pulls = PullRow(desk)
        self.pulls.changed.connect(self.ask)
        self._box = QVBoxLayout()
        self._box.setSpacing(px(10))
        super().__init__(
            Fold(row(section(tr("Local engines")), aside(tr("Ollama's own models")), None), row(self.pulls)),
            self.pulls.below,
            self.note,
            2,
            self._box,
            spacing=8,
        )
        self._again = QTimer(self)
        self._again.setInterval(AGAIN_MS)
        self._again.timeout.connect(self._look)
        self._again.start()
        self.hide()

    def ask(self) -> None:
        self._desk.pool.run(lambda: self._desk.link.client().nodes(), self._got, self._not_got, owner=self)

    def _look(self) -> None:
        if self.isVisible() and not self.window().isMinimized():
            self.ask()

    def _got(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self.setVisible(bool(nodes))
        self.pulls.set_nodes([node.provider for node in nodes])
        self._draw()

    def _not_got(self, _: TurnoutError) -> None:
        """The window says already that the proxy is away; what was known stays, marked as not known now."""
        self._nodes = [Node(one.provider, one.url, "unknown", num_ctx=one.num_ctx) for one in self._nodes]
        self._draw()

    # -- drawing

    def _draw(self) -> None:
        now = (tuple(self._nodes), tuple(self._busy.items()))
        if now == self._drawn:
            return
        self._drawn = now
        clear(self._box)
        for number, node in enumerate(self._nodes):
            if number:
                self._box.addWidget(rule())
            self._box.addLayout(self._node(node))

    def _node(self, node: Node) -> QVBoxLayout:
        name = text.one_line(node.provider, 60)
        state, kind = {
            "up": (tr("up"), "good"),
            "down": (tr("down"), "bad"),
            "loading": (tr("loading"), "warn"),
        }.get(node.state, (tr("not known"), "quiet"))
        line = row(spacing=8)
        line.addLayout(
            column(Elided(name, 13, 600), Elided(said.headline(node), 12, 400, "faint", middle=True), spacing=2), 1
        )
        line.addWidget(pill(state, kind))
        line.addWidget(label(tr("Context"), 12, 400, "faint"))
        line.addWidget(self._window(node))
        box = column(line, spacing=10)
        if node.state != "up":
            if node.detail:
                box.addWidget(label(text.one_line(node.detail, 300), 12, 400, "bad", wrap=True))
            return box
        if not node.models:
            nothing = tr("No model yet. Pull one: it can then stand in tier local.")
            box.addWidget(label(nothing, 12.5, 400, "faint", wrap=True))
        for model in node.models[:200]:
            box.addLayout(self._model(node, model))
        return box

    def _window(self, node: Node) -> QWidget:
        combo = Combo(tr("Context length of {node}").format(node=node.provider))
        for words, size in said.windows(node):
            combo.addItem(words, size)
        combo.setCurrentIndex(max(0, combo.findData(node.num_ctx)))
        combo.setToolTip(
            tr("Automatic: as large as calls need, and only growing, for each change loads the model anew.")
        )
        combo.activated.connect(lambda _: self._pin(node.provider, combo.currentData()))
        combo.setFixedWidth(px(124))
        return combo

    def _model(self, node: Node, model: LocalModel) -> QVBoxLayout:
        name, at = text.one_line(model.name, 120), (node.provider, model.name)
        line = row(spacing=8, margins=(14, 0, 0, 0))
        line.addLayout(column(Elided(name, 13, 500), Elided(said.facts(model), 12, 400, "faint"), spacing=1), 1)
        busy = self._busy.get(at)
        if busy:
            line.addWidget(pill(busy, "accent"))
        elif model.loaded:
            memory = Elided(said.memory(model), 12, 400, "muted")
            memory.setAlignment(Qt.AlignmentFlag.AlignRight)
            line.addWidget(memory, 1)
            line.addWidget(pill(tr("loaded"), "good"))
        if not model.remote:
            words = tr("Unload") if model.loaded else tr("Warm up")
            full = tr("Unload {model}") if model.loaded else tr("Warm up {model}")
            warm = Button(
                words, look="bare", name=full.format(model=name), pressed=partial(self._warm, at, not model.loaded)
            )
            warm.setEnabled(not busy)
            line.addWidget(warm)
        remove = Button(
            "", "trash-2", "bare", name=tr("Remove {model}").format(model=name), pressed=partial(self._remove, at)
        )
        remove.setEnabled(not busy)
        line.addWidget(remove)
        return column(line)

    # -- pressed

    def _do(self, at: tuple[str, str], busy: str, work: Callable[[], Any], done: str) -> None:
        self._busy[at] = busy
        self.note.say("")
        self._draw()

        def over(_: object = None) -> None:
            self._busy.pop(at, None)
            self.ask()
            self._draw()

        def did(_: object) -> None:
            self.note.say(done, "good")
            over()

        def broke(error: TurnoutError) -> None:
            self.note.say(error.said, "bad")
            over()

        self._desk.pool.run(work, did, broke, owner=self)

    def _warm(self, at: tuple[str, str], on: bool) -> None:
        node, model = at
        name = text.one_line(model, 80)
        self._do(
            at,
            tr("loading…") if on else tr("unloading…"),
            lambda: self._desk.link.client().models_load(model, node, on=on),
            tr("{model} is loaded and ready.").format(model=name)
            if on
            else tr("{model} has left memory.").format(model=name),
        )

    def _remove(self, at: tuple[str, str]) -> None:
        """Asked twice, in place: it deletes gigabytes."""
        node, model = at
        name = text.one_line(model, 80)
        self.note.say(
            tr("Remove {model} from the disk of {node}?").format(model=name, node=text.one_line(node, 60)),
            "warn",
            tr("Remove it"),
            lambda: self._do(
                at,
                tr("removing…"),
                lambda: self._desk.link.client().models_remove(model, node),
                tr("{model} is removed.").format(model=name),
            ),
        )

    def _pin(self, node: str, size: int | None) -> None:
        path = self._desk.places.settings

        def change(doc: Any) -> None:
            table = doc["providers"][node]
            if size is None:
                table.pop("num_ctx", None)
            else:
                table["num_ctx"] = size

        def saved(_: object) -> None:
            chosen = said.window(size) if size else tr("chosen from what calls need")
            self.note.say(tr("Context of {node}: {size}.").format(node=text.one_line(node, 60), size=chosen), "good")
            self._desk.pool.run(
                lambda: self._desk.link.client().reload(), lambda _: self.ask(), lambda _: None, owner=self
            )

        self._desk.pool.run(
            lambda: edit_settings(path, change), saved, lambda error: self.note.say(error.said, "bad"), owner=self
        )
