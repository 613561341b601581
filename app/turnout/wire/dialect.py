"""What a dialect file offers, as types. `wire.codec` holds the table from `Dialect` to these.

A request: `outline(doc, ...)` sees it from above, `read_request(doc, ...)` whole, `write_request(request, ...)` back.
A reply: `ReplyReader` turns an engine's stream into events, `read_reply` a whole body; `ReplyWriter` turns events into
the client's stream, `write_reply` into a whole body. Readers raise `BadRequestError` with the JSON path (requests) or
yield `Failed` (replies): never KeyError, TypeError, RecursionError.
"""

from collections.abc import Iterable
from typing import Protocol

from turnout.calls.outline import Outline
from turnout.calls.reply import Event
from turnout.calls.request import Request, Written
from turnout.calls.units import Json
from turnout.calls.values import frozen
from turnout.errors import TurnoutError


@frozen
class Target:
    """The engine's side of a request: what a writer may and must say."""

    model: str
    """The name the provider knows."""
    max_output: int | None = None
    """Overrides the request's own when given (clamped by a budget, or made up where the dialect demands one)."""
    num_ctx: int | None = None
    """Ollama only."""
    thinks: bool = True
    """The model can think; where False, thinking is dropped knowingly."""
    vendor_history: bool = True
    """The conversation's sealed thinking is this vendor's own; where False, strip it."""
    include_usage: bool = True
    legacy_max_tokens: bool = True
    """OpenAI chat: `max_tokens` for compatible engines, `max_completion_tokens` where False (api.openai.com)."""
    checks_seals: bool = False
    """Anthropic itself, which looks at every signature; engines that only speak its dialect take thinking without."""

    def limit(self, request: Request) -> int | None:
        """The output limit to write, or None where nobody set one."""
        limit = self.max_output if self.max_output is not None else request.max_output
        return int(limit) if limit is not None else None


@frozen
class ReplyContext:
    """What a reply writer needs to know of the request it answers."""

    call_id: str
    model: str
    """What to call the model in the answer."""
    now_s: int
    """Unix seconds when the reply began; readers of clocks live elsewhere."""
    include_usage: bool = False
    tools: bool = False
    request: Request | None = None
    array: bool = False
    """Gemini: a JSON array instead of SSE."""


class ReplyReader(Protocol):
    """An engine's stream, cut anywhere. After `end` it has yielded exactly one Ended or Failed."""

    def feed(self, chunk: bytes) -> list[Event]: ...

    def end(self) -> list[Event]: ...


class ReplyWriter(Protocol):
    """Events into the client's stream. After Ended or Failed the stream is closed as the dialect demands."""

    def write(self, event: Event) -> bytes: ...

    def ping(self) -> bytes:
        """A keep-alive this dialect's clients survive, or nothing."""
        ...


class Codec(Protocol):
    """One dialect. `path_model` is the model named in the URL (Gemini), `stream` likewise (None: the body says)."""

    def outline(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Outline: ...

    def read_request(self, doc: Json, *, path_model: str = "", stream: bool | None = None) -> Request: ...

    def write_request(self, request: Request, target: Target) -> Written: ...

    def reply_reader(self) -> ReplyReader: ...

    def read_reply(self, doc: Json) -> list[Event]: ...

    def reply_writer(self, context: ReplyContext) -> ReplyWriter: ...

    def write_reply(self, events: Iterable[Event], context: ReplyContext) -> bytes: ...

    def write_error(self, error: TurnoutError) -> bytes:
        """A whole error body in this dialect; `SURFACE.md`'s refusal shapes for a Refusal."""
        ...

    @property
    def stream_type(self) -> str:
        """Content-Type of a stream: text/event-stream or application/x-ndjson."""
        ...
