"""Who may come in at all, decided on the raw request before anything is routed or read. Pure.

A browser is the attacker to think of: any page can make it send requests to the loopback (T01-T04). So one exact Host of our
own port, no Origin unless it was listed, no cross-site fetch metadata, JSON bodies only, and a token on every route but three.
"""

import hmac
import re
from collections.abc import Iterable

from turnout.calls.values import frozen

Headers = Iterable[tuple[bytes, bytes]]

OPEN = frozenset({("GET", "/healthz"), ("HEAD", "/healthz"), ("HEAD", "/"), ("GET", "/")})
"""Constant answers that need no token."""
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
_PREFIX = re.compile(r"^/c/([A-Za-z0-9_\-]{8,200})(/.*|)$", re.DOTALL)
_PLAIN_PATH = re.compile(r"^/[\x21-\x7e]*$")


@frozen
class Refused:
    status: int
    message: str


@frozen
class Door:
    """What this listener answers to."""

    port: int
    hosts: frozenset[str] = frozenset()
    """`host` (at our port) or `host:port`, lower case, beyond the loopback names."""
    origins: frozenset[str] = frozenset()


def guard(method: str, target: bytes, headers: Headers, door: Door) -> Refused | None:
    """None: come in. `target` is the request line's own, `headers` have lower-case names."""
    if not target.startswith(b"/") or target.startswith(b"//"):
        return (
            Refused(403, "Only plain paths are served here.")
            if target[:4].lower() == b"http"
            else Refused(404, "There is no such path.")
        )
    if method not in _METHODS:
        return Refused(405, "This method is not served here: send GET or POST.")
    hosts: list[bytes] = []
    origins: list[bytes] = []
    sites: list[bytes] = []
    kinds: list[bytes] = []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"origin":
            origins.append(value)
        elif name == b"sec-fetch-site":
            sites.append(value.strip().lower())
        elif name == b"content-type":
            kinds.append(value)
        elif name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            return Refused(400, "Send the body with a Content-Length, or chunked and nothing else.")
    if len(hosts) != 1 or not host_allowed(hosts[0].decode("latin-1"), door):
        return Refused(
            403,
            "Requests must name this proxy's own host: use http://127.0.0.1 and its port. `allowed_hosts` in turnout.toml lists other names.",
        )
    if origins and (len(origins) > 1 or origins[0].decode("latin-1") not in door.origins):
        return Refused(403, "Web pages may not use this proxy; `allowed_origins` in turnout.toml lists exceptions.")
    if not origins and (b"cross-site" in sites or b"same-site" in sites):
        return Refused(403, "Requests from other sites are refused.")
    if method == "POST":
        return _body_kind(kinds, browser=bool(origins or sites))
    return None


def host_allowed(host: str, door: Door) -> bool:
    """Exact names only: `localhost.`, `127.1`, `[::ffff:127.0.0.1]`, user info, lists and ports out of range all fail."""
    whole = host.strip().lower()
    name, colon, port = whole.rpartition(":") if not whole.endswith("]") else (whole, "", "")
    if not colon:
        name, port = whole, "80"
    if port == str(door.port) and (name in _OWN_NAMES or name in door.hosts):
        return True
    return bool(colon) and whole in door.hosts


def _body_kind(kinds: list[bytes], *, browser: bool) -> Refused | None:
    if not kinds:
        # Some Ollama clients send none; a page's simple request always has one, or fetch metadata.
        return Refused(415, "Say what the body is: Content-Type: application/json.") if browser else None
    kind = kinds[0].split(b";")[0].strip().lower()
    if len(kinds) == 1 and kind == b"application/json":
        return None
    return Refused(415, "Bodies must be JSON: send Content-Type: application/json.")


def split_token(path: str) -> tuple[str, str]:
    """`/c/TOKEN/v1/...` -> (TOKEN, /v1/...), `/c/TOKEN` -> (TOKEN, /); else ("", path)."""
    match = _PREFIX.match(path)
    return (match.group(1), match.group(2) or "/") if match else ("", path)


def plain_path(path: bytes) -> str | None:
    """The path as text when it is one that can be routed: printable ASCII, nothing escaped that matters to routing."""
    text = path.decode("latin-1")
    if (
        not _PLAIN_PATH.match(text)
        or "//" in text
        or ";" in text
        or "%2e" in text.lower()
        or "/../" in text
        or "/./" in text
        or text.endswith(("/.", "/.."))
        or "\\" in text
    ):
        return None
    return text


def token_of(headers: Headers, query: bytes, in_path: str) -> str:
    """Bearer, `x-api-key`, `x-goog-api-key`, `?key=`, or the path; an empty Bearer is none."""
    if in_path:
        return in_path
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            token = value[7:].strip()
            if token:
                return token.decode("latin-1")
        elif name in (b"x-api-key", b"x-goog-api-key") and value.strip():
            return value.strip().decode("latin-1")
    for part in query.split(b"&"):
        if part.startswith(b"key=") and len(part) > 4:
            return part[4:].decode("latin-1")
    return ""


def without_key(query: bytes) -> str:
    """The query as it may go upstream and into a log."""
    return b"&".join(part for part in query.split(b"&") if part and not part.startswith(b"key=")).decode("latin-1")


def masked(path: str) -> str:
    """A path for a log line or an error."""
    token, rest = split_token(path)
    return f"/c/***{rest}" if token else path


def same(a: bytes, b: bytes) -> bool:
    """In constant time."""
    return hmac.compare_digest(a, b)
