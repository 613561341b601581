"""A JSON array that comes piece by piece (Gemini's stream without `alt=sse`), sans-I/O: bytes cut anywhere in, elements out."""

import re

LIMIT = 16_000_000
"""Bytes of one element."""
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


class Overflow(Exception):  # noqa: N818  a condition of the stream, caught by every reader
    """One element passed `LIMIT`."""


class ArrayDecoder:
    """Elements are objects or arrays; `closed` after the array's own end."""

    __slots__ = ("_depth", "_in_string", "_skip", "_tail", "closed")

    def __init__(self) -> None:
        self._tail = b""
        self._depth = 0
        self._in_string = False
        self._skip = False
        """The last chunk ended in a backslash: its next byte is escaped."""
        self.closed = False

    def feed(self, chunk: bytes) -> list[bytes]:
        data = self._tail + chunk
        at, begun = len(self._tail), 0
        found: list[bytes] = []
        if self._skip and chunk:
            at, self._skip = at + 1, False
        while (match := (_INSIDE if self._in_string else _OUTSIDE).search(data, at)) is not None:
            at = match.end()
            mark = match.group()
            if mark == b"\\":
                self._skip = at >= len(data)
                at += 1
            elif mark == b'"':
                self._in_string = not self._in_string
            elif mark in b"{[":
                self._depth += 1
                if self._depth == 2:
                    begun = match.start()
            else:
                self._depth -= 1
                if self._depth == 1:
                    found.append(data[begun:at])
                    begun = at
                self.closed = self.closed or self._depth <= 0
        # From an element's own start on; before it only commas and white space.
        self._tail = data[begun:] if self._depth > 1 else b""
        if len(self._tail) > LIMIT:
            raise Overflow
        return found


class WholeElements:
    """Holds back the element that is not whole yet: an array that breaks off in it can still be closed with an error of ours."""

    __slots__ = ("_decoder", "held", "told")

    def __init__(self) -> None:
        self._decoder = ArrayDecoder()
        self.held = b""
        self.told = False
        """An element went out: another one follows after a comma."""

    def feed(self, data: bytes) -> bytes:
        found = self._decoder.feed(data)
        self.held += data
        if not found:
            return b""
        self.told = True
        end = self.held.rfind(found[-1]) + len(found[-1])
        out, self.held = self.held[:end], self.held[end:]
        return out

    def broken(self, *, framed: bool) -> bytes:
        """What must go out before an event of ours: nothing."""
        self.held = b""
        return b""
