"""Many calls in one commit: whatever way they are written, the ledger is the same."""

import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ledger.made import AT_MS, DAY, held, settled

from turnout.calls.record import CallRecord
from turnout.calls.units import Nanos, Status, Tier
from turnout.ledger.entries import all_settled, write_hold, write_holds, write_settled
from turnout.ledger.many import ForMany, marks
from turnout.ledger.schema import STEPS

TABLES = ("calls", "attempts", "rollups", "days", "spend", "holds")
KEYS = (DAY, "ever|all", "a third")


def empty() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for _, statements in STEPS:
        db.executescript(statements)
    return db


def contents(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {table: sorted(db.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 31, 33, 50])
def test_every_row_is_written_once_whatever_their_number(count: int) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (a, b)")
    ForMany("INSERT INTO t VALUES {}", marks(2)).execute(db, [(number, "x") for number in range(count)])
    assert db.execute("SELECT a, b FROM t ORDER BY a").fetchall() == [(number, "x") for number in range(count)]


_calls = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=3 * 86_400_000),
        st.sampled_from([Status.SETTLED, Status.FAILED, Status.REFUSED, Status.ABORTED]),
        st.sampled_from(["vim", "zed"]),
        st.sampled_from([*Tier, None]),
        st.integers(min_value=0, max_value=10**12),
        st.lists(st.sampled_from(KEYS), unique=True, max_size=3).map(tuple),
        st.sampled_from(["", "none", "fast", "cache"]),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(_calls)
def test_i22_calls_settled_together_add_up_to_what_they_do_one_by_one(drawn: list[tuple[object, ...]]) -> None:
    names = ("after_ms", "status", "client", "tier", "cost", "buckets", "graded_by", "estimated")
    records = []
    for number, values in enumerate(drawn):
        fields = dict(zip(names, values, strict=True))
        at_ms = AT_MS + int(str(fields.pop("after_ms")))
        records.append(settled(number, at_ms=at_ms, unpriced=number % 2 == 0, **fields))  # type: ignore[arg-type]
    together, alone = empty(), empty()
    all_settled(records, [])(together)
    for record in records:
        write_settled(alone, record)
    assert contents(together) == contents(alone)


@pytest.fixture
def zone(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="no time zone of a process's own")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe"], indirect=True)
@pytest.mark.usefixtures("zone")
def test_calls_settled_together_count_on_both_sides_of_the_users_midnight() -> None:
    midnight = AT_MS - AT_MS % 3_600_000
    while time.localtime(midnight / 1000)[3:6] != (0, 0, 0):
        midnight += 900_000
    db = empty()
    all_settled([settled(1, at_ms=midnight - 1), settled(2, at_ms=midnight), settled(3, at_ms=midnight + 1)], [])(db)
    assert [calls for (calls,) in db.execute("SELECT calls FROM days ORDER BY day")] == [1, 2]


def test_i03_one_that_is_there_already_breaks_the_whole() -> None:
    db = empty()
    write_settled(db, settled(2))
    with pytest.raises(sqlite3.IntegrityError):
        all_settled([settled(1), settled(2)], [])(db)


def _open(db: sqlite3.Connection) -> list[tuple[str, int]]:
    return db.execute("SELECT id, nanos FROM holds ORDER BY number").fetchall()


def test_only_the_holds_of_those_that_ended_go() -> None:
    db = empty()
    write_holds(db, [(number, held(number)) for number in range(1, 41)])
    all_settled([settled(number) for number in range(1, 39)], range(1, 39))(db)
    assert _open(db) == [(held(39).id, 10_000_000), (held(40).id, 10_000_000)]


def test_i22_holds_of_one_number_are_one_and_the_last_one_wins() -> None:
    db = empty()
    write_hold(db, held(1), 7)
    write_holds(db, [(7, held(1, hold=5)), (8, held(2))])
    assert _open(db) == [(held(1).id, 5), (held(2).id, 10_000_000)]


def test_holds_are_written_all_or_none() -> None:
    db = empty()
    no_text: CallRecord = replace(held(2), hold=Nanos(5))
    object.__setattr__(no_text, "at_ms", None)
    with pytest.raises(sqlite3.IntegrityError):
        write_holds(db, [(1, held(1)), (2, no_text)])
    assert _open(db) == []
    assert not db.in_transaction
