"""What is worked out once a minute is worked out again when anything that it hangs on has changed."""

from dataclasses import replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest
from tests.unit.routing.scene import HAIKU, MINI, NOW_MS, OPUS, call, outline, roster, rules

from turnout.calls.client import Call, Client
from turnout.proxy.money.books import Books, Charge
from turnout.proxy.money.standings import Standings
from turnout.proxy.sessions import Live, Sessions
from turnout.routing import loops
from turnout.routing.facts import Roster, Standing
from turnout.routing.rulefile import read_rules
from turnout.routing.rules import RuleSet

DAY = '[[budget]]\nname = "day"\nscope = { client = "each" }\nusd = 5\nper = "day"\non_exceed = "refuse"\n'
HOUR = DAY.replace('"day"', '"hour"')


class Desk:
    """Standings over books and sessions of their own."""

    def __init__(self, text: str) -> None:
        self.books, self.sessions = Books(), Sessions()
        self.rules, self.roster = rules(text), roster()
        self.zone: tzinfo = UTC
        self.standings = Standings(self.books, self.sessions, lambda: self.zone)

    def live(self, id_: str = "s1", parent: str = "") -> Live:
        live = self.sessions.find(id_) or Live(id_, "ide", parent)
        self.sessions.adopt(live)
        return live

    def of(self, asked: Call | None = None, at_ms: int = NOW_MS, live: Live | None = None) -> tuple[Standing, ...]:
        present = self.standings.present(at_ms, self.rules, self.roster)
        return self.standings.budgets(asked or call(), live or self.live(), present)

    def keys(self, asked: Call | None = None, at_ms: int = NOW_MS, live: Live | None = None) -> list[str]:
        return [one.key for one in self.of(asked, at_ms, live)]


def test_what_is_spent_held_and_added_shows_in_the_very_next_standing() -> None:
    desk = Desk(DAY)
    before = desk.of()[0]
    desk.books.hold("c1", (Charge(before.key, "usd", 300),))
    assert desk.of()[0].used == 300
    desk.books.added[before.key] = 70
    assert desk.of()[0].limit == before.limit + 70
    live = desk.live()
    live.raised[before.key] = 5
    assert desk.of()[0].limit == before.limit + 75


def test_a_new_minute_may_begin_a_new_window() -> None:
    desk = Desk(HOUR)
    first = desk.keys()
    assert desk.keys(at_ms=NOW_MS + 59_999) == first
    assert desk.keys(at_ms=NOW_MS + 3_600_000) != first
    assert desk.keys() == first


def test_rules_read_anew_count_at_once() -> None:
    desk = Desk(DAY)
    assert desk.of()[0].budget.name == "day"
    desk.rules = rules(HOUR)
    assert [one.budget.name for one in desk.of()] == ["hour"]
    desk.rules = read_rules("")
    assert desk.of() == ()


def test_another_time_zone_has_another_day_at_once() -> None:
    desk = Desk(DAY)
    late = NOW_MS + 11 * 3_600_000
    here = desk.keys(at_ms=late)
    desk.zone = ZoneInfo("Asia/Tokyo")
    assert desk.keys(at_ms=late) != here


def test_a_model_that_joins_a_tier_has_its_bucket_at_once() -> None:
    desk = Desk(DAY.replace('client = "each"', 'model = "each"'))
    desk.roster = roster(high=(OPUS,), fast=(HAIKU,), local=())
    assert [one.scope for one in desk.of()] == [OPUS.name, HAIKU.name]
    desk.roster = roster(high=(OPUS,), fast=(HAIKU, MINI), local=())
    assert [one.scope for one in desk.of()] == [OPUS.name, HAIKU.name, MINI.name]


@pytest.mark.parametrize("scope", ["client", "developer", "department", "project"])
def test_every_caller_has_its_own_bucket_however_often_others_called(scope: str) -> None:
    desk = Desk(DAY.replace("client", scope))
    callers = [
        call(client=Client(f"c{n}", f"d{n}", "p"), developer=f"dev{n}", project=f"proj{n}", outline=outline())
        for n in range(3)
    ]
    keys = [desk.keys(one) for one in callers]
    assert len({tuple(one) for one in keys}) == 3
    assert [desk.keys(one) for one in callers] == keys


@pytest.mark.parametrize("text", [DAY.replace("client", "session"), DAY.replace('per = "day"', 'per = "session"')])
def test_sessions_do_not_share_a_bucket_of_their_own(text: str) -> None:
    desk = Desk(text)
    assert desk.keys(call(session="s1")) != desk.keys(call(session="s2"), live=desk.live("s2"))


def test_a_subagents_calls_count_in_the_bucket_of_the_trees_top() -> None:
    desk = Desk(DAY.replace("client", "session_tree"))
    top, below = desk.live("s1"), desk.live("s2", parent="s1")
    alone = desk.live("s3")
    mine = desk.keys(call(session="s1"), live=top)
    assert desk.keys(call(session="s2", parent_session="s1"), live=below) == mine
    assert desk.keys(call(session="s3"), live=alone) != mine
    alone.parent = "s1"
    assert desk.keys(call(session="s3"), live=alone) == mine


def test_what_is_kept_of_a_minute_is_bounded() -> None:
    desk = Desk(DAY.replace("client", "project"))
    for n in range(2_500):
        desk.keys(call(project=f"p{n}"))
    assert len(desk.standings.present(NOW_MS, desk.rules, desk.roster).buckets) <= 1_000


def test_a_caller_with_an_endless_name_is_not_kept() -> None:
    desk = Desk(DAY.replace("client", "project"))
    keys = desk.keys(call(project="p" * 100_000))
    assert desk.keys(call(project="p" * 100_000)) == keys
    assert desk.standings.present(NOW_MS, desk.rules, desk.roster).buckets == {}


def test_a_loop_over_a_client_counts_its_other_sessions_too() -> None:
    desk = Desk("")
    together = '[[loop]]\nscope = { client = "each" }\nturns = 5\n'
    for id_ in ("s1", "s2"):
        live = desk.live(id_)
        live.last_at_ms, live.loop = NOW_MS, loops.observe(None, call(session=id_), NOW_MS)
    assert [_turns(desk, one) for one in (desk.rules, rules(together))] == [0, 1]


def _turns(desk: Desk, of: RuleSet, known: Roster | None = None) -> int:
    present = desk.standings.present(NOW_MS, of, known or desk.roster)
    return desk.standings.loops(call(), desk.live(), present)[0].turns


def test_facts_tell_the_minute_in_the_users_zone() -> None:
    desk = Desk("")
    desk.zone = ZoneInfo("Europe/Berlin")
    present = desk.standings.present(NOW_MS + 59_000, desk.rules, desk.roster)
    assert f"{present.now:%H:%M:%S %Z}" == "12:00:00 CET"
    assert desk.standings.present(NOW_MS, desk.rules, desk.roster) is present
    assert desk.standings.present(NOW_MS, replace(desk.rules), desk.roster) is not present
