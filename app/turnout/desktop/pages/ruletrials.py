"""A draft of the rules tried out: replayed over the last calls beside the rules in force, and asked about one prompt."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject

from turnout.desktop import text as words
from turnout.desktop.commands import Doc
from turnout.desktop.desk import Desk
from turnout.desktop.models.preview import Preview, edited, preview, tried
from turnout.desktop.models.ruledraft import RuleDraft
from turnout.desktop.pages.rulepreview import PreviewCard, TryCard
from turnout.desktop.text import tr
from turnout.errors import SettingsError, TurnoutError
from turnout.settings.atomic import replace_file

LAST = 500
"""Calls the preview replays: about a second of work."""


class RuleTrials:
    """`owner`: while it lives, answers are shown. `failed`: told of a file that could not be written."""

    def __init__(self, desk: Desk, owner: QObject, draft: RuleDraft, failed: Callable[[TurnoutError], None]) -> None:
        self.preview = PreviewCard()
        self.try_card = TryCard()
        self.try_card.asked.connect(self._try)
        self.broken = False
        """The draft has errors: nothing can be decided by it."""
        self._desk, self._owner, self._draft, self._failed = desk, owner, draft, failed
        self._in_force: Preview | None = None
        """The saved rules' replay, which an edit is compared with; None: to be asked for."""
        self._replayed: Preview | None = None

    def forget(self) -> None:
        """Other rules are in force now, or other calls are the last ones."""
        self._in_force = None

    def saved(self) -> None:
        """The draft as it was replayed last is in force."""
        self._in_force = self._replayed
        self._show()

    def again(self) -> None:
        if self.broken:
            self.preview.say(tr("There is something to mend first."))
            return
        self.preview.wait()
        self._replay(self._draft.text, self._got_draft)
        if self._draft.dirty and self._in_force is None:
            self._replay(self._draft.saved, self._got_in_force)
        self.try_card.again()

    def _replay(self, rules: str, done: Callable[[Preview], None]) -> None:
        which = "draft" if rules == self._draft.text else "saved"

        def ask(path: Path) -> None:
            self._desk.commands.ask(
                ["rules", "replay", "--last", str(LAST), "--rules", str(path)],
                lambda doc: self._if_still(which, rules, doc, done),
                lambda error: self.preview.say(words.one_line(error.said, 300)),
                key=f"replay-{which}",
                owner=self._owner,
            )

        self._with_file(f"{which}-rules.toml", rules, ask)

    def _if_still(self, which: str, rules: str, doc: Doc, done: Callable[[Preview], None]) -> None:
        if rules == (self._draft.text if which == "draft" else self._draft.saved):
            done(preview(doc))

    def _got_in_force(self, found: Preview) -> None:
        self._in_force = found
        self._show()

    def _got_draft(self, found: Preview) -> None:
        self._replayed = found
        if not self._draft.dirty:
            self._in_force = found
        self._show()

    def _show(self) -> None:
        found = self._replayed
        if found is None:
            return
        if not found.calls:
            self.preview.say(tr("There are no calls yet to compare with."))
        elif not found.replayed:
            self.preview.say(tr("None of the last calls can be judged: no text is kept, and they were never graded."))
        elif not self._draft.dirty:
            self.preview.show_preview(found)
        elif self._in_force is not None:
            self.preview.show_preview(edited(found, self._in_force))

    def _try(self, prompt: str) -> None:
        if self.broken:
            self.try_card.say(tr("There is something to mend first."))
            return
        self.try_card.say(tr("Asking…"))

        def ask(path: Path) -> None:
            # Through stdin: a prompt in the arguments would stand in the process list.
            self._desk.commands.ask(
                ["rules", "explain", "-", "--rules", str(path)],
                lambda doc: self.try_card.show_tried(tried(doc)),
                lambda error: self.try_card.say(words.one_line(error.said, 300)),
                stdin=prompt,
                key="explain",
                owner=self._owner,
            )

        self._with_file("try-rules.toml", self._draft.text, ask)

    def _with_file(self, name: str, rules: str, then: Callable[[Path], None]) -> None:
        """Commands read rules from a file; it is written in the pool."""
        path = self._desk.places.run / name

        def write() -> Path:
            try:
                replace_file(path, rules.encode())
            except OSError as error:
                raise SettingsError(f"cannot be written: {error.strerror}", file=name) from error
            return path

        self._desk.pool.run(write, then, self._failed, owner=self._owner)
