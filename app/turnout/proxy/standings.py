"""How the budgets and loops that a call falls under stand, this call not counted."""

import time
from collections.abc import Callable
from datetime import datetime, tzinfo

from turnout.calls.client import Call
from turnout.calls.units import Nanos
from turnout.proxy.books import Books
from turnout.proxy.sessions import Live, Sessions
from turnout.routing import budget as budget_rules
from turnout.routing import loops as loop_rules
from turnout.routing.facts import LoopStanding, Roster, Standing
from turnout.routing.rules import Budget, RuleSet


class Standings:
    def __init__(
        self, books: Books, sessions: Sessions, roster: Callable[[], Roster], zone: Callable[[], tzinfo]
    ) -> None:
        self._books, self._sessions, self._roster, self._zone = books, sessions, roster, zone
        self._windows: tuple[int, tzinfo | None, dict[str, budget_rules.Window]] = (0, None, {})

    def budgets(self, call: Call, live: Live, now: datetime, rules: RuleSet) -> tuple[Standing, ...]:
        return tuple(
            Standing(
                budget=bucket.budget,
                key=bucket.key,
                scope=bucket.scope,
                used=self._books.used(bucket.key),
                limit=bucket.budget.limit + self._books.added.get(bucket.key, 0) + self._raised(live, bucket.key),
                renews=bucket.renews,
            )
            for bucket in budget_rules.buckets(
                rules.budgets,
                call,
                now,
                tree=self._sessions.root(live),
                models=self._model_names(rules),
                windows=self._windows_at(now),
            )
        )

    def _raised(self, live: Live, key: str) -> int:
        """What the user granted this session, or the one it was started from, over the budget's limit."""
        raised = live.raised.get(key, 0)
        if live.parent:
            top = self._sessions.find(self._sessions.root(live))
            if top is not None and top is not live:
                raised += top.raised.get(key, 0)
        return raised

    def _windows_at(self, now: datetime) -> dict[str, budget_rules.Window]:
        """No window begins or ends within a minute, so each is worked out once a minute (4 us apiece)."""
        minute, zone, windows = self._windows
        this = int(now.timestamp()) // 60
        if this != minute or now.tzinfo is not zone:
            windows = {}
            self._windows = (this, now.tzinfo, windows)
        return windows

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

    def _model_names(self, rules: RuleSet) -> tuple[str, ...]:
        """Only a budget by model needs them."""
        if not any(budget.scope == "model" for budget in rules.budgets):
            return ()
        return tuple(candidate.name for line in self._roster().tiers.values() for candidate in line)

    def loops(self, call: Call, live: Live, rules: RuleSet) -> tuple[LoopStanding, ...]:
        if live.loop is None:
            return ()
        found = loop_rules.standings(
            rules.loops,
            live.loop,
            call,
            tree=self._sessions.root(live),
            spent=live.spent,
            allowed_turns=live.allowed_turns,
            allowed_usd=live.allowed_usd,
            stopped=bool(live.stopped),
        )
        if all(one.loop.scope == "session" for one in found):
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
