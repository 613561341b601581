"""Owned hardware in `spend` and `models list`: by the calendar, next to the electricity of calls and what the cloud would take."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.ledger.made import AT_MS, settled

from turnout.calls.units import Nanos, Tier, Tokens
from turnout.calls.usage import Usage
from turnout.cli.owned import Owned, owned
from turnout.ledger.entries import write_settled
from turnout.ledger.reader import Reader
from turnout.ledger.recover import recover
from turnout.ledger.schema import connect

SETTINGS = """
[providers.openai]
base_url = "https://api.openai.com/v1"
[providers.local]
dialect = "ollama"
base_url = "http://127.0.0.1:1"
key = "none"
sovereign = true
[tiers]
fast = ["openai/gpt-5-mini"]
local = ["local/qwen3-coder:30b"]
[prices."local/*"]
watts = 320
usd_per_kwh = 0.30
hardware_usd = 2400
hardware_months = 36
"""
DAY_MS = 86_400_000


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setenv("TURNOUT_HOME", str(tmp_path))
    (tmp_path / "turnout.toml").write_text(SETTINGS)
    (tmp_path / "turnout.toml").chmod(0o600)
    ledger = tmp_path / "data" / "ledger.db"
    ledger.parent.mkdir(mode=0o700)
    recover(ledger)
    return Reader(ledger)


def _put(reader: Reader, *, count: int, busy_ms: int, energy: int, **more: Any) -> None:
    db = connect(reader.path)
    usage = Usage(Tokens(1_000_000), output=Tokens(100_000))
    here: dict[str, Any] = {"provider": "local", "model": "qwen3-coder:30b", "tier": Tier.LOCAL}
    here |= {"cost": 0, "usage": usage} | more
    for number in range(count):
        write_settled(db, settled(number, busy_ms=busy_ms, energy=Nanos(energy), **here))
    db.commit()
    db.close()


def _found(reader: Reader) -> Owned:
    one, *rest = owned(reader, AT_MS, AT_MS + 30 * DAY_MS)
    assert not rest
    return one


def test_hardware_is_booked_by_the_calendar_whether_it_worked_or_not(reader: Reader) -> None:
    month = _found(reader)
    assert (month.calls, month.energy) == (0, 0)
    # 2,400 dollars over 36 months of 30.4375 days, for 30 days.
    assert month.booked == pytest.approx(65.7084 * 1e9, rel=1e-6)
    assert month.month == pytest.approx(66.6667 * 1e9, rel=1e-6)


def test_utilisation_electricity_and_the_break_even_point_against_the_cloud(reader: Reader) -> None:
    # Ten calls of 1.1 million tokens, an hour each: at gpt-5-mini $0.25 and $0.20 a call, here 9.6 cents of electricity.
    _put(reader, count=10, busy_ms=3_600_000, energy=96_000_000)
    month = _found(reader)
    assert month.busy_s == 36_000
    assert month.doc()["utilisation"] == pytest.approx(36_000 / (30 * 86_400), rel=1e-3)
    assert (month.cloud, month.cloud_cost) == ("openai/gpt-5-mini", 4_500_000_000)
    # 66.67 dollars a month at 35.4 cents saved a call of 1.1 million tokens.
    assert month.pays_from == pytest.approx(66.6667 / 0.354 * 1_100_000, rel=1e-4)
    assert month.tokens_a_month == pytest.approx(11_000_000 * 30.4375 / 30, rel=1e-3)
    said = " ".join(month.lines())
    assert "openai/gpt-5-mini" in said
    assert "Owning pays from 207," in said


def test_a_machine_whose_electricity_costs_more_than_the_cloud_never_pays(reader: Reader) -> None:
    _put(reader, count=1, busy_ms=3_600_000, energy=600_000_000)
    assert _found(reader).pays_from is None
    assert "never pays" in " ".join(_found(reader).lines())


def test_what_a_cloud_provider_did_is_not_booked_on_the_machine(reader: Reader) -> None:
    _put(reader, count=3, busy_ms=0, energy=0, provider="openai", model="gpt-5", cost=1)
    assert _found(reader).calls == 0


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="no zones to set")
def test_without_a_since_the_span_begins_with_the_first_day_that_has_a_call(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TZ", "UTC")
    time.tzset()
    _put(reader, count=1, busy_ms=1, energy=1)
    midnight = AT_MS - AT_MS % DAY_MS
    assert owned(reader, 0, midnight + 2 * DAY_MS)[0].span_s == 2 * 86_400
