"""What a real Ollama and a real llama-server answered, replayed through the fast lane: bytes in, the same bytes out (I21)."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.engine import Engine, Heard
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Doc, Script
from tests.support.shared import ROOT

FAMILIES = {
    "/api/chat": "ollama",
    "/api/generate": "ollama",
    "/api/embed": "ollama",
    "/v1/chat/completions": "openai",
    "/v1/completions": "openai",
    "/v1/embeddings": "openai",
    "/v1/responses": "openai",
    "/v1/messages": "anthropic",
}
"""Which provider speaks the dialect of an endpoint."""
NEVER_SENT = ("api_chat_bad_json", "api_chat_wrong_type", "v1_chat_no_messages")
"""Told by Turnout itself: these can be no call."""
MODEL = re.compile(rb'"model":\s*"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Golden:
    name: str
    path: str
    body: bytes
    status: int
    answer: bytes
    """Raw, head and chunk framing and all."""
    whole: bool
    """The engine ended it properly."""

    @property
    def content(self) -> bytes:
        head, _, rest = self.answer.partition(b"\r\n\r\n")
        if b"chunked" not in head.lower():
            return rest
        out = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size or b"0", 16)
            out, rest = out + rest[:length], rest[length + 2 :]
        return out


def _bytes(part: Doc) -> bytes:
    return base64.b64decode(part["b64"]) if "b64" in part else str(part.get("text", "")).encode()


def _goldens() -> list[Golden]:
    found = []
    for file in sorted((ROOT / "golden").glob("*.json")):
        doc = json.loads(file.read_text())
        head, _, body = _bytes(doc["request"]).partition(b"\r\n\r\n")
        if not head:
            continue
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        if method == "POST" and path in FAMILIES and MODEL.search(body) and len(body) < 10_000_000:
            answer = _bytes(doc["response_raw"])
            found.append(Golden(file.stem, path, body, doc["status"], answer, doc["end"] == "complete"))
    return found


GOLDENS = _goldens()
pytestmark = pytest.mark.skipif(not GOLDENS, reason="reference material ../shared/golden is not beside this checkout")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


@pytest.fixture(scope="module")
def turnout(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("golden")
    with Turnout(home, settings=four_vendors(engine.url), rules=BY_MODEL) as running:
        yield running
        assert "Traceback" not in running.stderr


def _named(body: bytes, family: str) -> bytes:
    """The recorded request, asking for the model at its provider: the only bytes that may change on the way."""
    found = MODEL.search(body)
    assert found is not None
    return body[: found.start(1)] + f"{family}/".encode() + body[found.start(1) :]


def _ends(golden: Golden) -> bool:
    """Whether the recorded stream says that it is over, in its own dialect; a whole body always does."""
    content = golden.content
    if b"text/event-stream" not in golden.answer.split(b"\r\n\r\n")[0]:
        return golden.whole and (not content.startswith(b"{") or b'"done":false' not in content.splitlines()[-1])
    marks = (b"[DONE]", b"message_stop", b"response.completed", b'"finish_reason":"')
    return golden.whole and any(mark in content for mark in marks)


def _as_sent(heard: Heard, golden: Golden) -> None:
    if heard.body == golden.body:
        return
    sent, recorded = heard.doc, json.loads(golden.body)
    if recorded.get("stream") and golden.path in ("/v1/chat/completions", "/v1/completions"):
        # Usage is asked for, and stripped from the answer.
        assert sent.pop("stream_options") == {"include_usage": True}
        assert heard.body.endswith(golden.body[1:])
    else:
        # A prompt that is longer than the engine's default window, and would be cut in silence.
        assert golden.path.startswith("/api/")
        assert len(golden.body) > 10_000
        assert sent["options"].pop("num_ctx") > 4_096
        assert recorded.get("truncate", False) is sent.pop("truncate")
        assert recorded.get("shift", False) is sent.pop("shift")
        sent = {key: value for key, value in sent.items() if key != "options" or value or "options" in recorded}
        recorded = {key: value for key, value in recorded.items() if key not in ("truncate", "shift")}
    assert sent == recorded


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_a_recorded_exchange_replays_byte_for_byte(turnout: Turnout, engine: Engine, golden: Golden) -> None:
    """I21."""
    engine.forget()
    engine.say(Script(raw=golden.answer))

    answer = turnout.ask("POST", golden.path, _named(golden.body, FAMILIES[golden.path]))

    content = golden.content
    if golden.name in NEVER_SENT:
        assert (answer.status, engine.calls) == (400, [])
        return
    _as_sent(engine.calls[0], golden)
    if golden.status != 200:
        assert (answer.status, answer.body) == (golden.status, content)
    elif _ends(golden):
        assert answer.status == 200
        assert answer.body == content or (answer.body == content + b"data: [DONE]\n\n" and b"[DONE]" not in content)
    elif b"\n" in content.strip() and answer.status == 200:
        # It stops without its end: all that is whole passes, then the client's own error event.
        passed = content[: content.rfind(b"\n") + 1]
        assert answer.body.startswith(passed)
        assert b"error" in answer.body[len(passed) :]
    else:
        assert answer.status == 502
