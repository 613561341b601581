"""Nonsense from clients and from engines, in every dialect: an error the client can read, a row, and a proxy that stays up."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.asks import WAYS, send
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Answered, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Doc, Script

from turnout.calls.units import Status

LEAKS = re.compile(r"Traceback|File \"|\.py\b|Error\(|object at 0x|site-packages")
HOME = {
    "chat": "openai",
    "responses": "openai",
    "completions": "openai",
    "embeddings": "openai",
    "messages": "anthropic",
    "ollama": "ollama",
    "generate": "ollama",
    "embed": "ollama",
    "gemini": "gemini",
}
"""The vendor whose own dialect a way speaks."""
OTHER = {"openai": "anthropic", "anthropic": "openai", "ollama": "gemini", "gemini": "ollama"}
"""One that it must be translated for."""
STREAMS = [(way, stream) for way in WAYS for stream in (False, True) if WAYS[way].streams or not stream]
ENGINES = [(way, stream, HOME[way]) for way, stream in STREAMS] + [
    (way, stream, OTHER[HOME[way]])
    for way, stream in STREAMS
    if WAYS[way].streams and not (way in ("completions", "generate") and stream)
]


@pytest.fixture(scope="module")
def running(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("bad")
    settings = four_vendors(scripted.url).replace('key = "none"\n', 'key = "none"\nfirst_byte_s = 2\nidle_s = 1\n')
    with Turnout(home, settings=settings, rules=BY_MODEL) as found:
        yield found
        assert found.process.poll() is None
        assert "Traceback" not in found.stderr
        assert "Traceback" not in (home / "state" / "turnout.log").read_text()


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    return scripted


@pytest.fixture
def turnout(engine: Engine, running: Turnout) -> Turnout:
    return running


def told(way: str, answer: Answered) -> str:
    """The message of an error in the client's own dialect; fails when it is in another, or shows our insides."""
    message = WAYS[way].message(answer.doc)
    assert message
    assert not LEAKS.search(answer.text)
    return message


def last_event(answer: Answered) -> Doc:
    """The last event of a stream that a client can read from its first to its last byte."""
    if "ndjson" in answer.header("content-type"):
        parts = answer.text.splitlines()
    else:
        assert answer.text.replace("\r", "").endswith("\n\n")
        blocks = answer.text.replace("\r", "").split("\n\n")
        lines = [[line for line in block.split("\n") if line.startswith("data:")] for block in blocks]
        parts = ["\n".join(line.removeprefix("data:") for line in block).strip() for block in lines if block]
    events = [json.loads(part) for part in parts if part != "[DONE]"]
    assert isinstance(events[-1], dict)
    return events[-1]


# --- what clients send ---

NONSENSE = {
    "nothing": b"",
    "spaces": b"  \n ",
    "half an object": b'{"model": "openai/scripted", "messages": [',
    "no JSON": b"hello",
    "form data": b"model=auto&prompt=hi",
    "a number": b"42",
    "null": b"null",
    "a string": b'"auto"',
    "a list": b"[1, 2, 3]",
    "bad UTF-8": b'{"model": "openai/scripted", "messages": "\xff\xfe"}',
    "a lone surrogate": b'{"model": "openai/scripted", "messages": "\\ud800"}',
    "nested 100,000 deep": b"[" * 100_000,
    "nested and closed": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "an empty object": b"{}",
    "NUL bytes": b"\0" * 100,
    "a byte order mark": b'\xef\xbb\xbf{"model": 1}',
    "UTF-16": '{"model": "auto"}'.encode("utf-16"),
}


@pytest.mark.parametrize("name", NONSENSE)
@pytest.mark.parametrize("way", WAYS)
def test_a_body_that_is_no_call_is_told_in_the_clients_dialect(
    turnout: Turnout, engine: Engine, way: str, name: str
) -> None:
    answer = turnout.ask("POST", WAYS[way].target("openai/scripted", stream=False), NONSENSE[name])

    assert answer.status == 400
    assert told(way, answer)
    assert engine.calls == []
    row = turnout.row(answer)
    assert (row.status, row.cost, row.client) == (Status.FAILED, 0, "tester")
    assert row.error


WRONG: list[object] = [None, True, -1, 1e400, 10**30, "", "x", [], [[]], {}, {"a": {}}, [None], [{"role": 5}]]


