"""Providers and their keys, the tiers and their order, prices, and what the local engine has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget
from shiboken6 import isValid

from turnout.calls.provider import Provider
from turnout.calls.units import Tier
from turnout.control.messages import Engine
from turnout.desktop import text, theme
from turnout.desktop.commands import Doc
from turnout.desktop.desk import Desk
from turnout.desktop.fold import Fold
from turnout.desktop.models.nodes import window
from turnout.desktop.pages.nodes import NodesCard
from turnout.desktop.pages.owned import OwnedCard
from turnout.desktop.pages.page import Page
from turnout.desktop.pages.tierlist import TierList
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import (
    Button,
    Card,
    Combo,
    Dot,
    Elided,
    Scroll,
    aside,
    clear,
    column,
    holding,
    label,
    pill,
    row,
    rule,
    section,
)
from turnout.errors import TurnoutError
from turnout.settings.files import edit_settings, read_settings
from turnout.settings.model import Settings
from turnout.settings.presets import PRESETS

TIERS = (Tier.HIGH, Tier.FAST, Tier.LOCAL)


@dataclass(slots=True)
class Known:
    """What is known so far; parts arrive one by one."""

    settings: Settings = field(default_factory=Settings)
    keys: Mapping[str, str] = field(default_factory=dict)
    """Provider -> saved | missing | for another address."""
    keys_problem: str = ""
    models: Sequence[Mapping[str, Any]] = ()


class Models(Page):
    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, None)
        self._known = Known()
        self._open = ""
        """The provider whose key is being typed."""
        self._key_line: QWidget | None = None
        """Kept while providers are drawn anew around it: a redraw would lose what is being typed."""
        self._told: object = None
        self._key_edit: QLineEdit | None = None
        """Where a key is being typed: what stands in it outlives a redraw."""
        self._typed = ""
        self.providers_box = QVBoxLayout()
        self.providers_box.setSpacing(px(12))
        self.add = Combo(tr("Add a provider"))
        self.add.setFixedWidth(px(190))
        self.add.activated.connect(self._add_chosen)
        providers = Card(
            row(
                section(tr("Providers")),
                aside(tr("keys live in the system's keyring only")),
                None,
                self.add,
            ),
            4,
            self.providers_box,
            spacing=8,
        )
        self.tiers_box = QHBoxLayout()
        self.tiers_box.setSpacing(px(14))
        self.tier_lists: dict[Tier, TierList] = {}
        self.tier_more: dict[Tier, Combo] = {}
        for tier in TIERS:
            shown = TierList(tier)
            shown.wanted.connect(self._tiers_changed)
            self.tier_lists[tier] = shown
            more = Combo(tr("Add a model to tier {tier}").format(tier=text.tier(tier)))
            more.setMinimumContentsLength(8)
            more.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            more.activated.connect(partial(self._add_to_tier, tier))
            self.tier_more[tier] = more
            head = row(Dot(tier.value, round_=True), label(text.tier(tier), 13, 600), None, spacing=8)
            self.tiers_box.addWidget(holding(column(head, shown, more, spacing=6)), 1)
        tiers = Card(
            row(
                section(tr("Tiers")),
                aside(tr("first candidate first; drag, or Alt with the arrow keys; Delete takes one off")),
                None,
            ),
            4,
            self.tiers_box,
            spacing=8,
        )
        self.prices_box = QVBoxLayout()
        self.prices_box.setSpacing(px(9))
        self.prices_box.addWidget(label(tr("Asking the proxy…"), 13, 400, "faint"))
        prices = Card(
            row(
                section(tr("Models and prices")),
                aside(tr("dollars per million tokens, in / out")),
                None,
            ),
            4,
            self.prices_box,
            spacing=8,
        )
        self.nodes = NodesCard(desk)
        self.nodes.pulls.changed.connect(self._ask_models)
        self.owned = OwnedCard(desk)
        inside = QWidget()
        inside.setObjectName("clear")
        inside.setLayout(column(providers, tiers, self.nodes, self.owned, prices, None, spacing=14))
        self.bleed()
        self.body.addWidget(Scroll(inside), 1)

    def heading(self) -> str:
        return tr("Models and keys")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        way = QBoxLayout.Direction.LeftToRight if self.width() >= px(560) else QBoxLayout.Direction.TopToBottom
        if self.tiers_box.direction() is not way:
            self.tiers_box.setDirection(way)
            self.tiers_box.update()

    # -- asking

    def refresh(self) -> None:
        path = self.desk.places.settings
        self.desk.pool.run(lambda: read_settings(path), self._got_settings, self.failed, owner=self)
        self._ask_keys()
        self._ask_models()
        self.nodes.ask()

    def state_changed(self) -> None:
        status = self.desk.state.status
        engines = status.engines if status else ()
        if engines != self._told:
            self._told = engines
            self._draw_providers()
            self._ask_models()
            self.nodes.ask()

    def _ask_keys(self) -> None:
        self.desk.commands.ask(["key", "list"], self._got_keys, self._no_keys, key="keys", owner=self)

    def _ask_models(self) -> None:
        self.desk.pool.run(
            lambda: self.desk.link.client().models(), self._got_models, lambda _: self._got_models(()), owner=self
        )

    # -- answers

    def _got_settings(self, settings: Settings) -> None:
        self._known.settings = settings
        self.owned.show_settings(settings)
        for tier in TIERS:
            self.tier_lists[tier].show_models(settings.tiers.get(tier, ()))
        self._fill_tiers()
        self.add.clear()
        self.add.addItem(tr("Add a provider…"), "")
        for name in PRESETS:
            if name not in settings.providers:
                self.add.addItem(name, name)
        self._draw_providers()

    def _got_keys(self, doc: Doc) -> None:
        rows = doc.get("keys", ())
        keys = {str(one.get("provider", "")): str(one.get("state", "")) for one in rows}
        if keys == self._known.keys and not self._known.keys_problem:
            return  # drawn anew, a button that is being pressed would be gone before it clicks
        self._known.keys, self._known.keys_problem = keys, ""
        self._draw_providers()

    def _no_keys(self, error: TurnoutError) -> None:
        self._known.keys = {}
        self._known.keys_problem = error.said
        self._draw_providers()

    def _got_models(self, models: Sequence[Mapping[str, Any]]) -> None:
        self._known.models = models
        self._draw_prices()
        self._fill_tiers()

    # -- drawing

    def _draw_providers(self) -> None:
        status = self.desk.state.status
        engines = {one.provider: one for one in status.engines} if status else {}
        typing = self.focusWidget()
        if self._key_line is not None:
            self._key_line.setParent(None)
        edit = self._key_edit
        self._typed = edit.text() if edit is not None and isValid(edit) and self._open else ""
        self._key_edit = None
        clear(self.providers_box)
        providers = self._known.settings.providers
        if self._known.keys_problem:
            self.providers_box.addWidget(label(self._known.keys_problem, 12.5, 400, "warn", wrap=True))
        if not providers and not self._open:
            self.providers_box.addWidget(
                label(
                    tr("No provider yet. Add one above, or start Ollama: it is found by itself."),
                    13,
                    400,
                    "faint",
                    wrap=True,
                )
            )
        for number, (name, provider) in enumerate(providers.items()):
            if number:
                self.providers_box.addWidget(rule())
            self.providers_box.addLayout(self._provider(name, provider, engines.get(name)))
        if self._open and self._open not in providers:
            self.providers_box.addWidget(rule())
            self.providers_box.addLayout(column(label(self._open, 13, 600), self._key_form(self._open), spacing=8))
        if self._key_line is not None and typing is not None and self._key_line.isAncestorOf(typing):
            typing.setFocus()

    def _provider(self, name: str, provider: Provider, engine: Engine | None) -> QVBoxLayout:
        saved = self._known.keys.get(name) == "saved"
        state, kind = _state_words(engine)
        if engine is not None and engine.state in ("no key", "locked") and self._known.keys:
            state = ""  # the key's own pill says it
        title = row(Elided(text.one_line(name, 60), 13, 600), spacing=8)
        facts = [text.one_line(provider.base_url, 80), provider.family.value]
        if provider.sovereign:
            facts.append(tr("inside our walls"))
        if engine is not None and engine.models:
            facts.append(text.plural(engine.models, "{n} model", "{n} models"))
        words = column(title, Elided(" · ".join(facts), 12, 400, "faint"), spacing=2)
        about, line = row(spacing=8), row(spacing=8)
        about.addLayout(words, 1)
        if not provider.needs_key:
            about.addWidget(pill(tr("no key needed")))
        elif saved:
            about.addWidget(pill(tr("key saved"), "good"))
        elif self._known.keys.get(name) == "for another address":
            about.addWidget(pill(tr("key is for another address"), "warn"))
        elif name in self._known.keys:
            about.addWidget(pill(tr("no key"), "warn"))
        if state:
            about.addWidget(pill(state, kind))
        if provider.needs_key:
            line.addWidget(
                Button(
                    tr("Replace key") if saved else tr("Set key"),
                    "key-round",
                    name=tr("Set key of {provider}").format(provider=name),
                    pressed=partial(self._begin_key, name),
                )
            )
            if saved:
                line.addWidget(
                    Button(
                        tr("Remove"),
                        look="bare",
                        name=tr("Remove key of {provider}").format(provider=name),
                        pressed=partial(self._remove_key, name),
                    )
                )
        line.addWidget(
            Button(tr("Test"), name=tr("Test {provider}").format(provider=name), pressed=partial(self._test, name))
        )
        box = column(Fold(about, line), spacing=8)
        if engine is not None and engine.detail and engine.state != "up":
            box.addWidget(
                label(text.one_line(engine.detail, 300), 12, 400, "warn" if kind != "bad" else "bad", wrap=True)
            )
        if self._open == name:
            box.addWidget(self._key_form(name))
        return box

    def _key_form(self, name: str) -> QWidget:
        if self._key_line is not None:
            return self._key_line
        edit = QLineEdit(self._typed)
        self._key_edit = edit
        edit.setEchoMode(QLineEdit.EchoMode.Password)
        edit.setPlaceholderText(tr("Paste the key; it goes to the keyring and is never shown again"))
        edit.setAccessibleName(tr("Key of {provider}").format(provider=name))
        edit.setFont(theme.font(13))
        line = row(spacing=8)
        line.addWidget(edit, 1)

        def save() -> None:
            if edit.text().strip():
                self._save_key(name, edit.text().strip())
                edit.clear()

        edit.returnPressed.connect(save)
        line.addWidget(Button(tr("Save key"), look="main", pressed=save))
        line.addWidget(Button(tr("Cancel"), pressed=partial(self._begin_key, "")))
        made = self._key_line = QWidget()
        made.setObjectName("clear")
        made.setLayout(line)
        QTimer.singleShot(0, edit, edit.setFocus)  # it is on the page only then
        return made

    def _draw_prices(self) -> None:
        clear(self.prices_box)
        models = self._known.models
        status = self.desk.state.status
        engines = {one.provider: one for one in status.engines} if status else {}
        if not models:
            words = tr("No model is known yet.") if status is not None else tr("Known when the proxy runs.")
            self.prices_box.addWidget(label(words, 13, 400, "faint"))
            return
        for one in sorted(models, key=_by_tier)[:60]:
            tier = one.get("tier")
            name = Elided(text.one_line(str(one.get("name", "")), 120), 13, 500)
            name.setMinimumWidth(px(190))
            named = row(Dot(tier if tier in {t.value for t in TIERS} else "faint", round_=True), name, spacing=9)
            line = row(spacing=9)
            context = one.get("context")
            line.addWidget(_cell(tr("{n} context").format(n=window(int(context))) if context else "", 84))
            money, tone = price_words(one)
            line.addWidget(_cell(money, 128, tone))
            line.addWidget(Elided(text.one_line(str(one.get("price_source", "")), 80), 12, 400, "faint"), 2)
            engine = engines.get(str(one.get("provider", "")))
            state, kind = (tr("loaded"), "good") if one.get("warm") else _state_words(engine)
            line.addWidget(_cell("" if kind == "good" and not one.get("warm") else state, 84, kind))
            self.prices_box.addWidget(Fold(named, line, 9, (2, 3)))

    # -- pressed

    def _add_chosen(self, index: int) -> None:
        name = str(self.add.itemData(index) or "")
        if name:
            self._begin_key(name)

    def _begin_key(self, name: str) -> None:
        if self._key_edit is not None and isValid(self._key_edit):
            self._key_edit.clear()
        self._set_open("" if name == self._open else name)
        self.add.setCurrentIndex(0)
        self._draw_providers()

    def _set_open(self, name: str) -> None:
        if self._key_line is not None:
            self._key_line.hide()
            self._key_line.deleteLater()
            self._key_line = None
        self._open = name

    def _save_key(self, name: str, key: str) -> None:
        self.note.say(tr("Saving the key…"), "info")
        # Through stdin: arguments stand in the process list for every user to read.
        self.desk.commands.ask(
            ["key", "set", name, "--stdin"], lambda doc: self._key_saved(name, doc), self.failed, stdin=key, owner=self
        )

    def _key_saved(self, name: str, doc: Doc) -> None:
        self._set_open("")
        origin = str(doc.get("origin", ""))
        said = tr("The key for {provider} is in the keyring, for {origin} alone.").format(provider=name, origin=origin)
        test = str(doc.get("test") or "")
        self.note.say(f"{said} {text.one_line(test, 300)}".strip(), "good")
        self.desk.feed.hurry()
        self.refresh()

    def _remove_key(self, name: str) -> None:
        def gone(_: Doc) -> None:
            self.note.say(tr("The key for {provider} is removed.").format(provider=name), "good")
            self._ask_keys()
            self.desk.feed.hurry()

        self.desk.commands.ask(["key", "remove", name], gone, self.failed, owner=self)

    def _test(self, name: str) -> None:
        self.note.say(tr("Asking {provider}…").format(provider=name), "info")

        def told(doc: Mapping[str, Any]) -> None:
            said = text.one_line(str(doc.get("message", "")), 300)
            self.note.say(f"{name}: {said}", "good" if doc.get("ok") else "bad")
            self.desk.feed.hurry()

        self.desk.pool.run(lambda: self.desk.link.client().key_test(name), told, self.failed, owner=self)

    def _fill_tiers(self) -> None:
        """What can still be added: every model that is known and does not stand there."""
        names = sorted({str(one.get("name", "")) for one in self._known.models if one.get("provider")} - {""})
        for tier, combo in self.tier_more.items():
            have = self._known.settings.tiers.get(tier, ())
            offered = [name for name in names if name not in have]
            if not combo.count() or [combo.itemData(n) for n in range(1, combo.count())] != offered:
                combo.clear()
                combo.addItem(tr("Add a model…"), "")
                for name in offered:
                    combo.addItem(text.one_line(name, 80), name)
            combo.setEnabled(bool(offered))

    def _add_to_tier(self, tier: Tier, index: int) -> None:
        name = str(self.tier_more[tier].itemData(index) or "")
        self.tier_more[tier].setCurrentIndex(0)
        if name:
            self._tiers_changed(tier, [*self._known.settings.tiers.get(tier, ()), name])

    def _tiers_changed(self, tier: Tier, models: object) -> None:
        """One list's new order; a model that came from another tier leaves that one."""
        names = [str(one) for one in models] if isinstance(models, list) else []
        path = self.desk.places.settings

        def change(doc: Any) -> None:
            import tomlkit

            if "tiers" not in doc:
                doc.add("tiers", tomlkit.table())
            for one in TIERS:
                have = [str(name) for name in doc["tiers"].get(one.value, [])]
                want = names if one is tier else [name for name in have if name not in names]
                if want != have:
                    doc["tiers"][one.value] = want

        def saved(settings: Settings) -> None:
            self._got_settings(settings)
            self.desk.pool.run(
                lambda: self.desk.link.client().reload(), lambda _: self.desk.feed.hurry(), lambda _: None, owner=self
            )

        def broke(error: TurnoutError) -> None:
            self.failed(error)
            self._got_settings(self._known.settings)

        self.desk.pool.run(lambda: edit_settings(path, change), saved, broke, owner=self)


