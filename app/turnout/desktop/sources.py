"""Where the desktop's values come from, named as narrowly as it uses them, with the real source beside.

Everything here blocks and belongs into a lane or the pool, never on the UI thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from turnout.calls.record import CallRecord
from turnout.calls.units import Status, Tier

if TYPE_CHECKING:  # the reader loads orjson and sqlite3 when the first question comes, not when the tray starts
    from turnout.ledger.callfilter import CallFilter
    from turnout.ledger.reader import DayStack, SpendRow

DIMENSIONS = ("tier", "model", "client", "developer", "department", "project")
"""What spend can be split by."""

Key = tuple[int, str]
"""(at_ms, id): where a call stands in the ledger's order."""


def key_of(call: CallRecord) -> Key:
    return (call.at_ms, call.id)


@dataclass(frozen=True, slots=True)
class Search:
    """What the calls table shows. `text` is looked for in client, model, rule, reason, session, project and id."""

    text: str = ""
    tier: Tier | None = None
    status: Status | None = None
    client: str = ""
    session: str = ""
    since_ms: int = 0
    until_ms: int = 0

    @property
    def everything(self) -> bool:
        return self == Search()


@dataclass(frozen=True, slots=True)
class Spend:
    """Everything the overview draws for one range, from the roll-ups alone."""

    by: str
    days: "Sequence[DayStack]" = ()
    """Local days with calls, oldest first."""
    rows: "Sequence[SpendRow]" = ()
    """Dearest first, by `by`."""
    tiers: "Sequence[SpendRow]" = ()
    by_day: "Sequence[SpendRow]" = ()
    """Local days, oldest first."""
    today: "Sequence[SpendRow]" = ()
    """By tier, since local midnight."""
    since_ms: int = 0
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """One step of counting: how many fit, and where the next step begins (0: there is nothing older)."""

    calls: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One step of a search: what it found, newest first, and where the next one begins (0: there is nothing older)."""

    rows: Sequence[CallRecord]
    until_ms: int


class Ledger(Protocol):
    """Read transactions are short: a long one would keep SQLite's write-ahead log from shrinking."""

    def data_version(self) -> int: ...

    def newest(self, count: int) -> Sequence[CallRecord]:
        """Newest first, those under way included."""
        ...

    def page(self, search: Search, ceiling: Key | None, offset: int, limit: int) -> Sequence[CallRecord]:
        """Ended calls, newest first, from `ceiling` (included; None: the newest) downwards."""
        ...

    def oldest(self, limit: int, skip: int) -> Sequence[CallRecord]:
        """Of all ended calls the oldest but `skip`, newest first."""
        ...

    def head(self, search: Search, limit: int) -> Sequence[CallRecord]:
        """The newest, newest first; with those under way when nothing is searched for."""
        ...

    def scan(self, search: Search, until_ms: int, rows: int, limit: int) -> "Scan":
        """Looks through the newest `rows` calls before `until_ms` (0: from now), for at most `limit` that fit."""
        ...

    def count(self) -> int:
        """All calls."""
        ...

    def tally(self, search: Search, ceiling: Key | None, until_ms: int, rows: int) -> "Tally":
        """Counts among the newest `rows` calls before `until_ms` (0: from now), from `ceiling` downwards, those that fit."""
        ...

    def call(self, call_id: str) -> CallRecord | None: ...

    def spend(self, by: str, since_ms: int, until_ms: int, midnight_ms: int) -> Spend: ...

    def hourly(self, scope: str, who: str, since_ms: int, until_ms: int) -> Sequence[tuple[int, int]]:
        """What a budget's scope spent: (Unix milliseconds of an hour, nanos), oldest first."""
        ...

    def thumbs(self) -> Mapping[str, bool]:
        """By call id: whether its answer was good enough."""
        ...

    def verdicts(self) -> Mapping[str, bool]:
        """By call id: whether a cheaper model would have done."""
        ...

    def close(self) -> None: ...