@pytest.mark.parametrize("way", WAYS)
def test_a_field_of_any_wrong_type_is_told_or_served(turnout: Turnout, engine: Engine, way: str) -> None:
    right = WAYS[way].doc("Say hello.", f"{HOME[way]}/scripted", False, 100)
    names = {*right, "tools", "tool_choice", "temperature", "stop", "system", "stream_options", "metadata", "format"}
    statuses = set()

    for name in sorted(names):
        for value in WRONG:
            body = json.dumps({**right, name: value}).encode()
            answer = turnout.ask("POST", WAYS[way].target(f"{HOME[way]}/scripted", stream=False), body)
            statuses.add(answer.status)
            if answer.status != 200:
                told(way, answer)

    assert statuses <= {200, 400, 404}


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("embeddings", "embed")])
def test_no_messages_at_all_is_told_before_an_engine_is_asked(turnout: Turnout, engine: Engine, way: str) -> None:
    right = WAYS[way].doc("", f"{HOME[way]}/scripted", False, 100)
    empty = {name: [] if isinstance(value, list) else value for name, value in right.items()}

    answer = turnout.ask("POST", WAYS[way].target(f"{HOME[way]}/scripted", stream=False), empty)

    assert answer.status == (200 if way in ("completions", "generate", "responses", "ollama") else 400)
    assert answer.status == 200 or told(way, answer)


@pytest.mark.parametrize(("way", "stream"), STREAMS)
def test_a_model_nobody_has_is_told_and_in_the_ledger(turnout: Turnout, engine: Engine, way: str, stream: bool) -> None:
    answer = send(turnout, way, model="nobody/has-this", stream=stream)

    assert answer.status in (400, 404)
    assert "has-this" in told(way, answer) or "nobody" in told(way, answer)
    assert engine.calls == []
    assert turnout.row(answer).status in (Status.FAILED, Status.REFUSED)


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/v1/chat/completion", "chat"),
        ("/v2/messages", "chat"),
        ("/v1/messages/batches", "messages"),
        ("/api/nothing", "ollama"),
        ("/v1beta/models/x:explode", "gemini"),
        ("/v1/audio/speech", "chat"),
        ("/", "chat"),
    ],
)
def test_an_unknown_path_says_where_chat_lives(turnout: Turnout, path: str, way: str) -> None:
    answer = turnout.ask("POST", path, {"model": "auto"})

    assert answer.status in (404, 405)
    assert told(way, answer)
    assert path == "/" or "/v1/chat/completions" in answer.text


def test_40_mb_are_refused_in_every_dialect(turnout: Turnout, engine: Engine) -> None:
    body = json.dumps(
        {"model": "openai/scripted", "messages": [{"role": "user", "content": "x" * 40_000_000}]}
    ).encode()

    for way in WAYS:
        answer = turnout.ask("POST", WAYS[way].target("openai/scripted", stream=False), body)
        assert answer.status == 413
        assert "32 MB" in told(way, answer)
        assert turnout.row(answer).code == "turnout_too_large"
    assert engine.calls == []


