"""Ports beside the first: a client's own that needs no token, one that stands in for Ollama, and further names of this machine."""

import socket

from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, status_of
from tests.support.scene import four_vendors

ASK = {"model": "openai/scripted", "messages": [{"role": "user", "content": "Say hello."}]}


def free_ports(count: int) -> list[int]:
    socks = [socket.socket() for _ in range(count)]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        sock.close()
    return ports


def test_a_clients_own_port_takes_its_calls_without_a_token_and_is_warned_about(engine: Engine, serve: Serve) -> None:
    (port,) = free_ports(1)
    turnout = serve(settings=four_vendors(engine.url, extra=f"[clients.xcode]\nport = {port}\n"), rules=BY_MODEL)

    answer = turnout.ask("POST", "/v1/chat/completions", ASK, token="", port=port)

    assert f"Warning: port {port} takes calls of 'xcode' without a token" in turnout.stderr
    assert answer.status == 200
    assert turnout.row(answer).client == "xcode"
    named = turnout.ask("POST", "/v1/chat/completions", ASK, port=port)
    assert turnout.row(named).client == "tester"


def test_t06_a_clients_own_port_opens_nothing_else(engine: Engine, serve: Serve) -> None:
    (port,) = free_ports(1)
    turnout = serve(settings=four_vendors(engine.url, extra=f"[clients.xcode]\nport = {port}\n"), rules=BY_MODEL)
    path = "/v1/chat/completions"

    assert turnout.ask("POST", path, ASK, token="tn-wrong", port=port).status == 401
    assert turnout.ask("POST", path, ASK, token="").status == 401
    assert turnout.ask("GET", "/_control/v1/status", token="", port=port).status == 401
    assert turnout.ask("GET", "/metrics", token="", port=port).status == 401
    page = {"origin": "http://localhost:3000"}
    assert turnout.ask("POST", path, ASK, token="", port=port, headers=page).status == 403
    other = {"host": f"127.0.0.1:{turnout.port}"}
    assert turnout.ask("POST", path, ASK, token="", port=port, headers=other).status == 403
    assert turnout.ask("POST", path, ASK, token="", port=port, headers={"content-type": "text/plain"}).status == 415
    assert engine.calls == []


def test_another_port_to_stand_in_for_an_engine_wants_the_token_as_the_first_does(engine: Engine, serve: Serve) -> None:
    (port,) = free_ports(1)
    turnout = serve(settings=four_vendors(engine.url, extra=f"[server]\nalso_listen = [{port}]\n"), rules=BY_MODEL)

    assert turnout.ask("GET", "/api/tags", token="", port=port).status == 401
    assert turnout.ask("GET", "/", token="", port=port).text == "Ollama is running"
    assert turnout.ask("GET", "/api/tags", port=port).status == 200
    assert turnout.ask("POST", "/v1/chat/completions", ASK, port=port).status == 200


def test_t01_a_host_that_was_listed_is_let_in_at_our_port(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url, extra='[server]\nallowed_hosts = ["mybox"]\n'), rules=BY_MODEL)

    def asked(host: str) -> int:
        return status_of(turnout.raw(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()))

    assert asked(f"mybox:{turnout.port}") == 200
    assert asked(f"MYBOX:{turnout.port}") == 200
    assert asked("mybox:1") == asked("mybox") == asked(f"yourbox:{turnout.port}") == 403