class LedgerFile:
    """The ledger on disk through `ledger.reader`; a file that is not there yet has empty answers."""

    def __init__(self, path: Path) -> None:
        from turnout.ledger.reader import Reader

        self._reader = Reader(path)

    def data_version(self) -> int:
        return self._reader.data_version()

    def newest(self, count: int) -> Sequence[CallRecord]:
        return self._reader.calls(count)

    def page(self, search: Search, ceiling: Key | None, offset: int, limit: int) -> Sequence[CallRecord]:
        before = (ceiling[0], ceiling[1] + "\0") if ceiling is not None else None
        return self._reader.calls(limit, before, _filter(search), skip=offset)

    def oldest(self, limit: int, skip: int) -> Sequence[CallRecord]:
        return self._reader.oldest(limit, skip)

    def head(self, search: Search, limit: int) -> Sequence[CallRecord]:
        return self._reader.calls(limit, None, None if search.everything else _filter(search))

    def scan(self, search: Search, until_ms: int, rows: int, limit: int) -> Scan:
        wanted, older_ms = self._stretch(search, until_ms, rows)
        found = list(self._reader.calls(limit, None, _filter(wanted)))
        if not until_ms:
            # What begins with the words is by index, and need not wait for its turn.
            have = {one.id for one in found}
            named = [one for one in self._reader.named(search.text, limit) if one.id not in have and fits(search, one)]
            found = sorted([*found, *named], key=key_of, reverse=True)
        return Scan(found, older_ms)

    def _stretch(self, search: Search, until_ms: int, rows: int) -> tuple[Search, int]:
        """The search within the newest `rows` calls before `until_ms`, and where the stretch before it ends (0: there is none)."""
        edge = self._reader.edge(until_ms, rows)
        wanted = replace(
            search,
            since_ms=max(search.since_ms, edge or 0),
            until_ms=min(search.until_ms or until_ms, until_ms or search.until_ms),
        )
        return wanted, 0 if edge is None or edge <= search.since_ms else edge

    def count(self) -> int:
        return self._reader.count()

    def tally(self, search: Search, ceiling: Key | None, until_ms: int, rows: int) -> Tally:
        wanted, older_ms = self._stretch(search, until_ms, rows)
        return Tally(self._reader.count(_filter(wanted), ceiling), older_ms)

    def call(self, call_id: str) -> CallRecord | None:
        return self._reader.call(call_id)

    def spend(self, by: str, since_ms: int, until_ms: int, midnight_ms: int) -> Spend:
        reader = self._reader
        return Spend(
            by,
            days=reader.series(by, since_ms, until_ms),
            rows=reader.spend(by, since_ms, until_ms),
            tiers=reader.spend("tier", since_ms, until_ms),
            by_day=reader.spend("day", since_ms, until_ms),
            today=reader.spend("tier", midnight_ms, until_ms),
            since_ms=since_ms,
            until_ms=until_ms,
        )

    def hourly(self, scope: str, who: str, since_ms: int, until_ms: int) -> Sequence[tuple[int, int]]:
        return self._reader.hourly(scope, who, since_ms, until_ms)

    def thumbs(self) -> Mapping[str, bool]:
        return {call: up for call, up in self._reader.kept("thumb").items() if isinstance(up, bool)}

    def verdicts(self) -> Mapping[str, bool]:
        return {call: good for call, good in self._reader.kept("verdict").items() if isinstance(good, bool)}

    def close(self) -> None:
        self._reader.close()


def fits(search: Search, call: CallRecord) -> bool:
    """All of a search but its text."""
    return (
        (search.tier is None or call.tier is search.tier)
        and (search.status is None or call.status is search.status)
        and search.client in ("", call.client)
        and search.session in ("", call.session)
        and call.at_ms >= search.since_ms
        and (not search.until_ms or call.at_ms < search.until_ms)
    )


def _filter(search: Search) -> "CallFilter":
    from turnout.ledger.callfilter import CallFilter

    return CallFilter(
        text=search.text,
        tier=search.tier.value if search.tier is not None else "",
        client=search.client,
        status=search.status.value if search.status is not None else "",
        session=search.session,
        since_ms=search.since_ms,
        until_ms=search.until_ms,
    )
