"""The wall clock jumps under a running proxy (I13): no window renews twice, no spend is given back, no duration is negative."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, ROOT, Answered, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.record import CallRecord
from turnout.calls.units import Status

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 24, 12, 10, tzinfo=BERLIN)
COST = Decimal("0.0028")
"""Of one call: 1,000 tokens at $2 and 100 at $8 a million."""


def budgets(*periods: str) -> str:
    """One budget a period, each good for three calls."""
    return BY_MODEL + "".join(
        f'[[budget]]\nname = "a {per}"\nscope = {{ client = "each" }}\nusd = 0.0085\nper = "{per}"\non_exceed = "refuse"\n'
        for per in periods
    )


class Shifted:
    """A proxy in Berlin whose clock the test sets."""

    def __init__(self, serve: Serve, engine: Engine, place: Path, rules: str, start: datetime = NOON) -> None:
        self.file = place / "shift"
        self.set(start)
        path = (str(ROOT / "tests" / "support" / "shifted"), str(ROOT / "app"), str(ROOT))
        self.environment = {"PYTHONPATH": os.pathsep.join(path), "SHIFTED_BY": str(self.file), "TZ": "Europe/Berlin"}
        engine.say(Script(tokens=Tokens(1_000, 100)))
        self.turnout: Turnout = serve(settings=four_vendors(engine.url), rules=rules, environment=self.environment)

    def set(self, to: datetime) -> None:
        """From now on it is this moment, and goes on from there."""
        moved = self.file.with_suffix(".new")
        moved.write_text(str(round(to.timestamp() - time.time())))
        moved.replace(self.file)

    def paid(self) -> Answered:
        return self.turnout.chat("Say it.", model="openai/scripted", max_tokens=100)

    def used(self) -> dict[str, Decimal]:
        """What was spent in the windows of the present moment, by period."""
        return {str(line["per"]): Decimal(str(line["used"])) for line in self.turnout.control.budgets()}

    def rows(self, count: int) -> list[CallRecord]:
        return self.turnout.settled(count)


def test_i13_a_clock_set_back_a_year_gives_nothing_back_and_takes_nothing(
    engine: Engine, serve: Serve, tmp_path: Path
) -> None:
    shifted = Shifted(serve, engine, tmp_path, budgets("day", "ever"))
    assert [shifted.paid().status for _ in range(2)] == [200, 200]
    shifted.rows(2)
    shifted.set(NOON - timedelta(days=365))
    # That day has a window of its own; the budget without one goes on.
    assert [shifted.paid().status for _ in range(2)] == [200, 400]
    shifted.set(NOON)
    assert [shifted.paid().status for _ in range(2)] == [400, 400]
    used = shifted.used()
    assert (used["day"], used["ever"]) == (2 * COST, 3 * COST)
    rows = shifted.rows(6)
    assert all(0 <= row.duration_ms < 60_000 and row.cost >= 0 for row in rows)


def test_i13_a_midnight_that_comes_twice_renews_a_budget_once(engine: Engine, serve: Serve, tmp_path: Path) -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=BERLIN)
    shifted = Shifted(serve, engine, tmp_path, budgets("day"), late)
    statuses = []
    for hours in (0, 2, 0, 2, 0, 26, 2):
        shifted.set(late + timedelta(hours=hours))
        statuses.append([shifted.paid().status for _ in range(4)])
    full, over = [200, 200, 200, 400], [400] * 4
    assert statuses == [full, full, over, over, over, full, over]
    assert shifted.used()["day"] == 3 * COST


@pytest.mark.parametrize(
    ("moments", "hours", "whole_day"),
    [
        # The clock goes back at 03:00: half past two comes twice, in two hours of one day of 25.
        (("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"), 2, "2026-10-25T23:00:00.000Z"),
        # It goes forward at 02:00: half past one and half past three are an hour apart, in a day of 23.
        (("2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00"), 2, "2026-03-29T22:00:00.000Z"),
    ],
    ids=["summer ends", "summer begins"],
)
def test_i13_the_hours_of_a_day_that_is_not_24_long_are_real_ones(
    engine: Engine, serve: Serve, tmp_path: Path, moments: tuple[str, str], hours: int, whole_day: str
) -> None:
    first, second = (datetime.fromisoformat(one) for one in moments)
    rules = budgets("hour", "day").replace(
        'name = "a day"\nscope = { client = "each" }\nusd = 0.0085',
        'name = "a day"\nscope = { client = "each" }\nusd = 1',
    )
    shifted = Shifted(serve, engine, tmp_path, rules, first)
    assert [shifted.paid().status for _ in range(4)] == [200, 200, 200, 400]
    shifted.set(second)
    assert [shifted.paid().status for _ in range(4)] == [200, 200, 200, 400]
    used = shifted.used()
    assert (used["hour"], used["day"]) == (3 * COST, hours * 3 * COST)
    (day,) = (line for line in shifted.turnout.control.budgets() if line["per"] == "day")
    assert day["renews_at"] == whole_day


@pytest.mark.parametrize("hours", [-24 * 365, -1, 5, 30], ids=["a year back", "an hour back", "ahead", "over midnight"])
def test_i13_a_jump_in_the_middle_of_a_call_settles_it_where_it_was_held(
    engine: Engine, serve: Serve, tmp_path: Path, hours: int
) -> None:
    shifted = Shifted(serve, engine, tmp_path, budgets("day", "hour"))
    engine.say(Script(tokens=Tokens(1_000, 100), hold_after=3))
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(shifted.turnout.chat, "Say it.", model="openai/scripted", stream=True, max_tokens=100)
        engine.wait_calls(1)
        shifted.set(NOON + timedelta(hours=hours))
        assert shifted.turnout.control.status().in_flight == 1
        engine.release()
        assert b"[DONE]" in streamed.result(60).body
    (row,) = shifted.rows(1)
    assert (row.status, row.estimated) == (Status.SETTLED, False)
    assert 0 <= row.duration_ms < 60_000
    assert row.first_byte_ms is not None
    assert 0 <= row.first_byte_ms <= row.duration_ms
    assert all("2026-11-24" in key for key in row.buckets)
    shifted.set(NOON)
    assert shifted.used() == {"day": COST, "hour": COST}
    assert shifted.turnout.control.status().open_holds == 0


def test_i13_a_restart_under_a_clock_that_is_a_year_behind_forgets_no_spend(
    engine: Engine, serve: Serve, tmp_path: Path
) -> None:
    shifted = Shifted(serve, engine, tmp_path, budgets("day", "ever"))
    token = shifted.turnout.token
    assert [shifted.paid().status for _ in range(3)] == [200] * 3
    shifted.rows(3)
    shifted.turnout.stop()
    shifted.set(NOON - timedelta(days=365))
    with Turnout(shifted.turnout.home, environment=shifted.environment) as again:
        asked = again.chat("Go on.", model="openai/scripted", max_tokens=100, token=token)
        assert (asked.status, asked.header("x-turnout-refusal")) == (400, "turnout_budget")
        shifted.set(NOON)
        assert {Decimal(str(line["used"])) for line in again.control.budgets()} == {3 * COST}
