"""Every endpoint, with every way to carry a token, as clients send them."""

import base64
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Answered, Turnout
from tests.support.scene import FAMILIES, four_vendors
from tests.support.script import Doc, Script, Tokens, ToolCall

TEXT = "It says hello."
VECTOR = [0.25, -0.5, 0.125, 1.0]
HI: list[Doc] = [{"role": "user", "content": "hi"}]
PARTS: list[Doc] = [{"role": "user", "parts": [{"text": "hi"}]}]
WEATHER: Doc = {"name": "weather", "description": "", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def scripted() -> Iterator[Engine]:
    with Engine() as running:
        running.default = Script(TEXT)
        yield running


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("surface")
    with Turnout(home, settings=four_vendors(scripted.url), rules=BY_MODEL) as running:
        yield running
        assert "Traceback" not in running.stderr


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    scripted.default = Script(TEXT)
    return scripted


def lines(answer: Answered) -> list[Doc]:
    return [json.loads(line) for line in answer.text.splitlines()]


def events(answer: Answered) -> list[Any]:
    found = [line[5:].strip() for line in answer.text.replace("\r", "").split("\n") if line.startswith("data:")]
    return [json.loads(one) for one in found if one != "[DONE]"]


# --- tokens ---

Carried = Callable[[str], tuple[str, str, dict[str, str]]]
CARRIED: dict[str, Carried] = {
    "Bearer": lambda token: ("", "", {"authorization": f"Bearer {token}"}),
    "bearer, lower case": lambda token: ("", "", {"authorization": f"bearer {token}"}),
    "x-api-key": lambda token: ("", "", {"x-api-key": token}),
    "x-goog-api-key": lambda token: ("", "", {"x-goog-api-key": token}),
    "?key=": lambda token: ("", f"key={token}", {}),
    "path": lambda token: (f"/c/{token}", "", {}),
    "path beside an empty Bearer": lambda token: (f"/c/{token}", "", {"authorization": "Bearer "}),
    "path beside a client's dummy": lambda token: (f"/c/{token}", "", {"authorization": "Bearer ollama"}),
    "x-api-key beside an empty Bearer": lambda token: ("", "", {"authorization": "Bearer ", "x-api-key": token}),
}
PLACES: list[tuple[str, str, Doc | None]] = [
    ("POST", "/v1/chat/completions", {"model": "openai/scripted", "messages": HI}),
    ("POST", "/v1/responses", {"model": "openai/scripted", "input": "hi"}),
    ("POST", "/v1/responses/input_tokens", {"model": "auto", "input": "hi"}),
    ("POST", "/v1/completions", {"model": "openai/scripted", "prompt": "a"}),
    ("POST", "/v1/embeddings", {"model": "openai/scripted", "input": "a"}),
    ("GET", "/v1/models", None),
    ("GET", "/v1/models/auto", None),
    ("POST", "/v1/messages?beta=true", {"model": "anthropic/scripted", "max_tokens": 9, "messages": HI}),
    ("POST", "/v1/messages/count_tokens?beta=true", {"model": "auto", "messages": HI}),
    ("POST", "/api/chat", {"model": "ollama/scripted", "messages": HI}),
    ("POST", "/api/generate", {"model": "ollama/scripted", "prompt": "a"}),
    ("POST", "/api/embed", {"model": "ollama/scripted", "input": "a"}),
    ("POST", "/api/embeddings", {"model": "ollama/scripted", "prompt": "a"}),
    ("GET", "/api/tags", None),
    ("POST", "/api/show", {"name": "auto"}),
    ("GET", "/api/ps", None),
    ("GET", "/api/version", None),
    ("GET", "/", None),
    ("HEAD", "/", None),
    ("POST", "/v1beta/models/gemini/scripted:generateContent", {"contents": PARTS}),
    ("POST", "/v1/models/gemini/scripted:generateContent", {"contents": PARTS}),
    ("POST", "/v1beta/models/gemini/scripted:streamGenerateContent?alt=sse", {"contents": PARTS}),
    ("POST", "/v1/models/gemini/scripted:streamGenerateContent", {"contents": PARTS}),
    ("POST", "/v1beta/models/auto:countTokens", {"contents": PARTS}),
    ("POST", "/v1/models/auto:countTokens", {"contents": PARTS}),
    ("GET", "/v1beta/models", None),
]


@pytest.mark.parametrize("way", CARRIED)
def test_every_endpoint_takes_a_token_however_it_is_carried(turnout: Turnout, engine: Engine, way: str) -> None:
    prefix, query, headers = CARRIED[way](turnout.token)

    for method, path, doc in PLACES:
        target = prefix + path + (("&" if "?" in path else "?") + query if query else "")
        answer = turnout.ask(method, target, doc, headers=headers, token="")
        assert answer.status == 200, (target, answer.text)

    heard = json.dumps([(one.target, one.headers) for one in engine.calls])
    assert turnout.token not in heard


def test_without_a_token_only_the_signs_of_life_answer(turnout: Turnout, engine: Engine) -> None:
    for method, path, doc in PLACES:
        answer = turnout.ask(method, path, doc, token="")
        assert answer.status == (200 if path == "/" else 401), path
    assert engine.calls == []


# --- listings ---


def test_models_are_listed_in_the_shape_of_whoever_asks(turnout: Turnout) -> None:
    openai = turnout.ask("GET", "/v1/models").doc
    anthropic = turnout.ask("GET", "/v1/models?limit=1000", headers={"anthropic-version": "2026-10-21"}).doc
    google = turnout.ask("GET", "/v1/models", headers={"x-goog-api-key": turnout.token}, token="").doc

    assert openai["object"] == "list"
    assert {"id", "object", "created", "owned_by"} <= set(openai["data"][0])
    assert {one["id"] for one in openai["data"]} >= {"auto", "high", "fast", "local", "ollama/scripted"}
    assert [one["id"] for one in anthropic["data"]] == [one["id"] for one in openai["data"]]
    assert {"type", "id", "display_name", "created_at"} <= set(anthropic["data"][0])
    assert (anthropic["has_more"], anthropic["first_id"]) == (False, "auto")
    assert [one["name"] for one in google["models"]] == [f"models/{one['id']}" for one in openai["data"]]


def test_anthropics_listing_pages_to_its_end(turnout: Turnout) -> None:
    seen: list[str] = []
    after = ""
    while True:
        page = turnout.ask("GET", f"/v1/models?limit=2{after}", headers={"anthropic-version": "2023-06-01"}).doc
        seen += [one["id"] for one in page["data"]]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        if not page["has_more"]:
            break
        after = f"&after_id={page['last_id']}"

    assert seen == [one["id"] for one in turnout.ask("GET", "/v1/models").doc["data"]]


@pytest.mark.parametrize(
    "path", ["/v1/models/ollama/scripted", "/v1/models/ollama%2Fscripted", "/v1/models/scripted:latest"]
)
def test_one_model_is_found_however_its_name_is_spelled(turnout: Turnout, path: str) -> None:
    found = turnout.ask("GET", path)
    as_anthropic = turnout.ask("GET", path, headers={"anthropic-version": "2023-06-01"})

    assert found.doc["object"] == "model"
    assert "scripted" in found.doc["id"]
    assert as_anthropic.doc["type"] == "model"


def test_tags_and_show_hold_every_field_that_a_strict_parser_reads(turnout: Turnout) -> None:
    """Zed's list is empty if one is missing; VS Code and Roo drop the model."""
    tags = turnout.ask("GET", "/api/tags").doc["models"]

    for one in tags:
        assert {type(one[key]) for key in ("name", "model", "modified_at", "digest")} == {str}
        assert isinstance(one["size"], int)
        details = one["details"]
        assert {type(details[key]) for key in ("format", "family", "parameter_size", "quantization_level")} == {str}
        for key in ("name", "model"):
            shown = turnout.ask("POST", "/api/show", {key: one["name"]}).doc
            architecture = shown["model_info"]["general.architecture"]
            assert isinstance(shown["model_info"][f"{architecture}.context_length"], int)
            assert shown["model_info"]["general.basename"]
            assert "tools" in shown["capabilities"]
            assert shown["parameters"].split()[0] == "num_ctx"
            assert isinstance(shown["template"], str)


def test_the_version_is_one_that_codex_and_vs_code_accept(turnout: Turnout) -> None:
    version = tuple(int(part) for part in turnout.ask("GET", "/api/version").doc["version"].split("."))

    assert version >= (0, 13, 4)
    assert turnout.ask("GET", "/").text == "Ollama is running"
    assert turnout.ask("HEAD", "/").body == b""


def test_what_litellm_asks_is_answered(turnout: Turnout, engine: Engine) -> None:
    """Bodies without a Content-Type, and the path of one endpoint put onto another's."""
    body = json.dumps({"name": "ollama/scripted"}).encode()
    request = (
        f"POST /api/chat/api/show HTTP/1.1\r\nhost: 127.0.0.1:{turnout.port}\r\nauthorization: Bearer {turnout.token}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode() + body

    answer = turnout.raw(request)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"capabilities"' in answer


def test_a_model_to_show_has_to_be_named(turnout: Turnout) -> None:
    assert turnout.ask("POST", "/api/show", {}).doc == {"error": "model is required"}


# --- calls that are more than a chat ---


@pytest.mark.parametrize("vendor", ["openai", "ollama"])
def test_embeddings_come_in_the_shape_asked_for(turnout: Turnout, engine: Engine, vendor: str) -> None:
    def ask(**more: Any) -> list[Any]:
        doc = turnout.ask("POST", "/v1/embeddings", {"model": f"{vendor}/scripted", **more}).doc
        assert doc["usage"]["prompt_tokens"] == 20
        assert [one["index"] for one in doc["data"]] == list(range(len(doc["data"])))
        return [one["embedding"] for one in doc["data"]]

    packed = ask(input=["a", "b"], encoding_format="base64")

    assert [list(struct.unpack("<4f", base64.b64decode(one))) for one in packed] == [VECTOR, VECTOR]
    assert ask(input="a") == [VECTOR]
    assert ask(input="a", encoding_format="float") == [VECTOR]
    native = turnout.ask("POST", "/api/embed", {"model": f"{vendor}/scripted", "input": ["a", "b"]}).doc
    assert native["embeddings"] == [VECTOR, VECTOR]
    old = turnout.ask("POST", "/api/embeddings", {"model": f"{vendor}/scripted", "prompt": "a"}).doc
    assert old["embedding"] == VECTOR


def test_token_ids_are_embedded_where_the_engine_takes_them(turnout: Turnout, engine: Engine) -> None:
    for given in ([1, 2, 3], [[1, 2], [3]]):
        assert turnout.ask("POST", "/v1/embeddings", {"model": "openai/scripted", "input": given}).status == 200
        refused = turnout.ask("POST", "/v1/embeddings", {"model": "ollama/scripted", "input": given})
        assert (refused.status, refused.doc["error"]["param"]) == (400, "input[0]")


@pytest.mark.parametrize("stream", [False, True])
def test_a_hole_is_filled_by_engines_that_can(turnout: Turnout, engine: Engine, stream: bool) -> None:
    doc = {"prompt": "def f(", "suffix": "):", "max_tokens": 5, "stop": ["\n"], "stream": stream}
    for vendor in ("openai", "ollama"):
        answer = turnout.ask("POST", "/v1/completions", {"model": f"{vendor}/scripted", **doc})
        text = "".join(
            one["choices"][0]["text"] for one in (events(answer) if stream else [answer.doc]) if one["choices"]
        )
        assert text == TEXT
        sent = engine.calls[-1].doc
        assert (sent["prompt"], sent["suffix"]) == ("def f(", "):")
        assert (sent.get("max_tokens") or sent["options"]["num_predict"]) == 5
    native = {"prompt": "def f(", "suffix": "):", "stream": stream, "options": {"num_predict": 5}}
    for vendor in ("openai", "ollama"):
        answer = turnout.ask("POST", "/api/generate", {"model": f"{vendor}/scripted", **native})
        assert "".join(one["response"] for one in lines(answer)) == TEXT
        assert engine.calls[-1].doc["suffix"] == "):"
    for vendor in ("anthropic", "gemini"):
        refused = turnout.ask("POST", "/v1/completions", {"model": f"{vendor}/scripted", **doc})
        assert (refused.status, refused.doc["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("vendor", FAMILIES)
def test_a_prompt_without_a_hole_goes_through_the_models_template(
    turnout: Turnout, engine: Engine, vendor: str
) -> None:
    answer = turnout.ask("POST", "/api/generate", {"model": f"{vendor}/scripted", "prompt": "hi", "stream": False})

    assert (answer.doc["response"], answer.doc["done"]) == (TEXT, True)
    assert "/completions" not in engine.calls[-1].path or "/chat/completions" in engine.calls[-1].path


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "keep", "reason"), [("/api/chat", "5m", "load"), ("/api/generate", 0, "unload")])
def test_loading_a_cloud_model_asks_no_cloud(
    turnout: Turnout, engine: Engine, path: str, keep: object, reason: str, stream: bool
) -> None:
    answer = turnout.ask("POST", path, {"model": "openai/scripted", "keep_alive": keep, "stream": stream})

    assert (answer.doc["done"], answer.doc["done_reason"]) == (True, reason)
    assert engine.calls == []
    assert turnout.row(answer).cost == 0


@pytest.mark.parametrize("path", ["/v1beta", "/v1"])
@pytest.mark.parametrize("vendor", FAMILIES)
def test_gemini_streams_as_sse_and_as_an_array(turnout: Turnout, engine: Engine, vendor: str, path: str) -> None:
    target = f"{path}/models/{vendor}/scripted:streamGenerateContent"
    engine.say(Script(TEXT, (ToolCall("weather", {"city": "Köln"}),), tokens=Tokens(31, 9)))
    doc = {"contents": PARTS, "tools": [{"functionDeclarations": [WEATHER]}]}

    sse = turnout.ask("POST", f"{target}?alt=sse", doc)
    array = turnout.ask("POST", target, doc)

    assert sse.header("content-type").startswith("text/event-stream")
    assert array.header("content-type").startswith("application/json")
    for chunks in (events(sse), json.loads(array.body)):
        parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
        assert "".join(part.get("text", "") for part in parts) == TEXT
        assert [p["functionCall"]["args"] for p in parts if "functionCall" in p] == [{"city": "Köln"}]
        assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
        assert chunks[-1]["usageMetadata"]["promptTokenCount"] == 31
    for answer in (sse, array):
        row = turnout.row(answer)
        assert (row.usage.prompt, row.usage.produced, row.estimated) == (31, 9, False)


def test_a_gemini_array_that_breaks_off_ends_as_an_array_with_an_error(turnout: Turnout, engine: Engine) -> None:
    for cut in (1, 40, 130, 200, 400):
        engine.say(Script(TEXT, cut_after=cut))
        answer = turnout.ask("POST", "/v1beta/models/gemini/scripted:streamGenerateContent", {"contents": PARTS})
        told = json.loads(answer.body)
        assert answer.status == 200
        assert told[-1]["error"]["code"] == 502
        assert all("candidates" in one for one in told[:-1])


def test_names_with_colons_and_slashes_are_no_verbs(turnout: Turnout, engine: Engine) -> None:
    """`/v1/models/NAME:generateContent` shares its prefix with `/v1/models/NAME`, and names hold ':' themselves."""
    answer = turnout.ask("POST", "/v1/models/ollama/llama3.2:3b:generateContent", {"contents": PARTS})

    assert answer.status == 200
    assert engine.calls[-1].doc["model"] == "llama3.2:3b"
    assert turnout.ask("GET", "/v1/models/llama3.2:3b").doc["id"].endswith("llama3.2:3b")
    assert turnout.ask("POST", "/v1/models/auto", {}).status == 404


# --- state that is not ours ---


def test_a_kept_response_is_passed_on_to_who_kept_it_and_refused_elsewhere(turnout: Turnout, engine: Engine) -> None:
    kept = {"input": "and now?", "store": True, "previous_response_id": "resp_1"}

    assert turnout.ask("POST", "/v1/responses", {"model": "openai/scripted", **kept}).status == 200
    assert engine.calls[-1].doc["previous_response_id"] == "resp_1"
    for more, path in (
        (kept, "previous_response_id"),
        ({"input": "x", "conversation": "conv_1"}, "conversation"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "x"}]}, "input[0]"),
        ({"input": "x", "background": True}, "background"),
    ):
        for vendor in ("anthropic", "gemini", "ollama"):
            refused = turnout.ask("POST", "/v1/responses", {"model": f"{vendor}/scripted", **more})
            assert (refused.status, refused.doc["error"]["param"]) == (400, path)
            assert "whole conversation" in refused.doc["error"]["message"]
