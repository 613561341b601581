"""Changing one thing in a body's own bytes: everything else stays as the client wrote it, so prompt-cache prefixes survive."""

import re
from dataclasses import dataclass

import orjson

from turnout.calls.units import Json
from turnout.errors import BadRequestError
from turnout.wire.fields import obj

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_ESCAPED_KEY = re.compile(rb'"[^"\\]{0,5}\\u[^"]{0,40}"\s*:')


def with_model(body: bytes, doc: Json, new: str) -> bytes:
    """`body` with the value of its top-level "model" replaced; `doc` is the same body, parsed.

    A raw `"model":` can also stand deeper (a tool's arguments, a schema); never inside a string, for its quotes would be
    escaped. With one match and no key spelled in escapes it must be the top-level one; else each candidate is tried and
    the parsed results compared (0.2 ms for 200 KB). Two top-level "model" keys: BadRequestError.
    """
    top = obj(doc)
    asked = top.get("model")
    if asked == new:
        return body
    value = orjson.dumps(new)
    if not isinstance(asked, str):
        return b'{"model":' + value + (b"," if len(top) - ("model" in top) else b"") + _without_brace(body, top)
    found = [match for match in _MODEL.finditer(body) if orjson.loads(match.group(1)) == asked]
    if len(found) == 1 and not (b"\\u" in body and _ESCAPED_KEY.search(body)):
        return _replaced(body, found[0], value)
    wanted = {**top, "model": new}
    right = [spliced for match in found if _same(spliced := _replaced(body, match, value), wanted)]
    if len(right) == 1:
        return right[0]
    if len(found) > 1 and not right:
        raise BadRequestError("stands twice in the body", path="model", hint="Send one model name.")
    return orjson.dumps(wanted)


def _without_brace(body: bytes, top: dict[str, Json]) -> bytes:
    if "model" in top:
        return orjson.dumps({key: value for key, value in top.items() if key != "model"})[1:]
    return body.lstrip()[1:]


def _replaced(body: bytes, match: re.Match[bytes], value: bytes) -> bytes:
    start, end = match.span(1)
    return body[:start] + value + body[end:]


def _same(body: bytes, wanted: dict[str, Json]) -> bool:
    return bool(orjson.loads(body) == wanted)


def with_include_usage(body: bytes, doc: Json) -> bytes:
    """A streamed chat body that asks for its usage; other stream options are kept."""
    top = obj(doc)
    options = top.get("stream_options")
    if "stream_options" not in top:
        return b'{"stream_options":{"include_usage":true},' + body.lstrip()[1:]
    merged = {**options, "include_usage": True} if isinstance(options, dict) else {"include_usage": True}
    model = orjson.loads(body)
    return orjson.dumps({**model, "stream_options": merged})


@dataclass(slots=True)
class UsageStrip:
    """Takes the usage chunk we asked for out of a stream whose client did not; every other byte stays.

    That chunk is an event with `"choices":[]` and a usage object. Events are told apart by their blank line, so a tail
    is held back until its event is whole; only a tail that could still be that chunk is.
    """

    _held: bytes = b""

    def feed(self, chunk: bytes) -> bytes:
        data = self._held + chunk if self._held else chunk
        if b'"choices"' not in data or not _EMPTY.search(data):
            # Nothing to take out; hold back an unfinished event only when it may become one.
            cut = _last_boundary(data)
            tail = data[cut:]
            if not tail or len(tail) > 65_536 or _cannot_be_usage(tail):
                self._held = b""
                return data
            self._held = tail
            return data[:cut]
        out: list[bytes] = []
        start = 0
        for match in _BOUNDARY.finditer(data):
            event = data[start : match.end()]
            if not _is_usage(event):
                out.append(event)
            start = match.end()
        self._held = data[start:]
        return b"".join(out)

    def end(self) -> bytes:
        rest, self._held = self._held, b""
        return b"" if _is_usage(rest) else rest


class WholeLines:
    """Holds back the line that is not whole yet: a stream that breaks off in it can still be told an error of ours."""

    __slots__ = ("_last", "held")

    def __init__(self) -> None:
        self.held = b""
        self._last = b""

    def feed(self, data: bytes) -> bytes:
        if self.held:
            data = self.held + data
            self.held = b""
        if data.endswith(b"\n"):
            self._last = data
            return data
        cut = data.rfind(b"\n") + 1
        self.held = data[cut:]
        if cut:
            self._last = data = data[:cut]
            return data
        return b""

    def broken(self, *, framed: bool) -> bytes:
        """What must go out before an event of ours; `framed`: blank lines part the events (SSE)."""
        self.held = b""
        return b"\n" if framed and self._last and not self._last.endswith((b"\n\n", b"\r\n\r\n")) else b""


_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_EMPTY = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_CHOICE = re.compile(rb'"choices"\s*:\s*\[\s*\{')


def _last_boundary(data: bytes) -> int:
    return max(
        data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0, data.rfind(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else 0
    )


def _cannot_be_usage(tail: bytes) -> bool:
    return bool(_CHOICE.search(tail)) or (len(tail) >= 5 and not tail.startswith(b"data:"))


def _is_usage(event: bytes) -> bool:
    if not event.startswith(b"data:") or not _EMPTY.search(event):
        return False
    try:
        doc = orjson.loads(event[5:])
    except orjson.JSONDecodeError:
        return False
    return isinstance(doc, dict) and doc.get("choices") == [] and isinstance(doc.get("usage"), dict)
