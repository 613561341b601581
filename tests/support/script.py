"""What the scripted engine is told to answer, as values."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

Doc = dict[str, Any]
"""A JSON object as tests write and read it."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    arguments: Doc = field(default_factory=dict)
    id: str = "call_1"
    namespace: str = ""
    """Of the Responses API alone."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the engine reports, and bills."""

    prompt: int = 20
    output: int = 8
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """One answer. Everything but the first six fields is something going wrong."""

    text: str = "Routing is cheap when the local model answers."
    tools: tuple[ToolCall, ...] = ()
    thinking: str = ""
    tokens: Tokens = Tokens()
    headers: tuple[tuple[str, str], ...] = ()
    service: str = ""
    """The tier of service that the answer names (OpenAI's dialects); Anthropic's speed."""
    times: int = 0
    """How many requests it answers; 0: all from now on."""

    status: int = 200
    error: str = "scripted failure"
    """The message of an error status."""
    body: bytes | None = None
    """Sent as it is in place of the dialect's own; `kind` is its Content-Type."""
    kind: str = ""
    usage: Any = "as billed"
    """Any other value is reported raw in the usage's place; None: nothing is reported."""
    closing: bool = True
    """False: the stream ends tidily but without its closing event."""
    hold: bool = False
    """Nothing is sent, not even the head, until `Engine.release()`."""
    hold_after: int | None = None
    """The head and this many pieces are sent, the rest after `Engine.release()`."""
    cut_after: int | None = None
    """The connection is closed after this many bytes of body."""
    reset: bool = False
    """With `cut_after`: by RST, as a host does whose engine was killed."""
    cut_head: bool = False
    """The connection is closed before any byte of the answer."""
    obeys: bool = False
    """Ends with the dialect's word for it at the limit that the request sets; a word of the text is then a token."""
    short: bool = False
    """It did, on this request."""
    piece: int = 0
    """Bytes written at a time; 0: an event at a time."""
    endless: bool = False
    """The text goes on until the reader hangs up."""
    gap_s: float = 0.0
    """Between two pieces."""
    close: bool = False
    """`Connection: close`, and no keep-alive."""
    drop_idle: bool = False
    """Closes a kept-alive connection right after this answer, without having said so."""
    raw: bytes | None = None
    """The whole answer, head and all; then the connection is closed."""

    def within(self, limit: int | None) -> "Script":
        """As answered to a request with this limit of output."""
        if not self.obeys or limit is None or limit >= self.tokens.output:
            return self
        text = " ".join(self.text.split(" ")[:limit])
        return replace(self, text=text, tokens=replace(self.tokens, output=limit), short=True)

    def once(self) -> "Script":
        return replace(self, times=1)


def words(text: str) -> list[str]:
    """The pieces a model would speak it in."""
    parts = text.split(" ")
    return [part if i == 0 else f" {part}" for i, part in enumerate(parts)]


def dumped(doc: object) -> bytes:
    return json.dumps(doc, separators=(",", ":"), ensure_ascii=False).encode()
