"""A flood at the door of the real program: whoever sends well is served while others stand still (T15), and keep memory flat (I18)."""

import itertools
import json
import os
import socket
import statistics
import time
from contextlib import ExitStack

import psutil
import pytest
from tests.support.asks import WAYS
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script

BODY = json.dumps(
    {"model": "openai/scripted", "messages": [{"role": "user", "content": "hi"}], "stream": True}
).encode()


def stalled(turnout: Turnout, stack: ExitStack, data: bytes) -> socket.socket:
    sock = stack.enter_context(turnout.connect())
    sock.sendall(data)
    return sock


def request(turnout: Turnout, length: int = len(BODY)) -> bytes:
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (turnout.port, turnout.token.encode(), length)
    )


def call_s(turnout: Turnout) -> float:
    started = time.monotonic()
    assert turnout.chat(model="openai/scripted").status == 200
    return time.monotonic() - started


@pytest.mark.flaky(reruns=2)
def test_t15_slow_heads_bodies_and_idle_connections_do_not_hold_up_a_good_client(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    alone = statistics.median(call_s(turnout) for _ in range(10))
    with ExitStack() as stack:
        for number in range(300):
            head = request(turnout, 1000)
            stalled(turnout, stack, (b"", head[:40], head + BODY[:20])[number % 3])
        among = statistics.median(call_s(turnout) for _ in range(10))
        process = psutil.Process(turnout.process.pid)
        assert len(process.net_connections("tcp")) <= 256 + 12

    assert among < max(20 * alone, 0.5)


def test_t15_of_a_hundred_calls_at_once_64_run_and_all_are_served(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    engine.say(Script("one two", hold=True))
    with ExitStack() as stack:
        socks = [stalled(turnout, stack, request(turnout) + BODY) for _ in range(100)]
        engine.wait_calls(64)
        time.sleep(0.3)
        assert len(engine.calls) == 64
        engine.release()
        answers = [sock.recv(20) for sock in socks]

    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200"}
    assert len(turnout.settled(100)) == 100


def test_t15_a_call_that_gets_no_place_is_told_when_to_come_again(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    engine.say(Script("one two", hold=True))
    with ExitStack() as stack:
        for _ in range(64):
            stalled(turnout, stack, request(turnout) + BODY)
        engine.wait_calls(64)

        answer = turnout.ask("POST", "/v1/messages", WAYS["messages"].doc("hi", "x", False, 9), timeout_s=20)

        assert answer.status == 429
        assert answer.header("retry-after") == "1"
        assert answer.doc["error"]["type"] == "rate_limit_error"
        assert turnout.control.status().in_flight == 64
        assert turnout.ask("GET", "/v1/models").status == 200
        engine.release()


@pytest.mark.flaky(reruns=2)
def test_i19_a_client_that_reads_slowly_grows_no_memory_and_holds_up_nobody(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    turnout.counting()
    process = psutil.Process(turnout.process.pid)
    engine.say(Script("word " * 2_000, endless=True).once())
    with ExitStack() as stack:
        slow = stalled(turnout, stack, request(turnout) + BODY)
        slow.settimeout(10)
        assert slow.recv(1024)
        before = process.memory_info().rss
        times = [call_s(turnout) for _ in range(20) if slow.recv(1024)]
        grown = process.memory_info().rss - before
        alone = 0.5

    # The engine would have sent hundreds of megabytes meanwhile; what waits is bounded by the sockets and our two water marks.
    assert grown < 30_000_000
    assert statistics.median(times) < alone


def test_i18_stalled_and_broken_off_clients_leave_neither_memory_nor_descriptors(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    process = psutil.Process(turnout.process.pid)
    held = Script("one two three four", hold_after=2)

    def round_of(count: int) -> None:
        engine.forget()
        engine.say(held)
        with ExitStack() as stack:
            for number in range(count):
                data = request(turnout)
                stalled(
                    turnout, stack, data[:60] if number % 3 == 0 else data + BODY[: (20 if number % 3 == 1 else None)]
                )
            engine.wait_calls(1)
        engine.release()

    turnout.counting()
    round_of(150)
    settle(turnout, process, 0)
    handles, sizes = process.num_fds(), [process.memory_info().rss]
    for _ in range(4):
        round_of(150)
        # 64 connections to an engine are kept for the next calls.
        settle(turnout, process, handles + 70)
        sizes.append(process.memory_info().rss)

    assert leaked(sizes) < 3_000_000


def leaked(sizes: list[int]) -> int:
    """Bytes that every part of a run adds; what is loaded once (an encoding, a grader) shows in one part alone."""
    return min(after - before for before, after in itertools.pairwise(sizes))


def settle(turnout: Turnout, process: psutil.Process, handles: int) -> None:
    """Until no call is under way, and descriptors are down to so many."""
    until = time.monotonic() + 30
    while turnout.control.status().in_flight or (handles and process.num_fds() > handles):
        assert time.monotonic() < until, f"{process.num_fds()} descriptors, {turnout.control.status().in_flight} calls"
        time.sleep(0.05)


def test_i18_streams_one_after_the_other_leave_memory_flat(engine: Engine, serve: Serve) -> None:
    many = int(os.environ.get("TURNOUT_SOAK_CALLS", "250"))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    turnout.counting()
    process = psutil.Process(turnout.process.pid)
    sizes = []
    for part in range(5):
        for _ in range(many // 5):
            assert turnout.chat(model="openai/scripted", stream=True).status == 200
        if part:
            sizes.append(process.memory_info().rss)

    assert leaked(sizes) < max(1_500_000, 1_000 * many)
