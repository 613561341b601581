"""Budgets: which buckets a call falls under, when they renew, whether a worst case fits, and what to say when it does not.

A bucket's key holds the budget's name, the scope's value and the window it counts for, written out ("2026-11-24"): it is
never "the current one". So a clock that is set back finds the bucket it filled before, with what was spent in it, and no
window renews twice; who keeps the sums must therefore keep them by key, at least until the ledger has them (each row
names its keys). Changing a budget's amount keeps what was spent; only another name, scope, unit or period starts anew.

Windows follow the user's own time zone: a day is from midnight to midnight, also when it has 23 or 25 hours; hours and minutes
are real ones, so the hour that a clock goes through twice is two windows.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from turnout.calls.client import Call
from turnout.calls.units import Housekeeping, Tier, Tokens
from turnout.calls.values import frozen
from turnout.errors import BudgetRefusal
from turnout.routing.facts import Candidate, Standing
from turnout.routing.money import dollars
from turnout.routing.rules import Budget

SCOPES = ("client", "developer", "department", "project", "session", "session_tree", "tier", "model", "all")
BY_STEP = frozenset({"tier", "model"})
"""Scopes whose budgets a call falls under or not by where it goes."""
PERIODS = ("minute", "hour", "day", "week", "month", "session", "ever")
UNITS = ("usd", "calls", "tokens")
FLOOR = Tokens(4_096)
"""Output is never clamped under this: a shorter answer than that is no answer."""


@frozen
class Window:
    label: str
    renews: datetime | None
    """None: never by the clock."""


@frozen
class Bucket:
    budget: Budget
    key: str
    scope: str
    """The scope's value."""
    renews: datetime | None


def window(per: str, now: datetime, session: str = "") -> Window:
    """`now` is aware, best with a zoneinfo zone: one of a fixed offset knows no summer time."""
    if per == "ever":
        return Window("ever", None)
    if per == "session":
        return Window(f"session {session}", None)
    if per in ("minute", "hour"):
        start = (
            now.replace(second=0, microsecond=0) if per == "minute" else now.replace(minute=0, second=0, microsecond=0)
        )
        length = timedelta(minutes=1) if per == "minute" else timedelta(hours=1)
        renews = (start.astimezone(UTC) + length).astimezone(now.tzinfo)
        return Window(f"{start:%Y-%m-%dT%H:%M%z}", renews)
    if per == "day":
        return Window(f"{now:%Y-%m-%d}", _midnight(now, days=1))
    if per == "week":
        monday = now - timedelta(days=now.weekday())
        return Window(f"week {monday:%Y-%m-%d}", _midnight(monday, days=7))
    if per == "month":
        year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
        return Window(f"{now:%Y-%m}", _real(datetime(year, month, 1, tzinfo=now.tzinfo)))
    raise ValueError(f"{per!r} is no period")


def _midnight(of: datetime, *, days: int) -> datetime:
    day = of.date() + timedelta(days=days)
    return _real(datetime(day.year, day.month, day.day, tzinfo=of.tzinfo))


def _real(local: datetime) -> datetime:
    """Where a zone skips midnight itself, the first instant there is after it."""
    return local.astimezone(UTC).astimezone(local.tzinfo)


def buckets(
    budgets: Iterable[Budget],
    call: Call,
    now: datetime,
    *,
    tree: str = "",
    models: Iterable[str] = (),
    windows: dict[str, Window] | None = None,
) -> tuple[Bucket, ...]:
    """All that this call can fall under. `tree` is the session tree's top (empty: the session itself); `windows` are those
    already worked out for this minute, by period, and takes up more.

    Tier budgets come for every tier, model budgets for the one they name or for each of `models` (`provider/model`): which of
    them a call is charged to depends on the step, and `applies` says so.
    """
    found: list[Bucket] = []
    spans = windows if windows is not None else {}
    for budget in budgets:
        for value in _values(budget, call, tree, models):
            if budget.who not in ("each", value):
                continue
            if budget.per == "session":
                # A tree's window is its top's, or every subagent would begin one of its own.
                span = window("session", now, value if budget.scope == "session_tree" else call.session)
            else:
                span = spans.get(budget.per) or spans.setdefault(budget.per, window(budget.per, now))
            found.append(Bucket(budget, key_of(budget, value, span), value, span.renews))
    return tuple(found)


def key_of(budget: Budget, value: str, span: Window) -> str:
    """`value` comes from outside (a project's name): it cannot pass for another part of the key."""
    return f"{budget.name}|{budget.scope}={_plain(value)}|{budget.unit}|{budget.per}|{_plain(span.label)}"


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ") if "|" in text or "\n" in text else text


