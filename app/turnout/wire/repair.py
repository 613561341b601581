"""Tool calls that local models write as text become real ones, wherever the stream is cut. `written_calls` knows the forms.

Sans-I/O. Text flows at once; only what can still become such a call is held back, only a tool that the client offered is ever
called, and text about such markup stays text: inside a code fence or inline code, in the middle of a sentence, or in a fenced
example that more text follows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from turnout.calls.reply import Ended, Event, StopReason, TextDelta, ToolArguments, ToolBegan, ToolEnded, UsageSeen
from turnout.wire.parts import made_id, split_flat_name
from turnout.wire.written_calls import Found, Offer, read

HELD = 200_000
"""Characters; what is longer is no call."""
_CLOSERS = {
    "<tool_call>": "</tool_call>",
    "<function=": "</function>",
    "<function_calls>": "</function_calls>",
    "<invoke name=": "</invoke>",
    "[TOOL_CALLS]": "",
    "<|python_tag|>": "",
    "<|tool_call|>": "",
}
"""What ends each kind of call; empty: the end of the message."""
_FENCE = "```"
_OPENERS = (_FENCE, *_CLOSERS)
_TOKENS = re.compile("|".join(re.escape(mark) for mark in (*_OPENERS, "`", "\n")))
_FENCED = re.compile(r"```[ \t]*(?:json|tool_calls?|xml)?[ \t]*\n?\s*(?=[\[{<])")
_FENCE_HEAD = re.compile(r"```[ \t]*(?:[a-z_]{0,10}|(?:json|tool_calls?|xml)?[ \t]*\n?\s*)")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_NO_CALL = re.compile(
    r'\s*(?:\[\s*)?\{\s*(?:"(?!(?:name|function|arguments|parameters|type|id|tool_calls)")[^"\\]*"|[^"\s])|\s*\[\s*[^{\s]'
)
"""JSON whose first member is none of a call's: a configuration or data, not held back."""
_BARE = re.compile(r"\s*(?:\{|\[\s*(?:\{|\Z))")
WAIT, TEXT = -1, 0


@dataclass(slots=True)
class Pending:
    """Calls that were read; whether they are meant depends on what follows."""

    calls: Found
    raw: str
    fenced: bool
    starts_line: bool


