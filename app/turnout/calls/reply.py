"""A reply as a run of events, in the order a stream tells them. A whole (unstreamed) reply is the same run at once.

Order: Began, then blocks (text and thinking deltas; ToolBegan, ToolArguments..., ToolEnded), UsageSeen at any place
(later ones replace earlier ones), then exactly one Ended or Failed.
"""

from enum import Enum

from turnout.calls.units import Dialect, Family, Json
from turnout.calls.usage import Usage
from turnout.calls.values import frozen


class StopReason(Enum):
    END = "end"
    LENGTH = "length"
    TOOLS = "tools"
    STOP_SEQUENCE = "stop_sequence"
    FILTER = "filter"
    """Refusal or content filter."""
    PAUSE = "pause"
    """Anthropic's pause_turn: the client is to send the turn again."""


@frozen
class Began:
    id: str = ""
    model: str = ""
    created_s: int = 0
    """Unix seconds; 0 when the engine did not say."""


@frozen
class TextDelta:
    text: str


@frozen
class RefusalDelta:
    """The model declining, where the dialect tells that apart (OpenAI `refusal`)."""

    text: str


@frozen
class ThinkingDelta:
    text: str


@frozen
class ThinkingSealed:
    """Signature or encrypted content closing the current thinking block."""

    sealed: str
    vendor: Family
    redacted: bool = False
    id: str = ""


@frozen
class ToolBegan:
    """`index` counts the reply's tool calls from 0; the engine's own id, or one made and kept stable."""

    index: int
    id: str
    name: str
    namespace: str = ""
    custom: bool = False
    item_id: str = ""
    sealed: str = ""


@frozen
class ToolArguments:
    index: int
    fragment: str


@frozen
class ToolEnded:
    index: int


@frozen
class ForeignEvent:
    """What only its own dialect understands (server-tool blocks, annotations); other writers skip it."""

    dialect: Dialect
    kind: str
    value: Json


@frozen
class Embedded:
    """One embedding vector of an embeddings reply."""

    index: int
    vector: tuple[float, ...]


@frozen
class UsageSeen:
    usage: Usage
    busy_s: float = 0.0
    """Engine time on prompt and output, where it says so (Ollama); seconds."""
    load_s: float = 0.0
    queue_s: float = 0.0
    service: str = ""
    """Tier of service with a price of its own, where the usage names it (Anthropic's speed)."""


@frozen
class Ping:
    pass


@frozen
class Ended:
    reason: StopReason
    stop_sequence: str = ""
    service_tier: str = ""


@frozen
class Failed:
    """The reply broke off: an error event, a cut stream, nonsense in its own dialect."""

    message: str
    kind: str = "api_error"
    """The vendor's own error type where it told one (overloaded_error, rate_limit_error...)."""
    status: int = 502


Event = (
    Began
    | TextDelta
    | RefusalDelta
    | ThinkingDelta
    | ThinkingSealed
    | ToolBegan
    | ToolArguments
    | ToolEnded
    | ForeignEvent
    | Embedded
    | UsageSeen
    | Ping
    | Ended
    | Failed
)
