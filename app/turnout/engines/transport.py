"""HTTP/1.1 to engines, made for relaying: one Protocol per connection over httptools, a keep-alive pool with O(1) reuse.

Why our own: stock httpx costs 14 times the CPU of this at 64 connections (its pool asks every idle connection whether it is
readable, its client walks cookies and redirects). Kept from httpx's promises: nothing of the environment is read (no proxies),
no redirect, cookie or decompression, duplicate headers stay, cancelling closes the socket, TLS is verified.

Whoever waits for bytes goes on in the loop's next turn. To go on inside `data_received` saves that turn, 170 instructions a
chunk, and still took longer (0.105 ms a bare call, 0.089 as it is): asyncio's own futures are C, one of ours was not.

An error tells whether the engine can have billed: `EngineUnreachableError` means that no byte of the request was accepted,
any other `UpstreamError` that some may have been. Only the first kind is ever sent again, here or by the caller (I07).
"""

import asyncio
import contextlib
import os
import select
import socket
import ssl
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import httptools

from turnout.engines.routes import Base
from turnout.errors import EngineUnreachableError, UpstreamError

Headers = list[tuple[bytes, bytes]]
Key = tuple[str, str, int]
HEADER_LIMIT = 65_536
IDLE_KEPT = 64
"""Idle connections per origin."""
IDLE_S = 55.0
"""Servers close idle connections after 60-75 s; one that is younger is hardly ever stale."""
HIGH_WATER = 262_144
"""Bytes read ahead of a slow client before the engine's socket is paused."""
APART = 65_536
"""Bytes of a body from which it is written after its head, not copied behind it: a write more costs 3 us, 200 KB copied 15."""
UNACKED_S = 20
"""A network that swallows packets is noticed after this long, not after the kernel's 15 minutes (I17)."""
_BYTES_ACKED = 120
"""Where Linux's `struct tcp_info` has `tcpi_bytes_acked`, a u64: 8 bytes, 24 u32 and two u64 come before it."""