def test_a_request_cut_anywhere_leaves_the_proxy_well(turnout: Turnout, engine: Engine) -> None:
    body = json.dumps(WAYS["chat"].doc("Say hello.", "openai/scripted", True, 100)).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{turnout.port}\r\nAuthorization: Bearer {turnout.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    before = len(turnout.rows())

    for cut in range(0, len(request), 5):
        with turnout.connect() as sock:
            sock.sendall(request[:cut])

    assert turnout.chat(model="openai/scripted").status == 200
    rows = turnout.settled(before + len(body) // 5)
    assert {row.status for row in rows[: len(rows) - before]} == {Status.ABORTED, Status.SETTLED}


@pytest.mark.parametrize(("way", "stream", "vendor"), ENGINES)
def test_a_client_that_leaves_during_the_answer_is_a_row(
    turnout: Turnout, engine: Engine, way: str, stream: bool, vendor: str
) -> None:
    engine.say(Script("word " * 50, hold_after=None if not stream else 2, hold=not stream).once())
    body = json.dumps(WAYS[way].doc("Say hello.", f"{vendor}/scripted", stream, 100)).encode()
    target = WAYS[way].target(f"{vendor}/scripted", stream=stream)
    before = len(turnout.rows())

    with turnout.connect() as sock:
        sock.sendall(
            f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{turnout.port}\r\nAuthorization: Bearer {turnout.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        engine.wait_calls(1)
        if stream:
            assert sock.recv(100)
    engine.release()

    row = turnout.settled(before + 1)[0]
    assert row.status in (Status.ABORTED, Status.SETTLED)
    assert row.provider == vendor


# --- what engines send ---

HTML = b"<!DOCTYPE html><html><body><h1>Login</h1></body></html>"
BROKEN = {
    "HTML with 200": Script(body=HTML, kind="text/html"),
    "HTML that says JSON": Script(body=HTML, kind="application/json"),
    "HTML that says SSE": Script(body=HTML, kind="text/event-stream"),
    "nothing": Script(body=b"", kind="application/json"),
    "an empty stream": Script(body=b"", kind="text/event-stream"),
    "null": Script(body=b"null"),
    "a list": Script(body=b"[]"),
    "an empty object": Script(body=b"{}"),
    "bad UTF-8": Script(body=b'{"id": "\xff\xfe"'),
    "half an answer": Script(cut_after=30),
    "no answer": Script(cut_head=True),
    "a reset": Script(cut_after=10, reset=True),
    "no HTTP": Script(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
    "half a head": Script(raw=b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "a head of 400 KB": Script(raw=b"HTTP/1.1 200 OK\r\nx: " + b"a" * 400_000 + b"\r\n\r\n{}"),
    "a length that lies": Script(
        raw=b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{}"
    ),
    "chunks that lie": Script(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "a redirect": Script(status=307, headers=(("location", "http://127.0.0.1:1/"),)),
    "silence": Script(hold=True),
    "an error of its own": Script(status=500, error="it hurts"),
    "an HTML error": Script(status=503, body=HTML, kind="text/html"),
    "only a 100": Script(raw=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a 204": Script(raw=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a compressed body": Script(body=b"\x1f\x8b\x08\0junk", headers=(("content-encoding", "gzip"),)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_engine_that_answers_nonsense_is_told_in_the_clients_dialect(
    turnout: Turnout, engine: Engine, name: str
) -> None:
    for way, stream, vendor in ENGINES if name != "silence" else ENGINES[:2]:
        engine.forget()
        engine.say(BROKEN[name])

        answer = send(turnout, way, model=f"{vendor}/scripted", stream=stream)

        where = f"{way} {vendor} {'streamed' if stream else 'whole'}: {answer.status} {answer.text[:300]}"
        assert not LEAKS.search(answer.text), where
        if answer.status == 200:
            assert stream, where
            doc = last_event(answer)
            assert "error" in doc or doc.get("type") in ("error", "response.failed"), where
        else:
            assert 400 <= answer.status < 600, where
            assert told(way, answer), where
        row = turnout.row(answer)
        assert row.status is Status.FAILED, where
        assert row.error or row.attempts[-1].error, where
    engine.release()


@pytest.mark.parametrize(("way", "vendor"), [(way, vendor) for way, stream, vendor in ENGINES if stream])
def test_a_stream_cut_at_any_byte_ends_with_an_error_event(
    turnout: Turnout, engine: Engine, way: str, vendor: str
) -> None:
    whole = send(turnout, way, model=f"{vendor}/scripted", stream=True)
    assert whole.status == 200

    for cut in range(1, 700, 97):
        engine.forget()
        engine.say(Script("one two three four five six", cut_after=cut))
        answer = send(turnout, way, model=f"{vendor}/scripted", stream=True)
        row = turnout.row(answer)
        where = f"cut at {cut}: {answer.status} {answer.text[-300:]}"
        assert not LEAKS.search(answer.text), where
        if row.status is Status.SETTLED:
            continue  # the cut came after the stream's own end
        if answer.status == 200:
            doc = last_event(answer)
            assert "error" in doc or doc.get("type") in ("error", "response.failed"), where
        else:
            assert told(way, answer), where


def test_after_all_of_it_the_proxy_serves(turnout: Turnout, engine: Engine) -> None:
    assert [send(turnout, way, model=f"{HOME[way]}/scripted").status for way in WAYS] == [200] * len(WAYS)
