"""What every dialect's `outline` gathers, in one place: texts to count, the asks, tool calls, images. Pure, but for what is
remembered of the newest conversations.

An agent sends its whole history again with every step, and its tools. Both are read once: what an earlier call of the
conversation brought, byte for byte, is found again by one comparison (150 messages of 200 KB: 19,400 instructions and 120 us
before, 1,700 and 40 after; call_bench --steps).
"""

from collections.abc import Callable
from dataclasses import replace
from sys import getsizeof, intern
from typing import TypedDict, Unpack

import orjson

from turnout.calls.ask import asks_in, peel
from turnout.calls.housekeeping import recognise
from turnout.calls.outline import CALLS_KEPT, Outline
from turnout.calls.units import Dialect, Family, Json, Tokens
from turnout.calls.values import frozen
from turnout.wire.beside import texts_beside, unkeyed
from turnout.wire.fields import dump_text
from turnout.wire.newest import Newest
from turnout.wire.parts import split_data_url
from turnout.wire.resumed import FRESH, STEP, MessageList, ToolList
from turnout.wire.words import text_of_file, texts_in

_PAGE, _MOST_PAGES = 40_000, 100
"""A PDF is billed by the page, each like an image and its text: one for so many characters of base64 (a paper of 500 KB has some
twenty), and no more than vendors take."""
ERRORS = 6
"""How many of the newest tool results an outline tells of."""


_PLAIN = frozenset(
    ("messages", "contents", "model", "tools", "stream", "temperature", "top_p", "max_tokens", "max_completion_tokens")
)
"""Members of a body that hold no text but what is read anyway."""


class Seldom(TypedDict, total=False):
    """What most requests do not say beside their messages; as `Outline` names it."""

    include_usage: bool
    choices: int
    thinking: bool
    effort: str
    service: str
    schema: bool
    session: str
    parent_session: str
    extras: dict[str, str]


class _Found(TypedDict, total=False):
    """What most conversations do not hold."""

    beside: tuple[str, ...]
    images: int
    sealed_by: Family | None
    tools: int
    tool_names: tuple[str, ...]
    server_tools: tuple[str, ...]
    cache_marks: int
    last_tool_calls: tuple[str, ...]
    tool_call_turns: tuple[int, ...]
    tool_errors: int


