"""Known providers, the first files, and the folders they stand in."""

import os
from datetime import date
from pathlib import Path

import pytest

from turnout.calls.units import Family, Tier
from turnout.catalog.tables import load_prices
from turnout.engines.routes import base_of
from turnout.errors import SettingsError
from turnout.routing.rulefile import check_rules, default_rules_text
from turnout.settings.files import parse_settings, read_settings
from turnout.settings.first import Found, first_settings, write_first
from turnout.settings.paths import Paths, paths
from turnout.settings.presets import PRESETS, Preset, adopt, origin_of, resolve


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_every_model_of_a_preset_has_a_price(preset: Preset) -> None:
    table = load_prices()

    for model in (preset.high, preset.fast):
        found = table.find(preset.name, preset.base_url, preset.family, model) if model else None
        assert not model or (found is not None and found.at(date(2026, 11, 24)).output > 0)


def test_adopting_keeps_what_was_written_and_adds_provider_and_models(tmp_path: Path) -> None:
    file = tmp_path / "turnout.toml"
    file.write_text(first_settings(()))

    adopted = adopt(file, "anthropic")

    text = file.read_text()
    assert adopted.added
    assert "# Turnout: this machine's settings." in text
    assert read_settings(file).tiers[Tier.HIGH] == ("anthropic/claude-opus-5-5",)
    assert read_settings(file).tiers[Tier.FAST] == ("anthropic/claude-haiku-5-5",)


def test_a_second_provider_stands_behind_the_first(tmp_path: Path) -> None:
    file = tmp_path / "turnout.toml"
    adopt(file, "anthropic")

    adopt(file, "openai")

    assert [name.split("/")[0] for name in read_settings(file).tiers[Tier.HIGH]] == ["anthropic", "openai"]


def test_adopting_twice_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "turnout.toml"
    adopt(file, "openai")
    before = file.read_text()

    assert not adopt(file, "openai").added
    assert file.read_text() == before


def test_a_provider_of_ones_own_is_taken_as_it_is_set_up(tmp_path: Path) -> None:
    settings = parse_settings('[providers.work]\nbase_url = "https://llm.example/v1"\n')

    assert resolve(settings, "work").base_url == "https://llm.example/v1"


@pytest.mark.parametrize(("name", "said"), [("opnai", "'openai'"), ("zzzz", "base_url")])
def test_an_unknown_provider_is_told_what_there_is(name: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve(parse_settings(""), name)

    assert said in caught.value.hint


@pytest.mark.parametrize(
    "url", ["https://API.Example.com/v1", "http://127.0.0.1:11434", "https://x:8443", "http://[::1]:80/api"]
)
def test_t12_the_origin_a_key_is_saved_for_is_the_one_it_is_sent_to(url: str) -> None:
    assert origin_of(url) == base_of(url, Family.OPENAI).origin


def test_the_first_files_are_valid_and_use_what_was_found() -> None:
    text = first_settings((Found("local", Family.OLLAMA, "http://127.0.0.1:11434", ("qwen3-coder:30b", "tiny")),))

    settings = parse_settings(text)

    assert settings.tiers[Tier.LOCAL] == ("local/qwen3-coder:30b", "local/tiny")
    assert settings.providers["local"].sovereign


def test_t26_an_engine_with_odd_model_names_cannot_add_to_the_file() -> None:
    odd = 'x"]\n[providers.evil]\nbase_url = "https://evil.example'

    settings = parse_settings(first_settings((Found("local", Family.OLLAMA, "http://127.0.0.1:11434", (odd, 'a"b')),)))

    assert set(settings.providers) == {"local"}
    assert settings.tiers[Tier.LOCAL] == ('local/a"b',)


@pytest.mark.parametrize("has", [(a, b, c) for a in (True, False) for b in (True, False) for c in (True, False)])
def test_the_first_rules_are_accepted(has: tuple[bool, bool, bool]) -> None:
    assert check_rules(default_rules_text(*has)).errors == ()


def test_the_first_files_are_for_the_owner_alone_and_written_only_where_they_say_something_new(tmp_path: Path) -> None:
    where = Paths(tmp_path, tmp_path / "data", tmp_path / "state", tmp_path / "run")

    write_first(where, "a = 1\n", "b = 1\n")
    first = where.settings.stat()
    write_first(where, "a = 1\n", None)

    assert where.settings.read_text() == "a = 1\n"
    assert (where.settings.stat().st_ino, where.settings.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert where.rules.read_text() == "b = 1\n"
    assert where.rules.stat().st_mode & 0o777 == 0o600


def test_a_gguf_file_that_no_tier_lists_is_tier_local() -> None:
    named = parse_settings('[providers.own]\ngguf = "/models/small.Q4.gguf"\n')
    listed = parse_settings('[providers.own]\ngguf = "/models/small.gguf"\n[tiers]\nfast = ["own/small"]\n')

    assert named.tiers == {Tier.LOCAL: ("own/small.Q4",)}
    assert listed.tiers == {Tier.FAST: ("own/small",)}


def test_turnout_home_puts_everything_under_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_HOME", str(tmp_path / "t"))

    found = paths()

    assert found.settings == tmp_path / "t" / "turnout.toml"
    assert found.ledger == tmp_path / "t" / "data" / "ledger.db"


def test_t06_folders_are_the_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    where = Paths(*(tmp_path / name for name in ("c", "d", "s", "r")))
    old = os.umask(0)
    try:
        where.make()
    finally:
        os.umask(old)

    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o700}


def test_t25_a_planted_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "c").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SettingsError, match="link"):
        Paths(*(tmp_path / name for name in ("c", "d", "s", "r"))).make()
