"""A request seen from above: what routing, counting and the loop guard need, without rebuilding every part of it.

`wire` makes one from any dialect's parsed body in one pass; the fast lane needs nothing else of the body.
"""

from dataclasses import field

from turnout.calls.units import Dialect, Family, Housekeeping, Tokens
from turnout.calls.values import frozen

CALLS_KEPT = 12


@frozen
class Outline:
    dialect: Dialect
    model: str
    """The name the client asked for, as it wrote it."""
    stream: bool = False
    max_output: Tokens | None = None
    ask: str = ""
    """The newest human text with harness blocks peeled (`calls.ask`); never tool output, system or assistant text."""
    asks: int = 0
    """How many user turns with human text there are; with `ask`, it tells a new ask from an old one."""
    ask_is_last: bool = True
    """False inside a tool loop: what came last is tool output or the assistant, not a person."""
    first_ask: str = ""
    """The first human text: it names the conversation where nothing else does."""
    system: str = ""
    """All system text, merged in order."""
    turns: int = 0
    """Messages in the history."""
    texts: tuple[str, ...] = ()
    """Every text that is billed as input (system, messages, tool results, tool definitions as JSON), for counting."""
    alien: bool = True
    """The history may hold what an engine of this dialect would not take from another one (`wire.foreign` looks)."""

    # What most requests do not say.
    include_usage: bool = False
    choices: int = 1
    """Answers asked for at once (`n`, `candidateCount`): each may be as long as `max_output`."""
    tools: int = 0
    tool_names: tuple[str, ...] = ()
    last_tool_calls: tuple[str, ...] = ()
    """`name arguments` of the last (at most CALLS_KEPT) tool calls in the history, oldest first: the loop guard compares them."""
    tool_call_turns: tuple[int, ...] = ()
    """Which message of the history each of them stands in, from 1 to `turns`: the guard forgets those before a new ask."""
    tool_errors: int = 0
    """Error results among the last 6 tool results."""
    images: int = 0
    thinking: bool = False
    effort: str = ""
    service: str = ""
    """Tier of service asked for that has a price of its own (`calls.usage.SERVICES`); empty: the standard one."""
    sealed_by: Family | None = None
    """Whose signed or encrypted thinking stands in the history; the conversation is pinned there."""
    cache_marks: int = 0
    housekeeping: Housekeeping | None = None
    beside: tuple[str, ...] = ()
    """Texts that go to the engine and are not in `texts` (names, metadata, links): they may hold a secret."""
    schema: bool = False
    """Structured output is asked for."""
    session: str = ""
    """The client's own session id, where the body carries one; headers are read elsewhere."""
    parent_session: str = ""
    server_tools: tuple[str, ...] = ()
    extras: dict[str, str] = field(default_factory=dict)
    """Small facts only one dialect has: `suffix`; `kept`, where the vendor puts a conversation or cache that it keeps before the
    prompt, so that what it reads cannot be counted here."""

    @property
    def said(self) -> tuple[str, ...]:
        """Everything that a secret may stand in."""
        return (*self.texts, *self.beside) if self.beside else self.texts
