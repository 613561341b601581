"""What a call is compared with follows the roster in force."""

from dataclasses import replace

from tests.unit.routing.scene import HAIKU, MINI, OPUS, roster

from turnout.calls.units import Tier
from turnout.proxy.money.worth import Worth
from turnout.proxy.roster import Catalogue, ModelFacts
from turnout.routing.facts import Roster
from turnout.settings.model import Settings

NOTHING_KNOWN = Catalogue(lambda provider, model: None, lambda provider: None, lambda provider, model: ModelFacts())


class Desk:
    def __init__(self, present: Roster) -> None:
        self.roster = present
        self.worth = Worth(lambda: self.roster, Settings, NOTHING_KNOWN)


def test_all_fast_is_reckoned_for_the_first_in_the_tier_that_has_a_price() -> None:
    assert Desk(roster(fast=(replace(HAIKU, price=None), MINI))).worth.fast() is MINI


def test_another_roster_has_another_fast_model() -> None:
    desk = Desk(roster(fast=(HAIKU, MINI)))
    before = desk.worth.fast()
    desk.roster = roster(fast=(MINI, HAIKU))
    assert (before, desk.worth.fast()) == (HAIKU, MINI)


def test_a_roster_without_a_fast_tier_has_no_fast_model_though_the_one_before_had() -> None:
    desk = Desk(roster())
    desk.worth.fast()
    desk.roster = roster(fast=())
    assert desk.worth.fast() is None


def test_a_model_outside_the_tiers_counts_as_fast_while_it_costs_little_beside_the_fast_price() -> None:
    desk = Desk(roster(fast=(HAIKU,)))
    asked = replace(OPUS, tier=None, price=MINI.price)
    before = desk.worth.tier_of(asked)
    desk.roster = roster(fast=())
    assert (before, desk.worth.tier_of(asked)) == (Tier.FAST, Tier.HIGH)
