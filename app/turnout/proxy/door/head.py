"""A request's line and headers, and what follows from them alone: worked out once where a connection repeats them.

A client on a kept connection sends the same head again and again but for its Content-Length, which is therefore kept apart.
What the guard said holds for the door it stood at. The token is only read here: whose it is, is looked up on every call.
"""

from dataclasses import dataclass, field
from itertools import chain

from turnout.calls.units import Dialect
from turnout.engines.headers import Sender
from turnout.proxy.attribution import Said, said_in
from turnout.proxy.door.answer import Headers, Message
from turnout.proxy.door.endpoints import Asked, Endpoint, dialect_of, known, usual
from turnout.proxy.door.guard import Door, Refused, guard, plain_path, split_token, token_of, without_key
from turnout.proxy.door.tokens import hashed

KEPT = 16_384
"""Bytes of a head that is remembered; there may be 256 connections."""
_CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"cookie", b"proxy-authorization"})
_NO_PATH = Refused(404, "There is no such path: send it plain, without //, ; or escaped dots.")


@dataclass(slots=True)
class Head:
    method: str
    target: bytes
    headers: Headers
    """Lower-case names; without Content-Length, as all that follows."""
    door: Door
    refused: Refused | None
    """Where it is, nothing below was read."""
    path: str = ""
    query: bytes = b""
    token: str = ""
    token_hash: bytes = b""
    """Empty where there is no token."""
    dialect: Dialect = Dialect.OPENAI_CHAT
    """In which errors about this path are told."""
    calls: Asked | None = None
    """The model call that is asked for; None: something else is, or nothing that there is (`endpoints.asked` says)."""
    names: dict[str, str] = field(default_factory=dict)
    """The headers as text, without credentials."""
    said: Said = Said()
    hopped: bool = False
    """It came through Turnout already."""
    encoding: bytes = b""
    sender: Sender = field(default_factory=lambda: Sender([]))
    query_on: str = ""
    """The query as it may go on to an engine."""
    project: str = ""
    tier: str = ""
    as_asked: bool = False
    retry: int = 0


class Heads:
    """Of one connection: the last is remembered."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: Head | None = None

    def of(self, scope: Message, door: Door) -> Head:
        """A door is known by its identity: another one, and all is read anew."""
        method, target, headers = scope["method"], scope["raw_target"], scope["headers"]
        last = self._last
        if (
            last is not None
            and last.headers == headers
            and last.target == target
            and last.method == method
            and last.door is door
        ):
            return last
        head = _read(method, target, scope["raw_path"], scope["query_string"], headers, door)
        self._last = head if len(target) + sum(map(len, chain.from_iterable(headers))) <= KEPT else None
        return head


def _read(method: str, target: bytes, raw_path: bytes, query: bytes, headers: Headers, door: Door) -> Head:
    refused = guard(method, target, headers, door)
    if refused is not None:
        return Head(method, target, headers, door, refused)
    whole = plain_path(raw_path)
    in_path, path = split_token(whole or "")
    if whole is None or (in_path and plain_path(path.encode("latin-1")) is None):
        return Head(method, target, headers, door, _NO_PATH)
    path = usual(path)
    place = known(method, path)
    token = token_of(headers, query, in_path)
    names = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name not in _CREDENTIALS}
    return Head(
        method,
        target,
        headers,
        door,
        None,
        path,
        query,
        token,
        hashed(token) if token else b"",
        dialect_of(path),
        place if place is not None and place.endpoint is Endpoint.CALL else None,
        names,
        said_in(names),
        any(name == b"x-turnout-hop" and value.strip(b"0 ") for name, value in headers),
        next((value.strip().lower() for name, value in headers if name == b"content-encoding"), b""),
        Sender(headers),
        without_key(query),
        _word(names.get("x-turnout-project", ""))[:64],
        names.get("x-turnout-tier", ""),
        names.get("x-turnout-route", "").strip().lower() == "asked",
        _small(names.get("x-stainless-retry-count", "")),
    )


def _word(text: str) -> str:
    """A name that a client says in a header: in UTF-8 as most write it, else in Latin-1; without what cannot be shown."""
    if not text.isascii():
        try:
            text = text.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            pass  # it is Latin-1
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def _small(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
