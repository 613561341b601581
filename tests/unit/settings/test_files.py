"""turnout.toml: what is accepted, what is refused and where it is pointed at, what an edit leaves alone."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.calls.units import Family, Tier
from turnout.errors import SettingsError
from turnout.settings.files import edit_settings, parse_settings, read_settings

WHOLE = """
[server]
port = 7800
also_listen = [11434]
allowed_hosts = ["box.lan"]
allowed_origins = ["http://localhost:5173"]

[developer]
name = "ada"

[clients.xcode]
port = 7718

[providers.anthropic]
dialect = "anthropic"
base_url = "https://api.anthropic.com/"
first_byte_s = 12.5

[providers.local]
dialect = "ollama"
base_url = "http://127.0.0.1:11500"
key = "none"
sovereign = true

[tiers]
high = ["anthropic/claude-opus-5-5"]
local = ["local/qwen3-coder:30b"]

[prices."local/*"]
watts = 320
usd_per_kwh = 0.30
input_usd = 0.1
"""


def test_the_whole_file_comes_out_as_values() -> None:
    found = parse_settings(WHOLE)

    assert (found.server.port, found.server.also_listen, found.developer) == (7800, (11434,), "ada")
    assert found.providers["anthropic"].base_url == "https://api.anthropic.com"
    assert found.providers["anthropic"].first_byte_s == 12.5
    assert found.providers["local"].family is Family.OLLAMA
    assert found.providers["local"].sovereign
    assert found.tiers == {Tier.HIGH: ("anthropic/claude-opus-5-5",), Tier.LOCAL: ("local/qwen3-coder:30b",)}
    assert found.clients[0].port == 7718


def test_prices_are_exact_decimals() -> None:
    assert Decimal(parse_settings(WHOLE).prices[0].input_usd or "") == Decimal("0.1")


def test_a_missing_file_is_all_defaults(tmp_path: Path) -> None:
    found = read_settings(tmp_path / "turnout.toml")

    assert (found.server.port, found.server.host, dict(found.providers)) == (7717, "127.0.0.1", {})


PROVIDER = '[providers.a]\nbase_url = "https://a.example/v1"\n'


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("[server]\nprot = 1\n", 2, 1, "'port'"),
        ("[sever]\nport = 1\n", 1, 1, "'server'"),
        ("[server]\n  port = 'x'\n", 2, 3, "port"),
        ("[server]\nport = 70000\n", 2, 1, "65535"),
        ("[server]\nport = true\n", 2, 1, "port"),
        ("[server]\nport = 7800\nalso_listen = [7800]\n", 3, 1, "twice"),
        ("[server]\nallowed_hosts = [1]\n", 2, 1, "strings"),
        ("[server]\nport = \n", 2, 8, "value"),
        ("[server]\ndrain_s = -1\n", 2, 1, "between 0 and 600"),
        ("[server]\nport = 1\ndrain_tokens = 'all'\n", 3, 1, "a number"),
        ("[developer]\nname = 5\n", 2, 1, "string"),
        ("[desktop]\ntheme = 'pink'\n", 2, 1, "dark"),
        ("[privacy]\nkeep_days = 0\n", 2, 1, "between"),
        ("[privacy]\nkeep_days = 1e999\n", 2, 1, "between"),
        ("[providers.a]\nbase_url = 'ftp://x'\n", 2, 1, "http"),
        ("[providers.a]\nbase_url = 'https://user:pw@x'\n", 2, 1, "without user"),
        ("[otel]\nendpoint = 'ftp://x'\n", 2, 1, "4318"),
        ("[otel]\nendpoint = 'http://collector.example:4318'\n", 2, 1, "a collector on this machine"),
        ("[providers.a]\nbase_url = 'https://x:99999'\n", 2, 1, "URL"),
        ("[providers.a]\n", 1, 1, "URL"),
        (PROVIDER + "dialect = 'opnai'\n", 3, 1, "'openai'"),
        (PROVIDER + "key = 'sk-live-1'\n", 3, 1, "turnout key set a"),
        (PROVIDER + "first_byte_s = -1\n", 3, 1, "between"),
        (PROVIDER + "num_ctx = 3\n", 3, 1, "256"),
        (PROVIDER + "num_ctx = 99999999999999999999\n", 3, 1, "100,000,000"),
        ('[server]\nhost = ""\n', 2, 1, "an address"),
        ('[server]\nhost = "\\u0000"\n', 2, 1, "an address"),
        (PROVIDER + "sovereign = 1\n", 3, 1, "true or false"),
        (PROVIDER + "[tiers]\nhigh = ['b/x']\n", 4, 1, "[providers.b]"),
        (PROVIDER + "[tiers]\nhigh = ['x']\n", 4, 1, "provider/model"),
        (PROVIDER + "[tiers]\nhihg = ['a/x']\n", 4, 1, "'high'"),
        ('[prices."a/x"]\ninput_usd = -1\n', 2, 1, "10,000"),
        ('[prices."a/x"]\ninput_usd = nan\n', 2, 1, "10,000"),
        ("[clients.x]\n", 1, 1, "port"),
        ("[providers]\na = 1\n", 2, 1, "[providers.a]"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text)

    assert (caught.value.line, caught.value.column) == (line, column)
    assert said in caught.value.said


def test_a_key_in_the_file_is_not_repeated_in_the_error() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(PROVIDER + "key = 'sk-live-canary'\n")

    assert "canary" not in caught.value.said


@pytest.mark.parametrize("url", ["https://user:canary@x", "https://canary@x/v1", "https://x/v1?key=canary"])
@pytest.mark.parametrize("where", ["[providers.a]\nbase_url", "[otel]\nendpoint"])
def test_a_secret_in_an_address_is_not_repeated_either(where: str, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(f'{where} = "{url}"\n')

    assert "canary" not in caught.value.said


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_plain_http_on_the_loopback_is_fine(host: str) -> None:
    assert parse_settings(f'[providers.a]\nbase_url = "http://{host}:8000/v1"\nkey = "none"\n').providers["a"]


@pytest.mark.parametrize("extra", ["", 'key = "none"\n', "insecure_http = true\n"])
def test_t12_plain_http_off_the_loopback_needs_both_words(extra: str) -> None:
    with pytest.raises(SettingsError, match="plain http"):
        parse_settings(f'[providers.a]\nbase_url = "http://box.lan:8000"\n{extra}')


def test_t12_plain_http_inside_ones_own_network_can_be_allowed() -> None:
    text = '[providers.a]\nbase_url = "http://box.lan:8000"\nkey = "none"\ninsecure_http = true\n'

    assert parse_settings(text).providers["a"].insecure_http


@pytest.mark.parametrize("url", ["http://127.0.0.1:7717/v1", "http://localhost:7717", "http://[::1]:7717"])
def test_t28_a_provider_that_is_turnout_itself_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="own address"):
        parse_settings(f'[providers.a]\nbase_url = "{url}"\nkey = "none"\n')


def test_how_long_a_stream_is_heard_out_is_a_setting() -> None:
    found = parse_settings("[server]\ndrain_s = 2.5\ndrain_tokens = 700\n")

    assert (found.drain_s, found.drain_tokens) == (2.5, 700)
    assert (parse_settings("").drain_s, parse_settings("").drain_tokens) == (10.0, 4_000)


def test_t28_a_stand_in_port_is_our_own_address_too() -> None:
    with pytest.raises(SettingsError, match="own address"):
        parse_settings(
            '[server]\nalso_listen = [11434]\n[providers.o]\nbase_url = "http://127.0.0.1:11434"\nkey = "none"'
        )


@pytest.mark.parametrize(
    "text", ["x = " + "9" * 5000, "a" * 100_000, "[" * 5000, "x = [" * 5000, "\x00", "=", "[[server]]"]
)
def test_t26_nonsense_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_settings(text)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_t26_no_text_breaks_the_reader(text: str) -> None:
    try:
        parse_settings("[server]\n" + text)
    except SettingsError as error:
        assert error.bare


def test_t25_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[server]\nport = 1\n")
    (tmp_path / "turnout.toml").symlink_to(tmp_path / "other.toml")

    with pytest.raises(SettingsError, match="link"):
        read_settings(tmp_path / "turnout.toml")


@pytest.mark.parametrize("mode", [0o602, 0o620, 0o666])
def test_t25_a_file_that_others_can_change_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "turnout.toml"
    file.write_text("")
    file.chmod(mode)

    with pytest.raises(SettingsError, match="changed by others"):
        read_settings(file)


def test_t25_a_pipe_does_not_hold_us_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "turnout.toml", 0o600)

    with pytest.raises(SettingsError, match="plain file"):
        read_settings(tmp_path / "turnout.toml")


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "turnout.toml").write_bytes(b"[server]\n# caf\xe9\n")

    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path / "turnout.toml")

    assert caught.value.line == 2


def set_port(doc: Any) -> None:
    doc["server"]["port"] = 9000


def test_an_edit_keeps_comments_and_order(tmp_path: Path) -> None:
    file = tmp_path / "turnout.toml"
    file.write_text("# mine\n[server]   # here\nport = 7800  # my port\n\n# the end\n")

    edit_settings(file, set_port)

    assert file.read_text() == "# mine\n[server]   # here\nport = 9000  # my port\n\n# the end\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_edit_that_would_break_the_file_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "turnout.toml"
    file.write_text("[server]\nport = 7800\n")

    def change(doc: Any) -> None:
        doc["server"]["port"] = "no"

    with pytest.raises(SettingsError):
        edit_settings(file, change)

    assert file.read_text() == "[server]\nport = 7800\n"
    assert [one.name for one in tmp_path.iterdir()] == ["turnout.toml"]
