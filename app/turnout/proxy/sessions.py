"""What is remembered of conversations between their calls, bounded: the oldest are forgotten (the ledger keeps theirs)."""

from collections import OrderedDict
from dataclasses import replace

from turnout.calls.units import Nanos
from turnout.proxy.attribution import SILENCE_MS, Session
from turnout.routing.conversation import ask_hash
from turnout.routing.facts import NOTHING_REMEMBERED, Memory
from turnout.routing.loops import LoopState

KEPT = 5_000


class Live:
    """One session; `routing.loops` keeps its own counters in `loop`. Its values at the start are the class's own: most are short."""

    memory: Memory = NOTHING_REMEMBERED
    loop: LoopState | None = None
    spent: Nanos = Nanos(0)
    calls: int = 0
    stopped: str = ""
    """Why the user or the loop guard stopped it; empty: it runs."""
    held_up: str = ""
    """Why its last call was refused by the loop guard or by a budget that asks; empty: it went through."""
    developer: str = ""
    department: str = ""
    project: str = ""
    """As of its last call: a loop may be over all sessions of one of these."""
    allowed_turns: int = 0
    allowed_usd: Nanos = Nanos(0)
    asked: tuple[int, str] = (0, "")
    """The newest ask's own `hash`, which nobody outside can aim at, and its `ask_hash`."""

    def __init__(self, id_: str, client: str, parent: str = "", *, last_at_ms: int = 0) -> None:
        self.id, self.client, self.parent, self.last_at_ms = id_, client, parent, last_at_ms
        self.raised: dict[str, int] = {}
        """Budget bucket -> what the user lets this session have over the budget's limit, in the budget's unit."""
        self.short: dict[str, int] = {}
        """Budget bucket that asks -> what the last call that it held up lacked: what letting it go on must raise it by at least."""

    def hash_of(self, ask: str) -> str:
        """`ask_hash`, made anew only for another ask than the call before brought: the steps of a tool loop all bring the same one
        (10 us a KB before, 0.5 so)."""
        mark = hash(ask)
        if self.asked[0] != mark or not self.asked[1]:
            self.asked = mark, ask_hash(ask)
        return self.asked[1]


class Sessions:
    def __init__(self) -> None:
        self._live: OrderedDict[str, Live] = OrderedDict()
        self._generation: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._live)

    def all(self) -> list[Live]:
        return list(self._live.values())

    def named(self, session: Session, client: str, now_ms: int) -> Live:
        """The live session; one made from the conversation starts anew after an hour's silence.

        Ids are the clients' own words: two clients that use the same one are in two sessions, the second with its name in it.
        """
        id_ = session.id
        current = self._now(id_)
        live = self._live.get(current)
        if live is not None and live.client != client:
            id_ = f"{id_}@{client}"
            current = self._now(id_)
            live = self._live.get(current)
        if live is not None and session.derived and now_ms - live.last_at_ms > SILENCE_MS:
            self._generation[id_] = self._generation.get(id_, 0) + 1
            current, live = self._now(id_), None
        if live is None:
            parent = self._newest(client, now_ms) if session.below else ""
            live = self._live[current] = Live(current, client, parent, last_at_ms=now_ms)
            if len(self._live) > KEPT:
                forgotten, _ = self._live.popitem(last=False)
                self._generation.pop(forgotten.partition("~")[0], None)
        else:
            self._live.move_to_end(live.id)
        if session.parent:
            above = self._live.get(session.parent)
            live.parent = f"{session.parent}@{client}" if above and above.client != client else session.parent
        above = self._live.get(live.parent) if live.parent else None
        if above is not None and above.memory.private and not live.memory.private:
            # What a subagent is told comes out of its parent's conversation.
            live.memory = replace(live.memory, private=True)
        return live

    def _newest(self, client: str, now_ms: int) -> str:
        """Of this client's sessions the one that called last, subagents apart."""
        for live in reversed(self._live.values()):
            if now_ms - live.last_at_ms > SILENCE_MS:
                break
            if live.client == client and not live.parent:
                return live.id
        return ""

    def _now(self, id_: str) -> str:
        generation = self._generation.get(id_)
        return f"{id_}~{generation}" if generation else id_

    def find(self, id_: str) -> Live | None:
        return self._live.get(id_)

    def root(self, live: Live) -> str:
        """The session tree's top: a subagent belongs to its parent's."""
        if not live.parent:
            return live.id
        seen: set[str] = set()
        top = live
        while top.parent and top.parent not in seen:
            seen.add(top.parent)
            above = self._live.get(top.parent)
            if above is None:
                return top.parent
            top = above
        return top.id

    def adopt(self, live: Live) -> None:
        """One that the ledger remembers from before the start."""
        self._live[live.id] = live
        base, mark, generation = live.id.partition("~")
        if mark and generation.isdecimal():
            self._generation[base] = max(self._generation.get(base, 0), int(generation))
