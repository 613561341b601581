import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.unit.ledger.made import AT_MS, held, settled

from turnout.calls.record import CallRecord
from turnout.calls.units import Nanos, Status, Tier
from turnout.ledger.callfilter import CallFilter
from turnout.ledger.entries import write_hold, write_settled
from turnout.ledger.reader import Reader
from turnout.ledger.schema import connect
from turnout.ledger.writer import Writer

HOUR = 3_600_000


def _ledger(path: Path, records: list[CallRecord], holds: list[CallRecord] | None = None) -> Reader:
    db = connect(path)
    db.execute("BEGIN")
    for record in records:
        write_settled(db, record)
    for record in holds or []:
        write_hold(db, record)
    db.execute("COMMIT")
    db.close()
    return Reader(path)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    name: str = request.param
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield name
    monkeypatch.undo()
    time.tzset()


def test_a_ledger_that_is_not_there_yet_has_empty_answers(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "ledger.db")
    assert (reader.calls(), reader.call("x"), reader.spend("tier"), reader.series(), reader.clients()) == (
        [],
        None,
        [],
        [],
        [],
    )
    assert (reader.count(), reader.open_holds(), reader.data_version(), reader.bucket_spend()) == (0, 0, 0, {})
    assert not (tmp_path / "ledger.db").exists()


def test_calls_come_newest_first_with_those_under_way_on_top(tmp_path: Path) -> None:
    reader = _ledger(tmp_path / "l.db", [settled(n) for n in range(5)], [held(9)])
    assert [record.id[-1] for record in reader.calls(4)] == ["9", "4", "3", "2"]


def test_pages_follow_each_other_without_gap_or_overlap(tmp_path: Path) -> None:
    same_moment = [settled(n, at_ms=AT_MS) for n in range(7)]
    reader = _ledger(tmp_path / "l.db", same_moment)
    seen: list[str] = []
    before = None
    while page := reader.calls(3, before):
        seen += [record.id for record in page]
        before = (page[-1].at_ms, page[-1].id)
    assert seen == sorted((record.id for record in same_moment), reverse=True)
    assert [r.id for r in reader.calls(2, skip=3, where=CallFilter())] == seen[3:5]


def test_a_call_is_found_by_the_beginning_of_its_id_when_only_one_has_it(tmp_path: Path) -> None:
    reader = _ledger(tmp_path / "l.db", [settled(1, id="abc1"), settled(2, id="abd1"), settled(3, id="abd12")])
    assert [getattr(reader.call(name), "id", None) for name in ("abc", "ab", "abd1", "", "zz")] == [
        "abc1",
        None,
        "abd1",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (CallFilter(client="zed"), "2"),
        (CallFilter(tier="local"), "3"),
        (CallFilter(status="failed"), "4"),
        (CallFilter(model="qwen"), "3"),
        (CallFilter(text="_x%"), "5"),
        (CallFilter(since_ms=AT_MS + 4, until_ms=AT_MS + 5), "4"),
        (CallFilter(session="other", client="zed"), ""),
    ],
)
def test_calls_are_filtered(tmp_path: Path, where: CallFilter, expected: str) -> None:
    reader = _ledger(
        tmp_path / "l.db",
        [
            settled(1),
            settled(2, client="zed"),
            settled(3, tier=Tier.LOCAL, model="qwen"),
            settled(4, status=Status.FAILED),
            settled(5, rule="a_x%b"),
        ],
    )
    assert "".join(record.id[-1] for record in reader.calls(10, where=where)) == expected
    assert reader.count(where) == len(expected)


@pytest.mark.parametrize("by", ["tier", "model", "provider", "client", "developer", "department", "project"])
def test_spend_adds_up_to_the_total_however_it_is_split(tmp_path: Path, by: str) -> None:
    records = [
        settled(
            n,
            cost=n * 1_000,
            at_ms=AT_MS + n * 7 * HOUR,
            tier=list(Tier)[n % 3],
            model=f"m{n % 4}",
            client=f"c{n % 5}",
            developer=f"d{n % 2}",
            department=f"o{n % 3}",
            project="",
        )
        for n in range(60)
    ]
    reader = _ledger(tmp_path / "l.db", records)
    rows = reader.spend(by)
    assert sum(row.cost for row in rows) == sum(record.cost for record in records)
    assert sum(row.calls for row in rows) == 60
    assert [row.cost for row in rows] == sorted((row.cost for row in rows), reverse=True)
    assert reader.totals().baseline == sum(record.baseline for record in records)


def test_spend_by_anything_else_is_an_error_that_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tier, model"):
        Reader(tmp_path / "l.db").spend("id; DROP TABLE calls")


_ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago"]


