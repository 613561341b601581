"""The window as a screen reader has it: on every page, full and empty, all that can be acted on says what it is."""

from pathlib import Path

from tests.desk.conftest import Start
from tests.desk.test_app import own_port, sample_home
from tests.support.engine import Engine

SHOWN = {
    "overview": "Spend by day",
    "calls": "Search calls",
    "rules": "Rules in order",
    "budgets": "Loop guard",
    "models": "Candidates of tier High",
    "connect": "Make a token",
    "audit": "Prompt to compare",
    "settings": "Start at login",
}


def test_all_that_can_be_acted_on_has_a_name_on_every_page(start: Start, tmp_path: Path) -> None:
    with Engine(models=("qwen3-coder:30b", "qwen3:8b")) as engine:
        home = tmp_path / "home"
        sample_home().write(home, days=10, count=200, local=engine.url)
        own_port(home)
        app = start(home=home)
        app.up()
        for page, part in SHOWN.items():
            app.go(page)
            app.see(part)
            assert app.nameless() == [], page
        app.go("calls")
        app.see("Client: codex", "table cell")
        app.keys("ctrl+k")
        app.see("Command palette", part=True)
        assert app.nameless() == []


def test_an_empty_window_and_the_first_steps_have_names_too(start: Start) -> None:
    app = start(fresh=True)
    app.see("A client")
    assert app.nameless() == []
    for page, part in SHOWN.items():
        app.go(page)
        app.see(part if page != "rules" else "Add rule")
        assert app.nameless() == [], page
