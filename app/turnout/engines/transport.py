"""HTTP/1.1 to engines, made for relaying: one Protocol per connection over httptools, a keep-alive pool with O(1) reuse.

Why our own: stock httpx costs 14 times the CPU of this at 64 connections (its pool asks every idle connection whether it is
readable, its client walks cookies and redirects). Kept from httpx's promises: nothing of the environment is read (no proxies),
no redirect, cookie or decompression, duplicate headers stay, cancelling closes the socket, TLS is verified.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator

import httptools

from turnout.engines.routes import Base
from turnout.errors import EngineUnreachableError, UpstreamError

Headers = list[tuple[bytes, bytes]]
HEADER_LIMIT = 65_536
IDLE_KEPT = 64
"""Idle connections per origin."""
IDLE_S = 55.0
"""Servers close idle connections after 60-75 s; one that is younger is hardly ever stale."""
HIGH_WATER = 262_144
"""Bytes read ahead of a slow client before the engine's socket is paused."""


class Connection(asyncio.Protocol):
    """One socket; serves one exchange at a time. Bytes of one socket read come out as one piece."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._head: asyncio.Future[None] | None = None
        self._more: asyncio.Future[None] | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._paused = False
        self._batch: list[bytes] = []
        self._head_size = 0
        self._until_eof = True
        self._drained = asyncio.Event()
        self._drained.set()
        self.status = 0
        self.headers: Headers = []
        self.complete = False
        self.keep_alive = False
        self.closed = False
        self.error = ""
        self.idle_since = 0.0
        self.answered = False
        """Any byte of this exchange's answer was read."""

    # --- exchange ---

    def begin(self, request: bytes) -> "asyncio.Future[None]":
        """Sends; the future ends when status line and headers are here."""
        self._parser = httptools.HttpResponseParser(self)
        self._head = self._loop.create_future()
        self._pieces.clear()
        self._waiting = 0
        self._head_size = 0
        self.status, self.headers = 0, []
        self.complete = self.answered = False
        self.error = ""
        assert self._transport is not None
        self._transport.write(request)
        return self._head

    async def drained(self) -> None:
        await self._drained.wait()

    async def read(self) -> bytes:
        """The next piece of the body; b"" at its end. Raises UpstreamError when it is cut off."""
        while not self._pieces:
            if self.complete:
                return b""
            if self.closed:
                raise UpstreamError(self.error or "The engine closed the connection in the middle of its answer.")
            self._more = self._loop.create_future()
            try:
                await self._more
            finally:
                self._more = None
        data = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        if self._paused and self._transport is not None and not self.closed:
            self._paused = False
            self._transport.resume_reading()
        return data

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def reusable(self) -> bool:
        return self.complete and self.keep_alive and not self.closed

    # --- asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self.complete:
            # An engine that talks out of turn (a 408 on an idle connection) has lost its framing.
            self.close()
            return
        self.answered = True
        if self.status == 0 or self._head is not None:
            self._head_size += len(data)
            if self._head_size > HEADER_LIMIT and self._head is not None and not self._batch:
                self._fail("The engine sent more than 64 KB of headers.")
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("The engine wants to switch protocols.")
        except (httptools.HttpParserError, ValueError) as error:
            self._fail(f"The engine's answer is not valid HTTP ({type(error).__name__}).")
        self._deliver()

    def _deliver(self) -> None:
        if self._batch:
            piece = self._batch[0] if len(self._batch) == 1 else b"".join(self._batch)
            self._batch = []
            self._pieces.append(piece)
            self._waiting += len(piece)
            if self._waiting > HIGH_WATER and not self._paused and self._transport is not None and not self.closed:
                self._paused = True
                self._transport.pause_reading()
        if (self._pieces or self.complete) and self._more is not None and not self._more.done():
            self._more.set_result(None)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._drained.set()
        if not self.complete and self.status and self._until_eof and self._head is None and error is None:
            # No length and not chunked: the end of the connection is the end of the body.
            self.complete = True
            self._deliver()
            return
        if not self.complete:
            self._fail(f"The engine closed the connection{f' ({error})' if error else ''}.")

    def _fail(self, message: str) -> None:
        self.error = self.error or message
        self.closed = True
        if self._head is not None and not self._head.done():
            self._head.set_exception(UpstreamError(message))
        self._head = None
        if self._more is not None and not self._more.done():
            self._more.set_result(None)
        if self._transport is not None:
            self._transport.abort()

    # --- httptools ---

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self.headers = []
            return
        self.status = status
        self.keep_alive = self._parser.should_keep_alive()
        names = {name.lower(): value.lower() for name, value in self.headers}
        self._until_eof = b"content-length" not in names and b"chunked" not in names.get(b"transfer-encoding", b"")
        if self._head is not None and not self._head.done():
            self._head.set_result(None)
        self._head = None

    def on_body(self, data: bytes) -> None:
        self._batch.append(data)

    def on_message_complete(self) -> None:
        if self.status:
            self.complete = True


