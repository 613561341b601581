"""Newline-delimited JSON, sans-I/O: bytes cut anywhere in, lines out."""

LIMIT = 16_000_000


class Overflow(Exception):  # noqa: N818  a condition of the stream, caught by every reader
    """One line passed `LIMIT`."""


class LineDecoder:
    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        if len(self._tail) > LIMIT:
            raise Overflow
        return [line for line in lines if line.strip()]

    def end(self) -> list[bytes]:
        rest, self._tail = self._tail, b""
        return [rest] if rest.strip() else []
