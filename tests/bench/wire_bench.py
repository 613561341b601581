"""Translation on one core: `python tests/bench/wire_bench.py`, no sockets but for `--streams`.

Request: a 200 KB agent body (Anthropic, 25 tools, 60 turns) read and written for an OpenAI engine, as a call adds it to what the
fast lane costs anyway. Stream: an OpenAI engine's chunks read, put in order and written as Anthropic events, in reads of 16 KB.
`--streams N` sends N translated streams through a real `turnout serve` and prints its resident memory along the way.

Measured 2026-11-25 on two shared cores under a load of 12: 0.74 ms added by translation (goal 2; json.loads and json.dumps of the
body 0.9 ms), 164k chunks/s (goal 40k; json.loads and json.dumps of each chunk 137k). 10,000 translated streams: 138.8 MiB resident after the first
1,000 (the tokenizer's ranks are loaded by then), 140.3 MiB after 10,000. Through a whole `turnout serve` with everything on
(`proxy_bench.py --translate`, load 2): +3.05 ms p50 for a 200 KB body (2.7 to 3.1; limit 5, goal 2 not met), 60k chunks/s with 16
streams (51k to 76k), 39k with one.
Baseline in the same run: `json.loads` and `json.dumps` of the same body, and of the same chunks.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "app"), str(ROOT)]

import orjson  # noqa: E402
import psutil  # noqa: E402

from turnout.calls.units import Dialect  # noqa: E402
from turnout.wire import fields  # noqa: E402
from turnout.wire.codec import codec  # noqa: E402
from turnout.wire.dialect import ReplyContext, Target  # noqa: E402
from turnout.wire.offered import Offered  # noqa: E402

WORDS = "the turn reads one file and writes two tests before it asks the engine for more of the same text again " * 3


def agent_body(size: int) -> bytes:
    tools = [
        {
            "name": f"tool_{n}",
            "description": WORDS * 12,
            "input_schema": {
                "type": "object",
                "properties": {f"p{k}": {"type": "string", "description": WORDS[:80]} for k in range(6)},
                "required": ["p0"],
            },
        }
        for n in range(25)
    ]
    messages: list[Any] = []
    doc = {"model": "m", "max_tokens": 32_000, "stream": True, "tools": tools, "messages": messages}
    doc["system"] = [{"type": "text", "text": WORDS * 20, "cache_control": {"type": "ephemeral"}}]
    number = 0
    while len(orjson.dumps(doc)) < size:
        number += 1
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "tool_1", "input": {"p0": WORDS[:300]}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": WORDS * 4}
        messages.append(
            {"role": "user", "content": [{"type": "text", "text": WORDS}]}
            if number == 1
            else {"role": "user", "content": [result | {"tool_use_id": f"toolu_{number - 1}"}]}
        )
        messages.append({"role": "assistant", "content": [{"type": "text", "text": WORDS[:200]}, call]})
    return orjson.dumps(doc)


def chunks(count: int) -> list[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_764_000_000, "model": "gpt-4o-mini"}

    def one(delta: Any, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return b"data: " + orjson.dumps({**head, "choices": [choice], "usage": None}) + b"\n\n"

    body = one({"role": "assistant", "content": ""}) + b"".join(
        one({"content": f" word{n % 97}"}) for n in range(count)
    )
    body += one({}, "stop") + b"data: [DONE]\n\n"
    return [body[i : i + 16_384] for i in range(0, len(body), 16_384)]


def best(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and best, in milliseconds of this thread's own time."""
    times = []
    for _ in range(rounds):
        begun = time.thread_time()
        work()
        times.append((time.thread_time() - begun) * 1_000)
    return statistics.median(times), min(times)


def request(size: int, rounds: int) -> None:
    body = agent_body(size)
    doc = fields.load(body)
    anthropic, openai = codec(Dialect.ANTHROPIC), codec(Dialect.OPENAI_CHAT)

    def translate() -> bytes:
        return openai.write_request(anthropic.read_request(doc), Target(model="gpt-4o")).body

    for name, work in (
        ("json.loads + json.dumps", lambda: json.dumps(json.loads(body))),
        ("parse and outline (both lanes)", lambda: anthropic.outline(fields.load(body))),
        ("added by translation", translate),
    ):
        middle, least = best(work, rounds)
        print(f"{len(body) / 1_000:.0f} KB body, {name:32} p50 {middle:7.3f} ms, best {least:7.3f} ms")


def stream(count: int, rounds: int) -> None:
    pieces = chunks(count)
    whole = [line[6:] for line in b"".join(pieces).split(b"\n\n") if line.startswith(b"data: {")]

    def translate() -> None:
        reader = codec(Dialect.OPENAI_CHAT).reply_reader()
        writer = codec(Dialect.ANTHROPIC).reply_writer(ReplyContext("c", "m", 1_764_000_000, tools=True))
        offered = Offered(())
        for piece in pieces:
            b"".join([writer.write(event) for event in offered.feed(reader.feed(piece))])
        reader.end()

    for name, work in (
        ("json.loads + json.dumps a chunk", lambda: [json.dumps(json.loads(one)) for one in whole]),
        ("OpenAI to Anthropic", translate),
    ):
        middle, least = best(work, rounds)
        print(f"{name:32} {count / middle:6.1f}k chunks/s median, {count / least:6.1f}k best")


def memory(streams: int, lanes: int) -> None:
    from tests.support.asks import send
    from tests.support.engine import Engine
    from tests.support.proxy import BY_MODEL, Turnout
    from tests.support.scene import four_vendors

    home = Path(tempfile.mkdtemp(prefix="wire-bench-"))
    with Engine() as engine, Turnout(home, settings=four_vendors(engine.url), rules=BY_MODEL) as turnout:
        asked = turnout.token  # made before the lanes race for it
        assert send(turnout, "messages", model="openai/scripted", stream=True).status == 200, asked
        process = psutil.Process(turnout.process.pid)
        failed: list[str] = []
        each = max(1, streams // 10 // lanes)

        def lane() -> None:
            for _ in range(each):
                answer = send(turnout, "messages", model="openai/scripted", stream=True)
                if b"message_stop" not in answer.body[-60:]:
                    failed.append(answer.text[-300:])

        for part in range(11):
            print(f"{part * each * lanes:6} streams: {process.memory_info().rss / 2**20:6.1f} MiB resident", flush=True)
            threads = [threading.Thread(target=lane) for _ in range(lanes if part < 10 else 0)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            engine.forget()
            if failed:
                raise SystemExit(f"{len(failed)} streams failed: {failed[0]}")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=41)
    options.add_argument("--chunks", type=int, default=20_000)
    options.add_argument("--streams", type=int, default=0)
    options.add_argument("--lanes", type=int, default=8)
    given = options.parse_args()
    request(given.size, given.rounds)
    stream(given.chunks, max(5, given.rounds // 4))
    if given.streams:
        memory(given.streams, given.lanes)
