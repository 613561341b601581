"""One request and its answer, as the application sees them: ASGI's `receive` and `send`, and who hangs up.

A short answer leaves in one write: its head is kept back until its first bytes come, or the loop's next turn. A body is handed
over whole where it is small enough, so that who waits for it is woken once. No more of it than `UNREAD` is taken from the
network before somebody asks for it, which nobody does before the guard and the token (T15).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from operator import itemgetter

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from turnout.proxy.door.answer import WHOLE, Headers, Message, Receive, Send

Application = Callable[[Message, Receive, Send], Awaitable[None]]

UNREAD = 65_536
"""Bytes of a body that are taken before anybody asks for it."""
GATHERED = 1_000_000
"""Bytes of a body that are handed over at once, to who asks."""
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
# Which bytes may stand in a header's name (lower case) and in its line: taking them away and looking at what is left takes 2 us for
# thirteen headers, where a regular expression took 4.
_IN_NAMES = bytes(set(range(33, 256)) - set(b'ABCDEFGHIJKLMNOPQRSTUVWXYZ()<>@,;:\\[]={}"\x7f'))
_IN_LINES = bytes({9, *range(32, 256)} - {127})
_WITHOUT_BODY = (204, 304)

log = logging.getLogger("turnout.protocol")


class Cycle:
    """`disconnected`: the client left before its answer was complete."""

    # What most requests leave as it is stands here, not in `__init__`: 72 instructions a request before, 32 after.
    started = complete = disconnected = False
    on_gone: Callable[[], None] | None = None
    _unread = 0
    _most = UNREAD
    _ended = _told_end = False
    _waiter: asyncio.Future[None] | None = None
    _task: asyncio.Task[None] | None = None
    _head = b""
    _chunked = False
    _left = 0

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        flow: FlowControl,
        server_state: ServerState,
        done: Callable[[], None],
        *,
        bodiless: bool,
        expects: bool,
        keep_alive: bool,
    ) -> None:
        """`bodiless`: a HEAD is asked. `expects`: the client waits for a 100. `done`: what to do when the answer is complete."""
        self._loop, self._transport, self._flow = loop, transport, flow
        self._bodiless, self._expects, self.keep_alive = bodiless, expects, keep_alive
        self._server_state, self._done = server_state, done
        self._parts: list[bytes] = []

    def start(self, application: Application, scope: Message) -> None:
        self._task = task = self._loop.create_task(self._run(application, scope))
        self._server_state.tasks.add(task)

    async def _run(self, application: Application, scope: Message) -> None:
        try:
            await application(scope, self.receive, self.send)
        except BaseException as error:  # the boundary: the connection's end is all that can be told
            log.error("Exception in ASGI application", exc_info=error)
            await self._break_off()
        else:
            if not self.complete and not self.disconnected:
                log.error("ASGI callable returned without completing its response")
                await self._break_off()
        finally:
            # Not by a callback: that would cost the loop another turn.
            if self._task is not None:
                self._server_state.tasks.discard(self._task)

    async def _break_off(self) -> None:
        if not self.started:
            said = b"Internal Server Error"
            headers = [
                (b"content-type", b"text/plain"),
                (b"content-length", b"%d" % len(said)),
                (b"connection", b"close"),
            ]
            await self.send({"type": "http.response.start", "status": 500, "headers": headers})
            await self.send({"type": "http.response.body", "body": said})
        else:
            self._flush()
            self._transport.close()

    # --- the request's body ---

    def feed(self, data: bytes) -> None:
        self._parts.append(data)
        self._unread += len(data)

    def goes_on(self) -> None:
        """What was read from the network is fed, and more is to come."""
        if self._unread > self._most and not self.complete:
            self._flow.pause_reading()
            self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    async def receive(self) -> Message:
        """The body as far as it is here, its end or `GATHERED` bytes of it; else that the client left."""
        self._most = GATHERED
        if self._expects and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._expects = False
        self._flow.resume_reading()
        while not (self.disconnected or self.complete or self._unread > GATHERED or self._ended is not self._told_end):
            self._waiter = self._loop.create_future()
            await self._waiter
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        body = b"".join(self._parts)
        self._parts.clear()
        self._unread = 0
        self._told_end = self._ended
        return {"type": "http.request", "body": body, "more_body": not self._ended}

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- who hangs up ---

    def gone(self, act: Callable[[], None] | None) -> None:
        """What to do when the client hangs up before its answer is complete; at once if it already did."""
        self.on_gone = act
        if act is not None and self.disconnected:
            act()

    def lost(self) -> None:
        """The connection is."""
        if self.complete:
            return
        self.disconnected = True
        self._wake()
        if self.on_gone is not None:
            self.on_gone()

    # --- the answer ---

    async def send(self, message: Message) -> None:
        """Waits while the client reads too slowly."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if self.complete or self.started is (kind != "http.response.body"):
            raise RuntimeError(f"{kind} is out of order")
        if not self.started:
            self._head = self._made_head(message["status"], message["headers"])
            self.started, self._expects = True, False
            if kind != WHOLE:
                self._loop.call_soon(self._flush)
                return
        self._write(message["body"], message.get("more_body", False))

    def _made_head(self, status: int, headers: Headers) -> bytes:
        named = dict(headers)
        length = named.get(b"content-length")
        self.keep_alive = self.keep_alive and named.get(b"connection") != b"close"
        self._chunked = length is None and not self._bodiless and status not in _WITHOUT_BODY
        self._left = 0 if length is None or self._bodiless else int(length)
        return b"".join(
            (
                _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status,
                lines([*self._server_state.default_headers, *headers]),
                b"" if self.keep_alive or b"connection" in named else b"connection: close\r\n",
                b"transfer-encoding: chunked\r\n\r\n" if self._chunked else b"\r\n",
            )
        )

    def _write(self, body: bytes, more: bool) -> None:
        out, self._head = self._head, b""
        if self._chunked:
            if body:
                out = b"%b%x\r\n%b\r\n" % (out, len(body), body)
            if not more:
                out += b"0\r\n\r\n"
        elif not self._bodiless:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("The body is not as long as its Content-Length.")
            out = out + body if out else body
        if out:
            self._transport.write(out)
        if not more:
            self.complete = True
            self._wake()
            if not self.keep_alive:
                self._transport.close()
            self._done()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head:
            self._transport.write(head)


def lines(headers: Headers) -> bytes:
    """Raises RuntimeError where a header would be none, or more than one (T13)."""
    names = list(map(itemgetter(0), headers))
    told = b"\r\n".join([*map(b": ".join, headers), b""])
    # What is left without all that may stand there: of the names nothing, of the lines their ends.
    if not all(names) or b"".join(names).translate(None, _IN_NAMES):
        raise RuntimeError("Invalid HTTP header.")
    if told.translate(None, _IN_LINES) != b"\r\n" * len(names):
        raise RuntimeError("Invalid HTTP header.")
    return told
