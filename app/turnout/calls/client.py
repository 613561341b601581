"""Who is calling: a client token resolved, and the call with its outline."""

from collections.abc import Mapping
from dataclasses import field

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Tier
from turnout.calls.values import frozen


@frozen
class Client:
    name: str
    department: str = ""
    project: str = ""


@frozen
class Call:
    """One request as it was understood, before any decision."""

    id: str
    at_ms: int
    """Unix milliseconds, UTC."""
    client: Client
    developer: str
    project: str
    """From `x-turnout-project`, else the client's own."""
    outline: Outline
    session: str
    """The client's session id, or one made of client + hash of system and first ask."""
    session_derived: bool = False
    """The client named no session: it was made from the conversation."""
    parent_session: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names; without auth and hop-by-hop headers. What `match` rules may read."""
    wanted_tier: Tier | None = None
    """`x-turnout-tier`."""
    as_asked: bool = False
    """`x-turnout-route: asked`."""
    retry: int = 0
    """`x-stainless-retry-count`."""
    body_hash: str = ""

    @property
    def dialect(self) -> Dialect:
        return self.outline.dialect
