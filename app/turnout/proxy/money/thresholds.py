"""Telling people, once each, that half of a budget is used, or four fifths, or nearly all of it."""

from collections.abc import Callable, Iterable

from turnout.calls.units import Json
from turnout.proxy.money.books import Books
from turnout.proxy.notices import Notices
from turnout.routing import budget as budgets
from turnout.routing.facts import Standing

THRESHOLDS = (95, 80, 50)
"""Percent of a budget at which people are told."""
_LEAST = THRESHOLDS[-1]


class Thresholds:
    def __init__(self, books: Books, notices: Notices, keep: Callable[[str, str, Json], None]) -> None:
        self._books, self._notices, self._keep = books, notices, keep
        self.told: dict[str, tuple[int, int]] = {}
        """Bucket -> its limit and the highest threshold that was told of it."""

    def passed(self, standings: Iterable[Standing], keys: tuple[str, ...]) -> None:
        """Each is told once in a window; under a raised limit those that it moved away from can come again."""
        books = self._books
        for standing in standings:
            key, budget = standing.key, standing.budget
            if key not in keys:
                continue
            limit, used = budget.limit, books.settled.get(key, 0)
            if books.added or books.lost:
                limit, used = limit + books.added.get(key, 0), used + books.lost.get(key, 0)
            known, told = self.told.get(key) or (limit, 0)
            if limit <= 0 or (known == limit and used * 100 < limit * _LEAST):
                continue
            reached = next((percent for percent in THRESHOLDS if used * 100 >= limit * percent), 0)
            if reached > told:
                left = budgets.amount(standing, max(0, limit - used))
                renews = f", renews {standing.renews:%Y-%m-%d %H:%M}" if standing.renews is not None else ""
                self._notices.say(
                    "budget",
                    f"{reached} % of {budget.name} used",
                    f"{budget.scope.replace('_', ' ')} {standing.scope}: {left} of {budgets.amount(standing, limit)} left{renews}.",
                    "budgets",
                )
            elif limit != known:
                reached = min(reached, told)
            if reached > told or limit != known:
                self.told[key] = (limit, reached)
                self._keep("told", key, [limit, reached])
