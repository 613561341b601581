"""A budget in the form and in rules.toml, as values."""

from dataclasses import replace
from decimal import Decimal

import pytest

from turnout.desktop.models import rulesdoc
from turnout.desktop.models.budgets import (
    PERIODS,
    SCOPES,
    Draft,
    amount,
    amount_of,
    draft_of,
    keys,
    limit_words,
    scope,
    wrong,
)
from turnout.routing.rulefile import read_rules
from turnout.routing.rules import Budget

DRAFT = Draft("a day's work", "5.00")


def written(draft: Draft, before: str = "") -> Budget:
    """As it comes back from the file."""
    text = rulesdoc.with_budget(before, draft.name, keys(draft), scope(draft))
    return next(one for one in read_rules(text).budgets if one.name == draft.name)


@pytest.mark.parametrize("chosen", SCOPES)
@pytest.mark.parametrize("unit", ["usd", "credits", "calls", "tokens"])
def test_what_is_saved_is_what_the_form_shows_again(chosen: str, unit: str) -> None:
    draft = replace(DRAFT, scope=chosen, unit=unit, amount="12.50" if unit == "usd" else "1250")
    assert draft_of(written(draft)) == draft


@pytest.mark.parametrize("per", PERIODS)
def test_every_period_of_the_rules_can_be_edited_without_becoming_another(per: str) -> None:
    assert draft_of(written(replace(DRAFT, per=per))).per == per


def test_another_unit_takes_the_place_of_the_old_one() -> None:
    before = rulesdoc.with_budget("", DRAFT.name, keys(DRAFT), scope(DRAFT))
    after = written(replace(DRAFT, unit="calls", amount="40"), before)
    assert (after.unit, after.limit) == ("calls", 40)


def test_a_budget_for_one_can_become_one_for_everything() -> None:
    one = replace(DRAFT, scope="department", who="platform")
    before = rulesdoc.with_budget("", one.name, keys(one), scope(one))
    assert written(one).who == "platform"
    assert written(replace(one, scope="all"), before).scope == "all"


@pytest.mark.parametrize(("typed", "read"), [("$5", "5"), ("5,50", "5.50"), ("1,250.00", "1250.00"), (" 7 ", "7")])
def test_amounts_are_read_as_people_write_them(typed: str, read: str) -> None:
    assert amount_of(replace(DRAFT, amount=typed)) == Decimal(read)


@pytest.mark.parametrize("typed", ["", "five", "-1", "1e99", "NaN", "inf", "5.0.0"])
def test_what_is_no_amount_is_said_at_its_field(typed: str) -> None:
    assert "amount" in wrong(replace(DRAFT, amount=typed))


def test_calls_are_whole_and_a_name_is_needed_once() -> None:
    assert "amount" in wrong(replace(DRAFT, unit="calls", amount="2.5"))
    assert "name" in wrong(replace(DRAFT, name="  "))
    assert "name" in wrong(DRAFT, [DRAFT.name])
    assert wrong(DRAFT) == {}


def test_credits_are_said_as_credits() -> None:
    budget = written(replace(DRAFT, unit="credits", amount="500"))
    assert limit_words(budget) == "500 credits"
    assert amount("4.31", "usd", credits=True) == "431"
    assert amount("4.31", "usd") == "$4.31"
    assert amount("12000", "tokens") == "12,000"
