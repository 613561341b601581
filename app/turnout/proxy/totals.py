"""Sums that are kept beside the ledger: today's for the tray, all since the start for /metrics."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from turnout.calls.record import CallRecord


@dataclass(slots=True)
class Totals:
    """Today's figures for the tray; the ledger has the truth, these only save a query a second."""

    day: str = ""
    spent: int = 0
    saved: int = 0
    """Net: a call that cost more than what was asked for, and calls of our own, count against it."""
    baseline: int = 0
    all_fast: int = 0
    calls: int = 0

    def add(self, spent: int, baseline: int, all_fast: int) -> None:
        self.spent += spent
        self.baseline += baseline
        self.all_fast += all_fast
        # Without any baseline (no dear model has a price) nothing is known to be saved or lost.
        self.saved = self.baseline - self.spent if self.baseline else 0


@dataclass(slots=True)
class Counts:
    """Since the start, for /metrics."""

    calls: dict[tuple[str, str], int] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    def add(self, row: CallRecord) -> None:
        tier = row.tier.value if row.tier is not None else "none"
        self.calls[tier, row.status.value] = self.calls.get((tier, row.status.value), 0) + 1
        self.spent[tier] = self.spent.get(tier, 0) + row.cost
        usage = row.usage
        for kind, count in (
            ("uncached", usage.uncached),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write_5m + usage.cache_write_1h),
            ("output", usage.output),
            ("reasoning", usage.reasoning),
        ):
            self.tokens[kind] = self.tokens.get(kind, 0) + count


class Tally:
    """Fed each call once, when it ended."""

    def __init__(self, zone: Callable[[], tzinfo]) -> None:
        self._zone = zone
        self.today = Totals()
        self.counts = Counts()
        self._day: tuple[int, tzinfo | None, str] = (-1, None, "")

    def add(self, row: CallRecord, now_ms: int) -> None:
        day = self.day_of(now_ms)
        if self.today.day != day:
            self.today = Totals(day)
        self.today.add(row.cost, row.baseline, row.all_fast)
        self.today.calls += 1
        self.counts.add(row)

    def day_of(self, at_ms: int) -> str:
        """The user's own day; worked out once a minute."""
        minute, zone = at_ms // 60_000, self._zone()
        if self._day[:2] != (minute, zone):
            self._day = (minute, zone, datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%d"))
        return self._day[2]

    def midnight_ms(self, at_ms: int) -> int:
        now = datetime.fromtimestamp(at_ms / 1000, self._zone())
        return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
