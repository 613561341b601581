"""Sums that are kept beside the ledger: today's for the tray, all since the start for /metrics."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from turnout.calls.record import CallRecord
from turnout.calls.units import Status, Tier

_MANY = 100
_DAYS = 7
"""Kept, so that a clock that is set back, or forth and back, finds what was spent on the day that it comes to."""


@dataclass(slots=True)
class Totals:
    """Today's figures for the tray; the ledger has the truth, these only save a query a second."""

    day: str = ""
    spent: int = 0
    baseline: int = 0
    all_fast: int = 0
    calls: int = 0

    def add(self, spent: int, baseline: int, all_fast: int) -> None:
        self.spent += spent
        self.baseline += baseline
        self.all_fast += all_fast

    @property
    def saved(self) -> int:
        """Net: a call that cost more than what was asked for, and calls of our own, count against it. Without any baseline (no
        dear model has a price) nothing is known to be saved or lost."""
        return self.baseline - self.spent if self.baseline else 0


class Counts:
    """Since the start, for /metrics, which reads them by name; every call adds to them."""

    def __init__(self) -> None:
        self._calls: dict[tuple[Tier | None, Status], int] = {}
        self._spent: dict[Tier | None, int] = {}
        self._uncached = self._cache_read = self._cache_write = self._output = self._reasoning = 0

    def add(self, row: CallRecord) -> None:
        tier, usage = row.tier, row.usage
        ended = (tier, row.status)
        self._calls[ended] = self._calls.get(ended, 0) + 1
        self._spent[tier] = self._spent.get(tier, 0) + row.cost
        self._uncached += usage.uncached
        self._cache_read += usage.cache_read
        self._cache_write += usage.cache_write_5m + usage.cache_write_1h
        self._output += usage.output
        self._reasoning += usage.reasoning

    @property
    def calls(self) -> dict[tuple[str, str], int]:
        """By tier ("none": no engine was chosen) and status."""
        return {(_named(tier), status.value): count for (tier, status), count in self._calls.items()}

    @property
    def spent(self) -> dict[str, int]:
        """Nanos by tier."""
        return {_named(tier): nanos for tier, nanos in self._spent.items()}

    @property
    def tokens(self) -> dict[str, int]:
        """By kind; empty before the first call."""
        if not self._calls:
            return {}
        return {
            "uncached": self._uncached,
            "cache_read": self._cache_read,
            "cache_write": self._cache_write,
            "output": self._output,
            "reasoning": self._reasoning,
        }


def _named(tier: Tier | None) -> str:
    return tier.value if tier is not None else "none"


class Tally:
    """Fed each call once, when it ended. They are added up when somebody looks, when many wait, and every minute: many in a row take a
    third of the time that each of them takes between other work."""

    def __init__(self, zone: Callable[[], tzinfo]) -> None:
        self._zone = zone
        self._today = Totals()
        self._days: dict[str, Totals] = {}
        """By day, in the order in which they were first turned to."""
        self._counts = Counts()
        self._waiting: list[CallRecord] = []
        """All of one minute."""
        self._minute = -1
        self._day = (-1, "")
        """A minute and the day it is in."""

    def today(self, now_ms: int) -> Totals:
        """Of the day it is now: after midnight nothing was spent yet, also before the first call."""
        if self._minute != now_ms // 60_000:
            self._turn_to(now_ms)
        self._add_up()
        return self._today

    @property
    def counts(self) -> Counts:
        self._add_up()
        return self._counts

    def add(self, row: CallRecord, now_ms: int) -> None:
        if self._minute != now_ms // 60_000:
            self._turn_to(now_ms)
        self._waiting.append(row)
        if len(self._waiting) > _MANY:
            self._add_up()

    def _turn_to(self, now_ms: int) -> None:
        self._add_up()
        self._minute, day = now_ms // 60_000, self.day_of(now_ms)
        if self._today.day != day:
            self._today = self._days.setdefault(day, Totals(day))
            if len(self._days) > _DAYS:
                del self._days[next(one for one in self._days if one != day)]

    def _add_up(self) -> None:
        waiting, self._waiting = self._waiting, []
        today, counts = self._today, self._counts
        today.calls += len(waiting)
        for row in waiting:
            today.add(row.cost, row.baseline, row.all_fast)
            counts.add(row)

    def day_of(self, at_ms: int) -> str:
        """The user's own day; worked out once a minute."""
        minute, day = self._day
        if minute != at_ms // 60_000:
            day = datetime.fromtimestamp(at_ms / 1000, self._zone()).strftime("%Y-%m-%d")
            self._day = (at_ms // 60_000, day)
        return day

    def midnight_ms(self, at_ms: int) -> int:
        now = datetime.fromtimestamp(at_ms / 1000, self._zone())
        return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
