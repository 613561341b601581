"""A conversation's body of which all but the end was read before: an agent sends its whole history again with every step.

What a body has in common with an earlier one, byte for byte from its start, is not parsed again; only what is new at the end of
its messages is, and what stands behind them where that is not the same either. It is done only for bodies that are exactly what
orjson writes for them (most clients' are), for there the bytes of a message are known from its value. Pure, but for what is
remembered of the newest conversations.

200 KB of a coding agent, 101 messages and 16 tools: parsing, the check of its depth and
an outline of it took 0.58 ms, and takes 0.05 (tests/bench/call_bench.py --body).
"""

from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import orjson

from turnout.calls.units import Dialect, Json
from turnout.errors import BadRequestError
from turnout.wire.fields import load_plain, obj
from turnout.wire.newest import Newest
from turnout.wire.splice import place_in_plain

FRESH = 4
"""Messages at the end of a history that the next call may send otherwise: harnesses move their cache marks along."""
STEP = 8
"""A history is kept anew when it has grown by so many messages, and shorter ones are not."""
_SHORT = 4_096
"""Bytes that are parsed faster than looked up."""
_PARSED = 4
"""Bytes in memory for a byte of JSON: its text, and what was parsed of it."""
_LISTS = {
    Dialect.OPENAI_CHAT: "messages",
    Dialect.OPENAI_RESPONSES: "input",
    Dialect.ANTHROPIC: "messages",
    Dialect.GEMINI: "contents",
    Dialect.OLLAMA_CHAT: "messages",
}


class ToolList(list[Json]):
    """A request's tools; the same object in every body of a conversation. `read`: what was made of them, by whoever did."""

    __slots__ = ("read",)
    read: Any


@dataclass(slots=True, eq=False)
class History:
    """The beginning of a conversation. What was parsed of it stands in several requests and is never changed."""

    dialect: Dialect
    key: int
    """The same for as long as it grows."""
    head: bytes
    """Of a body, up to the end of the last of its messages that are kept."""
    tail: bytes
    """Of the newest such body, from the bracket that closes its messages."""
    before: dict[str, Json]
    """Members of the body that stand before the messages."""
    messages: list[Json]
    after: dict[str, Json]
    """Those in `tail`."""
    seen: Any = None
    """What the first `read` messages tell, kept here by whoever gathers it."""
    read: int = 0

    @property
    def size(self) -> int:
        return _PARSED * (len(self.head) + len(self.tail))


class MessageList(list[Json]):
    """A request's messages, the first of them those of `history`."""

    __slots__ = ("history",)
    history: History


_KEPT = Newest[History](16_000_000)


def load(body: bytes, dialect: Dialect) -> tuple[Json, bool]:
    """As `fields.load_plain`; a long list of messages, and the tools beside it, may be a `MessageList` and a `ToolList`."""
    name = _LISTS.get(dialect)
    if name is None or len(body) < _SHORT:
        return load_plain(body)
    for known in _KEPT.newest():
        if known.dialect is dialect and body.startswith(known.head):
            again = _resumed(body, known, name)
            if again is not None:
                return again, True
            break
    doc, plain = load_plain(body)
    if plain and type(doc) is dict:
        messages = doc.get(name)
        if type(messages) is list and len(messages) - FRESH >= STEP:
            _keep(body, doc, dialect, name, messages)
    return doc, plain


def _resumed(body: bytes, known: History, name: str) -> dict[str, Json] | None:
    """None: what follows the history is not plain, or says again what stands before it; the whole is to be read then."""
    opening = b'{"%b":[' % name.encode()
    begun, ended = len(known.head), len(body) - len(known.tail)
    behind = body[begun : begun + 1]
    if behind == b",":
        begun += 1
    elif behind != b"]":
        return None
    same = begun <= ended and body.endswith(known.tail)
    rest = b"%b%b]}" % (opening, body[begun:ended]) if same else opening + body[begun:]
    try:
        parsed, plain = load_plain(rest)
        if not (plain or orjson.dumps(parsed) == rest):
            return None
    except (BadRequestError, TypeError):
        return None
    doc = obj(parsed)
    fresh = doc.pop(name)
    if type(fresh) is not list or (behind == b"," and not fresh):
        return None
    if doc if same else not known.before.keys().isdisjoint(doc):
        return None
    if not same:
        known.tail, known.after = rest[len(opening) + len(orjson.dumps(fresh)) - 2 :], _with_tools(doc)
    if len(fresh) - FRESH >= STEP:
        known, fresh = _grown(known, fresh[:-FRESH]), fresh[-FRESH:]
    # The newest now, and as large as its tail has become.
    _KEPT.put(known.key, known, known.size)
    return _of(known, name, fresh)


def _keep(body: bytes, doc: dict[str, Json], dialect: Dialect, name: str, messages: list[Json]) -> None:
    """Also makes the two lists of `doc` those that the next requests share."""
    at = list(doc).index(name)
    before, after = _with_tools(dict(islice(doc.items(), at))), _with_tools(dict(islice(doc.items(), at + 1, None)))
    start, end = place_in_plain(doc, name)
    kept, fresh = messages[:-FRESH], messages[-FRESH:]
    head = body[: start + len(orjson.dumps(kept)) - 1]
    known = History(dialect, hash((dialect, head)), head, body[end - 1 :], before, kept, after)
    _KEPT.put(known.key, known, known.size)
    doc.update(_of(known, name, fresh))


def _grown(known: History, more: list[Json]) -> History:
    """To stand in its place; requests that are under way keep the shorter one."""
    head = b"%b,%b" % (known.head, orjson.dumps(more)[1:-1])
    return replace(known, head=head, messages=[*known.messages, *more])


def _of(known: History, name: str, fresh: list[Json]) -> dict[str, Json]:
    messages = MessageList(known.messages)
    messages += fresh
    messages.history = known
    return {**known.before, name: messages, **known.after}


def _with_tools(members: dict[str, Json]) -> dict[str, Json]:
    tools = members.get("tools")
    if type(tools) is list:
        members["tools"] = shared = ToolList(tools)
        shared.read = None
    return members
