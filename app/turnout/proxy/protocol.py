"""uvicorn's HTTP protocol with our own limits: the raw request target for the guard, time for headers and bodies, sizes.

uvicorn parses an absolute-form target down to its path, which would hide its authority from the guard (T01); and it waits for
ever for a slow head or body (T15).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
BODY_S = 30.0
HEAD_LIMIT = 65_536
HEADERS = 200


class Limited(HttpToolsProtocol):
    """One timer per connection: it runs while a head or a body is coming in, and is put off by every piece of a body."""

    _timer: asyncio.TimerHandle | None = None
    _target = b""
    _head_size = 0
    _in_head = False
    _in_body = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_S, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        """Nothing useful can be said to one who is that slow; an idle connection simply ends."""
        self._timer = None
        if not self.transport.is_closing():
            self.transport.abort() if self._in_body or self._in_head else self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT + 32_768:
                self._too_large()
                return
        elif self._in_body and self._timer is not None:
            self._stop_timer()
            self._timer = self.loop.call_later(BODY_S, self._late)
        super().data_received(data)

    def _too_large(self) -> None:
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
        self.transport.close()

    def on_message_begin(self) -> None:
        self._target = b""
        self._head_size = 0
        self._in_head = True
        if self._timer is None:
            self._await_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._target += url
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += 0 if self._in_head else len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._in_body = True
        self._stop_timer()
        self._timer = self.loop.call_later(BODY_S, self._late)
        self.scope["raw_target"] = self._target  # type: ignore[typeddict-unknown-key]  # for our own app alone
        if len(self.headers) > HEADERS or sum(len(n) + len(v) for n, v in self.headers) > HEAD_LIMIT:
            self._too_large()
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._stop_timer()
        super().on_message_complete()
