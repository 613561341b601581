"""One provider as it can be spoken to: where, in which dialects, with which key. The bytes go through `transport`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from turnout.calls.provider import Provider
from turnout.calls.units import Dialect, Family, Json
from turnout.engines.headers import Sender, request_head, upstream
from turnout.engines.routes import Base, base_of, spoken_to
from turnout.errors import EngineStatusError, UpstreamError

Headers = list[tuple[bytes, bytes]]


class Reply(Protocol):
    """An engine's answer: headers are here, the body comes as it is read, one socket read at a time."""

    status: int
    headers: Headers
    """Lower-case names."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def whole(self, limit: int) -> bytes:
        """All of the body, in place of iterating. Raises UpstreamError past `limit` bytes: an engine never fills our memory."""
        ...

    async def aclose(self) -> None:
        """Gives the connection back if the body was read to its end, else closes the socket at once."""
        ...


class Sends(Protocol):
    async def send(self, base: Base, head: bytes, body: bytes, connect_s: float) -> Reply:
        """`head` is `headers.request_head`'s. Raises EngineUnreachableError when no byte of the request was accepted, UpstreamError otherwise."""
        ...


KeyFor = Callable[[Provider, str], Awaitable[bytes]]
"""Provider and origin -> its key, or raises KeysError."""

Ready = Callable[[Provider], Awaitable[None]]
"""Waits until a server of our own can take calls; raises UpstreamError when it will not."""


class Engine:
    """Keeps what was learned of one provider; made anew when its settings change."""

    def __init__(self, provider: Provider, sends: Sends, key_for: KeyFor, ready: "Ready | None" = None) -> None:
        self.provider = provider
        self.base = base_of(provider.base_url, provider.family)
        self.sends = sends
        self._key_for = key_for
        self._ready = ready
        self._sent_key = b""
        self._responses: bool | None = {"yes": True, "no": False}.get(provider.responses)

    @property
    def family(self) -> Family:
        return self.provider.family

    def spoken(self, heard: Dialect, *, hole: bool = False) -> Dialect | None:
        return spoken_to(self.provider.family, heard, responses=self._responses is not False, hole=hole)

    def lacks_responses(self, status: int) -> bool:
        """True the first time a provider that was only tried for /responses says that it has none."""
        if self._responses is None and status in (404, 405, 501):
            self._responses = False
            return True
        return False

    @property
    def unproven(self) -> bool:
        """Whether this provider is still to show that it has /responses."""
        return self._responses is None

    def has_no_responses(self) -> None:
        self._responses = False

    def has_responses(self) -> None:
        if self._responses is None:
            self._responses = True

    async def send(
        self,
        dialect: Dialect,
        body: bytes,
        *,
        client: Sender,
        same_dialect: bool,
        stream: bool,
        hop: int,
        query: str = "",
        path: str = "",
        dialect_headers: tuple[tuple[str, str], ...] = (),
    ) -> Reply:
        if self._ready is not None:
            await self._ready(self.provider)
        key = self._sent_key = await self._key_for(self.provider, self.base.origin) if self.provider.needs_key else b""
        target = self.base.target(dialect, path)
        if query:
            target += ("&" if "?" in target else "?") + query
        asked = (self, target, key, same_dialect, stream, hop, dialect_headers)
        head = client.made.get(asked)
        if head is None:
            headers = upstream(
                self.family,
                client.headers,
                same_dialect=same_dialect,
                key=key,
                dialect_headers=dialect_headers,
                stream=stream,
                hop=hop,
            )
            head = client.keep(asked, request_head("POST", self.base, target, headers))
        return await self.sends.send(self.base, head, body, self.provider.connect_s)

    async def key(self) -> str:
        """For a library that sends its own requests; empty where none is needed. Raises KeysError."""
        if self.provider.needs_key:
            self._sent_key = await self._key_for(self.provider, self.base.origin)
        return self._sent_key.decode("latin-1")

    def scrubbed(self, said: bytes) -> bytes:
        """What this engine said, without our key: some vendors repeat a key that they do not accept, in a stream too (T09)."""
        return said.replace(self._sent_key, b"[key]") if self._sent_key else said

    async def get(
        self, path: str, *, timeout_s: float, keyed: bool = True, method: str = "GET", body: bytes = b""
    ) -> tuple[int, bytes, Headers]:
        """A small whole answer under the base URL (model lists, versions)."""
        key = await self._key_for(self.provider, self.base.origin) if keyed and self.provider.needs_key else b""
        headers = upstream(self.family, (), same_dialect=False, key=key, stream=False, hop=1)
        return await fetch(self.sends, self.base, path, headers, timeout_s=timeout_s, method=method, body=body)


async def fetch(
    sends: Sends,
    base: Base,
    target: str,
    headers: Headers,
    *,
    timeout_s: float,
    method: str = "GET",
    body: bytes = b"",
    limit: int = 16_000_000,
) -> tuple[int, bytes, Headers]:
    try:
        async with asyncio.timeout(timeout_s):
            reply = await sends.send(base, request_head(method, base, target, headers), body, timeout_s)
            try:
                return reply.status, await reply.whole(limit), reply.headers
            finally:
                await reply.aclose()
    except TimeoutError as error:
        raise UpstreamError(f"{base.origin} did not answer within {timeout_s:g} s.") from error


def status_error(provider: str, status: int, message: str, headers: Headers) -> EngineStatusError:
    """The engine's own error, shortened; its advice on when to try again is kept."""
    retry = next((value for name, value in headers if name == b"retry-after"), b"")
    try:
        retry_after_s = float(retry) if retry else None
    except ValueError:
        retry_after_s = None
    return EngineStatusError(f"{provider}: {message[:2000]}", answer_status=status, retry_after_s=retry_after_s)


def said_in_error(doc: Json) -> tuple[str, str]:
    """(message, kind) of any vendor's error body, as far as it can be found."""
    if isinstance(doc, list) and doc:
        doc = doc[0]
    if not isinstance(doc, dict):
        return "", ""
    inner = doc.get("error", doc.get("detail", doc.get("message")))
    if isinstance(inner, str):
        return inner, ""
    if isinstance(inner, dict):
        message, kind = inner.get("message"), inner.get("type") or inner.get("status")
        return (message if isinstance(message, str) else ""), (kind if isinstance(kind, str) else "")
    return "", ""