def ended(key: str, now: datetime) -> bool:
    """Whether a window of minutes or hours is two days past: no clock is set back that far by accident. Days and longer ones are
    few, and stay."""
    parts = key.split("|")
    return len(parts) == 5 and parts[3] in ("minute", "hour") and parts[4][:10] < f"{now - timedelta(days=2):%Y-%m-%d}"


def _values(budget: Budget, call: Call, tree: str, models: Iterable[str]) -> Iterable[str]:
    scope = budget.scope
    if scope == "tier":
        return tuple(tier.value for tier in Tier)
    if scope == "model":
        return (budget.who,) if budget.who != "each" else tuple(models)
    return (scope_value(scope, call, tree),)


def scope_value(scope: str, call: Call, tree: str = "") -> str:
    """Whom a call counts for: the client's name, the session's id..."""
    if scope == "client":
        return call.client.name
    if scope == "developer":
        return call.developer
    if scope == "department":
        return call.client.department
    if scope == "project":
        return call.project
    if scope == "session":
        return call.session
    if scope == "session_tree":
        return tree or call.parent_session or call.session
    return "all"


def applies(standing: Standing, candidate: Candidate, tier: Tier | None) -> bool:
    """Whether a step to this model, for this tier, is charged to the bucket."""
    scope = standing.budget.scope
    if scope == "tier":
        return tier is not None and standing.scope == tier.value
    if scope == "model":
        return standing.scope in (candidate.name, candidate.model)
    return True


def is_free(call: Call) -> bool:
    """Counting tokens costs nothing and is no step of anything."""
    kind = call.outline.housekeeping
    return kind is not None and kind is Housekeeping.COUNT


def lacking(standing: Standing, *, nanos: int, tokens: int) -> bool:
    """Whether this worst case does not fit what is left."""
    unit = standing.budget.unit
    if unit == "usd":
        return nanos > standing.left
    if unit == "tokens":
        return tokens > standing.left
    return standing.left < 1


def short(standing: Standing, *, nanos: int, tokens: int) -> int:
    """What is missing for this worst case, in the budget's own unit."""
    return max(0, {"usd": nanos, "tokens": tokens}.get(standing.budget.unit, 1) - standing.left)


def amount(standing: Standing, value: int) -> str:
    """In the budget's own unit, for people."""
    unit = standing.budget.unit
    if unit == "usd":
        return f"{_credits(value)} credits" if standing.budget.in_credits else dollars(value)
    return f"{value:,} {unit if value != 1 else unit.removesuffix('s')}"


def _credits(nanos: int) -> str:
    """A cent each; parts of one as dollars are written, or a call that lacks half a credit would read as one that fits."""
    return dollars(nanos * 100).replace("$", "").removesuffix(".00")


def refusal(standing: Standing, *, nanos: int = 0, tokens: int = 0, cheaper_tried: bool = False) -> BudgetRefusal:
    """Names the budget, what is left, when it renews and what to do."""
    budget = standing.budget
    whose = (
        "everyone together"
        if budget.scope == "all"
        else f"{budget.scope.replace('_', ' ')} {standing.scope or '(none)'}"
    )
    needed = {"usd": nanos, "tokens": tokens}.get(budget.unit, 1)
    left, may_need = amount(standing, standing.left), amount(standing, needed)
    if left == may_need and standing.left < needed:
        may_need = f"a little more than {may_need}"
    said = f'Budget "{budget.name}" for {whose} has {left} of {amount(standing, standing.limit)} left and this call may need {may_need}.'
    if cheaper_tried:
        said += " No cheaper tier fits either."
    if standing.renews is not None:
        said += f" It renews at {standing.renews:%Y-%m-%d %H:%M %Z}."
    elif budget.per == "session":
        said += " It lasts for this session."
    else:
        said += " It does not renew by itself."
    where = f"{budget.scope}:{standing.scope}" if budget.scope != "all" else "all"
    hint = f"Raise it with `turnout budget credit '{where}' --add USD` or in the tray, ask for tier local, or wait until it renews."
    if budget.unit != "usd":
        hint = "Raise it in rules.toml, ask for tier local, or wait until it renews."
    if budget.unit == "calls" or (budget.scope == "tier" and standing.scope == "local"):
        hint = hint.replace("ask for tier local, ", "")
    if standing.renews is None:
        hint = hint.replace(", or wait until it renews", "")
    return BudgetRefusal(said, hint=hint)


def strictest(standings: Sequence[Standing]) -> Standing:
    """Of several that a call does not fit: refuse before ask before downgrade; then the one with least left."""
    order = {"refuse": 0, "ask": 1, "downgrade": 2}
    return min(standings, key=lambda one: (order.get(one.budget.on_exceed, 0), one.left))
