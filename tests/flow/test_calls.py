"""Every client's dialect against every engine's, over sockets: the vendors' own clients parse what comes back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import FAMILIES, four_vendors
from tests.support.script import Script, Tokens, ToolCall
from tests.support.sdks import CLIENTS, NAME, Client

TEXT = "It says: print('größer'), nothing else."
STOPS = {
    "openai_chat": ("stop", "tool_calls"),
    "openai_responses": ("completed", "completed"),
    "anthropic": ("end_turn", "tool_use"),
    "ollama": ("stop", "stop"),
    "gemini": ("STOP", "STOP"),
}


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("calls")
    with Turnout(home, settings=four_vendors(scripted.url), rules=BY_MODEL) as running:
        yield running


@pytest.fixture(scope="module")
def clients(turnout: Turnout) -> dict[str, Client]:
    return {dialect: made(turnout.url, turnout.token) for dialect, made in CLIENTS.items()}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", FAMILIES)
@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_text_turn_reaches_the_client_as_its_own_vendor_would_send_it(
    scripted: Engine, clients: dict[str, Client], dialect: str, vendor: str, stream: bool
) -> None:
    scripted.forget()
    scripted.say(Script(TEXT, tokens=Tokens(31, 9)))
    client = clients[dialect]

    turn = client.ask(f"{vendor}/scripted", stream=stream)

    assert turn.text == TEXT
    assert turn.calls == ()
    assert turn.stop == STOPS[dialect][0]
    assert (turn.prompt, turn.output) == (31, 9)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", FAMILIES)
@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_tool_turn_goes_out_comes_back_and_is_answered(
    scripted: Engine, clients: dict[str, Client], dialect: str, vendor: str, stream: bool
) -> None:
    arguments = {"path": "src/größe.py"}
    scripted.forget()
    scripted.say(
        Script("", (ToolCall(NAME, arguments),), tokens=Tokens(31, 9)).once(), Script(TEXT, tokens=Tokens(52, 9))
    )
    client = clients[dialect]

    first = client.ask(f"{vendor}/scripted", stream=stream, tools=True)

    assert [(call.name, call.arguments) for call in first.calls] == [(NAME, arguments)]
    assert first.stop == STOPS[dialect][1]

    second = client.answer(f"{vendor}/scripted", first, "print('größer')", stream=stream)

    assert second.text == TEXT
    assert (second.prompt, second.output) == (52, 9)
    sent = json.dumps(scripted.calls[-1].doc, ensure_ascii=False)
    assert "print('größer')" in sent
    assert NAME in sent
