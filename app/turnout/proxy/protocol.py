"""uvicorn's HTTP protocol with our own limits: the raw request target for the guard, time for headers and bodies, sizes.

uvicorn parses an absolute-form target down to its path, which would hide its authority from the guard (T01); and it waits for
ever for a slow head or body (T15). Two more things are ours because they are paid on every call: a status line and its first
bytes leave in one write, and a client that hangs up is told to whoever asked (`scope["gone"]`) without a task that waits for it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from turnout.errors import BadRequestError, TurnoutError
from turnout.proxy.endpoints import dialect_of
from turnout.proxy.guard import split_token
from turnout.wire.codec import codec

HEAD_S = 10.0
BODY_S = 30.0
KEEP_ALIVE_S = 75.0
HEAD_LIMIT = 65_536
HEADERS = 200
CONNECTIONS = 256
"""At once. One more takes the place of the one that has been idle the longest, so a flood of idle ones shuts nobody out (T15)."""
_OFFERS = frozenset({b"upgrade", b"http2-settings"})
_REASONS = {400: b"Bad Request", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


class Joined:
    """A transport that keeps a head back until its first bytes come, or the loop's next turn, and writes both at once."""

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None

    def head(self, data: bytes) -> None:
        self._head = data
        self._loop.call_soon(self.flush)

    def flush(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._transport.write(head)

    def write(self, data: bytes) -> None:
        head, self._head = self._head, None
        self._transport.write(data if head is None else head + data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    on_gone: Callable[[], None] | None = None

    def gone(self, act: Callable[[], None] | None) -> None:
        """What to do when the client hangs up before its answer is complete; at once if it already did."""
        self.on_gone = act
        if act is not None and self.disconnected:
            act()

    async def send(self, message: Any) -> None:
        """uvicorn writes a head by itself; here it waits for the body that follows in the same turn of the loop."""
        if self.response_started or self.disconnected or self.flow.write_paused:
            await super().send(message)
            return
        transport, caught = self.transport, _Caught()
        self.transport = caught  # type: ignore[assignment]  # the one method that is used of it
        try:
            await super().send(message)
        finally:
            self.transport = transport
        transport.head(b"".join(caught.written))  # type: ignore[attr-defined]  # `Joined`


class _Caught:
    __slots__ = ("written",)

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


class Limited(HttpToolsProtocol):
    """One timer per connection looks at `_until`, which every piece of a head or body moves: moving a timer costs 3 us."""

    head_s = HEAD_S
    body_s = BODY_S
    """Without a byte of it."""
    _timer: asyncio.TimerHandle | None = None
    _until = float("inf")
    _target = b""
    _head_size = 0
    _in_head = False
    _in_body = False
    _declined = False
    """The head read last offers to speak another protocol (h2c, websocket): it is read again without the offer."""
    _idle_since = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._joined = Joined(transport, self.loop)
        self._idle_since = self.loop.time()
        if len(self.connections) > CONNECTIONS and not self._make_room():
            busy = TurnoutError(f"{CONNECTIONS} connections are busy already.", hint="Try again in a second.")
            self._end_with(503, busy)
            return
        self._allow(self.head_s)
        self._timer = self.loop.call_at(self._until, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)
        cycle = self.cycle
        if isinstance(cycle, Cycle) and cycle.disconnected and cycle.on_gone is not None:
            cycle.on_gone()

    def _make_room(self) -> bool:
        """Ends the connection that has had no request under way for the longest, else the one whose body has stood still
        for the longest; False: all others are being answered."""
        others = [one for one in self.connections if isinstance(one, Limited) and one is not self]
        idle = [one for one in others if one.cycle is None or one.cycle.response_complete]
        sending = [one for one in others if one._in_body]
        if not idle and not sending:
            return False
        oldest = min(idle, key=lambda one: one._idle_since) if idle else min(sending, key=lambda one: one._until)
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _allow(self, seconds: float) -> None:
        self._until = self.loop.time() + seconds

    def _look(self) -> None:
        """Nothing useful can be said to one who is that slow; an idle connection simply ends."""
        self._timer = None
        if self.transport.is_closing():
            return
        now = self.loop.time()
        if now < self._until:
            # Looked at every ten seconds at least, for the next request's head may have less time than this wait.
            self._timer = self.loop.call_at(min(self._until, now + self.head_s), self._look)
        elif self._in_body or self._in_head:
            self.transport.abort()
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT + 32_768:
                self._too_large()
                return
        elif self._in_body:
            self._allow(self.body_s)
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._read_plainly(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def _read_plainly(self, rest: bytes) -> None:
        """Java's HttpClient offers h2c with its first request, body and all: an offer may be passed over (RFC 9110, 7.8)."""
        if not self._declined:
            self.send_400_response("")
            return
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method(), b" ", self._target, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name == b"connection":
                kept = [one for one in value.split(b",") if one.strip().lower() not in _OFFERS]
                value = b",".join(kept)
            if name not in _OFFERS:
                lines += (name, b": ", value, b"\r\n")
        self._declined = False
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"".join(lines) + b"\r\n" + rest)

    def _too_large(self) -> None:
        error = BadRequestError(
            f"The request's headers are larger than {HEAD_LIMIT // 1024} KB, or more than {HEADERS}.",
            hint="Send fewer.",
        )
        self._end_with(431, error)

    def send_400_response(self, msg: str) -> None:
        """uvicorn's own is plain text, which no client's library can read."""
        self._end_with(400, BadRequestError("This is not valid HTTP/1.1.", hint="Use an HTTP client library."))

    def _end_with(self, status: int, error: TurnoutError) -> None:
        """The last answer on this connection, in the dialect of the path as far as it was read."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            # What was asked before is being answered: a second status line would end up inside that answer.
            self.transport.abort()
            return
        path = self._target.partition(b"?")[0].decode("latin-1")
        body = codec(dialect_of(split_token(path)[1])).write_error(error)
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, _REASONS[status], len(body)) + body)
        self.transport.close()

    def on_message_begin(self) -> None:
        self._target = b""
        self._head_size = 0
        self._in_head = True
        self._allow(self.head_s)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._target += url
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer would join the headers after the guard has looked at them (T13).
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._declined = True
            return
        self._in_head = False
        self._in_body = True
        self._allow(self.body_s)
        if len(self.headers) > HEADERS or sum(len(n) + len(v) for n, v in self.headers) > HEAD_LIMIT:
            self._too_large()
            return
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # with keys for our own app alone
        parsed = httptools.parse_url(self.url)
        version = self.parser.get_http_version()
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["raw_target"] = self._target
        scope["raw_path"] = parsed.path or b""
        scope["path"] = scope["raw_path"].decode("latin-1")
        scope["query_string"] = parsed.query or b""
        before = self.cycle
        self.cycle = cycle = Cycle(
            scope=self.scope,
            transport=self._joined,  # type: ignore[arg-type]  # the three methods that are used of it
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        scope["gone"] = cycle.gone
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def on_message_complete(self) -> None:
        if self._declined:
            return
        self._in_body = False
        self._until = float("inf")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._in_head:
            self._allow(KEEP_ALIVE_S)
            if self._timer is None:
                self._timer = self.loop.call_later(self.head_s, self._look)
