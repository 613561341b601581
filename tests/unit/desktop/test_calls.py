"""The table of calls over a real ledger: any length, searched as one types, still while calls come in."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QDate, QDateTime, Qt, QTime
from pytestqt.qtbot import QtBot
from tests.support.records import NOON_MS, settled

from turnout.calls.record import CallRecord
from turnout.calls.units import Grade, Nanos, Status, Tier, Tokens
from turnout.calls.usage import Usage
from turnout.desktop import text
from turnout.desktop.models.calls import CLIENT, COST, GRADE, RECORD, TIER, TOKENS, TOOK, WHY, CallsModel, cell
from turnout.desktop.sources import Ledger, LedgerFile, Search
from turnout.desktop.tasks import Lane
from turnout.ledger.writer import Writer

Write = Callable[[list[CallRecord]], None]


def numbered(n: int, **changes: object) -> CallRecord:
    return settled(**{"id": f"c{n:05d}", "at_ms": NOON_MS + n, "client": f"client-{n % 3}", **changes})


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(records: list[CallRecord]) -> None:
        async def run() -> None:
            writer = Writer(tmp_path / "ledger.db", asyncio.get_running_loop())
            for record in records:
                writer.settle(record)
            await writer.flush()
            writer.close()

        asyncio.run(run())

    return write


@pytest.fixture
def model(tmp_path: Path, qtbot: QtBot) -> Iterator[CallsModel]:
    lanes: list[Lane[Ledger]] = [
        Lane(name, lambda: LedgerFile(tmp_path / "ledger.db"), lambda ledger: ledger.close()) for name in ("a", "b")
    ]
    yield CallsModel(*lanes)
    for lane in lanes:
        lane.end()


def column(model: CallsModel, which: int) -> list[object]:
    return [model.data(model.index(row, which)) for row in range(model.rowCount())]


def loaded(qtbot: QtBot, model: CallsModel, search: Search | None = None) -> None:
    with qtbot.waitSignal(model.loaded, timeout=20_000):
        model.reload(search)
    qtbot.waitUntil(lambda: model.counted, timeout=20_000)


def test_a_ledger_that_is_not_there_yet_has_no_rows_and_no_problem(model: CallsModel, qtbot: QtBot) -> None:
    loaded(qtbot, model)
    assert (model.rowCount(), model.problem) == (0, "")


def test_rows_are_newest_first_and_further_pages_come_when_they_are_looked_at(
    model: CallsModel, write: Write, qtbot: QtBot
) -> None:
    write([numbered(n) for n in range(450)])
    loaded(qtbot, model)
    assert model.rowCount() == 450
    assert model.data(model.index(0, 0), RECORD).id == "c00449"
    last = model.index(449, CLIENT)
    assert model.data(last) == ""
    assert model.data(last, Qt.ItemDataRole.AccessibleTextRole) == "Loading"
    qtbot.waitUntil(lambda: bool(model.data(last)), timeout=20_000)
    assert model.data(last, RECORD).id == "c00000"
    assert model.data(last, Qt.ItemDataRole.AccessibleTextRole) == "Client: client-0"


def test_pages_read_from_either_end_of_the_ledger_join_without_a_seam(
    model: CallsModel, write: Write, qtbot: QtBot
) -> None:
    write([numbered(n) for n in range(450)])
    loaded(qtbot, model)
    qtbot.waitUntil(lambda: all(model.data(model.index(n, 0), RECORD) for n in range(450)), timeout=20_000)
    assert [model.data(model.index(n, 0), RECORD).id for n in range(450)] == [f"c{n:05d}" for n in range(449, -1, -1)]


def test_a_search_by_text_tier_and_outcome_finds_those_alone(model: CallsModel, write: Write, qtbot: QtBot) -> None:
    write(
        [
            *(numbered(n) for n in range(30)),
            numbered(30, tier=Tier.HIGH, status=Status.FAILED, error="cut", rule="rare rule"),
        ]
    )
    loaded(qtbot, model, Search("client-1"))
    assert set(column(model, CLIENT)) == {"client-1"}
    assert model.rowCount() == 10
    loaded(qtbot, model, Search(tier=Tier.HIGH))
    assert column(model, WHY) == ["cut"]
    loaded(qtbot, model, Search(status=Status.FAILED))
    assert model.rowCount() == 1
    loaded(qtbot, model, Search("rare"))
    assert model.rowCount() == 1
    loaded(qtbot, model, Search("no such thing"))
    assert model.rowCount() == 0


def test_calls_that_come_in_stand_on_top_and_move_nothing_below(model: CallsModel, write: Write, qtbot: QtBot) -> None:
    write([numbered(n) for n in range(5)])
    loaded(qtbot, model)
    before = column(model, CLIENT)
    write([numbered(n) for n in range(5, 8)])
    with qtbot.waitSignal(model.rowsInserted, timeout=20_000) as inserted:
        model.refresh()
    assert inserted.args is not None
    assert inserted.args[1:] == [0, 2]
    assert column(model, CLIENT)[3:] == before
    assert [model.data(model.index(row, 0), RECORD).id for row in range(3)] == ["c00007", "c00006", "c00005"]
    assert (model.row_of("c00006"), model.row_of("c00000"), model.row_of("none")) == (1, 7, -1)


def test_every_cell_says_itself_in_one_line() -> None:
    call = settled(
        client="a\nb",
        grade=Grade.LOW,
        reason="grade LOW: rename",
        usage=Usage(uncached=Tokens(12_000), output=Tokens(80)),
        cost=Nanos(1_230_000),
        duration_ms=1_500,
    )
    said = [cell(call, which) for which in (CLIENT, WHY, GRADE, TIER, TOKENS, COST, TOOK)]
    assert said == ["a b", "rename", "Low", "Local", "12,000 → 80", "$0.0012", "1.5 s"]


@pytest.mark.parametrize(
    ("changes", "cost", "took"),
    [
        ({"status": Status.RUNNING}, "–", "Running"),
        ({"unpriced": True}, "unpriced", "900 ms"),
        ({}, "Free", "900 ms"),
        ({"tier": None, "status": Status.REFUSED}, "–", "900 ms"),
        ({"cost": Nanos(2_500_000_000)}, "$2.50", "900 ms"),
        ({"cost": Nanos(10)}, "< $0.0001", "900 ms"),
    ],
)
def test_no_call_that_cost_something_is_shown_as_free(changes: dict[str, object], cost: str, took: str) -> None:
    call = settled(**changes)
    assert (cell(call, COST), cell(call, TOOK)) == (cost, took)


def test_a_ledger_that_cannot_be_read_is_said(tmp_path: Path, model: CallsModel, qtbot: QtBot) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1_000)
    with qtbot.waitSignal(model.loaded, timeout=20_000):
        model.reload()
    assert model.problem
    assert not model.loading


def test_a_call_of_today_shows_its_clock_and_one_of_another_day_its_date() -> None:
    moment = QDateTime(QDate(2026, 11, 13), QTime(9, 5, 7))
    at_ms = moment.toMSecsSinceEpoch()
    assert text.stamp(at_ms, QDate(2026, 11, 13)) == "09:05:07"
    assert text.stamp(at_ms, QDate(2026, 11, 14)) == "13 Nov 09:05"