def price_words(one: Mapping[str, Any]) -> tuple[str, str]:
    """A model's price, and the tone it is said in: what is not known must not look free."""
    said_in, said_out = one.get("input_usd_per_million"), one.get("output_usd_per_million")
    if said_in is None or said_out is None:
        return tr("unpriced"), "warn"
    if text.nanos_of(str(said_in)) == text.nanos_of(str(said_out)) == 0:
        return "–", "faint"
    return f"{text.dollars(str(said_in))} / {text.dollars(str(said_out))}", ""


def _cell(words: str, width: int, tone: str = "muted") -> QWidget:
    made = label(words, 12.5, 400, tone)
    made.setFixedWidth(px(width))
    made.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return made


def _state_words(engine: Engine | None) -> tuple[str, str]:
    if engine is None or engine.state == "unknown":
        return "", "quiet"
    return {
        "up": (tr("up"), "good"),
        "down": (tr("down"), "bad"),
        "loading": (tr("loading"), "warn"),
        "no key": (tr("no key"), "warn"),
        "locked": (tr("keyring locked"), "warn"),
    }.get(engine.state, (text.one_line(engine.state, 24), "quiet"))


def _by_tier(one: Mapping[str, Any]) -> tuple[int, str]:
    """The tiers in their order, then the rest; within each by name."""
    order = {tier.value: n for n, tier in enumerate(TIERS)}
    return (order.get(str(one.get("tier")), len(order)), str(one.get("name", "")))
