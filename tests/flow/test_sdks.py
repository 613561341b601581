"""The official SDKs' typed parsers judge every kind of answer that Turnout writes itself, streamed and not (issue: every client)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types as gemini
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens, ToolCall
from tests.support.sdks import CLIENTS, NAME

CALLS = (ToolCall(NAME, {"path": "a.py"}, "call_1"), ToolCall(NAME, {"path": "größe.py", "n": [1]}, "call_2"))
RICH = Script("Both.", CALLS, thinking="let me see", tokens=Tokens(40, 9, 12))
PAIRS = [
    (dialect, vendor)
    for dialect in CLIENTS
    for vendor in ("openai", "anthropic", "ollama", "gemini")
    if not dialect.startswith(vendor)
]


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("sdks")
    rules = BY_MODEL + '\n[[budget]]\nname = "none left"\nscope = { client = "broke" }\nusd = 0.000001\nper = "ever"\n'
    with Turnout(home, settings=four_vendors(scripted.url), rules=rules) as running:
        yield running
        assert "Traceback" not in running.stderr


@pytest.fixture(scope="module")
def broke(turnout: Turnout) -> str:
    return turnout.add_client("broke")


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    return scripted


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("dialect", "vendor"), PAIRS)
def test_thinking_parallel_calls_and_cached_tokens_parse(
    turnout: Turnout, engine: Engine, dialect: str, vendor: str, stream: bool
) -> None:
    engine.say(RICH)

    turn = CLIENTS[dialect](turnout.url, turnout.token).ask(f"{vendor}/scripted", stream=stream, tools=True)

    assert turn.text.replace("let me see", "") == "Both."
    assert [(call.name, call.arguments) for call in turn.calls] == [(NAME, call.arguments) for call in CALLS]
    assert (turn.prompt, turn.output) == (40, 9)


def clients(turnout: Turnout, token: str) -> dict[str, Any]:
    """Each SDK as one question; raises what the SDK raises."""
    said: Any = [{"role": "user", "content": "hi"}]
    oai = openai.OpenAI(
        base_url=f"{turnout.url}/v1",
        api_key=token,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )
    ant = anthropic.Anthropic(
        base_url=turnout.url, api_key=token, max_retries=0, http_client=anthropic.DefaultHttpxClient(trust_env=False)
    )
    oll = ollama.Client(turnout.url, headers={"authorization": f"Bearer {token}"}, trust_env=False)
    options = gemini.HttpOptions(base_url=turnout.url, client_args={"trust_env": False})
    goo = genai.Client(api_key=token, http_options=options)
    return {
        "chat": lambda model, stream: (
            list(oai.chat.completions.create(model=model, messages=said, stream=True))
            if stream
            else oai.chat.completions.create(model=model, messages=said)
        ),
        "responses": lambda model, stream: (
            [event for event in oai.responses.create(model=model, input="hi", stream=True) if failed(event)]
            if stream
            else oai.responses.create(model=model, input="hi")
        ),
        "messages": lambda model, stream: (
            list(ant.messages.create(model=model, max_tokens=9, messages=said, stream=True))
            if stream
            else ant.messages.create(model=model, max_tokens=9, messages=said)
        ),
        "ollama": lambda model, stream: list(oll.chat(model, said, stream=True)) if stream else oll.chat(model, said),
        "gemini": lambda model, stream: (
            list(goo.models.generate_content_stream(model=model, contents="hi"))
            if stream
            else goo.models.generate_content(model=model, contents="hi")
        ),
    }


def failed(event: Any) -> bool:
    if event.type == "response.failed":
        raise RuntimeError(event.response.error.message)
    return True


ERRORS = {
    "chat": openai.BadRequestError,
    "responses": openai.BadRequestError,
    "messages": anthropic.BadRequestError,
    "ollama": ollama.ResponseError,
    "gemini": google_errors.ClientError,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("way", ERRORS)
def test_a_refusal_is_the_sdks_own_bad_request(
    turnout: Turnout, engine: Engine, broke: str, way: str, stream: bool
) -> None:
    with pytest.raises(ERRORS[way]) as told:
        clients(turnout, broke)[way]("openai/scripted", stream)

    assert "none left" in str(told.value)
    assert engine.calls == []


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "ollama", "gemini"])
@pytest.mark.parametrize("way", ERRORS)
def test_a_stream_that_breaks_off_is_an_error_to_the_sdk(
    turnout: Turnout, engine: Engine, way: str, vendor: str
) -> None:
    engine.say(Script("one two three four five six seven", closing=False))

    with pytest.raises(
        (openai.APIError, anthropic.APIError, ollama.ResponseError, google_errors.APIError, RuntimeError)
    ):
        clients(turnout, turnout.token)[way](f"{vendor}/scripted", True)


def test_listings_counts_and_vectors_parse(turnout: Turnout, engine: Engine) -> None:
    token = turnout.token
    oai = openai.OpenAI(
        base_url=f"{turnout.url}/v1", api_key=token, http_client=openai.DefaultHttpxClient(trust_env=False)
    )
    ant = anthropic.Anthropic(
        base_url=turnout.url, api_key=token, http_client=anthropic.DefaultHttpxClient(trust_env=False)
    )
    oll = ollama.Client(turnout.url, headers={"authorization": f"Bearer {token}"}, trust_env=False)
    names = {model.id for model in oai.models.list()}

    assert {"auto", "high", "fast", "local"} <= names
    assert oai.models.retrieve("ollama/scripted").id == "ollama/scripted"
    assert {model.id for model in ant.models.list(limit=2)} == names
    assert ant.models.retrieve("auto").type == "model"
    assert (
        ant.messages.count_tokens(model="auto", messages=[{"role": "user", "content": "hello there"}]).input_tokens > 2
    )
    counted = oai.responses.input_tokens.count(model="auto", input="hello there", instructions="Be brief.")
    assert counted.object == "response.input_tokens"
    assert 4 < counted.input_tokens < 30
    assert {model.model for model in oll.list().models} == names
    shown = oll.show("auto")
    assert shown.modelinfo is not None
    assert shown.capabilities is not None
    assert "tools" in shown.capabilities
    assert oll.ps().models == []
    for vendor in ("openai", "ollama"):
        assert oai.embeddings.create(model=f"{vendor}/scripted", input=["a", "b"]).data[1].embedding == [
            0.25,
            -0.5,
            0.125,
            1.0,
        ]
        assert oll.embed(f"{vendor}/scripted", ["a"]).embeddings == [[0.25, -0.5, 0.125, 1.0]]
        assert oll.embeddings(f"{vendor}/scripted", "a").embedding == [0.25, -0.5, 0.125, 1.0]
        assert (oll.generate(f"{vendor}/scripted", "hi").response or "").startswith("Routing")
        done = oai.completions.create(model=f"{vendor}/scripted", prompt="def f(", suffix="):", max_tokens=9)
        assert done.choices[0].text.startswith("Routing")
    for version in ("v1", "v1beta"):
        options = gemini.HttpOptions(base_url=turnout.url, api_version=version, client_args={"trust_env": False})
        goo = genai.Client(api_key=token, http_options=options)
        assert {str(model.name).removeprefix("models/") for model in goo.models.list()} == names
        assert goo.models.get(model="auto").name == "models/auto"
        assert (goo.models.count_tokens(model="auto", contents="hello there").total_tokens or 0) > 2
        assert goo.models.generate_content(model="openai/scripted", contents="hi").text


@pytest.mark.parametrize("vendor", ["anthropic", "ollama", "gemini"])
def test_a_free_text_tool_and_a_namespace_come_back_as_codex_offered_them(
    turnout: Turnout, engine: Engine, vendor: str
) -> None:
    """Through a provider without /responses; Codex refuses a call that it did not offer in that form."""
    flat = "mcp_files__ns__read"
    wanted = (ToolCall("apply_patch", {"input": "*** Begin"}, "c1"), ToolCall(flat, {"path": "a"}, "c2"))
    tools: Any = [
        {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {
            "type": "namespace",
            "name": "mcp_files",
            "description": "files",
            "tools": [{"type": "function", "name": "read", "parameters": {"type": "object"}, "strict": False}],
        },
        {"type": "web_search"},
    ]
    for stream in (True, False):
        engine.forget()
        engine.say(Script("", wanted))
        answer = turnout.ask(
            "POST", "/v1/responses", {"model": f"{vendor}/scripted", "input": "hi", "tools": tools, "stream": stream}
        )
        text = answer.text
        doc = json.loads(text.rsplit("data: ", 1)[1])["response"] if stream else answer.doc
        patch, read = doc["output"]
        assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "apply_patch", "*** Begin")
        assert (read["type"], read["namespace"], read["name"]) == ("function_call", "mcp_files", "read")
        assert json.loads(read["arguments"]) == {"path": "a"}
        assert "tools.web_search" in answer.header("x-turnout-dropped")
