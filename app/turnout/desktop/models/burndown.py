"""How a budget burns down: what was left by when, the even pace, and where the pace so far leads. Pure, tested as values.

What is left now is the proxy's word; the way there is the ledger's hourly sums, counted back from now. So a budget that was
written in the middle of its window shows no spending from before it, and what a power cut left unknown makes no step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from turnout.calls.units import USD_NANOS
from turnout.desktop import text
from turnout.desktop.plots import Descent, Left
from turnout.desktop.sources import DIMENSIONS
from turnout.desktop.state import left_share
from turnout.desktop.text import tr

if TYPE_CHECKING:
    from turnout.control.messages import BudgetLine

STEP_H = {"day": 1, "week": 6, "month": 24, "ever": 24}
"""Hours between two points of the line. A minute or an hour is too short for hourly sums, a session no dimension of theirs."""
BACK = timedelta(days=30)
"""How far a budget without an end looks back, and at most ahead."""
PACE = timedelta(days=7)
"""Such a budget's pace is that of the last week."""


@dataclass(frozen=True, slots=True)
class Burn:
    """How a budget burns down at the pace of its window so far."""

    left_at_end: float
    """Share of the limit; 0 when it runs out before."""
    said: str


@dataclass(frozen=True, slots=True)
class BurnDown:
    """A budget's chart and its words."""

    descent: Descent
    note: str
    """One line beside the title."""
    summary: str
    """The whole for a screen reader."""


def drawable(line: "BudgetLine") -> bool:
    return line.unit == "usd" and line.per in STEP_H and line.scope in (*DIMENSIONS, "all") and text.nanos_of(line.limit) > 0


def tightest(lines: "Sequence[BudgetLine]") -> "BudgetLine | None":
    """The one with the smallest share left."""
    return min(lines, key=lambda line: left_share(line) or 0.0, default=None)


def name(line: "BudgetLine") -> str:
    """The budget's, and whose it is."""
    return text.one_line(f"{line.budget}, {line.who}" if line.who not in ("", "all") else line.budget, 60)


def span(line: "BudgetLine", now: datetime) -> tuple[datetime, datetime | None]:
    """When its window began and when it ends; without an end: how far one looks back."""
    begun, ends = _window(line.per, now)
    if ends is None:
        begun = now.replace(hour=0, minute=0, second=0, microsecond=0) - BACK
    return begun, ends


def burn(line: "BudgetLine", now: datetime) -> Burn | None:
    """None where there is no pace: an endless window, nothing used yet, or too little of the window gone to tell."""
    begun, ends = _window(line.per, now)
    limit, used = text.nanos_of(line.limit), text.nanos_of(line.used)
    if ends is None or limit <= 0 or used <= 0:
        return None
    gone = (now - begun) / (ends - begun)
    if gone < 0.04:
        return None
    total = used / gone
    if total <= limit:
        return Burn(1 - total / limit, tr("{usd} left at this pace").format(usd=text.money(round(limit - total))))
    out = begun + (ends - begun) * (limit / total)
    return Burn(0.0, _out(out, now))


def burn_down(line: "BudgetLine", hourly: Sequence[tuple[int, int]], now: datetime) -> BurnDown:
    """`hourly` is (Unix milliseconds of an hour, nanos spent in it), oldest first, over `span`."""
    begun, ends = span(line, now)
    limit, left = text.nanos_of(line.limit), max(0, text.nanos_of(line.limit) - text.nanos_of(line.used))
    ahead, short, said = _ahead(line, hourly, now)
    end = ends or max(now + BACK / 3, ahead[0] if ahead is not None else now)
    points = [
        Left((at - begun) / (end - begun), nanos / USD_NANOS, _moment(at, line.per), tr("{usd} left").format(usd=text.money(nanos)))
        for at, nanos in _lefts(line, hourly, begun, now, limit, left)
    ]  # fmt: skip
    descent = Descent(
        points,
        limit / USD_NANOS if ends is not None else points[0].left,
        ends is not None,
        ((ahead[0] - begun) / (end - begun), ahead[1] / USD_NANOS) if ahead is not None else None,
        short,
        _ticks(line.per, begun, end),
    )
    parts = [
        tr("{name}: {left} of {limit} left").format(
            name=name(line), left=text.dollars(line.left), limit=text.dollars(line.limit)
        )
    ]
    parts += [said] if said else []
    if ends is not None:
        even = round(limit * (1 - (now - begun) / (ends - begun)))
        parts.append(_against(left - even))
    note = " · ".join(parts[1:])
    return BurnDown(descent, note, tr("{words}. Left and right arrows read single moments.").format(words="; ".join(parts)))