class Gatherer:
    """Fed message by message in order; `outline` closes it."""

    turns = images = cache_marks = 0
    sealed_by: Family | None = None
    alien = False
    """Something that `wire.foreign` would change for some engine of this dialect stands in a message."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.beside: list[str] = []
        self.system: list[str] = []
        self._humans: dict[int, str] = {}
        """Text of user messages by the message's number, as it came: it is peeled when it is asked for."""
        self._words: dict[int, str] = {}
        """The same, peeled; empty where a harness wrote all of it."""
        self._calls: list[str] = []
        self._call_turns: list[int] = []
        self._errors: list[bool] = []

    def copy(self) -> "Gatherer":
        self._peel()
        made = Gatherer()
        made.texts, made.system, made._words = self.texts[:], self.system[:], self._words.copy()
        made.beside = self.beside[:]
        made._calls, made._call_turns = self._calls[-CALLS_KEPT:], self._call_turns[-CALLS_KEPT:]
        made._errors = self._errors[-ERRORS:]
        made.turns, made.images = self.turns, self.images
        made.cache_marks, made.sealed_by, made.alien = self.cache_marks, self.sealed_by, self.alien
        return made

    @property
    def size(self) -> int:
        """Bytes, about: what its texts take."""
        self._peel()
        return sum(sum(map(getsizeof, of)) for of in (self.texts, self.beside, self._words.values()))

    def add_system(self, text: str) -> None:
        self.system.append(text)
        self.texts.append(text)

    def add_instructions(self, texts: list[str]) -> None:
        """System text that stands beside the messages, and before all of them."""
        self.system[:0] = texts
        self.texts[:0] = texts

    def begin(self) -> None:
        """The next message that is neither system nor developer text."""
        self.turns += 1

    def add_human(self, text: str) -> None:
        """Text of a user message; what is left of it after peeling is an ask."""
        self.texts.append(text)
        before = self._humans.get(self.turns)
        self._humans[self.turns] = text if before is None else f"{before}\n{text}"

    def add_text(self, text: str) -> None:
        self.texts.append(text)

    def add_other(self, part: Json) -> None:
        """One of a kind that is not taken apart by name."""
        self.texts += texts_in(part)

    def add_schema(self, schema: Json) -> None:
        """Of an answer: it is billed with the prompt."""
        if isinstance(schema, dict):
            self.texts.append(dump_text(schema))

    def add_file(self, data: str, media_type: str = "") -> None:
        """Sent in the body (base64 or a data URL); empty: kept elsewhere. What is no plain text goes to engines that take images."""
        if data.startswith("data:"):
            media_type, data = split_data_url(data)
        text = text_of_file(data, media_type)
        if text:
            self.texts.append(text)
        if media_type == "application/pdf":
            self.images += min(_MOST_PAGES, 1 + len(data) // _PAGE)
        else:
            self.images += not (text and media_type.startswith("text/"))

    def add_call(self, name: str, arguments: Json) -> None:
        text = arguments if isinstance(arguments, str) else dump_text(arguments)
        self.texts.append(text)
        self._calls.append(f"{name} {text}")
        self._call_turns.append(self.turns)

    def add_result(self, text: str, *, error: bool = False) -> None:
        if text:
            self.texts.append(text)
        self._errors.append(error)

    def look_beside(self, body: dict[str, Json], *read: str) -> None:
        """At the members of a body that are not `read` word by word, nor settings that hold no text."""
        if not body.keys() <= _PLAIN:
            known = set(self.system)
            for name, value in body.items():
                if name not in _PLAIN and name not in read:
                    self.beside += texts_beside(value, known, name)

    def take(self, message: Json, place: int, take: "Callable[[Gatherer, Json, int], None]") -> None:
        """`take`, and what it leaves."""
        before = len(self.texts)
        take(self, message, place)
        if type(message) is dict and (len(message) > 2 or type(message.get("content")) is not str):
            self.beside += texts_beside(message, set(self.texts[before:]))

    def outline(
        self,
        dialect: Dialect,
        model: str,
        *,
        stream: bool,
        max_output: int | None,
        tools: "Tools | None" = None,
        **said: Unpack[Seldom],
    ) -> Outline:
        self._peel()
        offered = tools or NO_TOOLS
        words, turns = self._words, self.turns
        asks = asks_in(words, offered.names)
        is_last = asks.turn == turns
        if asks.count and not is_last:
            # A reminder that a harness sets right behind the ask is a user turn too.
            is_last = all(turn in words for turn in range(asks.turn + 1, turns + 1))
        # By place, and only what is there: all of it by name took 1.8 us, this 0.6.
        made = Outline(
            dialect,
            model,
            stream,
            Tokens(max_output) if max_output is not None else None,
            asks.newest,
            asks.count,
            is_last,
            asks.first,
            "\n".join(self.system),
            turns,
            (*self.texts, *offered.texts),
            self.alien,
            **self._found(offered),
            **said,
        )
        kind = recognise(made)
        return made if kind is None else replace(made, housekeeping=kind)

    def _found(self, offered: "Tools") -> _Found:
        found = _Found()
        if offered is not NO_TOOLS:
            found["tools"] = len(offered.names) + len(offered.server)
            found["tool_names"], found["server_tools"] = offered.names, offered.server
        if marks := self.cache_marks + offered.cache_marks:
            found["cache_marks"] = marks
        if self._calls or self._errors:
            found["last_tool_calls"] = tuple(self._calls[-CALLS_KEPT:])
            found["tool_call_turns"] = tuple(self._call_turns[-CALLS_KEPT:])
            found["tool_errors"] = sum(self._errors[-ERRORS:])
        if self.beside:
            found["beside"] = tuple(self.beside)
        if self.images:
            found["images"] = self.images
        if self.sealed_by is not None:
            found["sealed_by"] = self.sealed_by
        return found

    def _peel(self) -> None:
        for turn, text in self._humans.items():
            self._words[turn] = peel(text)
        self._humans.clear()


# --- what earlier calls brought ---


@frozen
class _History:
    """The first messages of a conversation, read: of bodies that `resumed` must parse whole, for they are not plain."""

    head: bytes
    """Those messages as JSON, an array that is not closed."""
    count: int
    seen: Gatherer


_HISTORIES = Newest[_History](16_000_000)


def gathered(dialect: Dialect, messages: list[Json], take: Callable[[Gatherer, Json, int], None]) -> Gatherer:
    """Each message through `take`, with its place, but for those that were read before. Raises what `take` raises."""
    if type(messages) is MessageList:
        return _resumed(messages, take)
    last = len(messages) - FRESH
    if last < STEP:
        seen = Gatherer()
        for place, message in enumerate(messages):
            seen.take(message, place, take)
        return seen
    try:
        whole = orjson.dumps(messages)
        # Neither a system text, which all conversations of a client share, nor more than is needed to tell them apart.
        key = dialect, hash(orjson.dumps(messages[1:3]))
    except TypeError:  # what no JSON text can have said
        return _taken(Gatherer(), messages, 0, len(messages), take)
    known = _HISTORIES.get(key)
    if known is None or not whole.startswith(known.head) or whole[len(known.head)] not in b",]":
        seen, done = Gatherer(), 0
    else:
        seen, done = known.seen.copy(), known.count
    if last - done >= STEP:
        _taken(seen, messages, done, last, take)
        head, kept = orjson.dumps(messages[:last])[:-1], _to_keep(seen)
        _HISTORIES.put(key, _History(head, last, kept), len(head) + kept.size)
        done = last
    return _taken(seen, messages, done, len(messages), take)


def _to_keep(seen: Gatherer) -> Gatherer:
    """Its texts are the very strings that the token counter knows: in memory once, and found there without comparing them."""
    kept = seen.copy()
    kept.texts = list(map(intern, kept.texts))
    return kept


def _resumed(messages: MessageList, take: Callable[[Gatherer, Json, int], None]) -> Gatherer:
    """The same where the body itself was found to go on from an earlier one."""
    history = messages.history
    count = len(history.messages)
    if history.read < count:
        seen = Gatherer() if history.seen is None else history.seen.copy()
        _taken(seen, messages, history.read, count, take)
        history.seen, history.read = _to_keep(seen), count
    else:
        seen = history.seen.copy()
    return _taken(seen, messages, count, len(messages), take)


def _taken(
    seen: Gatherer, messages: list[Json], start: int, end: int, take: Callable[[Gatherer, Json, int], None]
) -> Gatherer:
    for place in range(start, end):
        seen.take(messages[place], place, take)
    return seen


@frozen
class Tools:
    """The tools a request offers."""

    names: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    """Kinds of those that only the vendor itself can run."""
    texts: tuple[str, ...] = ()
    """Each as JSON, for it is billed as input."""
    cache_marks: int = 0


NO_TOOLS = Tools()
_TOOLS = Newest[tuple[bytes, Tools]](4_000_000)


def offered(
    dialect: Dialect, tools: list[Json], read: Callable[[Json], Tools], spelled: Callable[[Json], Json] | None = None
) -> Tools:
    """All tools of a request in one; `read` tells of a single one, without its text, once it is `spelled` as it should be."""
    if not tools:
        return NO_TOOLS
    if type(tools) is not ToolList:
        return _offered(dialect, tools, read, spelled)
    if tools.read is None:
        tools.read = _offered(dialect, tools, read, spelled)
    found: Tools = tools.read
    return found


def _offered(
    dialect: Dialect, tools: list[Json], read: Callable[[Json], Tools], spelled: Callable[[Json], Json] | None
) -> Tools:
    whole = orjson.dumps(tools)
    key = dialect, len(whole)
    known = _TOOLS.get(key)
    if known is not None and known[0] == whole:
        return known[1]
    if spelled is not None:
        tools = [spelled(tool) for tool in tools]
    each = [read(tool) for tool in tools]
    made = Tools(
        tuple(name for one in each for name in one.names),
        tuple(kind for one in each for kind in one.server),
        tuple(dump_text(unkeyed(tool) if isinstance(tool, dict) else tool) for tool in tools),
        sum(one.cache_marks for one in each),
    )
    _TOOLS.put(key, (whole, made), 2 * len(whole))
    return made
