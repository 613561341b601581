"""HTTP/1.1 to our own proxy on the loopback: one request, one connection.

Not `http.client`: it loads ssl and email, 7 MB that a tray which lives for days would hold for two small requests a minute.
"""

import socket
from collections import deque
from collections.abc import Iterator, Mapping
from types import TracebackType

import httptools


class Answer:
    """`with Answer(host, port, timeout_s) as answer:`; raises OSError, TimeoutError included, or ValueError for what is no HTTP."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._host, self._port = host, port
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: deque[bytes] = deque()
        self._headed = self._whole = False
        self.status = 0

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Until status and headers are here."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}:{self._port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        while not self._headed:
            self._read()

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes."""
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self._whole:
                return
            self._read()

    def body(self) -> bytes:
        return b"".join(self.pieces())

    def lines(self) -> Iterator[bytes]:
        """The body's lines as they come, without their ends."""
        rest = b""
        for piece in self.pieces():
            *done, rest = (rest + piece).split(b"\n")
            yield from done
        if rest:
            yield rest

    def _read(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("it closed the connection in the middle of its answer")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise ValueError(str(error)) from error

    # -- httptools

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._headed = True

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self._whole = True

    # -- ending

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Answer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
