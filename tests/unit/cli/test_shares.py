"""Who used what share of a budget's window."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.ledger.made import AT_MS, settled

from turnout.cli.shares import begun, shares
from turnout.ledger.entries import write_settled
from turnout.ledger.reader import Reader
from turnout.ledger.schema import connect

DAY_MS = 86_400_000


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    db = connect(tmp_path / "ledger.db")
    rows: list[dict[str, Any]] = [
        {"cost": 60, "client": "vim", "developer": "ada"},
        {"cost": 30, "client": "cline", "developer": "grace"},
        {"cost": 10, "client": "vim", "developer": "grace"},
        {"cost": 500, "client": "vim", "developer": "ada", "department": "research"},
        {"cost": 700, "client": "vim", "developer": "ada", "at_ms": AT_MS - 400 * DAY_MS},
    ]
    for number, row in enumerate(rows):
        write_settled(db, settled(number, **row))
    db.close()
    return Reader(tmp_path / "ledger.db")


def _line(scope: str, who: str, window: str = "2026-11") -> dict[str, object]:
    return {"scope": scope, "who": who, "key": f"a budget|{scope}={who}|usd|month|{window}"}


def test_a_departments_budget_is_split_by_developer(reader: Reader) -> None:
    found = shares(reader, _line("department", "platform"))
    assert [(one.by, one.name, one.share) for one in found] == [("developer", "ada", 0.6), ("developer", "grace", 0.4)]


def test_where_one_developer_made_it_all_it_is_split_by_client(reader: Reader) -> None:
    assert [(one.by, one.name) for one in shares(reader, _line("department", "research"))] == [("client", "vim")]


def test_a_window_that_never_ends_counts_all_there_is(reader: Reader) -> None:
    found = shares(reader, _line("department", "platform", "ever"))
    assert {one.name: one.cost for one in found} == {"ada": 760, "grace": 40}


def test_a_model_is_meant_with_its_provider_and_a_sessions_budget_has_no_shares(reader: Reader) -> None:
    assert sum(one.cost for one in shares(reader, _line("model", "openai/gpt-5"))) == 600
    assert shares(reader, _line("session", "s1", "session s1")) == []


def test_t20_a_name_is_a_parameter_whatever_it_holds(reader: Reader) -> None:
    assert shares(reader, _line("department", "platform' OR '1'='1")) == []
    with pytest.raises(ValueError, match="no dimension"):
        reader.spend("client", only=("client; DROP TABLE calls", "x"))


@pytest.mark.parametrize(
    "label", ["2026-11-24", "week 2026-11-23", "2026-11", "2026-11-24T06:00+0000", "ever", "session x", "", "nonsense"]
)
def test_every_windows_label_says_when_it_begins_or_that_it_does_not(label: str) -> None:
    found = begun(label)
    assert (found is None) is (label in ("session x", "", "nonsense"))
