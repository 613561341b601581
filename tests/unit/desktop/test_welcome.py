"""A step of the first run: open, done or left out; and what looking for an Ollama writes down."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot
from tests.support.engine import Engine

from turnout.calls.units import Tier
from turnout.desktop.pages import welcome
from turnout.desktop.pages.welcome import Step, ollama_models, with_ollama
from turnout.desktop.widgets import Button
from turnout.errors import SettingsError
from turnout.settings.files import edit_settings


@pytest.fixture
def step(qtbot: QtBot) -> Step:
    made = Step(2, "A key", "For what is hard.", QWidget())
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(made.isVisible)
    return made


def told(step: Step) -> tuple[str, list[str], list[str]]:
    """Its description, the labels that show, and the names of the buttons that do."""
    labels = [one.text() for one in step.findChildren(QLabel) if one.isVisible() and one.text()]
    return (
        step.accessibleDescription(),
        labels,
        [one.accessibleName() for one in step.findChildren(Button) if one.isVisible()],
    )


def test_an_open_step_has_its_number_its_words_and_a_way_past_it(step: Step) -> None:
    assert told(step) == ("", ["2", "A key", "For what is hard."], ["Skip: A key"])
    assert not step.settled


def test_a_step_left_out_closes_and_can_be_taken_up_again(step: Step, qtbot: QtBot) -> None:
    asked: list[bool] = []
    step.skip_changed.connect(asked.append)
    button = step.findChildren(Button)[0]
    button.click()
    step.skip(True)
    assert told(step) == ("skipped", ["–", "A key", "skipped"], ["Do now: A key"])
    assert step.settled
    button.click()
    step.skip(False)
    assert told(step)[1:] == (["2", "A key", "For what is hard."], ["Skip: A key"])
    assert asked == [True, False]


def test_what_is_done_stays_done_also_where_it_was_left_out_before(step: Step) -> None:
    step.skip(True)
    step.say("saved for anthropic", done=True)
    assert told(step) == ("saved for anthropic", ["✓", "A key", "saved for anthropic", "For what is hard."], [])
    step.say("", done=False)
    assert told(step)[0] == "skipped"


def test_an_ollama_that_answers_becomes_the_local_engine_and_its_models_tier_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine(models=("a", "b", "c", "d")) as engine:
        monkeypatch.setattr(welcome, "OLLAMA", ("127.0.0.1", int(engine.url.rpartition(":")[2])))
        models = ollama_models()
        file = tmp_path / "turnout.toml"
        settings = edit_settings(file, lambda doc: with_ollama(doc, models))
        assert settings.providers["local"].base_url == engine.url
        assert settings.providers["local"].sovereign
        assert settings.tiers[Tier.LOCAL] == ("local/a", "local/b", "local/c")
        before = file.read_text()
        edit_settings(file, lambda doc: with_ollama(doc, ["other"]))
        assert file.read_text() == before


def test_where_no_ollama_answers_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(welcome, "OLLAMA", ("127.0.0.1", 1))
    with pytest.raises(SettingsError, match="No Ollama answers") as caught:
        ollama_models()
    assert "ollama serve" in caught.value.hint
