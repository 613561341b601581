"""HTTP/1.1 from clients over httptools, with our own limits: time for heads and bodies, sizes, connections at once.

uvicorn listens, keeps the date and ends gracefully; its own protocol is not used. It parses an absolute-form target down to its
path, which would hide its authority from the guard (T01); it waits for ever for a slow head or body (T15); and with ours on top
of it a small call took 1,760 of the interpreter's instructions between socket and application, now 960.
"""

import asyncio
from collections import deque
from itertools import chain
from time import monotonic
from typing import Any

import httptools
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr
from uvicorn.server import ServerState

from turnout.errors import BadRequestError, TurnoutError
from turnout.proxy.door.answer import Headers, Message
from turnout.proxy.door.cycle import Application, Cycle
from turnout.proxy.door.endpoints import dialect_of
from turnout.proxy.door.guard import split_token
from turnout.proxy.door.head import Heads
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


class Limited(asyncio.Protocol):
    """One timer per connection looks at `_until`, which every piece of a head or body moves: moving a timer costs 3 us. `_until` is of
    the loop's clock, which is `monotonic`."""

    head_s = HEAD_S
    body_s = BODY_S
    """Without a byte of it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn makes its own."""
        self._app: Application = config.loaded_app
        self._loop = _loop or asyncio.get_running_loop()
        self._server_state = server_state
        self._connections: set[Any] = server_state.connections
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        # A client that sends more after `Connection: close` is still answered.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._waiting: deque[tuple[Cycle, Message]] = deque()
        """Asked before the request in front of them was answered (pipelining)."""
        self._cycle: Cycle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = float("inf")
        self._target = b""
        self._headers: Headers = []
        self._length = b""
        """Content-Length, which is not among them: all else of a head is often the last one's again."""
        self._checked: Headers = []
        """Those of the last request that could be read: the very list again where the next brings the same."""
        self._expects = False
        """They say that the client waits for a 100."""
        self._heads = Heads()
        self._head_size = 0
        self._in_head = self._in_body = False
        self._declined = False
        """The head read last offers to speak another protocol (h2c, websocket): it is read again without the offer."""
        self._parsed: tuple[bytes, bytes, bytes] = (b"", b"", b"")
        """The last target, its path and its query."""
        self._idle_since = monotonic()

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        self._connections.add(self)
        self._flow = FlowControl(transport)
        self._server = get_local_addr(transport)
        if len(self._connections) > CONNECTIONS and not self._make_room():
            busy = TurnoutError(f"{CONNECTIONS} connections are busy already.", hint="Try again in a second.")
            self._end_with(503, busy)
            return
        self._allow(self.head_s)
        self._timer = self._loop.call_at(self._until, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._connections.discard(self)
        self._flow.resume_writing()
        # It knows our methods, and would keep us alive.
        self._parser = None
        if self._cycle is not None:
            self._cycle.lost()

    def pause_writing(self) -> None:
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        self._flow.resume_writing()

    def shutdown(self) -> None:
        """uvicorn's word that it ends: no further request."""
        if self._cycle is None or self._cycle.complete:
            self.transport.close()
        else:
            self._cycle.keep_alive = False

    def _make_room(self) -> bool:
        """Ends the connection that has had no request under way for the longest, else the one whose body has stood still
        for the longest; False: all others are being answered."""
        others = [one for one in self._connections if one is not self]
        idle = [one for one in others if one._cycle is None or one._cycle.complete]
        sending = [one for one in others if one._in_body]
        if not idle and not sending:
            return False
        oldest = min(idle, key=lambda one: one._idle_since) if idle else min(sending, key=lambda one: one._until)
        self._connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _allow(self, seconds: float) -> None:
        self._until = monotonic() + seconds

    def _look(self) -> None:
        """Nothing useful can be said to one who is that slow; an idle connection simply ends."""
        self._timer = None
        if self.transport.is_closing():
            return
        now = monotonic()
        if now < self._until:
            # Looked at every ten seconds at least, for the next request's head may have less time than this wait.
            self._timer = self._loop.call_at(min(self._until, now + self.head_s), self._look)
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
        self._feed(data)
        if self._in_body and self._cycle is not None:
            self._allow(self.body_s)
            self._cycle.goes_on()

    def _feed(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._read_plainly(data[offer.args[0] :])
        except httptools.HttpParserError:
            self._not_http()

    def _read_plainly(self, rest: bytes) -> None:
        """Java's HttpClient offers h2c with its first request, body and all: an offer may be passed over (RFC 9110, 7.8)."""
        if not self._declined:
            self._not_http()
            return
        assert self._parser is not None
        version = self._parser.get_http_version().encode()
        lines = [self._parser.get_method(), b" ", self._target, b" HTTP/", version, b"\r\n"]
        if self._length:
            lines += (b"content-length: ", self._length, b"\r\n")
        for name, value in self._headers:
            if name == b"connection":
                kept = [one for one in value.split(b",") if one.strip().lower() not in _OFFERS]
                value = b",".join(kept)
            if name not in _OFFERS:
                lines += (name, b": ", value, b"\r\n")
        self._declined = False
        self._parser = httptools.HttpRequestParser(self)
        self._feed(b"".join(lines) + b"\r\n" + rest)

    def _too_large(self) -> None:
        error = BadRequestError(
            f"The request's headers are larger than {HEAD_LIMIT // 1024} KB, or more than {HEADERS}.",
            hint="Send fewer.",
        )
        self._end_with(431, error)

    def _not_http(self) -> None:
        self._end_with(400, BadRequestError("This is not valid HTTP/1.1.", hint="Use an HTTP client library."))

    def _end_with(self, status: int, error: TurnoutError) -> None:
        """The last answer on this connection, in the dialect of the path as far as it was read."""
        if self.transport.is_closing():
            return
        if self._cycle is not None and self._cycle.started and not self._cycle.complete:
            # What was asked before is being answered: a second status line would end up inside that answer.
            self.transport.abort()
            return
        path = self._target.partition(b"?")[0].decode("latin-1")
        body = codec(dialect_of(split_token(path)[1])).write_error(error)
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, _REASONS[status], len(body)) + body)
        self.transport.close()

    # --- httptools ---

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = []
        self._length = b""
        self._head_size = 0
        self._in_head = True
        self._allow(self.head_s)

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer would join the headers after the guard has looked at them (T13).
        if self._in_head:
            name = name.lower()
            if name == b"content-length":
                self._length = value
            else:
                self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        assert parser is not None
        if parser.should_upgrade() and parser.get_method() != b"CONNECT":
            self._declined = True
            return
        self._in_head = False
        self._in_body = True
        if headers != self._checked:
            if len(headers) > HEADERS or sum(map(len, chain.from_iterable(headers))) > HEAD_LIMIT:
                self._too_large()
                return
            self._checked = headers
            self._expects = dict(headers).get(b"expect", b"").lower() == b"100-continue"
        if self._target != self._parsed[0]:
            parsed = httptools.parse_url(self._target)
            self._parsed = (self._target, parsed.path or b"", parsed.query or b"")
        target, path, query = self._parsed
        method = parser.get_method().decode("ascii")
        before = self._cycle
        self._cycle = cycle = Cycle(
            self._loop,
            self.transport,
            self._flow,
            self._server_state,
            self._answered,
            bodiless=method == "HEAD",
            expects=self._expects,
            keep_alive=parser.should_keep_alive() and parser.get_http_version() != "1.0",
        )
        scope: Message = {
            "type": "http",
            "method": method,
            "raw_target": target,
            "raw_path": path,
            "query_string": query,
            "headers": self._checked,
            "length": self._length,
            "heads": self._heads,
            "server": self._server,
            "gone": cycle.gone,
        }
        if before is None or before.complete:
            cycle.start(self._app, scope)
        else:
            self._flow.pause_reading()
            self._waiting.append((cycle, scope))

    def on_body(self, data: bytes) -> None:
        cycle = self._cycle
        if cycle is not None and not cycle.complete:
            cycle.feed(data)

    def on_message_complete(self) -> None:
        if self._declined:
            return
        self._in_body = False
        self._until = float("inf")
        if self._cycle is not None:
            self._cycle.end()

    # --- answers ---

    def _answered(self) -> None:
        self._server_state.total_requests += 1
        self._idle_since = now = monotonic()
        if self.transport.is_closing():
            return
        self._flow.resume_reading()
        if self._waiting:
            cycle, scope = self._waiting.popleft()
            cycle.start(self._app, scope)
        elif not self._in_head:
            self._until = now + KEEP_ALIVE_S
            if self._timer is None:
                self._timer = self._loop.call_later(self.head_s, self._look)
