"""Server-sent events, sans-I/O: bytes cut anywhere in, events out; and the one encoder (T17).

The encoder only ever writes one line of JSON after `data: `; JSON escapes CR and LF, so no text of a model can end an event.
"""

from dataclasses import dataclass

LIMIT = 16_000_000
"""Bytes of one event; an engine that sends more has lost its framing."""


BOM = b"\xef\xbb\xbf"
"""May stand before a stream (WHATWG, event streams) and is none of its first line."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    name: str
    data: bytes


class Overflow(Exception):  # noqa: N818  a condition of the stream, caught by every reader
    """One event passed `LIMIT`."""


class Decoder:
    r"""Lines may end in \n, \r\n or \r; comments are dropped; several `data` lines are joined with \n."""

    __slots__ = ("_data", "_name", "_skip_lf", "_tail")

    def __init__(self) -> None:
        self._tail = b""
        self._data: list[bytes] = []
        self._name = ""
        self._skip_lf = False

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        if self._skip_lf and chunk:
            # A \r ended the last chunk: a \n that opens this one belongs to it.
            chunk = chunk.removeprefix(b"\n")
            self._skip_lf = False
        buffer = self._tail + chunk if self._tail else chunk
        if b"\r" in buffer:
            if buffer.endswith(b"\r"):
                self._skip_lf = True
            buffer = buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = buffer.split(b"\n")
        self._tail = lines.pop()
        if len(self._tail) > LIMIT:
            raise Overflow
        if lines and lines[0].startswith(BOM):
            lines[0] = lines[0][3:]
        found: list[ServerEvent] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line:
                if self._data:
                    found.append(
                        ServerEvent(self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    )
                    self._data = []
                self._name = ""
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
        return found

    def end(self) -> list[ServerEvent]:
        """What stood unfinished at the end; some engines leave out the last blank line."""
        found = self.feed(b"\n\n") if self._tail or self._data else []
        self._tail, self._data, self._name = b"", [], ""
        return found


def event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


def data(payload: bytes) -> bytes:
    return b"data: " + payload + b"\n\n"


COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"
