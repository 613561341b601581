"""Which headers cross from client to engine and back. Pure.

Inbound auth, cookies, hop-by-hop and anything that tries to steer a gateway stay here (T10); what the vendor's own client
tells the vendor (anthropic-beta, openai-*, user-agent...) goes through only when the engine speaks the client's dialect.
"""

from collections.abc import Hashable, Iterable

from turnout.calls.units import Family
from turnout.engines.routes import Base

Headers = list[tuple[bytes, bytes]]

_STAY = frozenset(
    {
        b"accept-encoding",
        b"api-key",
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"keep-alive",
        b"origin",
        b"proxy-authorization",
        b"proxy-connection",
        b"referer",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-host",
        b"x-http-method-override",
        b"x-api-key",
        b"x-goog-api-key",
        b"x-real-ip",
    }
)
_STAY_PREFIXES = (
    b"x-turnout-",
    b"x-forwarded-",
    b"x-portkey-",
    b"x-litellm-",
    b"helicone-",
    b"sec-",
    b"cf-",
    b"x-base-",
    b"x-custom-",
    b"x-original-",
    b"x-proxy-",
    b"x-rewrite-",
    b"x-target-",
    b"x-upstream",
    b"access-control-",
)
_USUAL = frozenset({b"keep-alive", b"close"})
"""What `Connection` says when it names no header."""
_RELAYED = (b"anthropic-", b"openai-", b"x-ratelimit-", b"ratelimit", b"x-goog-", b"x-groq-", b"cf-ray")
_RELAYED_NAMES = frozenset(
    {b"retry-after", b"retry-after-ms", b"request-id", b"x-request-id", b"x-should-retry", b"warning"}
)

HEADS = 8
"""Request heads that are kept for one sender: a client talks to few engines."""


class Sender:
    """A client's headers (lower-case names) and the request heads that were made of them, kept while its connection repeats them.

    What a head was made of is its key, the engine's own key among it: a new one makes a new head.
    """

    __slots__ = ("headers", "made")

    def __init__(self, headers: Headers) -> None:
        self.headers = headers
        self.made: dict[Hashable, bytes] = {}

    def keep(self, asked: Hashable, head: bytes) -> bytes:
        if len(self.made) >= HEADS:
            self.made.clear()
        self.made[asked] = head
        return head


def upstream(
    family: Family,
    client: Iterable[tuple[bytes, bytes]],
    *,
    same_dialect: bool,
    key: bytes,
    dialect_headers: Iterable[tuple[str, str]] = (),
    stream: bool,
    hop: int,
) -> Headers:
    """The request's headers but for Host and Content-Length, which the transport sets. `key` empty: none is sent."""
    sent: Headers = []
    if same_dialect:
        hop_by_hop: set[bytes] = set()
        for name, value in client:
            if name in _STAY:
                if name == b"connection" and value.lower() not in _USUAL:
                    hop_by_hop.update(one.strip().lower() for one in value.split(b","))
            elif not name.startswith(_STAY_PREFIXES):
                sent.append((name, value))
        if hop_by_hop:
            sent = [(name, value) for name, value in sent if name not in hop_by_hop]
    names = {name for name, _ in sent}
    sent.append((b"content-type", b"application/json"))
    # Relayed bytes are read on the way (usage): asking for plain ones costs nothing on a loopback and little elsewhere.
    sent.append((b"accept-encoding", b"identity"))
    if b"accept" not in names:
        sent.append((b"accept", b"text/event-stream" if stream else b"application/json"))
    if b"user-agent" not in names:
        sent.append((b"user-agent", b"turnout"))
    for said, value_said in dialect_headers:
        if said.lower().encode() not in names:
            sent.append((said.lower().encode(), value_said.encode("ascii", "replace")))
    if (
        family is Family.ANTHROPIC
        and b"anthropic-version" not in names
        and not any(n == b"anthropic-version" for n, _ in sent)
    ):
        sent.append((b"anthropic-version", b"2023-06-01"))
    if key:
        if family is Family.ANTHROPIC:
            sent.append((b"x-api-key", key))
        elif family is Family.GEMINI:
            sent.append((b"x-goog-api-key", key))
        else:
            sent.append((b"authorization", b"Bearer " + key))
    sent.append((b"x-turnout-hop", str(hop).encode()))
    return sent


def downstream(engine: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What of the engine's answer (lower-case names) the client is told beside status, type and body: rate limits, ids, retry
    advice."""
    return [header for header in engine if header[0] in _RELAYED_NAMES or header[0].startswith(_RELAYED)]


def request_head(method: str, base: Base, target: str, headers: Headers) -> bytes:
    """But for Content-Length and the empty line. Always written anew, never relayed raw (T13); no header can hold CR, LF or NUL."""
    default = 443 if base.scheme == "https" else 80
    name = f"[{base.host}]" if ":" in base.host else base.host
    host = name if base.port == default else f"{name}:{base.port}"
    line = "".join(letter for letter in target if "\x20" < letter < "\x7f")
    parts = [f"{method} {line} HTTP/1.1\r\nhost: {host}\r\n".encode("ascii", "replace")]
    for key, value in headers:
        if b"\r" in value or b"\n" in value or b"\0" in value or not key:
            continue
        parts += (key, b": ", value, b"\r\n")
    return b"".join(parts)
