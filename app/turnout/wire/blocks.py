"""A whole reply put together from its events, block by block: what the writers of unstreamed answers spend."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    RefusalDelta,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    ToolArguments,
    ToolBegan,
    UsageSeen,
)
from turnout.calls.units import Family
from turnout.calls.usage import Usage


@dataclass(slots=True)
class Block:
    """Neighbouring pieces of one kind: text, refusal, thinking, redacted (thinking that only its vendor can read) or tool."""

    kind: str
    pieces: list[str] = field(default_factory=list)
    began: ToolBegan | None = None
    sealed: str = ""

    @property
    def text(self) -> str:
        """The words, or a tool's arguments."""
        return "".join(self.pieces)


@dataclass(slots=True)
class Whole:
    blocks: list[Block] = field(default_factory=list)
    began: Began = Began()
    usage: UsageSeen = UsageSeen(Usage())
    ended: Ended = Ended(StopReason.END)

    def words(self, *kinds: str) -> str:
        return "".join(block.text for block in self.blocks if block.kind in kinds)

    def calls(self) -> list[tuple[ToolBegan, str]]:
        """Each tool call with its arguments, in order."""
        found = [(block.began, block.text) for block in self.blocks if block.began is not None]
        return sorted(found, key=lambda call: call[0].index)

    def id(self, prefix: str, otherwise: str) -> str:
        """The engine's own id where it is one of this dialect's."""
        return self.began.id if self.began.id.startswith(prefix) else otherwise


def gathered(events: Iterable[Event], vendor: Family | None = None) -> Whole:
    """`vendor`: whose seals are kept; another's are nothing to this dialect's clients."""
    whole = Whole()
    calls: dict[int, Block] = {}
    for event in events:
        if isinstance(event, TextDelta):
            _add(whole.blocks, "text", event.text)
        elif isinstance(event, ThinkingDelta):
            _add(whole.blocks, "thinking", event.text)
        elif isinstance(event, RefusalDelta):
            _add(whole.blocks, "refusal", event.text)
        elif isinstance(event, ThinkingSealed):
            _seal(whole.blocks, event, vendor)
        elif isinstance(event, ToolBegan):
            calls[event.index] = Block("tool", began=event)
            whole.blocks.append(calls[event.index])
        elif isinstance(event, ToolArguments):
            calls[event.index].pieces.append(event.fragment)
        elif isinstance(event, UsageSeen):
            whole.usage = event
        elif isinstance(event, Ended):
            whole.ended = event
        elif isinstance(event, Began):
            whole.began = event
    return whole


def _add(blocks: list[Block], kind: str, text: str) -> None:
    """What follows a seal is a block of its own: the seal is good for what it closed, to the letter."""
    if blocks and blocks[-1].kind == kind and not blocks[-1].sealed:
        blocks[-1].pieces.append(text)
    elif text:
        blocks.append(Block(kind, [text]))


def _seal(blocks: list[Block], event: ThinkingSealed, vendor: Family | None) -> None:
    if event.vendor is not vendor:
        return
    if event.redacted:
        blocks.append(Block("redacted", sealed=event.sealed))
    elif blocks:
        blocks[-1].sealed = event.sealed
