"""Units and closed choices. A bare int never crosses a module without one of these names."""

from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, NewType

Nanos = NewType("Nanos", int)
"""1e-9 US dollar. A token at $0.10 per million is 100 of them."""
Tokens = NewType("Tokens", int)
CREDIT_NANOS = Nanos(10_000_000)
"""One credit is one US cent at list price."""
USD_NANOS = Nanos(1_000_000_000)

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Choice(Enum):
    """One of a closed set. Members are single, so identity hashes them: Enum's own way, by name, is run ten times a call.

    So is `value`, which Enum reads through two Python functions (115 ns before, 38 after).
    """

    __hash__ = object.__hash__
    if not TYPE_CHECKING:
        value = property(attrgetter("_value_"))


class Dialect(Choice):
    """What a body is written in; the value is what ledger and settings call it."""

    OPENAI_CHAT = "openai_chat"
    OPENAI_RESPONSES = "openai_responses"
    OPENAI_COMPLETIONS = "openai_completions"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    ANTHROPIC = "anthropic"
    OLLAMA_CHAT = "ollama_chat"
    OLLAMA_GENERATE = "ollama_generate"
    OLLAMA_EMBED = "ollama_embed"
    GEMINI = "gemini"

    @property
    def family(self) -> "Family":
        return _FAMILIES[self]


PROMPT_LIKE = frozenset({Dialect.OPENAI_COMPLETIONS, Dialect.OLLAMA_GENERATE})
"""One text to go on from, no messages."""
EMBED_LIKE = frozenset({Dialect.OPENAI_EMBEDDINGS, Dialect.OLLAMA_EMBED})
"""Texts to be made vectors of."""


class Family(Choice):
    """What a provider speaks (`dialect` in turnout.toml); also the vendor that signed blocks belong to."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"
    GEMINI = "gemini"


_FAMILIES = {dialect: Family(dialect.value.partition("_")[0]) for dialect in Dialect}


class Tier(Choice):
    HIGH = "high"
    FAST = "fast"
    LOCAL = "local"


class Grade(Choice):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class Mode(Choice):
    """The tray's toggle."""

    AUTO = "auto"
    LOCAL = "local"
    CLOUD = "cloud"
    PASSTHROUGH = "passthrough"


class Status(Choice):
    """How a call stands in the ledger."""

    HELD = "held"
    RUNNING = "running"
    SETTLED = "settled"
    FAILED = "failed"
    REFUSED = "refused"
    ABORTED = "aborted"


class Housekeeping(Choice):
    """A client's own side request, recognised by its shape."""

    TITLE = "title"
    SUMMARY = "summary"
    ROUTER = "router"
    MEMORY = "memory"
    FIM = "fim"
    COUNT = "count"
    OTHER = "other"
