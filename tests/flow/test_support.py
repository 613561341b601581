"""The scripted engine and the real one do what the other flow tests take for granted."""

import json
import urllib.request

import pytest
from tests.support.engine import Engine
from tests.support.llama import LlamaServer
from tests.support.script import Script, Tokens


def asked(url: str, doc: object) -> tuple[int, bytes]:
    request = urllib.request.Request(url, json.dumps(doc).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.read()


HELLO = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    ("path", "doc", "sign"),
    [
        ("/v1/chat/completions", {"model": "m", "messages": HELLO, "stream": True}, b"data: [DONE]"),
        ("/v1/chat/completions", {"model": "m", "messages": HELLO}, b'"completion_tokens":8'),
        ("/v1/responses", {"model": "m", "input": "hello", "stream": True}, b"event: response.completed"),
        ("/v1/completions", {"model": "m", "prompt": "hello"}, b"text_completion"),
        ("/v1/embeddings", {"model": "m", "input": ["a", "b"]}, b'"index":1'),
        ("/v1/messages", {"model": "m", "messages": HELLO, "max_tokens": 9, "stream": True}, b"event: message_stop"),
        ("/v1/messages/count_tokens", {"model": "m", "messages": HELLO}, b'"input_tokens":20'),
        ("/api/chat", {"model": "m", "messages": HELLO}, b'"done":true'),
        ("/api/embed", {"model": "m", "input": "a"}, b'"embeddings":[['),
        ("/v1beta/models/m:generateContent", {"contents": []}, b'"candidatesTokenCount":8'),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": []}, b'"finishReason":"STOP"'),
    ],
)
def test_the_scripted_engine_speaks_every_dialect(engine: Engine, path: str, doc: object, sign: bytes) -> None:
    status, body = asked(engine.url + path, doc)
    assert status == 200
    assert sign in body


def test_the_scripted_engine_keeps_every_request_and_its_bill(engine: Engine) -> None:
    engine.say(Script(tokens=Tokens(100, 7)).once())
    asked(f"{engine.url}/v1/chat/completions", {"model": "first", "messages": HELLO})
    asked(f"{engine.url}/v1/chat/completions", {"model": "second", "messages": HELLO})
    assert [(one.model, one.tokens) for one in engine.bill] == [("first", Tokens(100, 7)), ("second", Tokens())]
    assert [one.doc["model"] for one in engine.calls] == ["first", "second"]


@pytest.mark.engine
def test_a_real_engine_answers_word_for_word(llama: LlamaServer) -> None:
    doc = {"model": "scripted", "messages": [{"role": "user", "content": "well? <|s:text|>"}]}
    _, body = asked(f"{llama.url}/v1/chat/completions", doc)
    assert json.loads(body)["choices"][0]["message"]["content"] == "Routing is cheap when the local model answers."
