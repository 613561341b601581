"""How far the first run is, across starts of the app."""

from pathlib import Path

import pytest

from turnout.desktop.firstrun import FirstRun
from turnout.settings.paths import Paths


@pytest.fixture
def places(tmp_path: Path) -> Paths:
    found = Paths(tmp_path, tmp_path / "data", tmp_path / "state", tmp_path / "run")
    for folder in (found.data, found.state):
        folder.mkdir()
    return found


def test_it_is_due_where_nobody_was_welcomed_and_no_call_was_made(places: Paths) -> None:
    assert FirstRun(places).due
    assert not FirstRun(places).begun


def test_it_is_not_due_where_a_proxy_ran_before_the_app(places: Paths) -> None:
    places.ledger.touch()
    assert not FirstRun(places).due


def test_once_begun_it_stays_due_although_our_own_proxy_made_a_ledger(places: Paths) -> None:
    FirstRun(places).keep({"key"})
    places.ledger.touch()
    again = FirstRun(places)
    assert again.due
    assert again.begun
    assert again.skipped() == {"key"}


def test_once_finished_it_is_over_for_good(places: Paths) -> None:
    FirstRun(places).keep({"key"})
    FirstRun(places).finish()
    FirstRun(places).keep({"key"})  # a write that was still on its way
    assert not FirstRun(places).due
    assert not FirstRun(places).begun


@pytest.mark.parametrize("nonsense", ["", "[]", '{"skipped": 5}', '{"skipped": ["rocket"]}', "\xff"])
def test_a_file_of_nonsense_has_skipped_nothing(places: Paths, nonsense: str) -> None:
    (places.state / "welcome.json").write_text(nonsense, encoding="latin-1")
    assert FirstRun(places).skipped() == frozenset()