class EngineReply:
    """Headers are here; iterate for the body. `aclose` gives the connection back when the body was read to its end."""

    __slots__ = ("_connection", "_key", "_pool", "headers", "status")

    def __init__(self, connection: Connection, pool: "Pool", key: tuple[str, str, int]) -> None:
        self._connection = connection
        self._pool = pool
        self._key = key
        self.status = connection.status
        self.headers: Headers = connection.headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = self._connection.read
        while data := await read():
            yield data

    async def aclose(self) -> None:
        self._pool.give_back(self._key, self._connection)


class Pool:
    """All connections of the proxy. Make one per event loop; `close` it at the end."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str, int], list[Connection]] = {}
        self._tls: ssl.SSLContext | None = None

    async def send(
        self, method: str, base: Base, target: str, headers: Headers, body: bytes, connect_s: float
    ) -> EngineReply:
        """Raises EngineUnreachableError when no byte was accepted, UpstreamError for what breaks later.

        A kept connection that turns out closed before any byte of an answer is replaced once: the engine closed it while it
        was idle, so it read nothing of this request.
        """
        request = _request(method, base, target, headers, body)
        key = (base.scheme, base.host, base.port)
        while True:
            connection = self._take(key)
            fresh = connection is None
            if connection is None:
                connection = await self._connect(base, connect_s)
            try:
                head = connection.begin(request)
                await connection.drained()
                await head
            except UpstreamError:
                unread = not connection.answered
                connection.close()
                if not fresh and unread:
                    continue
                raise
            except BaseException:
                connection.close()
                raise
            return EngineReply(connection, self, key)

    def _take(self, key: tuple[str, str, int]) -> Connection | None:
        idle = self._idle.get(key)
        now = asyncio.get_running_loop().time()
        while idle:
            connection = idle.pop()
            if not connection.closed and now - connection.idle_since < IDLE_S:
                return connection
            connection.close()
        return None

    def give_back(self, key: tuple[str, str, int], connection: Connection) -> None:
        idle = self._idle.setdefault(key, [])
        if connection.reusable and len(idle) < IDLE_KEPT:
            connection.idle_since = asyncio.get_running_loop().time()
            idle.append(connection)
        else:
            connection.close()

    async def _connect(self, base: Base, connect_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        tls: ssl.SSLContext | None = None
        if base.scheme == "https":
            if self._tls is None:
                # Some 30-100 ms, once, off the loop.
                self._tls = await asyncio.to_thread(_tls_context)
            tls = self._tls
        try:
            async with asyncio.timeout(connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop),
                    base.host,
                    base.port,
                    ssl=tls,
                    server_hostname=base.host if tls is not None else None,
                    happy_eyeballs_delay=0.25,
                )
        except TimeoutError as error:
            raise EngineUnreachableError(
                f"{base.origin} did not accept a connection within {connect_s:g} s.",
                hint="Check that it runs and that the network is up.",
            ) from error
        except ssl.SSLError as error:
            raise EngineUnreachableError(
                f"{base.origin} could not prove who it is ({error.reason or 'TLS failed'}).",
                hint="Check base_url, the clock and any proxy in between; Turnout never turns verification off.",
            ) from error
        except OSError as error:
            raise EngineUnreachableError(
                f"{base.origin} refused the connection ({error.strerror or type(error).__name__}).",
                hint="Start it, or correct base_url in turnout.toml.",
            ) from error
        return connection

    def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _request(method: str, base: Base, target: str, headers: Headers, body: bytes) -> bytes:
    """The head is always written anew, never relayed raw (T13); no header can hold CR or LF."""
    default = 443 if base.scheme == "https" else 80
    name = f"[{base.host}]" if ":" in base.host else base.host
    host = name if base.port == default else f"{name}:{base.port}"
    parts = [f"{method} {target} HTTP/1.1\r\nhost: {host}\r\n".encode("ascii", "replace")]
    for key, value in headers:
        if b"\r" in value or b"\n" in value or b"\0" in value or not key:
            continue
        parts += (key, b": ", value, b"\r\n")
    if body or method in ("POST", "PUT", "PATCH"):
        parts.append(b"content-length: %d\r\n" % len(body))
    parts.append(b"\r\n")
    parts.append(body)
    return b"".join(parts)
