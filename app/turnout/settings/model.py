"""turnout.toml as values; `settings.files` reads and writes it, `settings.paths` knows where it lives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.calls.provider import Provider
from turnout.calls.units import Tier, Tokens

__all__ = ["ClientPort", "PriceOverride", "Privacy", "Provider", "Server", "Settings"]


@dataclass(frozen=True, slots=True)
class Server:
    port: int = 7717
    also_listen: tuple[int, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    max_body_mb: int = 32


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """[prices."provider/model"], globs allowed. Dollars per million tokens; None: as in the table."""

    pattern: str
    input_usd: str | None = None
    output_usd: str | None = None
    cache_read_usd: str | None = None
    cache_write_5m_usd: str | None = None
    cache_write_1h_usd: str | None = None
    watts: float | None = None
    usd_per_kwh: float | None = None
    hardware_usd: float | None = None
    hardware_months: float | None = None


@dataclass(frozen=True, slots=True)
class ClientPort:
    """[clients.NAME]: a loopback port of its own for a client that can send neither key nor path."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Privacy:
    store_bodies: bool = False
    body_clients: tuple[str, ...] = ()
    """Whose texts are kept when they are; empty: every client's."""
    keep_bodies_days: int = 7
    keep_days: int = 400
    max_ledger_mb: int = 2_000

    def keeps(self, client: str) -> bool:
        """Whether this client's requests and answers are kept."""
        return self.store_bodies and (not self.body_clients or client in self.body_clients)


@dataclass(frozen=True, slots=True)
class Settings:
    server: Server = Server()
    developer: str = ""
    """Empty: the operating system's user."""
    providers: Mapping[str, Provider] = field(default_factory=dict)
    tiers: Mapping[Tier, tuple[str, ...]] = field(default_factory=dict)
    """`provider/model` names in order."""
    prices: tuple[PriceOverride, ...] = ()
    clients: tuple[ClientPort, ...] = ()
    privacy: Privacy = Privacy()
    theme: str = "system"
    otel_endpoint: str = ""
    """Of an OpenTelemetry collector (OTLP over HTTP), without /v1/...; empty: nothing is sent."""
    baseline: str = ""
    """`provider/model` that savings compare with when the client asked for `auto`; empty: first of tier high."""
    serve_unrecorded: bool = False
    """[server] Paid calls go on while the ledger cannot be written, instead of being refused."""
    drain_s: float = 10.0
    """[server] How long a cloud stream is read on after its client left, for its usage; 0: not at all."""
    drain_tokens: Tokens = Tokens(4_000)
    """[server] The same in tokens of output."""
    hash: str = ""
