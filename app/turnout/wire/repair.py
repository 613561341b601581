"""Tool calls that local models write as text become real ones: `<tool_call>`, `<function=...>` XML, fenced JSON, bare JSON.

Sans-I/O. Text flows at once; only what could still become such a call is held back, and only a tool that the client
offered is ever called.
"""

import re
from collections.abc import Iterable, Sequence

import orjson

from turnout.calls.reply import Ended, Event, StopReason, TextDelta, ToolArguments, ToolBegan, ToolEnded
from turnout.calls.units import Json
from turnout.wire.fields import dump_text, said_text
from turnout.wire.ollama import made_id
from turnout.wire.parts import split_flat_name

_OPENERS = ("<tool_call>", "<function=", "```json", "```tool_call", "```xml", "```")
_HELD = 200_000
_FUNCTION = re.compile(r"<function=([^>\s]{1,120})>(.*?)</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]{1,120})>\n?(.*?)\n?</parameter>", re.DOTALL)


class ToolRepair:
    def __init__(self, tool_names: Sequence[str]) -> None:
        self._names = frozenset(tool_names) | {split_flat_name(name)[1] for name in tool_names}
        self._held = ""
        self._told = False
        """Plain text went out already: a bare JSON object can then no longer be the whole answer."""
        self._calls = 0
        self._made = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                out += self._text(event)
            elif isinstance(event, ToolBegan):
                out += self._flush()
                self._calls = max(self._calls, event.index + 1)
                out.append(event)
            elif isinstance(event, Ended):
                out += self._flush()
                made = self._made and event.reason in (StopReason.END, StopReason.STOP_SEQUENCE)
                out.append(Ended(StopReason.TOOLS, service_tier=event.service_tier) if made else event)
            else:
                out.append(event)
        return out

    def end(self) -> list[Event]:
        return self._flush()

    def _text(self, event: TextDelta) -> list[Event]:
        if not self._held:
            start = self._start(event.text)
            if start < 0:
                self._told = self._told or bool(event.text.strip())
                return [event]
            before, self._held = event.text[:start], event.text[start:]
            self._told = self._told or bool(before.strip())
            return [*([TextDelta(before)] if before else []), *self._try()]
        self._held += event.text
        return self._try()

    def _start(self, text: str) -> int:
        """Where held text has to begin: at an opener, or at the start of one that is cut at the end; -1: nowhere."""
        places = [at for opener in _OPENERS if (at := text.find(opener)) >= 0]
        for opener in _OPENERS:
            for size in range(min(len(opener) - 1, len(text)), 0, -1):
                if text.endswith(opener[:size]):
                    places.append(len(text) - size)
                    break
        stripped = text.lstrip()
        if not self._told and stripped[:1] == "{":
            places.append(len(text) - len(stripped))
        return min(places, default=-1)

    def _try(self) -> list[Event]:
        """Turns what is held into calls when it is complete, lets it go when it cannot become one, else waits."""
        held = self._held
        if held.startswith("<tool_call>"):
            close = held.find("</tool_call>")
            if close < 0:
                return self._wait()
            calls = self._calls_in(held[len("<tool_call>") : close])
            return self._turn(calls, close + len("</tool_call>"))
        if held.startswith("<function="):
            close = held.find("</function>")
            if close < 0:
                return self._wait()
            end = close + len("</function>")
            return self._turn(self._calls_in(held[:end]), end)
        if held.startswith("```"):
            close = held.find("```", 3)
            newline = held.find("\n")
            if (newline >= 0 and held[3:newline].strip() not in ("json", "tool_call", "xml", "")) or (
                newline < 0 and len(held) > 30
            ):
                return self._let_go()
            if close < 0:
                return self._wait()
            return self._turn(self._calls_in(held[newline + 1 : close]), close + 3)
        if held.startswith("{"):
            return self._wait()
        if any(opener.startswith(held) for opener in _OPENERS):
            return []
        return self._let_go()

    def _wait(self) -> list[Event]:
        return self._let_go() if len(self._held) > _HELD else []

    def _let_go(self) -> list[Event]:
        text, self._held = self._held, ""
        self._told = True
        # What follows the first character may open a call of its own.
        rest = self._start(text[1:])
        if rest >= 0:
            self._held = text[1 + rest :]
            return [TextDelta(text[: 1 + rest]), *self._try()]
        return [TextDelta(text)]

    def _turn(self, calls: list[tuple[str, str]], end: int) -> list[Event]:
        if not calls:
            text, self._held = self._held[:end], self._held[end:]
            self._told = True
            rest, self._held = self._held, ""
            return [TextDelta(text), *(self._text(TextDelta(rest)) if rest else [])]
        rest, self._held = self._held[end:], ""
        out = [event for name, given in calls for event in self._call(name, given)]
        return [*out, *(self._text(TextDelta(rest)) if rest.strip() else [])]

    def _flush(self) -> list[Event]:
        held, self._held = self._held, ""
        if not held:
            return []
        calls = self._calls_in(held.replace("<tool_call>", "").strip().strip("`").removeprefix("json"))
        if calls:
            return [event for name, given in calls for event in self._call(name, given)]
        return [TextDelta(held)]

    def _calls_in(self, text: str) -> list[tuple[str, str]]:
        """(name, arguments) of every call in it; empty when one of them names no tool of the client's."""
        found: list[tuple[str, str]] = []
        for match in _FUNCTION.finditer(text):
            values: dict[str, Json] = {key: _value(value) for key, value in _PARAMETER.findall(match.group(2))}
            found.append((match.group(1), dump_text(values)))
        if not found:
            found = _json_calls(text.strip())
        return found if all(name in self._names for name, _ in found) else []

    def _call(self, name: str, given: str) -> list[Event]:
        index, self._calls, self._made = self._calls, self._calls + 1, True
        namespace, plain = split_flat_name(name)
        return [
            ToolBegan(index, made_id(name, given, -1, index), plain, namespace),
            ToolArguments(index, given),
            ToolEnded(index),
        ]


def _value(text: str) -> Json:
    """A parameter written as text: JSON where it is a number, a boolean, an array or an object, else the text itself."""
    stripped = text.strip()
    if stripped[:1] in "[{" or stripped in ("true", "false", "null") or stripped.lstrip("-").isdigit():
        try:
            value: Json = orjson.loads(stripped)
        except orjson.JSONDecodeError:
            return text
        return value
    return text


def _json_calls(text: str) -> list[tuple[str, str]]:
    try:
        doc: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            return []
        each = [_json_calls(line) for line in lines]
        return [call for calls in each for call in calls] if all(each) else []
    found: list[tuple[str, str]] = []
    for one in doc if isinstance(doc, list) else [doc]:
        if not isinstance(one, dict):
            return []
        inner = one.get("function")
        call: Json = inner if isinstance(inner, dict) else one
        name = said_text(call, "name") or (inner if isinstance(inner, str) else "")
        given = call.get("arguments", call.get("parameters")) if isinstance(call, dict) else None
        if not name or not isinstance(given, dict | str):
            return []
        found.append((name, given if isinstance(given, str) else dump_text(given)))
    return found
