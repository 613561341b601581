"""Slow and failing engines: the true status, an early 200 with signs of life, failures told inside, and limits that end it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.asks import TALKS, WAYS, send
from tests.support.engine import Engine, Heard
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script

from turnout.calls.units import Status

KEEP_ALIVE = {
    "chat": b": keep-alive\n\n",
    "responses": b": keep-alive\n\n",
    "messages": b'event: ping\ndata: {"type": "ping"}\n\n',
    "ollama": b"",
    "gemini": b"",
}
EARLY_S = 10.0


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


class Slow(threading.Thread):
    """A streaming client that notes when the head came, what came before the engine spoke, and all of it."""

    def __init__(self, turnout: Turnout, way: str, model: str, gone: threading.Event) -> None:
        super().__init__(daemon=True)
        body = json.dumps(WAYS[way].doc("Say hello.", model, True, 1_000)).encode()
        target = WAYS[way].target(model, stream=True)
        self.request = (
            f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{turnout.port}\r\nAuthorization: Bearer {turnout.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode() + body
        self.port, self.gone = turnout.port, gone
        self.way = way
        self.head_s = 0.0
        self.before = b""
        self.raw = b""

    def run(self) -> None:
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as sock:
            sock.sendall(self.request)
            while data := sock.recv(65_536):
                self.head_s = self.head_s or time.monotonic() - begun
                self.raw += data
                if not self.gone.is_set():
                    self.before = self.raw


def unchunked(raw: bytes) -> bytes:
    _, _, rest = raw.partition(b"\r\n\r\n")
    out = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        out, rest = out + rest[:length], rest[length + 2 :]
    return out


@pytest.mark.slow
def test_after_ten_silent_seconds_streams_get_their_head_and_signs_of_life(engine: Engine, tmp_path: Path) -> None:
    """All dialects at once, in both lanes, with engines that send no head and engines that send only one."""
    answers: dict[str, Script] = {
        "late": Script("Here I am.", hold=True),
        "thinking": Script("Here I am.", hold_after=0),
        "failing": Script(status=503, error="out of memory", hold=True),
    }

    def choose(heard: Heard) -> Script:
        name = heard.doc.get("model") or heard.path
        return next(script for key, script in answers.items() if key in str(name))

    engine.choose = choose
    gone = threading.Event()
    with Turnout(tmp_path, settings=four_vendors(engine.url), rules=BY_MODEL) as turnout:
        clients = [
            (kind, vendor, Slow(turnout, way, f"{vendor}/{kind}", gone))
            for kind in answers
            for way in TALKS
            for vendor in ("openai", "ollama", "gemini")
        ]
        for *_, client in clients:
            client.start()
        engine.wait_calls(len(clients))
        until = time.monotonic() + 25
        while not all(client.before for *_, client in clients):
            assert time.monotonic() < until, [(k, v, c.way) for k, v, c in clients if not c.before]
            time.sleep(0.05)
        time.sleep(0.3)
        gone.set()
        engine.release()
        for *_, client in clients:
            client.join(30)

        for kind, vendor, client in clients:
            where = f"{kind} {vendor} {client.way}"
            assert client.head_s >= EARLY_S - 0.2, where
            assert client.before.startswith(b"HTTP/1.1 200"), where
            ping = KEEP_ALIVE[client.way]
            assert unchunked(client.before + b"0\r\n\r\n") == ping, where
            told = unchunked(client.raw).removeprefix(ping)
            if kind == "failing":
                assert b"out of memory" in told, where
                assert b"error" in told, where
            else:
                assert b"Here" in told, where
                assert b"error" not in told.replace(b'"error":null', b""), where
        rows = turnout.settled(len(clients))
    assert {row.status for row in rows} == {Status.SETTLED, Status.FAILED}
    assert sum(row.status is Status.FAILED for row in rows) == len(clients) // 3


@pytest.mark.parametrize(
    ("limit", "script"),
    [
        ("first_byte_s", Script(hold=True)),
        ("idle_s", Script("one two three", hold_after=2)),
        ("total_s", Script("word ", endless=True, gap_s=0.05)),
    ],
)
def test_every_limit_ends_a_call_and_names_itself(engine: Engine, tmp_path: Path, limit: str, script: Script) -> None:
    settings = four_vendors(engine.url).replace('key = "none"\n', f'key = "none"\n{limit} = 1\n')
    engine.default = script
    with Turnout(tmp_path, settings=settings, rules=BY_MODEL) as turnout:
        for way, vendor in (("messages", "openai"), ("ollama", "ollama")):
            answer = send(turnout, way, model=f"{vendor}/scripted", stream=True)

            assert answer.status == (504 if limit == "first_byte_s" else 200)
            assert limit in answer.text
            row = turnout.row(answer)
            assert row.status is Status.FAILED
            assert row.attempts[-1].status == "timeout"


def test_the_engines_status_and_its_advice_are_the_clients(engine: Engine, tmp_path: Path) -> None:
    told = (("retry-after", "7"), ("x-ratelimit-remaining-requests", "0"))
    with Turnout(tmp_path, settings=four_vendors(engine.url), rules=BY_MODEL) as turnout:
        for number, status in enumerate((400, 401, 402, 404, 413, 422, 429, 500, 503, 529)):
            engine.default = Script(status=status, error="as it is", headers=told)
            way = TALKS[number % len(TALKS)]
            for stream in (False, True):
                answer = send(turnout, way, model="openai/scripted", stream=stream)
                assert answer.status == status, way
                assert "as it is" in WAYS[way].message(answer.doc)
                assert answer.header("retry-after") == "7"
                name = "anthropic-ratelimit-requests-remaining" if way == "messages" else told[1][0]
                assert answer.header(name) == "0"


def test_fallback_ends_at_the_first_output_byte(engine: Engine, tmp_path: Path) -> None:
    """A tier and a provider for each accident: one that failed goes last for a while."""
    cases = {
        "high": (Script(status=503), True),
        "fast": (Script(body=b"", kind="application/x-ndjson"), True),
        "local": (Script("one two three", cut_after=150), False),
    }
    settings = f'[providers.openai]\ndialect = "openai"\nbase_url = "{engine.url}/v1"\nkey = "none"\n' + "".join(
        f'[providers.{name}-first]\ndialect = "ollama"\nbase_url = "{engine.url}"\nkey = "none"\nsovereign = true\n'
        for name in cases
    )
    settings += "[tiers]\n" + "".join(f'{name} = ["{name}-first/{name}", "openai/good"]\n' for name in cases)
    rules = '[[rule]]\nname = "all"\nwhen = "true"\nroute = "asked"\non_failure = ["next"]\n'
    engine.choose = lambda heard: cases.get(heard.doc["model"], (Script("All is well."), True))[0]
    with Turnout(tmp_path, settings=settings, rules=rules) as turnout:
        for tier, (_, served) in cases.items():
            answer = send(turnout, "messages", model=tier, stream=True)

            assert (" well." in answer.text) is served, tier
            assert ("event: error" in answer.text) is not served, tier
            tried = [attempt.provider for attempt in turnout.row(answer).attempts]
            assert tried == [f"{tier}-first", "openai"][: 1 + served]
