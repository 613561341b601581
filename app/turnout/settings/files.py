"""turnout.toml: read with every field checked, edited with its comments kept.

A mistake is told with file, line, column and the nearest right name. Money is read as decimals, never as floats.
"""

import difflib
import hashlib
import re
import tomllib
from collections.abc import Callable, Collection
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from turnout.calls.provider import Provider
from turnout.calls.units import Family, Tier, Tokens
from turnout.errors import SettingsError
from turnout.settings.atomic import read_own, replace_file
from turnout.settings.model import ClientPort, PriceOverride, Privacy, Server, Settings
from turnout.settings.theme import THEMES

_TOP = ("server", "developer", "clients", "providers", "tiers", "prices", "privacy", "desktop", "savings", "otel")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_WINDOW = 100_000_000
"""Tokens; no engine takes a number that does not fit into 64 bits."""
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")


def read_settings(path: Path) -> Settings:
    """A missing file is all defaults. Raises SettingsError."""
    text = own_text(path)
    return Settings() if text is None else parse_settings(text, path.name)


def own_text(path: Path) -> str | None:
    """None when there is no file; raises SettingsError with the place of what is no UTF-8."""
    data = read_own(path)
    try:
        return None if data is None else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1 if data is not None else 0
        raise SettingsError(
            "is not UTF-8 text", file=path.name, line=line, column=1, hint="Save it as UTF-8."
        ) from None


def parse_settings(text: str, file: str = "turnout.toml") -> Settings:
    try:
        doc = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        # ValueError also for a number of more digits than Python reads (4,300).
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(found[1]), int(found[2])) if found else (0, 0)
        raise SettingsError(
            str(error).split(" (at")[0], file=file, line=line, column=column, hint="This is not valid TOML there."
        ) from None
    reading = _Reading(doc, text, file)
    return reading.settings()


