"""What is remembered of a kept connection ends with what it rests on: a token taken away, settings that changed (T01, I20)."""

import http.client
import json

from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.scene import four_vendors


def ask(connection: http.client.HTTPConnection, token: str, host: str = "") -> int:
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection.request("POST", "/v1/chat/completions", body, headers | ({"Host": host} if host else {}))
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_a_token_that_was_taken_away_stops_at_once_on_a_connection_that_used_it(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url))
    token = turnout.add_client("fired")
    connection = http.client.HTTPConnection("127.0.0.1", turnout.port, timeout=20)
    assert [ask(connection, token), ask(connection, token)] == [200, 200]
    used = connection.sock

    turnout.control.client_remove("fired")

    assert ask(connection, token) == 401
    assert connection.sock is used
    connection.close()


def test_a_rotated_token_stops_and_the_new_one_works_on_the_same_connection(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url))
    token = turnout.add_client("turning")
    connection = http.client.HTTPConnection("127.0.0.1", turnout.port, timeout=20)
    assert ask(connection, token) == 200

    fresh = str(turnout.control.client_rotate("turning")["token"])

    assert [ask(connection, token), ask(connection, fresh)] == [401, 200]
    connection.close()


def test_t01_a_host_that_is_no_longer_allowed_is_refused_on_a_connection_that_used_it(
    engine: Engine, serve: Serve
) -> None:
    allowed = '[server]\nallowed_hosts = ["proxy.test"]\n' + four_vendors(engine.url)
    turnout = serve(settings=allowed)
    connection = http.client.HTTPConnection("127.0.0.1", turnout.port, timeout=20)
    host = f"proxy.test:{turnout.port}"
    assert ask(connection, turnout.token, host) == 200

    (turnout.home / "turnout.toml").write_text(four_vendors(engine.url))
    assert turnout.control.reload()["settings"] == "ok"

    assert ask(connection, turnout.token, host) == 403
    connection.close()


def test_an_engine_that_moved_is_called_where_it_is_now_on_the_same_connection(engine: Engine, serve: Serve) -> None:
    with Engine() as moved:
        turnout = serve(settings=four_vendors(engine.url))
        connection = http.client.HTTPConnection("127.0.0.1", turnout.port, timeout=20)
        assert ask(connection, turnout.token) == 200
        (turnout.home / "turnout.toml").write_text(four_vendors(moved.url))
        assert turnout.control.reload()["settings"] == "ok"

        assert ask(connection, turnout.token) == 200
        assert f"http://{moved.calls[-1].header('host')}" == moved.url
        connection.close()
