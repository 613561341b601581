"""Vectors between dialects: base64 of little-endian float32 (what OpenAI's SDK asks for) or arrays of numbers."""

import base64
import struct
from collections.abc import Iterable

from turnout.calls.outline import Outline
from turnout.calls.reply import Embedded, Event, Failed
from turnout.calls.units import Dialect, Housekeeping, Json
from turnout.errors import BadRequestError
from turnout.wire.beside import texts_beside
from turnout.wire.fields import text_or

_FLOATS = {float}


def packed(vector: Iterable[float]) -> str:
    values = tuple(vector)
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def unpacked(text: str) -> tuple[float, ...]:
    """Raises ValueError on what is not base64 of whole floats."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) % 4:
        raise ValueError
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def vector_of(value: Json) -> tuple[float, ...] | None:
    if isinstance(value, str):
        try:
            return unpacked(value)
        except ValueError:
            return None
    if isinstance(value, list):
        if set(map(type, value)) == _FLOATS:
            # As nearly all are: 1,536 numbers took 370 us one by one, and take 37 so.
            return tuple(value)  # type: ignore[arg-type]  # just looked at
        return tuple(float(one) for one in value if isinstance(one, int | float) and not isinstance(one, bool))
    return None


def inputs_of(value: Json, path: str) -> tuple[str | tuple[int, ...], ...]:
    """A text, texts, token ids, or arrays of token ids."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not value:
        raise BadRequestError("must be a string, an array of strings or token ids", path=path)
    if all(isinstance(one, int) and not isinstance(one, bool) for one in value):
        return (tuple(one for one in value if isinstance(one, int)),)
    found: list[str | tuple[int, ...]] = []
    for i, one in enumerate(value):
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in one):
            found.append(tuple(n for n in one if isinstance(n, int)))
        else:
            raise BadRequestError("must be a string or an array of token ids", path=f"{path}[{i}]")
    return tuple(found)


def outline_of(dialect: Dialect, body: dict[str, Json], inputs: tuple[str | tuple[int, ...], ...]) -> Outline:
    """Embeddings are never graded: they are housekeeping of an index, and only some engines can do them."""
    texts = tuple(one if isinstance(one, str) else " a" * len(one) for one in inputs)
    beside = tuple(texts_beside({key: value for key, value in body.items() if key not in ("model", "input", "prompt")}))
    return Outline(
        dialect, text_or(body, "model"), texts=texts, beside=beside, turns=1, asks=1, housekeeping=Housekeeping.OTHER
    )


def vectors(events: Iterable[Event]) -> list[tuple[float, ...]]:
    return [event.vector for event in sorted((e for e in events if isinstance(e, Embedded)), key=lambda e: e.index)]


class NoStream:
    """Embeddings have no stream; the protocol's stream half says so."""

    def feed(self, chunk: bytes) -> list[Event]:
        return []

    def end(self) -> list[Event]:
        return [Failed("embeddings are never streamed")]

    def write(self, event: Event) -> bytes:
        return b""

    def ping(self) -> bytes:
        return b""
