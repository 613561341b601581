"""How the budgets and loops that a call falls under stand, this call not counted."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from turnout.calls.client import Call
from turnout.calls.units import Nanos
from turnout.proxy.money.books import Books
from turnout.proxy.sessions import Live, Sessions
from turnout.routing import budget as budget_rules
from turnout.routing import loops as loop_rules
from turnout.routing.facts import LoopStanding, Roster, Standing
from turnout.routing.route import Courses
from turnout.routing.rules import Budget, RuleSet

_CALLERS = 1_000
"""Whose buckets are kept for the rest of a minute."""
_LONGEST = 1_000
"""Characters of all that tells a caller apart (a project's name is the client's own word); a longer one's are not kept."""


@dataclass(slots=True)
class Present:
    """What all calls of one minute under one set of rules have in common. No window begins or ends within a minute."""

    minute: int
    """Of Unix time."""
    rules: RuleSet
    roster: Roster
    now: datetime
    """Aware, in the user's time zone; to the minute, which is as fine as rules and budgets look."""
    by_session: bool
    """Whether a budget is per session, or of a session or a tree of them."""
    by_others: bool
    """Whether a loop is over more than one session."""
    limits: loop_rules.Limits
    """The lowest of all loops."""
    models: tuple[str, ...]
    """Those of the tiers, where there is a budget by model."""
    windows: dict[str, budget_rules.Window] = field(default_factory=dict)
    buckets: dict[tuple[str, ...], tuple[budget_rules.Bucket, ...]] = field(default_factory=dict)
    """By who calls, as far as budgets tell callers apart; a call falls under the buckets of the one before it."""
    courses: Courses = field(default_factory=dict)


class Standings:
    def __init__(self, books: Books, sessions: Sessions, zone: Callable[[], tzinfo]) -> None:
        self._books, self._sessions, self._zone = books, sessions, zone
        self._present: Present | None = None

    def present(self, at_ms: int, rules: RuleSet, roster: Roster) -> Present:
        """Made anew every minute, and when the rules, the roster or the user's time zone are others."""
        kept, minute, zone = self._present, at_ms // 60_000, self._zone()
        if (
            kept is not None
            and kept.minute == minute
            and kept.rules is rules
            and kept.roster is roster
            and kept.now.tzinfo is zone
        ):
            return kept
        budgets = rules.budgets
        names = (one.name for line in roster.tiers.values() for one in line)
        self._present = Present(
            minute,
            rules,
            roster,
            datetime.fromtimestamp(minute * 60, zone),
            by_session=any(one.per == "session" or one.scope in ("session", "session_tree") for one in budgets),
            by_others=any(one.scope != "session" for one in rules.loops),
            limits=loop_rules.lowest(rules.loops),
            models=tuple(names) if any(one.scope == "model" for one in budgets) else (),
        )
        return self._present

    def courses(self, roster: Roster) -> Courses | None:
        """What calls of this minute may take over from each other; None: the roster is another one, with models marked as down."""
        present = self._present
        return present.courses if present is not None and present.roster is roster else None

    def budgets(self, call: Call, live: Live, present: Present) -> tuple[Standing, ...]:
        if not present.rules.budgets:
            return ()
        books = self._books
        added, raised = books.added, bool(live.raised or live.parent)
        found: list[Standing] = []
        for bucket in self._buckets(call, live, present):
            key = bucket.key
            limit = bucket.budget.limit
            if added:
                limit += added.get(key, 0)
            if raised:
                limit += self._raised(live, key)
            found.append(Standing(bucket.budget, key, bucket.scope, books.used(key), limit, bucket.renews))
        return tuple(found)

    def _buckets(self, call: Call, live: Live, present: Present) -> tuple[budget_rules.Bucket, ...]:
        client = call.client
        who: tuple[str, ...] = (client.name, client.department, call.developer, call.project)
        tree = ""
        if present.by_session:
            tree = self._sessions.root(live)
            who = (*who, call.session, tree)
        found = present.buckets.get(who)
        if found is None:
            found = budget_rules.buckets(
                present.rules.budgets,
                call,
                present.now,
                tree=tree,
                models=present.models,
                windows=present.windows,
            )
            if len(present.buckets) >= _CALLERS:
                present.buckets.clear()
            if sum(map(len, who)) <= _LONGEST:
                present.buckets[who] = found
        return found

    def _raised(self, live: Live, key: str) -> int:
        """What the user granted this session, or the one it was started from, over the budget's limit."""
        raised = live.raised.get(key, 0)
        if live.parent:
            top = self._sessions.find(self._sessions.root(live))
            if top is not None and top is not live:
                raised += top.raised.get(key, 0)
        return raised

    def live_windows(self) -> dict[str, budget_rules.Window]:
        """Period -> its present window; budgets per session or ever are not by the clock."""
        now = datetime.fromtimestamp(time.time(), self._zone())
        return {per: budget_rules.window(per, now) for per in ("minute", "hour", "day", "week", "month")}

    def windows_for(self, scope: str, rules: RuleSet) -> list[tuple[Budget, str]]:
        """Present buckets of a budget's name, of `client:NAME` and the like, or of `all`, though nothing was spent in them yet."""
        kind, mark, who = scope.partition(":")
        now = datetime.fromtimestamp(time.time(), self._zone())
        found = []
        for budget in rules.budgets:
            named = "all" if budget.scope == "all" else budget.who if budget.who != "each" else ""
            if budget.name == scope:
                whom = named
            elif budget.scope == kind and (mark or kind == "all") and budget.who in ("each", who):
                whom = who if mark else "all"
            else:
                continue
            if whom or mark:
                found.append((budget, budget_rules.key_of(budget, whom, budget_rules.window(budget.per, now, whom))))
        return found

    def near(self, call: Call, live: Live, present: Present) -> tuple[LoopStanding, ...]:
        """`loops`, but none where none can be at its limit, as for most calls."""
        loop = live.loop
        if loop is None or not (
            present.by_others or live.stopped or not loop_rules.is_calm(loop, present.limits, live.spent)
        ):
            return ()
        return self.loops(call, live, present)

    def loops(self, call: Call, live: Live, present: Present) -> tuple[LoopStanding, ...]:
        if live.loop is None:
            return ()
        found = loop_rules.standings(
            present.rules.loops,
            live.loop,
            call,
            tree=self._sessions.root(live),
            spent=live.spent,
            allowed_turns=live.allowed_turns,
            allowed_usd=live.allowed_usd,
            stopped=bool(live.stopped),
        )
        if not present.by_others:
            return found
        return tuple(
            one
            if one.loop.scope == "session"
            else loop_rules.together(one, self._beside(live, one.loop.scope, one.scope))
            for one in found
        )

    def _beside(self, live: Live, scope: str, value: str) -> list[tuple[loop_rules.LoopState, Nanos]]:
        """The other sessions of the last hour that a loop of this scope counts together with this one."""
        since = live.last_at_ms - 3_600_000
        return [
            (one.loop, one.spent)
            for one in self._sessions.all()
            if one is not live and one.loop is not None and one.last_at_ms >= since and self._value(one, scope) == value
        ]

    def _value(self, live: Live, scope: str) -> str:
        if scope == "session_tree":
            return self._sessions.root(live)
        known = {"client": live.client, "developer": live.developer, "department": live.department}
        return {**known, "project": live.project}.get(scope, "all")
