"""A local model that writes its tool calls as text, behind every client dialect and both lanes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.script import Script, Tokens
from tests.support.sdks import CLIENTS, NAME, Client

ARGUMENTS = {"path": "src/größe.py"}
CALL = json.dumps({"name": NAME, "arguments": ARGUMENTS}, ensure_ascii=False)
WRITTEN = {
    "hermes": f"<tool_call>\n{CALL}\n</tool_call>",
    "qwen3-coder": f"<tool_call>\n<function={NAME}>\n<parameter=path>\nsrc/größe.py\n</parameter>\n</function>\n</tool_call>",
    "fenced": f"```json\n{CALL}\n```",
    "bare": CALL,
}
PROSE = f"Write `<tool_call>{CALL}</tool_call>` to call it, or:\n```json\n{CALL}\n```\nas others do."
FAMILIES = ("openai", "anthropic", "ollama", "gemini")


@pytest.fixture(scope="module")
def clients(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Client]]:
    """Engines of all dialects within our own walls."""
    home: Path = tmp_path_factory.mktemp("repair")
    tables = [
        f'[providers.{name}]\ndialect = "{name}"\nbase_url = "{scripted.url}{"/v1" if name == "openai" else ""}"\n'
        'key = "none"\nsovereign = true\n'
        for name in FAMILIES
    ]
    settings = "\n".join([*tables, '[tiers]\nlocal = ["ollama/scripted"]\n'])
    with Turnout(home, settings=settings, rules=BY_MODEL) as running:
        yield {dialect: made(running.url, running.token) for dialect, made in CLIENTS.items()}
        assert "Traceback" not in running.stderr


@pytest.mark.parametrize("vendor", FAMILIES)
@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_written_call_reaches_every_client_as_a_real_one(
    scripted: Engine, clients: dict[str, Client], dialect: str, vendor: str
) -> None:
    for form, said, piece in [
        ("hermes", "I read it.\n\n", 11),
        ("qwen3-coder", "", 0),
        ("fenced", "I read it.\n\n", 0),
        ("bare", "", 50),
        ("hermes", "", 7),
        ("hermes", "I read it.\n\n", -1),
        ("bare", "", -1),
    ]:
        stream = piece >= 0
        scripted.forget()
        scripted.say(Script(said + WRITTEN[form], tokens=Tokens(31, 9), piece=max(0, piece)))

        turn = clients[dialect].ask(f"{vendor}/scripted", stream=stream, tools=True)

        where = f"{form} {'streamed' if stream else 'whole'}"
        assert [(call.name, call.arguments) for call in turn.calls] == [(NAME, ARGUMENTS)], where
        assert turn.text.strip() == said.strip(), where
        assert turn.stop in ("tool_calls", "completed", "tool_use", "stop", "STOP"), where


@pytest.mark.parametrize("vendor", FAMILIES)
@pytest.mark.parametrize("dialect", CLIENTS)
def test_prose_about_calls_reaches_every_client_as_prose(
    scripted: Engine, clients: dict[str, Client], dialect: str, vendor: str
) -> None:
    for stream in (False, True):
        scripted.forget()
        scripted.say(Script(PROSE, tokens=Tokens(31, 9)))

        turn = clients[dialect].ask(f"{vendor}/scripted", stream=stream, tools=True)

        assert (turn.text, turn.calls) == (PROSE, ())


@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_call_written_by_a_model_that_was_offered_no_tool_is_text(
    scripted: Engine, clients: dict[str, Client], dialect: str
) -> None:
    scripted.forget()
    scripted.say(Script(WRITTEN["hermes"], tokens=Tokens(31, 9)))

    turn = clients[dialect].ask("ollama/scripted", stream=True)

    assert (turn.text, turn.calls) == (WRITTEN["hermes"], ())