class ToolRepair:
    def __init__(self, offer: Offer, answer: str = "") -> None:
        """`answer` tells this one from all others, for the ids of its calls."""
        self._offer = offer
        self._answer = answer
        self._held = ""
        self._lead = ""
        """White space before anything else: no text of its own when a call follows."""
        self._told = False
        """Plain text went out already: a bare JSON object can then no longer be the whole answer."""
        self._blank, self._code, self._fence = True, False, False
        """Of the line as far as it was told: only white space so far; inside inline code; inside a code fence."""
        self._pending: Pending | None = None
        self._calls = 0
        self.made = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                self._held += event.text
                out += self._scan(last=False)
            elif isinstance(event, UsageSeen):
                out.append(event)
            elif isinstance(event, Ended):
                out += self.end()
                mends = self.made and event.reason in (StopReason.END, StopReason.STOP_SEQUENCE)
                out.append(Ended(StopReason.TOOLS, service_tier=event.service_tier) if mends else event)
            else:
                out += self.end()
                if isinstance(event, ToolBegan):
                    self._calls = max(self._calls, event.index + 1)
                out.append(event)
        return out

    def end(self) -> list[Event]:
        """What is held back can no longer grow."""
        if not self._held and not self._lead and self._pending is None:
            return []
        out = self._scan(last=True)
        if self._lead:
            out.append(TextDelta(self._lead))
            self._lead = ""
        return out

    def _scan(self, *, last: bool) -> list[Event]:
        out: list[Event] = []
        going = True
        while going:
            going = self._settled(out, last=last) if self._pending is not None else self._step(out, last=last)
        return out

    # --- text, up to what may be a call ---

    def _step(self, out: list[Event], *, last: bool) -> bool:
        """Whether there is more to do with what is held."""
        held = self._held
        if not held:
            return False
        if not self._told and _BARE.match(held):
            return self._bare(out, last=last)
        at = 0
        for match in _TOKENS.finditer(held):
            mark, start = match.group(), match.start()
            if mark == "`" and not last and held[start:] in ("`", "``"):
                break
            self._line(held[at:start])
            at = match.end()
            if mark in _CLOSERS and not self._code and not self._fence:
                return self._tagged(out, start, mark, last=last)
            if mark == _FENCE and self._blank and not self._fence:
                return self._fenced(out, start, last=last)
            self._seen(mark)
        cut = len(held) - (0 if last else min(len(held) - at, _opening(held)))
        self._line(held[at:cut])
        self._say(out, cut)
        return False

    def _line(self, text: str) -> None:
        if self._blank and text.strip():
            self._blank = False

    def _seen(self, mark: str) -> None:
        if mark == "\n":
            self._blank, self._code = True, False
            return
        if mark == _FENCE:
            self._fence = not self._fence
        elif mark == "`":
            self._code = not self._code
        self._blank = False

    def _say(self, out: list[Event], size: int) -> None:
        """So many characters of what is held are text."""
        text, self._held = self._held[:size], self._held[size:]
        if text and not self._told and not text.strip():
            self._lead += text
        elif text:
            out.append(TextDelta(self._lead + text))
            self._lead, self._told = "", True

    # --- what may be a call ---

    def _bare(self, out: list[Event], *, last: bool) -> bool:
        if not last and len(self._held) <= HELD and not _NO_CALL.match(self._held):
            return False
        calls = read(self._held, self._offer) if last else []
        if calls:
            self._pend(calls, len(self._held), fenced=False)
        else:
            self._line(self._held[: len(self._held) - len(self._held.lstrip()) + 1])
            self._say(out, len(self._held) - len(self._held.lstrip()) + 1)
        return True

    def _tagged(self, out: list[Event], start: int, mark: str, *, last: bool) -> bool:
        self._say(out, start)
        held, closer = self._held, _CLOSERS[mark]
        found = held.find(closer) if closer else -1
        while found >= 0 and _ESCAPED.sub("", held[:found]).count('"') % 2 and "{" in held[:found]:
            # Inside a string of the arguments; the real one is still to come.
            found = held.find(closer, found + 1)
        if found < 0 and not last and len(held) <= HELD:
            return False
        size = found + len(closer) if found >= 0 else len(held)
        calls = read(held[:size], self._offer)
        if calls:
            self._pend(calls, size, fenced=False)
        else:
            self._blank = False
            self._say(out, len(mark))
        return True

    def _fenced(self, out: list[Event], start: int, *, last: bool) -> bool:
        self._say(out, start)
        size, calls = self._in_fence(self._held, last=last)
        if size == WAIT:
            return False
        if size == TEXT:
            self._seen(_FENCE)
            self._say(out, len(_FENCE))
        else:
            self._pend(calls, size, fenced=True)
        return True

    def _in_fence(self, text: str, *, last: bool) -> tuple[int, Found]:
        """How long the fence at the start of the text is, and its calls; WAIT or TEXT where it is none yet, or never."""
        head = _FENCED.match(text)
        if head is None:
            return (TEXT if last or not _FENCE_HEAD.fullmatch(text) else WAIT), []
        body = text[head.end() :]
        tagged = body[0] == "<"
        if tagged and not any(body.startswith(tag) or tag.startswith(body) for tag in _CLOSERS):
            return TEXT, []
        if not tagged and _NO_CALL.match(body):
            return TEXT, []
        close = text.find(_FENCE, head.end())
        while close >= 0:
            calls = read(text[head.end() : close], self._offer)
            if calls:
                return close + len(_FENCE), calls
            if text[:close].rstrip(" \t").endswith("\n"):
                # A fence ends on a line of its own; before that the mark may stand in an argument.
                return TEXT, []
            close = text.find(_FENCE, close + 1)
        if last:
            calls = read(body.rstrip("`"), self._offer)
            return (len(text) if calls else TEXT), calls
        return (WAIT if len(text) <= HELD else TEXT), []

    def _pend(self, calls: Found, size: int, *, fenced: bool) -> None:
        self._pending = Pending(calls, self._held[:size], fenced, self._blank)
        self._held = self._held[size:]

    def _settled(self, out: list[Event], *, last: bool) -> bool:
        """Decides what the pending calls are; False: wait for what follows."""
        pending = self._pending
        assert pending is not None
        following = self._held.lstrip()
        space = self._held[: len(self._held) - len(following)]
        if not last and (not following or any(mark.startswith(following) for mark in _OPENERS)):
            return False
        if following and pending.fenced:
            size, more = self._in_fence(following, last=last) if following.startswith(_FENCE) else (TEXT, [])
            if size == WAIT:
                return False
            if size > TEXT:
                pending.calls = [*pending.calls, *more]
                pending.raw += space + following[:size]
                self._held = following[size:]
                return True
        self._pending = None
        opens = not following or (not pending.fenced and following.startswith(_OPENERS))
        if opens or (not pending.fenced and (pending.starts_line or "\n" in space)):
            self._lead, self._held, self._blank = "", following, True
            for name, given in pending.calls:
                out += self._call(name, given)
        else:
            self._held = pending.raw + self._held
            self._blank = pending.fenced
            self._say(out, len(pending.raw))
        return bool(self._held)

    def _call(self, name: str, given: str) -> list[Event]:
        index, self._calls, self.made = self._calls, self._calls + 1, True
        namespace, plain = split_flat_name(name)
        return [
            ToolBegan(index, made_id(name, given, self._answer, index), plain, namespace),
            ToolArguments(index, given),
            ToolEnded(index),
        ]


def _opening(text: str) -> int:
    """How many characters at the end may begin an opener."""
    for size in range(min(len(text), max(map(len, _OPENERS)) - 1), 0, -1):
        tail = text[-size:]
        if any(mark.startswith(tail) for mark in _OPENERS):
            return size
    return 0
