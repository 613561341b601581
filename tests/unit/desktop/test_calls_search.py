"""A search through a large ledger: the first rows at once, the rest as they are found, a newer search never behind an older one."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from turnout.calls.record import CallRecord
from turnout.calls.units import Status, Tier
from turnout.desktop.models import calls
from turnout.desktop.models.calls import CLIENT, PAGE, RECORD, CallsModel
from turnout.desktop.sources import Ledger, LedgerFile, Search
from turnout.desktop.tasks import Lane
from turnout.ledger.writer import Writer

COUNT = 600
RARE = CallRecord(
    id="", at_ms=0, client="rare-client", model="m", session="rare-session", status=Status.SETTLED, tier=Tier.LOCAL
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 calls, a second apart; every hundredth is a rare one."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"

    async def fill() -> None:
        writer = Writer(path, asyncio.get_running_loop())
        for n in range(COUNT):
            common = replace(RARE, client="common", session=f"s-{n:04d}", status=Status.SETTLED)
            writer.settle(replace(RARE if n % 100 == 0 else common, id=f"call-{n:04d}", at_ms=1_000_000 + n * 1_000))
        await writer.flush()
        writer.close()

    asyncio.run(fill())
    return path


@pytest.fixture
def model(ledger: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[CallsModel]:
    monkeypatch.setattr(calls, "SCANNED", (50, 100))
    lanes: list[Lane[Ledger]] = [
        Lane(f"test-{n}", lambda: LedgerFile(ledger), lambda one: one.close()) for n in range(2)
    ]
    made = CallsModel(*lanes)
    yield made
    for lane in lanes:
        lane.end()
    made.deleteLater()


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No search here stops because the machine is busy."""
    monkeypatch.setattr(calls, "LONGEST_MS", 600_000)


def found(qtbot: QtBot, model: CallsModel, search: Search) -> list[str]:
    """Ids in order, once the search is over."""
    model.reload(search)
    qtbot.waitUntil(lambda: not model.loading and not model.searching, timeout=20_000)
    return [model.data(model.index(row, CLIENT), RECORD).id for row in range(model.rowCount())]


def test_a_search_finds_all_there_is_newest_first(qtbot: QtBot, model: CallsModel) -> None:
    assert found(qtbot, model, Search(text="rare-cl")) == [f"call-{n:04d}" for n in range(500, -1, -100)]
    assert model.counted


def test_what_is_nowhere_ends_in_no_rows(qtbot: QtBot, model: CallsModel) -> None:
    assert found(qtbot, model, Search(text="no such thing")) == []


def test_an_old_calls_id_is_there_at_once(qtbot: QtBot, model: CallsModel) -> None:
    model.reload(Search(text="call-0003"))
    qtbot.waitUntil(lambda: not model.loading, timeout=20_000)
    assert model.rowCount() == 1
    qtbot.waitUntil(lambda: not model.searching, timeout=20_000)
    assert model.rowCount() == 1, "found by its id and again by looking"


def test_a_search_that_fills_a_page_stops_looking_and_counts(qtbot: QtBot, model: CallsModel) -> None:
    model.reload(Search(text="common"))
    qtbot.waitUntil(lambda: model.counted and model.rowCount() == COUNT - 6, timeout=20_000)
    assert model.data(model.index(0, CLIENT), RECORD).id == "call-0599"
    qtbot.waitUntil(lambda: model.data(model.index(COUNT - 7, CLIENT), RECORD) is not None, timeout=20_000)
    assert model.data(model.index(COUNT - 7, CLIENT), RECORD).id == "call-0001"


def test_counting_stops_after_a_while_says_so_and_goes_on_when_asked(
    qtbot: QtBot, model: CallsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LONGEST_MS", 0)
    monkeypatch.setattr(calls, "SCANNED", (150, 150))
    monkeypatch.setattr(calls, "COUNTED", (150, 150))
    model.reload(Search(text="common"))
    qtbot.waitUntil(lambda: model.stopped, timeout=20_000)
    assert not model.counted
    assert PAGE < model.rowCount() < COUNT - 6
    assert model.reached_ms
    model.go_on()
    qtbot.waitUntil(lambda: model.counted, timeout=20_000)
    assert (model.rowCount(), model.stopped, model.reached_ms) == (COUNT - 6, False, 0)


def test_looking_for_what_is_rare_stops_after_a_while_too(
    qtbot: QtBot, model: CallsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LONGEST_MS", 0)
    model.reload(Search(text="rare-cl"))
    qtbot.waitUntil(lambda: model.stopped, timeout=20_000)
    assert (model.rowCount(), model.searching) == (0, False)
    model.go_on()
    assert model.searching
    qtbot.waitUntil(lambda: not model.searching, timeout=20_000)
    assert (model.rowCount(), model.stopped) == (6, False)


def test_a_jump_into_what_was_counted_a_stretch_at_a_time_lands_on_its_row(
    qtbot: QtBot, model: CallsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "COUNTED", (70, 70))
    model.reload(Search(text="common"))
    qtbot.waitUntil(lambda: model.counted, timeout=20_000)
    wanted = [f"call-{n:04d}" for n in range(COUNT - 1, -1, -1) if n % 100]
    for row in (len(wanted) - 1, 330, 250, 100, 0):
        qtbot.waitUntil(lambda row=row: model.data(model.index(row, CLIENT), RECORD) is not None, timeout=20_000)  # type: ignore[misc]
    qtbot.waitUntil(lambda: all(model.data(model.index(n, CLIENT), RECORD) for n in range(len(wanted))), timeout=20_000)
    shown = [model.data(model.index(row, CLIENT), RECORD).id for row in range(len(wanted))]
    assert shown == wanted


def test_a_filter_without_words_is_a_search_too(qtbot: QtBot, model: CallsModel) -> None:
    assert found(qtbot, model, Search(client="rare-client", tier=Tier.LOCAL))[0] == "call-0500"
    assert found(qtbot, model, Search(status=Status.FAILED)) == []


def test_a_day_bounds_a_search_for_words(qtbot: QtBot, model: CallsModel) -> None:
    within = Search(text="rare", since_ms=1_150_000, until_ms=1_350_000)
    assert found(qtbot, model, within) == ["call-0300", "call-0200"]


def test_a_newer_search_is_all_that_counts(qtbot: QtBot, model: CallsModel) -> None:
    for text in ("n", "no", "no such"):
        model.reload(Search(text=text))
    assert found(qtbot, model, Search(text="rare-session"))[:2] == ["call-0500", "call-0400"]


def test_a_search_while_calls_arrive_is_not_begun_again(qtbot: QtBot, model: CallsModel) -> None:
    model.reload(Search(text="rare-cl"))
    for _ in range(5):
        model.refresh()
    qtbot.waitUntil(lambda: not model.loading and not model.searching, timeout=20_000)
    model.refresh()
    qtbot.waitUntil(lambda: model.rowCount() == 6, timeout=20_000)
