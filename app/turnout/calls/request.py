"""A request as every dialect can say it. Readers in `wire` make these, writers in `wire` spend them.

What no other dialect has a word for stays in `extras` under its own name, and only its own dialect's writer reads it.
"""

from dataclasses import field
from enum import Enum

from turnout.calls.units import Dialect, Family, Json, Tokens
from turnout.calls.values import frozen


class Role(Enum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@frozen
class CacheMark:
    """An explicit prompt-cache breakpoint after this part (Anthropic's `cache_control`)."""

    ttl: str = "5m"


@frozen
class Text:
    text: str
    cache: CacheMark | None = None


@frozen
class Image:
    """Either `data` (base64, no data: prefix) with its media type, or a `url` or provider file id."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""
    cache: CacheMark | None = None
    kept_by: Family | None = None
    """Where `url` is a file id or address: the one vendor that can open it."""


@frozen
class Document:
    """A file that is not an image (PDF, text, audio); as Image. Text is base64 of UTF-8 as well."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    name: str = ""
    cache: CacheMark | None = None
    kept_by: Family | None = None


@frozen
class Thinking:
    """Reasoning in the history. `sealed` (a signature or encrypted content) is good only at `vendor`."""

    text: str = ""
    sealed: str = ""
    vendor: Family | None = None
    redacted: bool = False
    id: str = ""


@frozen
class ToolCall:
    """The assistant calling a tool. `arguments` is JSON text, kept as it came."""

    id: str
    name: str
    arguments: str = "{}"
    namespace: str = ""
    custom: bool = False
    """A free-text (grammar) tool: `arguments` is its raw input, not JSON."""
    item_id: str = ""
    """Responses' second id (`fc_...`)."""
    cache: CacheMark | None = None
    sealed: str = ""
    """Gemini's thoughtSignature on a function call; good only there."""


@frozen
class ToolResult:
    call_id: str
    parts: "tuple[Part, ...]" = ()
    name: str = ""
    is_error: bool = False
    custom: bool = False
    cache: CacheMark | None = None


@frozen
class Foreign:
    """A part only its own dialect understands (server-tool blocks, citations...), kept for a round trip."""

    dialect: Dialect
    kind: str
    value: Json


Part = Text | Image | Document | Thinking | ToolCall | ToolResult | Foreign


@frozen
class Message:
    """Parts in order. Tool results stand in USER messages, tool calls in ASSISTANT ones, whatever the dialect did."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    id: str = ""


@frozen
class Tool:
    """A function the client offers; `schema` is JSON Schema."""

    name: str
    description: str = ""
    schema: Json = None
    strict: bool | None = None
    namespace: str = ""
    custom: bool = False
    """Free-text input, perhaps under a grammar (`extras`)."""
    cache: CacheMark | None = None
    extras: dict[str, Json] = field(default_factory=dict)


@frozen
class ServerTool:
    """A tool the vendor runs (web_search, code_interpreter...), as its own dialect wrote it."""

    kind: str
    dialect: Dialect
    value: Json


@frozen
class ToolChoice:
    mode: str = "auto"
    """auto | none | required | named"""
    name: str = ""
    parallel: bool | None = None
    only: tuple[str, ...] = ()
    """More than one name: these of the tools may be called, though all are shown (`allowed_tools`, `allowedFunctionNames`)."""


@frozen
class Shape:
    """Structured output: `schema` None is 'any JSON'."""

    schema: Json = None
    name: str = ""
    strict: bool | None = None
    description: str = ""


@frozen
class Reasoning:
    """How much thinking is asked for; None in every field: not said."""

    enabled: bool | None = None
    effort: str = ""
    """minimal | low | medium | high | xhigh, or empty."""
    budget: Tokens | None = None
    summary: str = ""
    adaptive: bool = False


@frozen
class Request:
    dialect: Dialect
    model: str
    messages: tuple[Message, ...]
    """System text stands in here as SYSTEM messages, where it was."""
    tools: tuple[Tool | ServerTool, ...] = ()
    tool_choice: ToolChoice | None = None
    stream: bool = False
    include_usage: bool = False
    max_output: Tokens | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    shape: Shape | None = None
    reasoning: Reasoning | None = None
    service_tier: str = ""
    user: str = ""
    metadata: dict[str, Json] = field(default_factory=dict)
    prompt: str = ""
    """A raw prompt (completions, generate); `messages` is then empty."""
    suffix: str | None = None
    """Fill-in-the-middle: the text after the hole."""
    inputs: tuple[str | tuple[int, ...], ...] = ()
    """What to embed: texts or token ids."""
    dimensions: int | None = None
    base64: bool = False
    """Embeddings as base64 of little-endian float32, not as arrays."""
    extras: dict[str, Json] = field(default_factory=dict)


@frozen
class Written:
    """A request in a dialect's bytes, and what the dialect had no word for."""

    body: bytes
    dropped: tuple[str, ...] = ()
    """Names for the `x-turnout-dropped` header: `tools.web_search`, `thinking.signature`, `top_k`..."""
    headers: tuple[tuple[str, str], ...] = ()
    """What the dialect itself needs beside the body (anthropic-version...); never a key."""
    path: str = ""
    """Path and query under the provider's base URL, where it depends on the request (Gemini); else empty."""
