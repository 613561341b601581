"""Keeps what a call said, for clients whose texts the user switched on: masked first, off the event loop, never for our own calls."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from turnout.calls.client import Call
from turnout.calls.units import Json
from turnout.errors import BadRequestError
from turnout.ledger.bodies import Packed, packed
from turnout.ledger.writer import Writer
from turnout.routing.secrets import SecretScanner
from turnout.settings.model import Privacy
from turnout.wire import fields
from turnout.wire.beside import FILES, seams

log = logging.getLogger("turnout.texts")
MOST_BYTES = 4_000_000
"""Of a request; a larger one is not kept."""
_BLOB = 4_096
"""A string without a blank that is longer is a picture or a file: its place is kept, not its bytes."""
_NAMED = (6, _BLOB)
"""Characters of a text that its name may tell for a secret; a longer one is prose, or left out already."""


class Texts:
    def __init__(self, writer: Writer, scanner: Callable[[], SecretScanner], privacy: Callable[[], Privacy]) -> None:
        self._writer, self._scanner, self._privacy = writer, scanner, privacy
        self._under_way: set[asyncio.Task[None]] = set()

    def keep(self, call: Call, request: bytes, answer: Callable[[], str]) -> None:
        """`answer` is asked for in a thread: reading it out of a stream's bytes takes a while."""
        if not self._privacy().keeps(call.client.name) or len(request) > MOST_BYTES:
            return
        self._start(self._kept(call.id, call.client.name, call.at_ms, lambda: self._parts(request, answer())))

    def keep_shadow(self, call: str, client: str, at_ms: int, said: Json) -> None:
        """What a cheaper model answered, beside what is kept of the call."""
        if self._privacy().keeps(client):
            self._start(self._kept(call, client, at_ms, lambda: (packed("shadow", self._masked(said)),)))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _kept(self, call: str, client: str, at_ms: int, made: Callable[[], tuple[Packed, ...]]) -> None:
        try:
            parts = await asyncio.to_thread(made)
        except Exception:  # the boundary to masking: what cannot be masked is not kept
            log.exception("the texts of call %s could not be masked and are not kept", call)
            return
        self._writer.keep_bodies(call, client, at_ms, parts)

    def _parts(self, request: bytes, answer: str) -> tuple[Packed, ...]:
        try:
            doc = fields.load(request)
        except BadRequestError:
            return ()
        return packed("request", self._masked(doc)), packed("answer", self._masked(answer))

    def _masked(self, value: Json) -> Json:
        if isinstance(value, str):
            if len(value) > _BLOB and not any(blank in value[:_BLOB] for blank in " \n\t"):
                return f"[{len(value)} characters left out]"
            return self._scanner().masked(value) if len(value) > 7 else value
        if isinstance(value, list):
            return [self._masked(one) for one in self._uncut(value)]
        if isinstance(value, dict):
            return {self._key(key): self._member(key, one) for key, one in value.items()}
        return value

    def _uncut(self, parts: list[Json]) -> list[Json]:
        """Parts of a message without the texts that a key is cut over: none of them shows all of it."""
        cut = self._scanner().scan(seams(parts))
        if not cut.found:
            return parts
        mark = f"[{', '.join(cut.kinds)}]"
        return [
            mark if isinstance(one, str) else {**one, "text": mark} if isinstance(one, dict) and "text" in one else one
            for one in parts
        ]

    def _member(self, name: str, value: Json) -> Json:
        """A file is left out, and what only its name tells for a secret (`password`) struck out."""
        masked = self._masked(value)
        if not isinstance(value, str) or masked != value or not _NAMED[0] <= len(value) <= _NAMED[1]:
            return masked
        if (name in FILES or value.startswith("data:")) and not any(blank in value for blank in " \t"):
            return f"[{len(value)} characters left out]"
        named = self._scanner().scan((f'{name}="{value}"',))
        return f"[{', '.join(named.kinds)}]" if named.found else value

    def _key(self, key: str) -> str:
        return self._scanner().masked(key) if len(key) > 15 else key
