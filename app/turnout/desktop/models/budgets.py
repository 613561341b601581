"""Budgets as people write and read them: a draft in a form, the keys it becomes in rules.toml, and the words of a line. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from turnout.calls.units import USD_NANOS
from turnout.control.messages import BudgetLine
from turnout.desktop import text
from turnout.desktop.text import tr
from turnout.routing.rules import Budget

SCOPES = ("client", "developer", "department", "project", "session", "session_tree", "model", "tier", "all")
PERIODS = ("day", "minute", "hour", "week", "month", "session", "ever")
ACTIONS = ("downgrade", "refuse", "ask")
UNITS = ("usd", "credits", "calls", "tokens")
NEAR, SPENT = 0.8, 1.0
"""Shares of a limit from which on a bar is amber and red."""
CENT = USD_NANOS // 100
"""A credit."""
MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form."""

    name: str = ""
    amount: str = ""
    unit: str = "usd"
    per: str = "day"
    scope: str = "client"
    who: str = ""
    """Empty: each."""
    on_exceed: str = "ask"


def draft_of(budget: Budget) -> Draft:
    unit = "credits" if budget.in_credits else budget.unit
    limit = Decimal(budget.limit)
    if unit == "usd":
        amount = f"{limit / USD_NANOS:.2f}" if budget.limit % CENT == 0 else f"{(limit / USD_NANOS).normalize():f}"
    elif unit == "credits":
        amount = f"{(limit / CENT).normalize():f}"
    else:
        amount = str(budget.limit)
    who = "" if budget.who == "each" else budget.who
    return Draft(budget.name, amount, unit, budget.per, budget.scope, who, budget.on_exceed)


def amount_of(draft: Draft) -> Decimal | None:
    """None: what was typed is no amount of that unit."""
    typed = draft.amount.strip().removeprefix("$").replace(" ", "")
    typed = typed.replace(",", ".") if typed.count(",") == 1 and "." not in typed else typed.replace(",", "")
    try:
        amount = Decimal(typed)
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount <= MOST:
        return None
    return amount if draft.unit in ("usd", "credits") or amount == amount.to_integral_value() else None


def wrong(draft: Draft, taken: Collection[str] = ()) -> dict[str, str]:
    """Field -> what is wrong with it; empty: it can be saved. `taken` are names a new one may not have."""
    found = {}
    if not draft.name.strip():
        found["name"] = tr("A budget needs a name.")
    elif "|" in draft.name:
        found["name"] = tr("A name cannot hold the sign |.")
    elif draft.name.strip() in taken:
        found["name"] = tr("There is a budget of this name already.")
    if amount_of(draft) is None:
        found["amount"] = (
            tr("Write dollars like 5.00.") if draft.unit in ("usd", "credits") else tr("Write a whole number.")
        )
    return found


def keys(draft: Draft) -> dict[str, float | int | str | None]:
    """The budget's keys in rules.toml; None takes one away. Raises ValueError for a draft that is `wrong`."""
    amount = amount_of(draft)
    if amount is None:
        raise ValueError(draft.amount)
    limit: dict[str, float | int | str | None] = dict.fromkeys(UNITS)
    whole = amount == amount.to_integral_value() and draft.unit != "usd"
    limit[draft.unit] = int(amount) if whole else float(amount)
    return limit | {"per": draft.per, "on_exceed": draft.on_exceed}


def scope(draft: Draft) -> tuple[str, str]:
    """Kind and who."""
    return draft.scope, "each" if draft.scope == "all" else draft.who.strip() or "each"


def scope_name(scope: str) -> str:
    names = {
        "client": tr("client"),
        "developer": tr("developer"),
        "department": tr("department"),
        "project": tr("project"),
        "session": tr("session"),
        "session_tree": tr("session and its subagents"),
        "tier": tr("tier"),
        "model": tr("model"),
        "all": tr("everything"),
    }
    return names.get(scope, scope)


def unit_name(unit: str) -> str:
    return {
        "usd": tr("dollars"),
        "credits": tr("credits (cents)"),
        "calls": tr("calls"),
        "tokens": tr("tokens"),
    }.get(unit, unit)


def action_words(action: str) -> str:
    return {
        "downgrade": tr("then: a cheaper tier"),
        "refuse": tr("then: refused"),
        "ask": tr("then: you are asked"),
    }.get(action, action)


def amount(value: str, unit: str, *, credits: bool = False) -> str:
    """A line's figure: dollars, credits or a count."""
    if unit != "usd":
        return text.number(int(value)) if value.isdigit() else value
    nanos = text.nanos_of(value)
    return text.number(round(nanos / CENT)) if credits else text.money(nanos, 2)


def limit_words(budget: Budget) -> str:
    if budget.in_credits:
        return tr("{n} credits").format(n=text.number(round(budget.limit / CENT)))
    if budget.unit == "usd":
        return text.money(budget.limit)
    return f"{text.number(budget.limit)} {unit_name(budget.unit)}"


def share_of(line: BudgetLine) -> tuple[float, float]:
    """What is used and what is held, as shares of the limit."""
    limit = text.nanos_of(line.limit)
    if limit <= 0:
        return (1.0, 0.0)
    return text.nanos_of(line.used) / limit, text.nanos_of(line.held) / limit


def stands(session: Mapping[str, object]) -> tuple[str, str]:
    """A session's state in a word, and the colour of its pill."""
    if session.get("waiting"):
        return tr("waiting"), "warn"
    return (tr("stopped"), "bad") if session.get("stopped") else (tr("live"), "good")
