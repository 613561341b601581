"""The client's side of one call: headers once, then bytes, and whether somebody is still there to read them."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from turnout import __version__
from turnout.errors import TurnoutError

Message = MutableMapping[str, Any]
"""An ASGI event: the server's own shape, not ours."""
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Notice = Callable[[Callable[[], None] | None], None]
"""The server's `scope["gone"]`: takes what to do when the client hangs up."""
Headers = list[tuple[bytes, bytes]]
WHOLE = "turnout.response.whole"
"""An event of our own: status, headers and all of the body at once. Half of what two events cost."""
LINES: Headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-cache")]
"""Of an answer that is JSON lines."""
SIGNED = (b"x-turnout", __version__.encode())
"""On every answer: Turnout looks like an Ollama, and must never take itself for one."""


class LeftError(TurnoutError):
    """The client hung up before anything was sent for it."""

    status = 499
    code = "turnout_client_left"

    def __init__(self) -> None:
        super().__init__("The client hung up before its call was sent.")


class Answer:
    """`started` is true from the status line on, `produced` from the first byte that is output and not a keep-alive."""

    started = produced = done = gone = False
    status = 0
    _on_gone: Callable[[], None] | None = None

    def __init__(self, send: Send, notice: Notice) -> None:
        self._send = send
        self._notice = notice

    def watch(self) -> None:
        """Begin to notice a client that hangs up; only after its body was read."""
        self._notice(self._left)

    def on_gone(self, act: Callable[[], None] | None) -> None:
        """What to do when the client hangs up; at once if it already did."""
        self._on_gone = act
        if act is not None and self.gone:
            act()

    def _left(self) -> None:
        if not self.done:
            self.gone = True
            if self._on_gone is not None:
                self._on_gone()

    def close(self) -> None:
        self._on_gone = None
        self._notice(None)

    async def start(self, status: int, headers: Headers) -> None:
        if self.started:
            return
        self.started = True
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, SIGNED]})

    async def write(self, data: bytes) -> None:
        """Output. Waits while the client reads slower than the engine writes, so nothing piles up here."""
        if data:
            self.produced = True
            if not self.gone:
                await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def keep_alive(self, data: bytes) -> None:
        if data and not self.gone and not self.done:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        if self.done:
            return
        self.done = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        if self.started:
            await self.finish(body)
            return
        self.started = self.done = True
        self.status = status
        self.produced = bool(body)
        told = [*headers, (b"content-length", b"%d" % len(body)), SIGNED]
        await self._send({"type": WHOLE, "status": status, "headers": told, "body": body})


def header_value(text: str) -> bytes:
    """A header value that can hold anything: CR, LF and what is not Latin-1 never get through."""
    return text.encode("ascii", "replace").translate(_PLAIN)[:1024]


_PLAIN = bytes(b if 32 <= b < 127 else 32 for b in range(256))
