"""Settings and Connect as values: what the files say is what they show, and what is typed is judged before it is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel
from pytestqt.qtbot import QtBot
from tests.support.window import opened

from turnout.desktop.pages.connect import STATES, Connect, state_words
from turnout.desktop.pages.settings import Settings
from turnout.desktop.window import Window
from turnout.settings.files import read_settings


@pytest.fixture(scope="module")
def window(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    home = tmp_path_factory.mktemp("home")
    with opened(home, settings="# mine\n[privacy]\nkeep_days = 30\nstore_bodies = true\n") as made:
        yield made


@pytest.fixture
def page(window: Window, qtbot: QtBot) -> Settings:
    window.go("settings")
    found = window.page("settings")
    assert isinstance(found, Settings)
    found.refresh()
    qtbot.waitUntil(lambda: bool(found.days.text()), timeout=30_000)
    return found


def saved(window: Window) -> Path:
    return window.desk.places.settings


def test_the_page_shows_what_the_file_says(page: Settings, window: Window, qtbot: QtBot) -> None:
    values = read_settings(saved(window))
    qtbot.waitUntil(lambda: page.days.text() == "30", timeout=30_000)
    assert page.bodies.isChecked()
    assert page.port.text() == str(values.server.port)
    assert page.theme.value() == values.theme
    assert page.target.text().endswith("turnout-calls.csv")


@pytest.mark.parametrize("typed", ["", "0", "36501", "-1", "1e3", "a week", "12.5"])
def test_days_that_are_no_number_in_range_are_refused_and_put_back(page: Settings, window: Window, typed: str) -> None:
    before = saved(window).read_text()
    page.days.setText(typed)
    QTest.keyClick(page.days, Qt.Key.Key_Return)
    assert "between 1 and 36500" in page.note.text()
    assert page.days.text() == "30"
    assert saved(window).read_text() == before


def test_a_number_is_written_and_the_rest_of_the_file_stays(page: Settings, window: Window, qtbot: QtBot) -> None:
    page.days.setText(" 60 ")
    QTest.keyClick(page.days, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: read_settings(saved(window)).privacy.keep_days == 60, timeout=30_000)
    assert saved(window).read_text().startswith("# mine\n")
    page.days.setText("30")
    QTest.keyClick(page.days, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: read_settings(saved(window)).privacy.keep_days == 30, timeout=30_000)


def test_the_format_decides_the_files_ending(page: Settings) -> None:
    endings = []
    for number in range(page.kind.count()):
        page.kind.setCurrentIndex(number)
        page.kind.activated.emit(number)
        endings.append(Path(page.target.text()).suffix)
    assert dict(zip((page.kind.itemData(n) for n in range(page.kind.count())), endings, strict=True)) == {
        "csv": ".csv",
        "jsonl": ".jsonl",
        "focus": ".csv",
    }


def test_clients_are_shown_by_how_far_they_are_with_what_can_be_done(window: Window, qtbot: QtBot) -> None:
    window.go("connect")
    page = window.page("connect")
    assert isinstance(page, Connect)
    rows = [
        {"name": "zed", "title": "Zed", "state": "absent"},
        {"name": "codex", "title": "Codex", "state": "present", "files": ["/etc/codex.toml"]},
        {"name": "claude-code", "title": "Claude Code", "state": "connected", "files": ["/etc/claude.json"]},
    ]
    qtbot.waitUntil(lambda: bool(page._rows), timeout=60_000)  # what is really on this machine
    page._got({"url": "http://127.0.0.1:7717", "clients": rows})
    qtbot.waitUntil(
        lambda: any(one.isVisible() and one.text().startswith("Not found here") for one in page.findChildren(QLabel)),
        timeout=30_000,
    )
    said = [one.text() for one in page.findChildren(QLabel) if one.isVisible() and one.text()]
    order = [said.index(name) for name in ("Claude Code", "Codex")]
    assert order == sorted(order)
    assert "Not found here: Zed." in said
    assert "/etc/codex.toml" in said
    buttons = [one.accessibleName() for one in page.findChildren(QAbstractButton) if one.isVisible()]
    assert [
        one for one in buttons if one in ("Undo Claude Code", "Connect Codex", "Connect Claude Code", "Connect Zed")
    ] == [
        "Undo Claude Code",
        "Connect Codex",
    ]


def test_every_state_of_a_client_has_words_of_its_own() -> None:
    words = [state_words(state)[0] for state in STATES]
    assert len(set(words)) == len(words)
    assert not set(words) & set(STATES) - {"connected"}
