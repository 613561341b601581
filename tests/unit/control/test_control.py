"""Runtime file, lock, and the client against a real loopback server that plays recorded answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from turnout.control.client import ControlClient
from turnout.control.codec import status_json, status_of
from turnout.control.messages import BudgetLine, Engine, Running, Status
from turnout.control.runtime import InstanceLock, Runtime, read_runtime, write_runtime
from turnout.errors import ControlError

STATUS = Status(
    "0.1.0",
    7,
    "http://127.0.0.1:1",
    5,
    "auto",
    engines=(Engine("local", "up", models=2),),
    budgets=(BudgetLine("k", "b", "client", "ada", "usd", "day", "1", "0", "5", "4"),),
    running=(Running("c1", "ada", "m", "fast", 3),),
    clients_seen={"ada": 3},
)


class Script(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: tuple[int, bytes] = (200, b"{}")
        self.asked: list[tuple[str, str, str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Script

    def _any(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.asked.append((self.command, self.path, self.headers["authorization"], body))
        status, data = self.server.answer
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _any

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Script]:
    script = Script()
    thread = threading.Thread(target=script.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    script.shutdown()
    thread.join()
    script.server_close()


@pytest.fixture
def client(server: Script) -> ControlClient:
    return ControlClient(Runtime(f"http://127.0.0.1:{server.server_port}", 1, "tok", "0.1.0", 0))


def test_a_status_survives_the_way_there_and_back() -> None:
    assert status_of(json.loads(json.dumps(status_json(STATUS)))) == STATUS


def test_an_older_or_newer_proxys_status_is_still_read() -> None:
    doc = status_json(STATUS)
    del doc["notices"]
    doc["something_new"] = [1]
    doc["engines"] = [{"provider": "local", "later": 1}]

    found = status_of(doc)

    assert (found.notices, found.engines) == ((), (Engine("local", ""),))


def test_the_token_and_the_body_are_sent(server: Script, client: ControlClient) -> None:
    server.answer = (200, b'{"name": "a b", "token": "t"}')

    client.client_rotate("a b")
    client.client_add("x", project="p")

    assert server.asked[0] == ("POST", "/_control/v1/clients/a%20b/rotate", "Bearer tok", {})
    assert server.asked[1][3] == {"name": "x", "department": "", "project": "p"}


def test_a_refusal_keeps_message_and_code(server: Script, client: ControlClient) -> None:
    server.answer = (400, b'{"error": {"message": "no such budget", "code": "turnout_bad_request"}}')

    with pytest.raises(ControlError, match="no such budget") as caught:
        client.credit("x", "1")

    assert (caught.value.refused, caught.value.answer_code) == (True, "turnout_bad_request")


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'"x"', b"\xff"])
def test_what_is_not_the_control_api_is_an_error_with_a_message(
    server: Script, client: ControlClient, body: bytes
) -> None:
    server.answer = (200, body)

    with pytest.raises(ControlError):
        client.status()


def test_nobody_there_says_how_to_start_it() -> None:
    with pytest.raises(ControlError) as caught:
        ControlClient(Runtime("http://127.0.0.1:1", 1, "t", "v", 0)).status()

    assert not caught.value.refused
    assert "turnout serve" in caught.value.hint


def test_events_come_one_by_one(server: Script, client: ControlClient) -> None:
    line = b"event: status\ndata: " + json.dumps(status_json(STATUS)).encode() + b"\n\n"
    server.answer = (200, line + b": keep-alive\n\n" + line)

    assert list(client.events()) == [STATUS, STATUS]


def test_a_pull_tells_its_progress_and_its_error(server: Script, client: ControlClient) -> None:
    server.answer = (200, b'{"status": "pulling", "completed": 1, "total": 2}\n{"error": "no such model"}\n')
    seen: list[object] = []

    with pytest.raises(ControlError, match="no such model"):
        seen.extend(client.models_pull("x"))

    assert server.asked[0][3] == {"name": "x", "provider": ""}


def test_the_runtime_file_is_the_owners_alone(tmp_path: Path) -> None:
    runtime = Runtime("http://127.0.0.1:7717", 12, "tok", "0.1.0", 99)

    write_runtime(tmp_path / "runtime.json", runtime)

    assert read_runtime(tmp_path / "runtime.json") == runtime
    assert (tmp_path / "runtime.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"nonsense", b'{"url": 1, "pid": "x"}'])
def test_a_broken_runtime_file_is_as_good_as_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "runtime.json").write_bytes(data)

    assert read_runtime(tmp_path / "runtime.json") is None


def test_i16_the_lock_is_held_by_one_and_free_after(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path / "run" / "lock"), InstanceLock(tmp_path / "run" / "lock")

    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_i16_a_lock_file_that_was_left_behind_locks_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("12345")

    with InstanceLock(tmp_path / "lock") as lock:
        assert lock.acquire()