class _Reading:
    """One pass over the document; `_fail` knows where a key stands in the text."""

    def __init__(self, doc: dict[str, Any], text: str, file: str) -> None:
        self._doc, self._text, self._file = doc, text, file

    def _fail(self, key: str, message: str, table: str = "", hint: str = "") -> SettingsError:
        line, column = place(self._text, table, key)
        return SettingsError(message, file=self._file, line=line, column=column, hint=hint)

    def _known(self, found: Collection[str], known: Collection[str], table: str) -> None:
        for key in found:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                where = f" in [{table}]" if table else ""
                hint = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(sorted(known))}."
                raise self._fail(key, f"unknown key {key!r}{where}", table, hint)

    def _table(self, key: str) -> dict[str, Any]:
        value = self._doc.get(key, {})
        if not isinstance(value, dict):
            raise self._fail(key, f"{key} must be a table", hint=f"Write [{key}].")
        return value

    def _value(
        self, d: dict[str, Any], key: str, table: str, kind: type | tuple[type, ...], what: str, default: Any
    ) -> Any:
        value = d.get(key, default)
        if key in d and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise self._fail(key, f"{key} must be {what}", table)
        return value

    def _number(self, d: dict[str, Any], key: str, table: str, low: float, high: float, default: float) -> float:
        value = self._value(d, key, table, (int, Decimal), "a number", default)
        number = float(value) if Decimal(value).is_finite() and abs(value) < 10**18 else float("inf")
        if not low <= number <= high:
            raise self._fail(key, f"{key} must be between {low:g} and {high:g}, not {number:g}", table)
        return number

    def _port(self, value: Any, key: str, table: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65_535:
            raise self._fail(key, f"{key} must be a port between 1 and 65535", table)
        return value

    def _strings(self, d: dict[str, Any], key: str, table: str) -> tuple[str, ...]:
        value = d.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._fail(key, f"{key} must be an array of strings", table)
        return tuple(value)

    def settings(self) -> Settings:
        self._known(self._doc, _TOP, "")
        server = self._server()
        ours = {server.port, *server.also_listen} - {0}
        providers = {name: self._provider(name, d, ours) for name, d in self._named("providers")}
        privacy, desktop, savings = self._table("privacy"), self._table("desktop"), self._table("savings")
        self._known(
            privacy, ("store_bodies", "body_clients", "keep_bodies_days", "keep_days", "max_ledger_mb"), "privacy"
        )
        otel = self._table("otel")
        self._known(otel, ("endpoint",), "otel")
        endpoint = self._value(otel, "endpoint", "otel", str, "a URL", "")
        if endpoint:
            self._check_url(endpoint, "otel", "keyring", insecure=False, ours=ours, name="endpoint")
        self._known(desktop, ("theme",), "desktop")
        self._known(savings, ("baseline",), "savings")
        developer = self._doc.get("developer", {})
        if isinstance(developer, dict):
            self._known(developer, ("name",), "developer")
            developer = self._value(developer, "name", "developer", str, "a string", "")
        elif not isinstance(developer, str):
            raise self._fail("developer", "developer must be a table with a name", hint="Write [developer].")
        theme = self._value(desktop, "theme", "desktop", str, "a string", "system")
        if theme not in THEMES:
            raise self._fail("theme", f"unknown theme {theme!r}", "desktop", f"One of {', '.join(THEMES)}.")
        clients = tuple(self._client(name, d) for name, d in self._named("clients"))
        self._distinct_ports(server, clients)
        return Settings(
            server=server,
            developer=developer,
            providers=providers,
            tiers=self._tiers(providers),
            prices=tuple(self._price(name, d) for name, d in self._named("prices")),
            clients=clients,
            privacy=Privacy(
                self._value(privacy, "store_bodies", "privacy", bool, "true or false", False),
                self._strings(privacy, "body_clients", "privacy"),
                int(self._number(privacy, "keep_bodies_days", "privacy", 1, 3_650, 7)),
                int(self._number(privacy, "keep_days", "privacy", 1, 36_500, 400)),
                int(self._number(privacy, "max_ledger_mb", "privacy", 10, 1_000_000, 2_000)),
            ),
            theme=theme,
            otel_endpoint=endpoint,
            serve_unrecorded=self._value(
                self._table("server"), "serve_unrecorded", "server", bool, "true or false", False
            ),
            drain_s=self._number(self._table("server"), "drain_s", "server", 0, 600, 10),
            drain_tokens=Tokens(
                int(self._number(self._table("server"), "drain_tokens", "server", 0, 1_000_000, 4_000))
            ),
            baseline=self._value(savings, "baseline", "savings", str, "provider/model", ""),
            hash=hashlib.blake2b(self._text.encode(), digest_size=6).hexdigest(),
        )

    def _distinct_ports(self, server: Server, clients: tuple[ClientPort, ...]) -> None:
        taken = {server.port: "server.port"}
        listed = [(port, "also_listen", "server") for port in server.also_listen]
        listed += [(one.port, "port", f"clients.{one.name}") for one in clients]
        for port, key, table in listed:
            if port in taken:
                raise self._fail(key, f"port {port} is taken twice: {taken[port]} has it", table)
            taken[port] = f"{table}.{key}"

    def _named(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        table = self._table(key)
        for name, value in table.items():
            if not isinstance(value, dict):
                raise self._fail(name, f"{key}.{name} must be a table", key, f"Write [{key}.{name}].")
        return list(table.items())

    def _server(self) -> Server:
        d = self._table("server")
        known = (
            "port",
            "also_listen",
            "allowed_hosts",
            "allowed_origins",
            "host",
            "max_body_mb",
            "drain_s",
            "drain_tokens",
            "serve_unrecorded",
        )
        self._known(d, known, "server")
        also = d.get("also_listen", [])
        if not isinstance(also, list):
            raise self._fail("also_listen", "also_listen must be an array of ports", "server")
        host = self._value(d, "host", "server", str, "an address", "127.0.0.1")
        if not host or not host.isprintable():
            # Bound to, an empty one would be every address that this machine has.
            raise self._fail("host", f"host must be an address, not {host!r}", "server", "Leave it out for 127.0.0.1.")
        return Server(
            port=self._port(d.get("port", 7717), "port", "server"),
            also_listen=tuple(self._port(one, "also_listen", "server") for one in also),
            allowed_hosts=self._strings(d, "allowed_hosts", "server"),
            allowed_origins=self._strings(d, "allowed_origins", "server"),
            host=host,
            max_body_mb=int(self._number(d, "max_body_mb", "server", 1, 512, 32)),
        )

    def _provider(self, name: str, d: dict[str, Any], ours: set[int]) -> Provider:
        table = f"providers.{name}"
        known = [
            "dialect",
            "base_url",
            "key",
            "sovereign",
            "first_byte_s",
            "idle_s",
            "total_s",
            "connect_s",
            "insecure_http",
            "responses",
            "gguf",
            "num_ctx",
            "models",
            "enabled",
        ]
        self._known(d, known, table)
        if not _NAME.match(name):
            raise self._fail(
                name, f"{name!r} is no name for a provider", "providers", "Use letters, digits, . _ and -."
            )
        families = {family.value for family in Family}
        dialect = self._value(d, "dialect", table, str, "a string", "openai")
        if dialect not in families:
            near = difflib.get_close_matches(dialect, families, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"One of {', '.join(sorted(families))}."
            raise self._fail("dialect", f"unknown dialect {dialect!r}", table, hint)
        gguf = self._value(d, "gguf", table, str, "a path", "")
        base_url = self._value(d, "base_url", table, str, "a URL", "http://127.0.0.1:7798/v1" if gguf else "")
        key = self._value(d, "key", table, str, '"none", or left out', "none" if gguf else "keyring")
        if key not in ("keyring", "none"):
            raise self._fail(
                "key", 'key can only be "none"', table, f"Keys never stand in this file: run `turnout key set {name}`."
            )
        insecure = self._value(d, "insecure_http", table, bool, "true or false", False)
        self._check_url(base_url, table, key, insecure=insecure, ours=ours)
        sovereign = self._value(d, "sovereign", table, bool, "true or false", bool(gguf))
        responses = d.get("responses", "auto")
        if responses not in (True, False, "auto", "yes", "no"):
            raise self._fail("responses", 'responses must be true, false or "auto"', table)
        window = d.get("num_ctx")
        if window is not None and (not isinstance(window, int) or not 256 <= window <= _MOST_WINDOW):
            raise self._fail(
                "num_ctx", f"num_ctx must be a whole number of tokens from 256 to {_MOST_WINDOW:,}", table
            )
        times = {
            key: self._number(d, key, table, low, high, default)
            for key, low, high, default in (
                ("first_byte_s", 0.05, 86_400, 300.0),
                ("idle_s", 0.05, 86_400, 120.0),
                ("total_s", 0.05, 604_800, 1800.0),
                ("connect_s", 0.05, 600, 10.0),
            )
        }
        return Provider(
            name=name,
            family=Family(dialect),
            base_url=base_url.rstrip("/"),
            key=key,
            sovereign=sovereign,
            insecure_http=insecure,
            responses={True: "yes", False: "no"}.get(responses, responses),
            gguf=gguf,
            num_ctx=window,
            models=self._strings(d, "models", table),
            enabled=self._value(d, "enabled", table, bool, "true or false", True),
            **times,
        )

    def _check_url(
        self, url: str, table: str, key: str, *, insecure: bool, ours: set[int], name: str = "base_url"
    ) -> None:
        try:
            parts = urlsplit(url)
            found_port = parts.port
        except ValueError:
            raise self._fail(name, f"{url!r} is no URL", table) from None
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            # What stands in for a user or in a query may be a password or a key.
            shown = f"{url!r}" if parts.username is None and not parts.query else "this"
            example = "http://127.0.0.1:4318" if name == "endpoint" else "https://api.openai.com/v1"
            raise self._fail(
                name,
                f"{shown} must be an http(s) URL without user, query or fragment",
                table,
                f'For example "{example}".',
            )
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not (key == "none" and insecure):
            raise self._fail(
                name,
                "plain http off this machine is refused: anybody on the way could read it",
                table,
                "Use https, or a collector on this machine that passes on what it gets."
                if name == "endpoint"
                else 'Use https; inside your own network set key = "none" and insecure_http = true.',
            )
        if parts.hostname in _LOOPBACK and (found_port or 80) in ours:
            raise self._fail(name, "this is Turnout's own address: calls would go round for ever", table)

    def _tiers(self, providers: dict[str, Provider]) -> dict[Tier, tuple[str, ...]]:
        d = self._table("tiers")
        self._known(d, [tier.value for tier in Tier], "tiers")
        found: dict[Tier, tuple[str, ...]] = {}
        for key in d:
            names = self._strings(d, key, "tiers")
            for name in names:
                provider, slash, model = name.partition("/")
                if not slash or not model:
                    raise self._fail(key, f"{name!r} must be provider/model", "tiers")
                if provider not in providers:
                    near = difflib.get_close_matches(provider, providers, 1)
                    hint = f"Did you mean {near[0]!r}?" if near else f"Set up [providers.{provider}] first."
                    raise self._fail(key, f"there is no provider {provider!r}", "tiers", hint)
            found[Tier(key)] = names
        for one in providers.values():
            if one.gguf and not any(name.startswith(f"{one.name}/") for line in found.values() for name in line):
                # Naming the file says all there is to say.
                model = f"{one.name}/{Path(one.gguf).stem}"
                found[Tier.LOCAL] = (*found.get(Tier.LOCAL, ()), model)
        return found

    def _price(self, pattern: str, d: dict[str, Any]) -> PriceOverride:
        table = f"prices.{pattern}"
        dollars = ("input_usd", "output_usd", "cache_read_usd", "cache_write_5m_usd", "cache_write_1h_usd")
        numbers = ("watts", "usd_per_kwh", "hardware_usd", "hardware_months")
        self._known(d, (*dollars, *numbers), table)
        for key in (*dollars, *numbers):
            value, most = d.get(key), 10_000 if key in dollars else 1_000_000
            least = 1 if key == "hardware_months" else 0
            if value is not None and (
                isinstance(value, bool)
                or not isinstance(value, int | Decimal)
                or not Decimal(value).is_finite()
                or not least <= value <= most
            ):
                raise self._fail(key, f"{key} must be a number from {least} to {most:,}", table)
        texts = {key: str(d[key]) for key in dollars if key in d}
        floats = {key: float(d[key]) for key in numbers if key in d}
        return PriceOverride(pattern=pattern, **texts, **floats)  # type: ignore[arg-type]  # the keys are its own fields

    def _client(self, name: str, d: dict[str, Any]) -> ClientPort:
        self._known(d, ("port",), f"clients.{name}")
        return ClientPort(name, self._port(d.get("port"), "port", f"clients.{name}"))


def place(text: str, table: str, key: str) -> tuple[int, int]:
    """1-based line and column of a key in its table (or of the table's header); (0, 0) when it is written some other way."""
    at = ""
    header = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            at = stripped.strip("[] ").split("#")[0].strip(" ]").replace('"', "").replace("'", "")
            if at == table:
                header = number
            if at == f"{table}.{key}".strip("."):
                return number, line.index("[") + 1
        elif at == table and (found := re.match(rf"""\s*(["']?){re.escape(key)}\1\s*[=.]""", line)):
            return number, len(line) - len(line.lstrip()) + 1 if found else 1
    return (header, 1) if header else (0, 0)


def edit_settings(path: Path, change: Callable[[Any], None]) -> Settings:
    """`change` gets the tomlkit document and alters it; comments and order stay. What comes out is checked before it is written.

    Raises SettingsError, and then the file stands as it was.
    """
    import tomlkit

    text = own_text(path) or ""
    try:
        doc = tomlkit.parse(text)
    except Exception as error:
        raise SettingsError(f"is not valid TOML: {error}", file=path.name, hint="Mend it by hand first.") from error
    change(doc)
    edited = tomlkit.dumps(doc)
    settings = parse_settings(edited, path.name)
    try:
        replace_file(path, edited.encode())
    except OSError as error:
        raise SettingsError(
            f"cannot be written: {error.strerror}", file=path.name, hint="Check who owns the folder."
        ) from error
    return settings