@pytest.mark.parametrize("zone", _ZONES, indirect=True)
def test_days_are_the_users_own_also_when_they_have_23_or_25_hours(tmp_path: Path, zone: str) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    moments = [start + timedelta(minutes=20 * n) for n in range(24 * 3 * 60)]
    records = [settled(n, cost=1, at_ms=round(at.timestamp() * 1000)) for n, at in enumerate(moments)]
    reader = _ledger(tmp_path / "l.db", records)
    expected: dict[str, int] = {}
    for at in moments:
        day = at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d")
        expected[day] = expected.get(day, 0) + 1
    assert {row.name: row.calls for row in reader.spend("day")} == expected
    assert {day.day: day.calls["high"] for day in reader.series("tier")} == expected


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"], indirect=True)
@pytest.mark.parametrize(
    ("since_h", "until_h"), [(0, 0), (5, 6), (5, 29), (3, 100), (24, 48), (23, 25), (0, 50), (70, 0)]
)
def test_a_range_counts_its_hours_and_no_others(tmp_path: Path, zone: str, since_h: int, until_h: int) -> None:
    base = datetime(2026, 10, 24, tzinfo=ZoneInfo(zone))
    first = round(base.timestamp() * 1000)
    records = [settled(n, cost=1, at_ms=first + n * HOUR // 2 + 60_000) for n in range(240)]
    reader = _ledger(tmp_path / "l.db", records)
    since = first + since_h * HOUR if since_h else 0
    until = first + until_h * HOUR if until_h else 0
    expected = sum(1 for r in records if r.at_ms >= since and (not until or r.at_ms < until))
    for by in ("tier", "day"):
        assert sum(row.calls for row in reader.spend(by, since, until)) == expected
    assert sum(sum(day.calls.values()) for day in reader.series("tier", since, until)) == expected
    other = ZoneInfo("Asia/Tokyo")
    assert sum(row.calls for row in reader.spend("day", since, until, zone=other)) == expected


def test_the_hit_rate_of_the_intent_cache_is_in_the_sums_of_any_range(tmp_path: Path) -> None:
    told = ["fast", "cache", "cache", "", "none", "llm", "cache"]
    reader = _ledger(
        tmp_path / "l.db", [settled(n, at_ms=AT_MS + n * 40 * HOUR, graded_by=by) for n, by in enumerate(told)]
    )
    assert (reader.totals().graded, reader.totals().from_cache) == (5, 3)
    late = reader.totals(AT_MS + 3 * 40 * HOUR)
    assert (late.graded, late.from_cache) == (2, 1)
    assert [one.graded_by for one in reversed(reader.calls(10))] == told


def test_a_budgets_scope_is_read_by_the_hour(tmp_path: Path) -> None:
    records = [
        settled(n, cost=10 + n, at_ms=AT_MS + n * HOUR // 2, client="vim" if n % 2 else "zed", model="gpt-5")
        for n in range(6)
    ]
    reader = _ledger(tmp_path / "l.db", records)
    end = AT_MS + 10 * HOUR
    assert reader.hourly("all", "all", AT_MS, end) == [(AT_MS, 21), (AT_MS + HOUR, 25), (AT_MS + 2 * HOUR, 29)]
    assert reader.hourly("client", "vim", AT_MS, end) == [(AT_MS, 11), (AT_MS + HOUR, 13), (AT_MS + 2 * HOUR, 15)]
    assert reader.hourly("client", "vim", AT_MS + HOUR, AT_MS + 2 * HOUR) == [(AT_MS + HOUR, 13)]
    assert reader.hourly("model", "openai/gpt-5", AT_MS, end) == reader.hourly("model", "gpt-5", AT_MS, end)
    assert sum(cost for _, cost in reader.hourly("model", "gpt-5", AT_MS, end)) == 75
    assert reader.hourly("project", "none of the kind", AT_MS, end) == []
    with pytest.raises(ValueError, match="no dimension"):
        reader.hourly("session", "s1", AT_MS, end)


async def test_a_reader_never_holds_the_writer_up_and_sees_what_was_committed(tmp_path: Path) -> None:
    """I06"""
    writer = Writer(tmp_path / "l.db", asyncio.get_running_loop())
    reader = Reader(tmp_path / "l.db")
    before = reader.data_version()
    for number in range(50):
        await writer.held(held(number))
        writer.settle(settled(number))
        reader.calls(10)
    await writer.flush()
    assert reader.data_version() != before
    assert reader.totals().calls == 50
    writer.close()


def test_a_ledger_that_was_set_aside_is_not_read_on(tmp_path: Path) -> None:
    reader = _ledger(tmp_path / "l.db", [settled(1)])
    assert reader.count() == 1
    for name in ("l.db", "l.db-wal", "l.db-shm"):
        if (tmp_path / name).exists():
            (tmp_path / name).rename(tmp_path / f"aside-{name}")
    _ledger(tmp_path / "l.db", [settled(2), settled(3)])
    assert reader.count() == 2


async def test_retention_drops_old_calls_and_keeps_their_sums(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "l.db", asyncio.get_running_loop())
    day = 24 * HOUR
    for number in range(30):
        writer.settle(settled(number, at_ms=AT_MS - number * day))
    done = await writer.tidy(keep_days=10, max_mb=1_000, now_ms=AT_MS)
    reader = Reader(tmp_path / "l.db")
    assert done.calls == 19
    assert len(reader.calls(100)) == 11
    assert reader.totals().calls == 30
    assert all(record.attempts for record in reader.calls(100))
    writer.close()


async def test_a_ledger_over_its_size_loses_its_oldest_calls_only(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "l.db", asyncio.get_running_loop())
    for number in range(3_000):
        writer.settle(settled(number, note="x" * 1_000))
    await writer.flush()
    await writer.tidy(keep_days=400, max_mb=2, now_ms=AT_MS)
    await asyncio.to_thread(writer.close)
    reader = Reader(tmp_path / "l.db")
    left = reader.calls(5_000)
    assert 0 < len(left) < 2_500
    assert left[0].id == settled(2_999).id
    assert (tmp_path / "l.db").stat().st_size < 3_000_000
    assert reader.totals().calls == 3_000
    writer.close()


async def test_what_is_kept_for_a_while_only_goes_after_a_month(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "l.db", asyncio.get_running_loop())
    writer.keep("session", "old", 1, AT_MS - 40 * 24 * HOUR)
    writer.keep("session", "new", 1, AT_MS)
    writer.keep("thumb", "old", True, AT_MS - 40 * 24 * HOUR)
    await writer.tidy(keep_days=400, max_mb=1_000, now_ms=AT_MS)
    reader = Reader(tmp_path / "l.db")
    assert (reader.kept("session"), reader.kept("thumb")) == ({"new": 1}, {"old": True})
    writer.close()


def test_energy_and_overhead_come_back(tmp_path: Path) -> None:
    record = replace(
        settled(1), energy=Nanos(77), overhead=Nanos(5), difficulty=0.25, parent_session="p", disputed=True
    )
    assert _ledger(tmp_path / "l.db", [record]).call(record.id) == record


# --- large ledgers ---


@pytest.mark.parametrize("status", ["failed", "refused", "aborted"])
def test_a_rare_status_is_found_by_an_index_of_its_own(tmp_path: Path, status: str) -> None:
    db = connect(tmp_path / "ledger.db")
    for number in range(50):
        write_settled(db, settled(number, status=Status(status) if number == 7 else Status.SETTLED))
    clauses, values = CallFilter(status=status).clauses()
    plan = db.execute(
        f"EXPLAIN QUERY PLAN SELECT id FROM calls WHERE {' AND '.join(clauses)} ORDER BY at_ms DESC, id DESC LIMIT 100",
        values,
    ).fetchall()
    db.close()
    assert "calls_unusual" in str(plan)
    assert "TEMP B-TREE" not in str(plan)
    reader = Reader(tmp_path / "ledger.db")
    assert [one.id for one in reader.calls(100, where=CallFilter(status=status))] == [f"{7:020d}"]
    assert reader.count(CallFilter(status=status)) == 1
    assert reader.count(CallFilter(status=f"{status},settled")) == 50
    reader.close()


@pytest.mark.parametrize("name", ["tier", "client"])
def test_a_filter_by_tier_or_client_reads_its_index_in_order(tmp_path: Path, name: str) -> None:
    db = connect(tmp_path / "ledger.db")
    wanted: dict[str, Any] = {name: "high"}
    clauses, values = CallFilter(**wanted).clauses()
    sql = f"SELECT id FROM calls WHERE {' AND '.join(clauses)} ORDER BY at_ms DESC, id DESC LIMIT 100"
    plan = str(db.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())
    db.close()
    assert f"calls_{name}" in plan
    assert "TEMP B-TREE" not in plan


def test_calls_are_counted_from_a_place_downwards(tmp_path: Path) -> None:
    db = connect(tmp_path / "ledger.db")
    for number in range(20):
        write_settled(db, settled(number, project="needle" if number in (5, 15) else "hay"))
    db.close()
    reader = Reader(tmp_path / "ledger.db")
    found = reader.calls(100, where=CallFilter(text="needle"))
    assert reader.count(CallFilter(text="needle")) == len(found) == 2
    newest, oldest = ((one.at_ms, one.id) for one in found)
    assert reader.count(CallFilter(text="needle"), newest) == 2
    assert reader.count(CallFilter(text="needle"), oldest) == 1
    assert reader.count(None, oldest) == 6
    reader.close()
