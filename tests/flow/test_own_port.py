"""A client that can send neither key nor path has a loopback port of its own, and nobody else's rights."""

import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from tests.support.engine import Engine
from tests.support.proxy import Turnout
from tests.support.scene import four_vendors

BODY = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def turnout(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Turnout]:
    with Engine() as engine:
        settings = four_vendors(engine.url) + f"\n[clients.xcode]\nport = {port}\n"
        with Turnout(tmp_path_factory.mktemp("own-port"), settings=settings) as running:
            yield running


def ask(port: int, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status, and the call's id."""
    body = json.dumps(BODY) if method == "POST" else None
    given = {"Content-Type": "application/json"} if body else {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, given | (headers or {}))
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("x-turnout-call", "")
    finally:
        connection.close()


def test_what_xcode_asks_is_answered_there_without_a_token_and_booked_as_xcode(turnout: Turnout, port: int) -> None:
    listed, _ = ask(port, "GET", "/v1/models")
    answered, plain = ask(port, "POST", "/v1/chat/completions")
    empty, bare = ask(port, "POST", "/v1/chat/completions", {"Authorization": "Bearer "})

    assert (listed, answered, empty) == (200, 200, 200)
    assert [turnout.row(call).client for call in (plain, bare)] == ["xcode", "xcode"]


def test_the_main_port_still_wants_a_token(turnout: Turnout) -> None:
    assert ask(turnout.port, "POST", "/v1/chat/completions")[0] == 401


def test_there_too_no_web_page_and_no_other_host_comes_in(turnout: Turnout, port: int) -> None:
    """T01, T02"""
    assert ask(port, "POST", "/v1/chat/completions", {"Origin": "https://evil.example"})[0] == 403
    assert ask(port, "GET", "/v1/models", {"Host": "evil.example"})[0] == 403


def test_there_too_control_wants_its_own_token(turnout: Turnout, port: int) -> None:
    assert ask(port, "GET", "/_control/v1/status")[0] == 401
    assert ask(port, "GET", "/metrics")[0] == 401


def test_a_token_sent_there_says_whose_call_it_is(turnout: Turnout, port: int) -> None:
    token = turnout.add_client("zed")

    _, call = ask(port, "POST", f"/c/{token}/v1/chat/completions")

    assert turnout.row(call).client == "zed"
