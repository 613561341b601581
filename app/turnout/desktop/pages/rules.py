"""The rules: as a list and form or as text, over one and the same draft; nothing takes effect before it is saved.

The draft is a text. The form edits that text block by block, so comments survive; checking runs on every pause in typing,
and what the edit would have done to the last calls is asked of `turnout rules replay`. A file that somebody else changed
meanwhile is never overwritten: the page takes it over when there is no draft, and asks when there is one.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QTimer
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from turnout.desktop import text as words
from turnout.desktop.commands import Doc
from turnout.desktop.desk import Desk
from turnout.desktop.models import rulesdoc
from turnout.desktop.models.merge import merged
from turnout.desktop.models.preview import Preview, edited, preview, tried
from turnout.desktop.models.rulesfile import read_rules_text, save_rules_text
from turnout.desktop.pages.page import Page
from turnout.desktop.pages.ruleform import RuleForm
from turnout.desktop.pages.rulelist import RuleList
from turnout.desktop.pages.rulepreview import PreviewCard, TryCard
from turnout.desktop.pages.rulesignals import SignalsCard
from turnout.desktop.pages.ruletext import RuleText
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    GUTTER,
    Button,
    Card,
    Empty,
    Scroll,
    Segments,
    aside,
    clear,
    column,
    holding,
    label,
    pill,
    repill,
    row,
    section,
)
from turnout.errors import SettingsError, TurnoutError
from turnout.routing.rulefile import Checked, check_rules
from turnout.settings.atomic import replace_file
from turnout.settings.files import read_settings

LAST = 500
"""Calls the preview replays: about a second of work."""
KEPT = 200
"""Steps of undo."""


class Rules(Page):
    def __init__(self, desk: Desk) -> None:
        self.state = pill("")
        self.view = Segments(tr("View"), [("form", tr("Form")), ("text", tr("Text"))])
        self.undo = Button("", "undo-2", "bare", name=tr("Undo"), tip=tr("Undo (Ctrl+Z)"))
        self.redo = Button("", "redo-2", "bare", name=tr("Redo"), tip=tr("Redo (Ctrl+Shift+Z)"))
        self.save = Button(tr("Save"), look="main", tip="Ctrl+S")
        super().__init__(desk, self.state, None, self.undo, self.redo, self.view, self.save)
        self._path: Path = desk.places.rules
        self._saved = ""
        self._draft = ""
        self._past: list[str] = []
        self._future: list[str] = []
        self._checked = Checked(None)
        self._current = 0
        self._models: Sequence[str] = ()
        self._theirs: str | None = None
        self._in_force: Preview | None = None
        """The saved rules' replay, which an edit is compared with; None: to be asked for."""
        self._replayed: Preview | None = None
        self._build()
        self.view.chosen.connect(self._view_chosen)
        self.undo.clicked.connect(self.go_back)
        self.redo.clicked.connect(self.go_forward)
        self.save.clicked.connect(self.save_draft)
        QShortcut(QKeySequence.StandardKey.Save, self).activated.connect(self.save_draft)
        QShortcut(QKeySequence("Ctrl+Shift+Z"), self).activated.connect(self.go_forward)
        QShortcut(QKeySequence("Ctrl+Z"), self).activated.connect(self.go_back)
        QShortcut(QKeySequence("Ctrl+N"), self).activated.connect(self.add_rule)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(450)
        self._rest.timeout.connect(self._ask_preview)
        self._watch = QFileSystemWatcher(self)
        self._watch.fileChanged.connect(lambda _: self._look())
        self._watch.directoryChanged.connect(lambda _: self._look())
        self._watch.addPath(str(self._path.parent))

    def heading(self) -> str:
        return tr("Rules")

    def go(self, rest: str) -> None:
        if rest == "new":
            self.add_rule()

    # -- parts

    def _build(self) -> None:
        self.list = RuleList()
        self.list.moved.connect(self._moved)
        self.list.chosen.connect(self._chosen)
        self.list.removed.connect(self._removed)
        self.form = RuleForm()
        self.form.changed.connect(self._form_changed)
        self.form.removed.connect(lambda: self._removed(self._current))
        add = Button(tr("Add rule"), "plus", name=tr("Add rule"), tip=tr("Add a rule (Ctrl+N)"), pressed=self.add_rule)
        self.empty = Empty(
            "route",
            tr("No rules yet"),
            tr("Without rules every call gets the model it asks for."),
            tr("Add the first rule"),
            self.add_rule,
        )
        self.empty.hide()
        order = Card(
            row(
                section(tr("In this order")),
                aside(tr("the first that fits decides")),
                None,
                add,
                margins=(8, 0, 6, 4),
            ),
            margins=(10, 12, 10, 10),
        )
        self.list.setMinimumHeight(px(170))
        order.box.addWidget(self.list, 1)
        order.box.addWidget(self.empty, 1)
        self.editor = Card(self.form)
        self.signals = SignalsCard()
        self.signals.wanted.connect(self._signal_wanted)
        self.form_errors = QVBoxLayout()
        self.form_errors.setSpacing(px(4))
        order.box.addLayout(self.form_errors)
        inside = QWidget()
        inside.setObjectName("clear")
        inside.setLayout(column(order, self.editor, self.signals, None, spacing=14))
        self.text = RuleText()
        self.text.edited.connect(self._text_edited)
        self.errors = QVBoxLayout()
        self.errors.setSpacing(px(4))
        text_card = holding(column(Card(self.text, self.errors, margins=(6, 10, 8, 10)), margins=(0, 0, 14, 0)))
        self.stack = QStackedWidget()
        self.stack.addWidget(Scroll(inside))
        self.stack.addWidget(text_card)
        self.preview = PreviewCard()
        self.preview.opened.connect(lambda call: self.desk.act("open", f"calls/{call}"))
        self.try_card = TryCard()
        self.try_card.asked.connect(self._try)
        right = QWidget()
        right.setObjectName("clear")
        right.setLayout(column(self.preview, self.try_card, None, spacing=14))
        self.beside = Scroll(right)
        self.bleed()
        self._both = row(spacing=0)
        self._both.addWidget(self.stack, 3)
        self._both.addWidget(self.beside, 2)
        self.body.addLayout(self._both, 1)
        self._place_beside()

    def _place_beside(self) -> None:
        """Beside the rules where there is room, else below them."""
        wide = self.width() >= px(980)
        self._both.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        self._both.setSpacing(0 if wide else px(14))
        self.beside.setMinimumWidth(px(372) + GUTTER if wide else 0)
        self.beside.setMaximumWidth(px(372) + GUTTER if wide else 16_777_215)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_beside()

    # -- the file

    def refresh(self) -> None:
        self._look()
        self.desk.pool.run(self._read_models, self._got_models, lambda _: None, owner=self)

    def _read_models(self) -> list[str]:
        settings = read_settings(self.desk.places.settings)
        return list(dict.fromkeys(name for names in settings.tiers.values() for name in names))

    def _got_models(self, models: list[str]) -> None:
        self._models = models
        self._show()

    def _look(self) -> None:
        """Reads the file; a draft is never lost to what stands there."""
        path = self._path

        self.desk.pool.run(lambda: read_rules_text(path), self._read, self.failed, owner=self)

    def _read(self, found: str) -> None:
        if str(self._path) not in self._watch.files():
            self._watch.addPath(str(self._path))  # a file that was replaced is another one to the watcher
        if found == self._saved:
            return
        self._flush()
        if self.dirty and found != self._draft:
            both = merged(self._saved, self._draft, found)
            if both is None:
                self._theirs = found
                self.note.ask(
                    tr(
                        "rules.toml was changed outside, where you changed it too. Your draft is kept until you decide."
                    ),
                    (tr("Take the file"), self._take_theirs),
                    (tr("Keep my draft"), self._keep_mine),
                )
                return
            self._saved, self._theirs, self._in_force = found, None, None
            self._set(both)
            self.note.say(tr("rules.toml was changed outside: that change and your draft are both here now."), "info")
            return
        first = not self._saved and not self._draft
        self._saved, self._theirs, self._in_force = found, None, None
        self._set(found, remember=not first)

    def _take_theirs(self) -> None:
        if self._theirs is not None:
            self._saved, theirs, self._theirs = self._theirs, self._theirs, None
            self.note.say("")
            self._set(theirs)

    def _keep_mine(self) -> None:
        """Saving writes the draft then; what stood in the file is one step back in the history."""
        if self._theirs is not None:
            self._saved, self._theirs, self._in_force = self._theirs, None, None
            self._past = [*self._past[-KEPT + 1 :], self._saved]
            self.note.say(tr("Your draft is kept. Saving replaces the file; Undo shows what stood there."), "info")
            self._show_state()
            self._rest.start()

    @property
    def dirty(self) -> bool:
        return self._draft != self._saved

    # -- the draft

    def _set(self, draft: str, *, remember: bool = True) -> None:
        if draft == self._draft:
            self._show()
            return
        if remember:
            self._past = [*self._past[-KEPT + 1 :], self._draft]
            self._future.clear()
        self._draft = draft
        self._show()
        self._check()

    def go_back(self) -> None:
        self._flush()
        if self._past:
            self._future.append(self._draft)
            self._set(self._past.pop(), remember=False)

    def go_forward(self) -> None:
        self._flush()
        if self._future:
            self._past.append(self._draft)
            self._set(self._future.pop(), remember=False)

    def add_rule(self) -> None:
        self.form.flush()
        self._current, row = rulesdoc.fresh(self._draft, tr("a new rule"))
        self._set(rulesdoc.added(self._draft, self._current, row))
        self.form.focus_name()

    def _moved(self, start: int, end: int) -> None:
        self.form.flush()
        self._current = end
        self._set(rulesdoc.moved(self._draft, start, end))

    def _removed(self, index: int) -> None:
        self.form.flush()
        self._current = max(0, index - 1)
        self._set(rulesdoc.removed(self._draft, index))

    def _chosen(self, index: int) -> None:
        self.form.flush()
        self._current = index
        self._show_form()

    def _form_changed(self, fields: object) -> None:
        if isinstance(fields, dict):
            self._set(rulesdoc.changed(self._draft, self._current, fields))

    def _text_edited(self, draft: str) -> None:
        self._set(draft)

    def _signal_wanted(self, name: str, definition: str) -> None:
        try:
            draft = rulesdoc.with_signal(self._draft, name, definition)
        except ValueError:
            self.signals.judge(good=False)
            return
        self.signals.judge(good=True)
        self._set(draft)

    # -- showing

    def _show(self) -> None:
        rows = rulesdoc.rules(self._draft)
        wrong = [rulesdoc.rule_at(self._draft, error.line) for error in self._checked.errors]
        self._current = min(self._current, max(0, len(rows) - 1))
        self.list.show_rules(rows, wrong, self._current)
        self.list.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        # The list shows every rule up to ten; the page scrolls, not a box within it.
        self.list.setFixedHeight(px(52) * min(max(len(rows), 1), 10) + px(6))
        self.editor.setVisible(bool(rows))
        self.text.show_text(self._draft)
        self._show_form()
        self._show_signals()
        self._show_state()

    def _show_form(self) -> None:
        rows = rulesdoc.rules(self._draft)
        if not rows:
            return
        self.form.set_choices(self._models, [one.name for one in rulesdoc.signals(self._draft)])
        self.form.show_rule(rows[self._current])
        messages: dict[str, str] = {}
        for error in self._checked.errors:
            if rulesdoc.rule_at(self._draft, error.line) != self._current:
                continue
            messages.setdefault(_key_at(self._draft, error.line), words.one_line(f"{error.bare} {error.hint}", 300))
        self.form.show_wrong(messages)

    def _show_signals(self) -> None:
        found = rulesdoc.signals(self._draft)
        self.text.set_words([*(one.name for one in found), "and", "or", "not", "true"])
        self.signals.show_signals(found)

    def _show_state(self) -> None:
        errors = len(self._checked.errors)
        if errors:
            repill(self.state, words.plural(errors, "{n} error", "{n} errors"), "bad")
        elif self.dirty:
            repill(self.state, tr("Not saved"), "warn")
        else:
            repill(self.state, tr("In force"), "good")
        self.save.setEnabled(self.dirty and not errors)
        self.undo.setEnabled(bool(self._past))
        self.redo.setEnabled(bool(self._future))

    def _flush(self) -> None:
        """What is typed and not yet taken over, is."""
        if self.stack.currentIndex() == 1:
            self._set(self.text.flush())
        else:
            self.form.flush()

    def _view_chosen(self, view: str) -> None:
        self._flush()
        self.stack.setCurrentIndex(1 if view == "text" else 0)

    # -- checking and trying

    def _check(self) -> None:
        draft = self._draft
        self.desk.pool.run(
            lambda: check_rules(draft, (), self._path.name),
            lambda got: self._judged(got, draft),
            self.failed,
            owner=self,
        )
        self._rest.start()

    def _judged(self, checked: Checked, draft: str) -> None:
        if draft != self._draft:
            return
        self._checked = checked
        self.text.show_errors(checked.errors)
        clear(self.errors)
        clear(self.form_errors)
        for error in [*checked.errors, *checked.warnings][:6]:
            kind = "bad" if error in checked.errors else "warn"
            said = words.one_line(f"{error.bare} {error.hint}", 300)
            self.errors.addLayout(
                _wrong_line(
                    tr("Line {line}: {what}").format(line=error.line, what=said) if error.line else said,
                    kind,
                    partial(self.text.go_to, error.line, error.column) if error.line else None,
                )
            )
            self.form_errors.addLayout(_wrong_line(said, kind, partial(self._go_to, error.line)))
        self._show()

    def _go_to(self, line: int) -> None:
        """To the rule that holds the line; what stands in none is shown in the text."""
        at = rulesdoc.rule_at(self._draft, line)
        if at >= 0:
            self._current = at
            self._show()
            return
        self.view.set_value("text")
        self._view_chosen("text")
        self.text.go_to(line)

    def _ask_preview(self) -> None:
        if self._checked.errors:
            self.preview.say(tr("There is something to mend first."))
            return
        self.preview.wait()
        self._replay(self._draft, self._previewed)
        if self.dirty and self._in_force is None:
            self._replay(self._saved, self._replayed_in_force)
        self.try_card.again()

    def _replay(self, rules: str, done: Callable[[Preview], None]) -> None:
        which = "draft" if rules == self._draft else "saved"

        def ask(path: Path) -> None:
            self.desk.commands.ask(
                ["rules", "replay", "--last", str(LAST), "--rules", str(path)],
                lambda doc: self._if_still(which, rules, doc, done),
                lambda error: self.preview.say(words.one_line(error.said, 300)),
                key=f"replay-{which}",
                owner=self,
            )

        self._with_file(f"{which}-rules.toml", rules, ask)

    def _if_still(self, which: str, rules: str, doc: Doc, done: Callable[[Preview], None]) -> None:
        if rules == (self._draft if which == "draft" else self._saved):
            done(preview(doc))

    def _replayed_in_force(self, found: Preview) -> None:
        self._in_force = found
        self._show_preview()

    def _previewed(self, found: Preview) -> None:
        self._replayed = found
        if not self.dirty:
            self._in_force = found
        self._show_preview()

    def _show_preview(self) -> None:
        found = self._replayed
        if found is None:
            return
        if not found.calls:
            self.preview.say(tr("There are no calls yet to compare with."))
        elif not found.replayed:
            self.preview.say(tr("None of the last calls can be judged: no text is kept, and they were never graded."))
        elif not self.dirty:
            self.preview.show_preview(found)
        elif self._in_force is not None:
            self.preview.show_preview(edited(found, self._in_force))

    def ledger_changed(self) -> None:
        self._in_force = None  # other calls are the last ones now

    def _try(self, prompt: str) -> None:
        if self._checked.errors:
            self.try_card.say(tr("There is something to mend first."))
            return
        self.try_card.say(tr("Asking…"))

        def ask(path: Path) -> None:
            # Through stdin: a prompt in the arguments would stand in the process list.
            self.desk.commands.ask(
                ["rules", "explain", "-", "--rules", str(path)],
                lambda doc: self.try_card.show_tried(tried(doc)),
                lambda error: self.try_card.say(words.one_line(error.said, 300)),
                stdin=prompt,
                key="explain",
                owner=self,
            )

        self._with_file("try-rules.toml", self._draft, ask)

    def _with_file(self, name: str, rules: str, then: Callable[[Path], None]) -> None:
        """Commands read rules from a file; it is written in the pool."""
        path = self.desk.places.run / name

        def write() -> Path:
            try:
                replace_file(path, rules.encode())
            except OSError as error:
                raise SettingsError(f"cannot be written: {error.strerror}", file=name) from error
            return path

        self.desk.pool.run(write, then, self.failed, owner=self)

    # -- saving

    def save_draft(self) -> None:
        self._flush()
        if not self.dirty:
            return
        draft, base, path = self._draft, self._saved, self._path
        self.save.setEnabled(False)
        self.desk.pool.run(
            lambda: save_rules_text(path, draft, base),
            lambda there: self._written(there, draft),
            self._not_saved,
            owner=self,
        )

    def _not_saved(self, error: TurnoutError) -> None:
        self.failed(error)
        self._show_state()

    def _written(self, there: str | None, draft: str) -> None:
        if there is not None:
            self._read(there)
            self._show_state()
            return
        self._saved = draft
        self._in_force = self._replayed
        self._show_state()
        self._show_preview()
        self.note.say(tr("Saved. The next call is decided by these rules."), "good")
        self.desk.pool.run(
            lambda: self.desk.link.client().reload(), lambda _: self.desk.feed.hurry(), lambda _: None, owner=self
        )
        self.desk.commands.ask(
            ["rules", "check"], partial(self._probed, draft), lambda _: None, key="check", owner=self
        )

    def _probed(self, draft: str, doc: Doc) -> None:
        if self._theirs is not None or self._saved != draft:
            return  # the file changed meanwhile: what is said about that matters more
        broken = [str(one) for one in doc.get("probes_failed", ())]
        if broken:
            self.note.say(
                tr("Saved, but a probe fails: {which}").format(which=words.one_line("; ".join(broken), 400)), "warn"
            )
        elif self._checked.rules is not None and self._checked.rules.probes:
            count = len(self._checked.rules.probes)
            self.note.say(
                words.plural(count, "Saved, and its probe passes.", "Saved, and all {n} probes pass."), "good"
            )


def _wrong_line(said: str, kind: str, go_there: Callable[[], None] | None) -> QHBoxLayout:
    line = row(label(said, 12.5, 400, kind, wrap=True), spacing=8, margins=(8, 0, 4, 0))
    line.setStretch(0, 1)
    if go_there is not None:
        line.addWidget(Button(tr("Go there"), look="link", pressed=go_there))
    return line


def _key_at(draft: str, line: int) -> str:
    lines = draft.splitlines()
    return lines[line - 1].split("=")[0].strip() if 0 < line <= len(lines) else ""