class Connection(asyncio.Protocol):
    """One socket; serves one exchange at a time. Bytes of one socket read come out as one piece."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._fd = -1
        self._poll: Any = None
        """Of the socket; None on Windows, which has none."""
        self._parser: httptools.HttpResponseParser | None = None
        self._head: asyncio.Future[None] | None = None
        self._more: asyncio.Future[None] | None = None
        self._pieces: list[bytes] = []
        self._waiting = 0
        """Bytes that came in after the last piece was read, give or take their framing."""
        self._paused = False
        self._head_size = 0
        self._written = 0
        self._acked = -1
        """Bytes the engine's host had acknowledged when the connection was lost; -1: not known here."""
        self.status = 0
        self.headers: Headers = []
        self.complete = False
        self.keep_alive = False
        self.closed = False
        self.error = ""
        self.idle_since = 0.0

    # --- exchange ---

    def begin(self, head: bytes, body: bytes) -> "asyncio.Future[None]":
        """Sends; the future ends when status line and headers are here."""
        self._parser = httptools.HttpResponseParser(self)
        self._head = self._loop.create_future()
        self._pieces.clear()
        self._waiting = self._head_size = 0
        self.status, self.headers = 0, []
        self.complete = False
        self.error = ""
        assert self._transport is not None
        self._written += len(head) + len(body)
        if len(body) < APART:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        return self._head

    def coming(self) -> "asyncio.Future[None]":
        """For who just found nothing to `take`: ends when there is something."""
        self._more = more = self._loop.create_future()
        return more

    def take(self) -> bytes:
        """What came of the body; b"" where nothing did, or at its end. Raises UpstreamError when it is cut off."""
        if not self._pieces:
            if self.closed and not self.complete:
                raise UpstreamError(
                    self.error or "The engine closed the connection in the middle of its answer.",
                    hint="Send the request again.",
                )
            return b""
        data = b"".join(self._pieces)
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
        return self.complete and self.keep_alive and not self.closed and not self._paused

    def still_there(self) -> bool:
        """An idle connection whose socket is readable was closed by the engine, or lost its framing: one poll, 1 us."""
        if self.closed or self._fd < 0:
            return False
        if self._poll is None:
            return not select.select([self._fd], [], [], 0)[0]
        return not self._poll.poll(0)

    def accepted_nothing(self, size: int) -> bool:
        """After the connection was lost: not one byte of a request of that size reached the engine's host.

        A host that closed the connection answers with a reset and acknowledges nothing. Where the system does not tell
        (only Linux does), the answer is False: better a failed call than one billed twice.
        """
        # The opening SYN counts as one acknowledged byte.
        return 0 <= self._acked <= self._written - size + 1

    # --- asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None:
            self._fd = sock.fileno()
            if sys.platform != "win32":
                self._poll = select.poll()
                self._poll.register(self._fd, select.POLLIN)
            _watch_over(sock)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self.complete:
            # An engine that talks out of turn (a 408 on an idle connection, junk after a body) has lost its framing.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("The engine wants to switch protocols.")
        except _JunkError:
            # What came before it is whole; only the connection cannot be used again.
            self.keep_alive = False
        except (httptools.HttpParserError, ValueError) as error:
            self._fail(f"The engine's answer is not valid HTTP ({type(error).__name__}).")
        if self._head is not None:
            self._head_size += len(data)
            if self._head_size > HEADER_LIMIT:
                self._fail(f"The engine sent more than {HEADER_LIMIT // 1024} KB of headers.")
        self._waiting += len(data)
        if self._waiting > HIGH_WATER and not self._paused and self._transport is not None and not self.closed:
            self._paused = True
            self._transport.pause_reading()
        if self._pieces or self.complete:
            self._deliver()

    def _deliver(self) -> None:
        if self._more is not None:
            if not self._more.done():
                self._more.set_result(None)
            self._more = None

    def eof_received(self) -> bool:
        # From here on nobody may begin on this connection, though asyncio closes it only in its next round.
        self._ended(None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self._head is not None and self._transport is not None:
            self._acked = _acknowledged(self._transport)
        self._ended(error)
        self._fd = -1
        self._parser = None

    def _ended(self, error: Exception | None) -> None:
        self.closed = True
        if self.complete:
            return
        if self.status and self._until_eof() and self._head is None and error is None and not self.error:
            self.complete = True
            self._deliver()
        elif error is not None or self._head is None or self._acked >= 0 or not _TELLS_ACKED:
            self._fail(f"The engine closed the connection{f' ({_why(error)})' if error is not None else ''}.")

    def _fail(self, message: str) -> None:
        self.error = self.error or message
        self.closed = True
        if self._head is not None and not self._head.done():
            self._head.set_exception(UpstreamError(self.error, hint="Send the request again."))
        self._head = None
        if self._more is not None and not self._more.done():
            self._more.set_result(None)
        if self._transport is not None:
            self._transport.abort()

    # --- httptools ---

    def on_message_begin(self) -> None:
        if self.complete:
            raise _JunkError

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer: what the caller has read of the headers stays what it was.
        if self._head is not None:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        if sum(map(len, chain.from_iterable(self.headers))) > HEADER_LIMIT:
            raise ValueError("headers too large")
        status = self._parser.get_status_code()
        self._head_size = 0
        if 100 <= status < 200:
            self.headers = []
            return
        self.status = status
        self.keep_alive = self._parser.should_keep_alive()
        if self._head is not None and not self._head.done():
            self._head.set_result(None)
        self._head = None

    def _until_eof(self) -> bool:
        """No length and not chunked: the end of the connection is the end of the body."""
        names = dict(self.headers)
        return b"content-length" not in names and b"chunked" not in names.get(b"transfer-encoding", b"").lower()

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        if self.status:
            self.complete = True


class _JunkError(Exception):
    """Bytes after a complete answer."""


class EngineReply:
    """Headers are here; iterate for the body. `aclose` gives the connection back when the body was read to its end."""

    __slots__ = ("_connection", "_key", "_pool", "headers", "status")

    def __init__(self, connection: Connection, pool: "Pool", key: Key) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._key = key
        self.status = connection.status
        self.headers: Headers = connection.headers

    def __aiter__(self) -> "EngineReply":
        return self

    async def __anext__(self) -> bytes:
        connection = self._connection
        if connection is None:
            raise StopAsyncIteration
        while not (data := connection.take()):
            if connection.complete:
                raise StopAsyncIteration
            await connection.coming()
        return data

    async def whole(self, limit: int) -> bytes:
        connection = self._connection
        data = connection.take() if connection is not None else b""
        size = len(data)
        if connection is not None and not connection.complete:
            parts = [data]
            async for more in self:
                parts.append(more)
                size += len(more)
                if size > limit:
                    break
            data = b"".join(parts)
        if size > limit:
            raise UpstreamError(f"The engine's answer is larger than {limit // 1_000_000} MB.")
        return data

    async def aclose(self) -> None:
        """May be called more than once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(self._key, connection)


class Pool:
    """All connections of the proxy. Make one per event loop; `close` it at the end."""

    def __init__(self, tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        self._idle: dict[Key, deque[Connection]] = {}
        self._make_tls = tls or tls_context
        self._tls: ssl.SSLContext | None = None

    async def send(self, base: Base, head: bytes, body: bytes, connect_s: float) -> EngineReply:
        """`head` is `request_head`'s. Raises EngineUnreachableError when no byte was accepted, UpstreamError for what breaks later.

        A kept connection that the engine had closed already is replaced once, by a fresh one.
        """
        if body or not head.startswith(b"GET "):
            head = b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
        else:
            head += b"\r\n"
        size = len(head) + len(body)
        key = (base.scheme, base.host, base.port)
        kept = self._take(key)
        if kept is not None:
            try:
                return await self._exchange(kept, head, body, key)
            except UpstreamError:
                if not kept.accepted_nothing(size):
                    raise
                # The others are as old or older; one look at the network is enough.
                self._drop(key)
        fresh = await self._connect(base, connect_s)
        try:
            return await self._exchange(fresh, head, body, key)
        except UpstreamError as error:
            if fresh.accepted_nothing(size):
                raise EngineUnreachableError(
                    f"{base.origin} took the connection but nothing of the request.",
                    hint="Check that it runs and that the network is up.",
                ) from error
            raise

    async def _exchange(self, connection: Connection, head: bytes, body: bytes, key: Key) -> EngineReply:
        try:
            await connection.begin(head, body)
        except BaseException:
            connection.close()
            raise
        return EngineReply(connection, self, key)

    def _take(self, key: Key) -> Connection | None:
        """The youngest idle connection that still stands."""
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            if clock_s() - connection.idle_since < IDLE_S and connection.still_there():
                return connection
            connection.close()
        return None

    def give_back(self, key: Key, connection: Connection) -> None:
        idle = self._idle.setdefault(key, deque())
        now = clock_s()
        while idle and (now - idle[0].idle_since > IDLE_S or idle[0].closed):
            idle.popleft().close()
        if connection.reusable and len(idle) < IDLE_KEPT:
            connection.idle_since = now
            idle.append(connection)
        else:
            connection.close()

    def _drop(self, key: Key) -> None:
        for connection in self._idle.pop(key, ()):
            connection.close()

    async def _connect(self, base: Base, connect_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        tls: ssl.SSLContext | None = None
        if base.scheme == "https":
            if self._tls is None:
                # Some 30-100 ms, once, off the loop.
                self._tls = await asyncio.to_thread(self._make_tls)
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
                f"{base.origin} could not prove who it is ({_why(error)}).",
                hint="Check base_url, the clock and any proxy in between; Turnout never turns verification off.",
            ) from error
        except OSError as error:
            raise EngineUnreachableError(
                f"{base.origin} cannot be reached ({_why(error)}).",
                hint="Start it, or correct base_url in turnout.toml.",
            ) from error
        except UnicodeError as error:
            raise EngineUnreachableError(
                f"{base.origin} is no name that can be looked up.", hint="Correct base_url in turnout.toml."
            ) from error
        return connection

    def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()


clock_s = partial(time.clock_gettime, time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.time
"""Seconds that go on while the machine sleeps: a connection kept over lunch is old, whatever the process saw of it."""


def tls_context() -> ssl.SSLContext:
    """The system's certificates, certifi's where the system has none to show (a plain macOS Python)."""
    context = ssl.create_default_context()
    places = ssl.get_default_verify_paths()
    if sys.platform != "win32" and places.cafile is None and places.capath is None:
        import certifi

        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


_TELLS_ACKED = sys.platform == "linux"


def _acknowledged(transport: asyncio.Transport) -> int:
    if not _TELLS_ACKED:
        return -1
    sock = transport.get_extra_info("socket")
    try:
        told: bytes = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
        return int(struct.unpack_from("=Q", told, _BYTES_ACKED)[0])
    except (OSError, struct.error, AttributeError):
        return -1


def _watch_over(sock: socket.socket) -> None:
    """Off the loopback: find out that the other side is gone, while sending and while waiting for a slow first byte."""
    with contextlib.suppress(OSError, AttributeError, IndexError):
        host = sock.getpeername()[0]
        if host == "::1" or host.startswith("127."):
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKED_S * 1000)


def _why(error: Exception) -> str:
    """In the system's words; never a path or a secret."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "its certificate"
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS failed"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if "Multiple exceptions" in str(error):
        return "nobody listens there"
    return type(error).__name__