def _lefts(
    line: "BudgetLine", hourly: Sequence[tuple[int, int]], begun: datetime, now: datetime, limit: int, left: int
) -> list[tuple[datetime, int]]:
    """Moments and what was left then, counted back from now; never more than the limit."""
    step = timedelta(hours=STEP_H[line.per])
    moments = []
    at = begun
    while at < now:
        moments.append(at)
        at += step
    found = [(now, left)]
    spent, rest = 0, list(hourly)
    for at in reversed(moments):
        at_ms = at.timestamp() * 1000
        while rest and rest[-1][0] >= at_ms:
            spent += rest.pop()[1]
        found.append((at, min(limit, left + spent)))
    return list(reversed(found))


def _ahead(
    line: "BudgetLine", hourly: Sequence[tuple[int, int]], now: datetime
) -> tuple[tuple[datetime, int] | None, bool, str]:
    """Where the pace leads (moment, nanos left), whether it runs out too soon, and the words for it."""
    begun, ends = _window(line.per, now)
    limit, used = text.nanos_of(line.limit), text.nanos_of(line.used)
    left = max(0, limit - used)
    if ends is not None:
        found = burn(line, now)
        if found is None or not left:
            return None, False, found.said if found is not None else ""
        if found.left_at_end > 0:
            return (ends, round(limit * found.left_at_end)), False, found.said
        return (begun + (now - begun) * (limit / used), 0), True, found.said
    week = sum(nanos for at_ms, nanos in hourly if at_ms >= (now - PACE).timestamp() * 1000)
    if week <= 0 or not left:
        return None, False, tr("used up") if not left else ""
    lasts = PACE * (left / week)
    if lasts <= BACK:
        return (now + lasts, 0), True, _out(now + lasts, now)
    words = tr("lasts {n} more days at last week's pace").format(n=text.number(lasts.days))
    return (now + BACK, left - round(week * (BACK / PACE))), False, words


def _out(out: datetime, now: datetime) -> str:
    if out <= now:
        return tr("used up")
    when = text.day(out.date().isoformat()) if out.date() != now.date() else f"{out:%H:%M}"
    return tr("used up {when} at this pace").format(when=when)


def _against(more: int) -> str:
    """What is left, against what an even pace would have left."""
    if abs(more) < USD_NANOS // 200:
        return tr("right on an even pace")
    if more > 0:
        return tr("{usd} above an even pace").format(usd=text.money(more))
    return tr("{usd} below an even pace").format(usd=text.money(-more))


def _moment(at: datetime, per: str) -> str:
    """A point's title: the clock within a day, day and clock within a week, else the day at its beginning."""
    day = text.day(at.date().isoformat())
    if per == "day":
        return f"{at:%H:%M}"
    return day if (at.hour, at.minute) == (0, 0) else f"{day} {at:%H:%M}"


def _ticks(per: str, begun: datetime, end: datetime) -> list[tuple[float, str]]:
    """Some five of them; the first stands at the beginning."""
    if per == "day":
        return [(hour / 24, f"{(begun + timedelta(hours=hour)):%H:%M}") for hour in (0, 6, 12, 18)]
    every = 1 if per == "week" else 7
    days = range(0, max(1, (end - begun).days), every)
    return [
        (timedelta(days=n) / (end - begun), text.day((begun + timedelta(days=n)).date().isoformat())) for n in days
    ]


def _window(per: str, now: datetime) -> tuple[datetime, datetime | None]:
    """Calendar windows in local time, as the ledger counts them."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "hour":
        begun = now.replace(minute=0, second=0, microsecond=0)
        return begun, begun + timedelta(hours=1)
    if per == "day":
        return midnight, midnight + timedelta(days=1)
    if per == "week":
        begun = midnight - timedelta(days=now.weekday())
        return begun, begun + timedelta(days=7)
    if per == "month":
        begun = midnight.replace(day=1)
        return begun, (begun + timedelta(days=32)).replace(day=1)
    return now, None
