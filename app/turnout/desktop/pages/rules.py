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
from turnout.desktop.models.ruledraft import Came, RuleDraft
from turnout.desktop.models.rulesfile import read_rules_text, save_rules_text
from turnout.desktop.pages.page import Page
from turnout.desktop.pages.ruleform import RuleForm
from turnout.desktop.pages.rulelist import RuleList
from turnout.desktop.pages.rulesignals import SignalsCard
from turnout.desktop.pages.ruletext import RuleText
from turnout.desktop.pages.ruletrials import RuleTrials
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
from turnout.errors import TurnoutError
from turnout.routing.rulefile import Checked, check_rules
from turnout.settings.files import read_settings


class Rules(Page):
    def __init__(self, desk: Desk) -> None:
        self.state = pill("")
        self.view = Segments(tr("View"), [("form", tr("Form")), ("text", tr("Text"))])
        self.undo = Button("", "undo-2", "bare", name=tr("Undo"), tip=tr("Undo (Ctrl+Z)"))
        self.redo = Button("", "redo-2", "bare", name=tr("Redo"), tip=tr("Redo (Ctrl+Shift+Z)"))
        self.save = Button(tr("Save"), look="main", tip="Ctrl+S")
        super().__init__(desk, self.state, None, self.undo, self.redo, self.view, self.save)
        self._path: Path = desk.places.rules
        self.draft = RuleDraft()
        self._checked = Checked(None)
        self._current = 0
        self._models: Sequence[str] = ()
        self.trials = RuleTrials(desk, self, self.draft, self.failed)
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
        self._rest.timeout.connect(self.trials.again)
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
        self.preview, self.try_card = self.trials.preview, self.trials.try_card
        self.preview.opened.connect(lambda call: self.desk.act("open", f"calls/{call}"))
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
        if found == self.draft.saved:
            return
        self._flush()
        before = self.draft.text
        came = self.draft.file_reads(found)
        if came is Came.CLASH:
            self.note.ask(
                tr("rules.toml was changed outside, where you changed it too. Your draft is kept until you decide."),
                (tr("Take the file"), self._take_theirs),
                (tr("Keep my draft"), self._keep_mine),
            )
            return
        self.trials.forget()
        self._became(before)
        if came is Came.MERGED:
            self.note.say(tr("rules.toml was changed outside: that change and your draft are both here now."), "info")

    def _take_theirs(self) -> None:
        if self.draft.theirs is not None:
            before = self.draft.text
            self.draft.take_theirs()
            self.note.say("")
            self._became(before)

    def _keep_mine(self) -> None:
        if self.draft.keep_mine():
            self.trials.forget()
            self.note.say(tr("Your draft is kept. Saving replaces the file; Undo shows what stood there."), "info")
            self._show_state()
            self._rest.start()

    # -- the draft

    def _set(self, draft: str) -> None:
        before = self.draft.text
        self.draft.set(draft)
        self._became(before)

    def _became(self, before: str) -> None:
        """Shown; checked and tried out when it is not what it was."""
        self._show()
        if self.draft.text != before:
            self._check()

    def go_back(self) -> None:
        self._flush()
        before = self.draft.text
        self.draft.go_back()
        self._became(before)

    def go_forward(self) -> None:
        self._flush()
        before = self.draft.text
        self.draft.go_forward()
        self._became(before)

    def add_rule(self) -> None:
        self.form.flush()
        self._current, row = rulesdoc.fresh(self.draft.text, tr("a new rule"))
        self._set(rulesdoc.added(self.draft.text, self._current, row))
        self.form.focus_name()

    def _moved(self, start: int, end: int) -> None:
        self.form.flush()
        self._current = end
        self._set(rulesdoc.moved(self.draft.text, start, end))

    def _removed(self, index: int) -> None:
        self.form.flush()
        self._current = max(0, index - 1)
        self._set(rulesdoc.removed(self.draft.text, index))

    def _chosen(self, index: int) -> None:
        self.form.flush()
        self._current = index
        self._show_form()

    def _form_changed(self, fields: object) -> None:
        if isinstance(fields, dict):
            self._set(rulesdoc.changed(self.draft.text, self._current, fields))

    def _text_edited(self, draft: str) -> None:
        self._set(draft)

    def _signal_wanted(self, name: str, definition: str) -> None:
        try:
            draft = rulesdoc.with_signal(self.draft.text, name, definition)
        except ValueError:
            self.signals.judge(good=False)
            return
        self.signals.judge(good=True)
        self._set(draft)

    # -- showing

    def _show(self) -> None:
        rows = rulesdoc.rules(self.draft.text)
        wrong = [rulesdoc.rule_at(self.draft.text, error.line) for error in self._checked.errors]
        self._current = min(self._current, max(0, len(rows) - 1))
        self.list.show_rules(rows, wrong, self._current)
        self.list.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        # The list shows every rule up to ten; the page scrolls, not a box within it.
        self.list.setFixedHeight(px(52) * min(max(len(rows), 1), 10) + px(6))
        self.editor.setVisible(bool(rows))
        self.text.show_text(self.draft.text)
        self._show_form()
        self._show_signals()
        self._show_state()

    def _show_form(self) -> None:
        rows = rulesdoc.rules(self.draft.text)
        if not rows:
            return
        self.form.set_choices(self._models, [one.name for one in rulesdoc.signals(self.draft.text)])
        self.form.show_rule(rows[self._current])
        messages: dict[str, str] = {}
        for error in self._checked.errors:
            if rulesdoc.rule_at(self.draft.text, error.line) != self._current:
                continue
            messages.setdefault(_key_at(self.draft.text, error.line), words.one_line(f"{error.bare} {error.hint}", 300))
        self.form.show_wrong(messages)

    def _show_signals(self) -> None:
        found = rulesdoc.signals(self.draft.text)
        self.text.set_words([*(one.name for one in found), "and", "or", "not", "true"])
        self.signals.show_signals(found)

    def _show_state(self) -> None:
        errors = len(self._checked.errors)
        if errors:
            repill(self.state, words.plural(errors, "{n} error", "{n} errors"), "bad")
        elif self.draft.dirty:
            repill(self.state, tr("Not saved"), "warn")
        else:
            repill(self.state, tr("In force"), "good")
        self.save.setEnabled(self.draft.dirty and not errors)
        self.undo.setEnabled(self.draft.can_go_back)
        self.redo.setEnabled(self.draft.can_go_forward)

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
        draft = self.draft.text
        self.desk.pool.run(
            lambda: check_rules(draft, (), self._path.name),
            lambda got: self._judged(got, draft),
            self.failed,
            owner=self,
        )
        self._rest.start()

    def _judged(self, checked: Checked, draft: str) -> None:
        if draft != self.draft.text:
            return
        self._checked = checked
        self.trials.broken = bool(checked.errors)
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
        at = rulesdoc.rule_at(self.draft.text, line)
        if at >= 0:
            self._current = at
            self._show()
            return
        self.view.set_value("text")
        self._view_chosen("text")
        self.text.go_to(line)

    def ledger_changed(self) -> None:
        self.trials.forget()

    # -- saving

    def save_draft(self) -> None:
        self._flush()
        if not self.draft.dirty:
            return
        draft, base, path = self.draft.text, self.draft.saved, self._path
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
        self.draft.saved = draft
        self._show_state()
        self.trials.saved()
        self.note.say(tr("Saved. The next call is decided by these rules."), "good")
        self.desk.pool.run(
            lambda: self.desk.link.client().reload(), lambda _: self.desk.feed.hurry(), lambda _: None, owner=self
        )
        self.desk.commands.ask(
            ["rules", "check"], partial(self._probed, draft), lambda _: None, key="check", owner=self
        )

    def _probed(self, draft: str, doc: Doc) -> None:
        if self.draft.theirs is not None or self.draft.saved != draft:
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
