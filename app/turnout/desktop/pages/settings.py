"""What is set once: start at login, port, looks, privacy, export, the log, and what this is."""

import platform
import time
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from turnout import __version__
from turnout.desktop import autostart, text, theme
from turnout.desktop.commands import Doc
from turnout.desktop.desk import Desk
from turnout.desktop.pages.page import Page
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Combo,
    Elided,
    Scroll,
    Segments,
    Switch,
    aside,
    column,
    label,
    row,
    rule,
    section,
)
from turnout.errors import SettingsError
from turnout.settings.files import edit_settings, read_settings
from turnout.settings.model import Settings as Values


class Settings(Page):
    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, None)
        self._values = Values()
        self.login = Switch(tr("Start at login"))
        self.login.toggled.connect(self._login)
        self.theme = Segments(tr("Theme"), [("system", tr("System")), ("light", tr("Light")), ("dark", tr("Dark"))])
        self.theme.chosen.connect(self._theme)
        self.bodies = Switch(tr("Keep prompts and answers"))
        self.bodies.toggled.connect(lambda on: self._set("privacy", "store_bodies", on))
        self.port, self.days = QLineEdit(), QLineEdit()
        for edit, name, wide in ((self.port, tr("Port"), 90), (self.days, tr("Days to keep calls"), 90)):
            edit.setFont(theme.font(13))
            edit.setAccessibleName(name)
            edit.setFixedWidth(px(wide))
        self.port.editingFinished.connect(lambda: self._number("server", "port", self.port, 1_024, 65_535))
        self.days.editingFinished.connect(lambda: self._number("privacy", "keep_days", self.days, 1, 36_500))
        general = Card(
            section(tr("General")),
            6,
            _line(tr("Start at login"), tr("The tray opens with your session; the proxy with it."), self.login),
            rule(),
            _line(tr("Theme"), tr("System follows the desktop, live."), self.theme),
            rule(),
            _line(
                tr("Port"),
                tr("Where clients find Turnout. A change counts from the next start of the proxy on."),
                self.port,
            ),
            spacing=10,
        )
        privacy = Card(
            section(tr("Privacy")),
            6,
            _line(
                tr("Keep prompts and answers"),
                tr("Off: the ledger holds figures and reasons, never a word that was sent."),
                self.bodies,
            ),
            rule(),
            _line(tr("Days to keep calls"), tr("Older rows go; the sums by hour stay."), self.days),
            spacing=10,
        )
        inside = QWidget()
        inside.setObjectName("clear")
        inside.setLayout(column(general, privacy, self._export(), self._log(), self._about(), None, spacing=14))
        self.bleed()
        self.body.addWidget(Scroll(inside), 1)

    def heading(self) -> str:
        return tr("Settings")

    # -- parts

    def _export(self) -> Card:
        self.kind, self.since, self.target = Combo(tr("Format")), Combo(tr("Since")), QLineEdit()
        for key, said in (("csv", "CSV"), ("jsonl", "JSON Lines"), ("focus", "FOCUS (FinOps)")):
            self.kind.addItem(said, key)
        for key, said in (
            ("1", tr("today")),
            ("7", tr("7 days")),
            ("30", tr("30 days")),
            ("365", tr("a year")),
            ("", tr("everything")),
        ):
            self.since.addItem(said, key)
        self.since.setCurrentIndex(2)
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation) or str(Path.home())
        self.target.setText(text.place(str(Path(folder) / "turnout-calls.csv")))
        self.target.setFont(theme.font(13))
        self.target.setAccessibleName(tr("File to write"))
        self.kind.activated.connect(
            lambda _: self.target.setText(
                str(Path(self.target.text()).with_suffix(".jsonl" if self.kind.currentData() == "jsonl" else ".csv"))
            )
        )
        line = row(spacing=8)
        line.addWidget(self.kind)
        line.addWidget(self.since)
        line.addWidget(self.target, 1)
        line.addWidget(Button(tr("Export"), "download", pressed=self._do_export))
        return Card(
            row(
                section(tr("Export")),
                aside(tr("the ledger as a file, for a spreadsheet or a cost tool")),
                None,
            ),
            6,
            line,
            spacing=8,
        )

    def _log(self) -> Card:
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setObjectName("flat")
        self.log.setFont(theme.mono(11.5))
        self.log.setAccessibleName(tr("Log"))
        self.log.setFixedHeight(px(150))
        self.log.setPlaceholderText(tr("Nothing was logged yet."))
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        frame = QWidget()
        frame.setObjectName("inset")
        frame.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        frame.setLayout(column(self.log, margins=(8, 6, 4, 6)))
        head = row(
            section(tr("Log")),
            aside(tr("ids and reasons, never a prompt or a key")),
            None,
            Button(tr("Refresh"), look="bare", pressed=self._read_log),
        )
        return Card(head, 2, frame, spacing=8)

    def _about(self) -> Card:
        places = self.desk.places
        box = QVBoxLayout()
        box.setSpacing(px(7))
        for name, value in (
            (tr("Version"), f"{__version__} · Python {platform.python_version()} · {platform.system()}"),
            (tr("Settings"), text.place(str(places.settings))),
            (tr("Rules"), text.place(str(places.rules))),
            (tr("Ledger"), text.place(str(places.ledger))),
            (tr("Licences"), tr("Turnout: MIT. Qt (PySide6): LGPL-3.0. Inter: OFL-1.1. Lucide icons: ISC.")),
        ):
            left = label(name, 13, 400, "faint")
            left.setFixedWidth(px(92))
            line = row(spacing=8)
            line.addWidget(left)
            line.addWidget(Elided(value, 13, middle=True), 1)
            box.addLayout(line)
        folder = Button(tr("Open the folder"), "folder-open", pressed=self._open_folder)
        return Card(row(section(tr("About")), None, folder), 4, box, spacing=8)

    # -- values

    def refresh(self) -> None:
        path = self.desk.places.settings

        def read() -> tuple[Values, bool]:
            return (read_settings(path), autostart.enabled())

        self.desk.pool.run(read, lambda got: self._got(*got), self.failed, owner=self)
        self._read_log()

    def _got(self, values: Values, login: bool) -> None:
        self._values = values
        self.login.set_quietly(login)
        self.theme.set_value(values.theme)
        self.bodies.set_quietly(values.privacy.store_bodies)
        self.port.setText(str(values.server.port))
        self.days.setText(str(values.privacy.keep_days))

    def _login(self, on: bool) -> None:
        def work() -> None:
            try:
                if on:
                    autostart.enable(self.desk.home)
                else:
                    autostart.disable()
            except OSError as error:
                raise SettingsError(f"the autostart folder cannot be written: {error.strerror}") from error

        self.desk.pool.run(work, lambda _: None, self._not_set, owner=self)

    def _theme(self, choice: str) -> None:
        self.desk.act("theme", choice)

    def _number(self, table: str, key: str, edit: QLineEdit, low: int, high: int) -> None:
        have = {"port": self._values.server.port, "keep_days": self._values.privacy.keep_days}[key]
        said = edit.text().strip()
        if said == str(have):
            return
        if not said.isdigit() or not low <= int(said) <= high:
            self.note.say(tr("A number between {low} and {high}, please.").format(low=low, high=high), "bad")
            edit.setText(str(have))
            return
        self._set(table, key, int(said))
        if key == "port" and self.desk.state.owned:
            self.note.say(
                tr("The port counts from the next start of the proxy on. Calls under way finish first."),
                "info",
                tr("Restart the proxy now"),
                partial(self.desk.act, "restart"),
            )

    def _set(self, table: str, key: str, value: object) -> None:
        self.note.say("")

        def change(doc: Any) -> None:
            import tomlkit

            if table not in doc:
                doc.add(table, tomlkit.table())
            doc[table][key] = value

        self._edit(change)

    def _edit(self, change: Any) -> None:
        path = self.desk.places.settings

        def saved(values: Values) -> None:
            self._values = values
            self.desk.pool.run(
                lambda: self.desk.link.client().reload(), lambda _: self.desk.feed.hurry(), lambda _: None, owner=self
            )

        self.desk.pool.run(lambda: edit_settings(path, change), saved, self._not_set, owner=self)

    def _not_set(self, error: Any) -> None:
        self.failed(error)
        self.refresh()

    # -- export and log

    def _do_export(self) -> None:
        target = self.target.text().strip()
        if not target:
            return
        days = str(self.since.currentData())
        words = ["export", str(self.kind.currentData()), "-o", str(Path(target).expanduser())]
        if days:
            since = time.time() - (int(days) - 1) * 86_400
            words += ["--since", time.strftime("%Y-%m-%d", time.localtime(since))]
        self.note.say(tr("Writing…"), "info")
        self.desk.commands.ask(words, partial(self._exported, target), self.failed, key="export", owner=self)

    def _exported(self, target: str, doc: Doc) -> None:
        rows = doc.get("rows", doc.get("calls"))
        count = f" {text.plural(rows, '{n} call', '{n} calls')}" if isinstance(rows, int) else ""
        self.note.say(tr("Written to {file}.").format(file=text.one_line(target, 200)) + count, "good")

    def _read_log(self) -> None:
        path = self.desk.places.log

        def tail() -> str:
            try:
                with path.open("rb") as file:
                    file.seek(0, 2)
                    file.seek(max(0, file.tell() - 40_000))
                    return file.read().decode("utf-8", "replace")
            except OSError:
                return ""

        self.desk.pool.run(tail, self._show_log, lambda _: None, owner=self)

    def _show_log(self, said: str) -> None:
        lines = said.splitlines()[-200:]
        self.log.setPlainText("\n".join(line[:500] for line in lines))
        bar = self.log.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.desk.places.settings.parent)))


def _line(title: str, words: str, control: QWidget) -> QVBoxLayout:
    line = row(spacing=16)
    line.addLayout(column(label(title, 13, 500), label(words, 12, 400, "faint", wrap=True), spacing=2), 1)
    line.addWidget(control)
    return column(line)
