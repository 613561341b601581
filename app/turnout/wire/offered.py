"""A translated reply in the words of the request it answers: the client's own tool names, free-text tools as it offered them,
and one tool call after the other, whatever order the engine told their pieces in.

Sans-I/O. A chat stream may begin a second call before the first has all its arguments, and says nowhere that a call is over;
dialects with blocks (Anthropic, Responses) can tell only one at a time. What comes too early waits here.
"""

from collections.abc import Iterable, Sequence

from turnout.calls.reply import (
    Ended,
    Event,
    Failed,
    ForeignEvent,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    ToolArguments,
    ToolBegan,
    ToolEnded,
)
from turnout.calls.request import ServerTool, Tool
from turnout.wire.fields import event_json
from turnout.wire.parts import flat_name, wire_name

_BLOCKS = TextDelta | RefusalDelta | ThinkingDelta | ThinkingSealed | ForeignEvent


class Offered:
    """After `feed`, the pieces of a call stand together: ToolBegan, its arguments, ToolEnded."""

    def __init__(self, tools: Sequence[Tool | ServerTool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if isinstance(tool, Tool):
                for name in (tool.name, flat_name(tool.namespace, tool.name), wire_name(tool.namespace, tool.name)):
                    self._tools.setdefault(name, tool)
        self._open: ToolBegan | None = None
        self._given: list[str] = []
        self._free = False
        """The open call's arguments are JSON around what the client's tool takes as plain text."""
        self._waiting: list[Event] = []

    def feed(self, events: Iterable[Event]) -> list[Event]:
        found: list[Event] = []
        for event in events:
            # The hot line: text outside a call has nothing to wait for.
            if self._open is None and type(event) is TextDelta:
                found.append(event)
            else:
                found += self._take(event)
        return found

    def _take(self, event: Event) -> list[Event]:
        if isinstance(event, ToolArguments):
            return self._arguments(event)
        if isinstance(event, ToolBegan):
            return self._began(event)
        if isinstance(event, ToolEnded):
            if self._open is not None and event.index == self._open.index:
                return self._close()
            return self._wait(event)
        if isinstance(event, Ended | Failed):
            out: list[Event] = []
            while self._open is not None:
                out += self._close()
            return [*out, event]
        if isinstance(event, _BLOCKS) and self._open is not None:
            return [*self._close(), *self._take(event)] if self._whole() else self._wait(event)
        return [event]

    def _began(self, event: ToolBegan) -> list[Event]:
        out: list[Event] = []
        if self._open is not None:
            if not self._whole():
                return self._wait(event)
            out = self._close()
            if self._open is not None:
                return [*out, *self._wait(event)]
        tool = self._tools.get(flat_name(event.namespace, event.name)) or self._tools.get(event.name)
        if tool is not None and (tool.name, tool.namespace, tool.custom) != (event.name, event.namespace, event.custom):
            self._free = tool.custom and not event.custom
            event = ToolBegan(
                event.index, event.id, tool.name, tool.namespace, tool.custom, event.item_id, event.sealed
            )
        self._open = event
        return [*out, event]

    def _arguments(self, event: ToolArguments) -> list[Event]:
        if self._open is None or event.index != self._open.index:
            return self._wait(event)
        self._given.append(event.fragment)
        out: list[Event] = [] if self._free else [event]
        if self._waiting and event.fragment.rstrip().endswith("}") and self._whole():
            out += self._close()
        return out

    def _wait(self, event: Event) -> list[Event]:
        """Only behind an open call; a piece of a call that is over already belongs to nothing."""
        if self._open is not None:
            self._waiting.append(event)
        return []

    def _whole(self) -> bool:
        if self._open is not None and self._open.custom and not self._free:
            return True
        try:
            return isinstance(event_json("".join(self._given)), dict)
        except ValueError:
            return False

    def _close(self) -> list[Event]:
        assert self._open is not None
        index, given = self._open.index, "".join(self._given)
        out: list[Event] = [ToolArguments(index, _plain(given))] if self._free else []
        out.append(ToolEnded(index))
        self._open, self._given, self._free = None, [], False
        waiting, self._waiting = self._waiting, []
        return [*out, *self.feed(waiting)]


def _plain(given: str) -> str:
    """The free text inside `{"input": ...}`, which is how a dialect without such tools was shown this one."""
    try:
        doc = event_json(given)
    except ValueError:
        return given
    value = doc.get("input") if isinstance(doc, dict) else None
    return value if isinstance(value, str) else given
