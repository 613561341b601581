"""Event-loop time of one call from the guard to its settled row, without sockets: `python tests/bench/call_bench.py`.

An engine that answers at once stands in for the transport; everything else is the product's own: outline, session, loop guard,
rules, budgets, hold, ledger, settling. What it prints is the CPU time of the event loop's thread per call, in milliseconds, and
of the whole process (the ledger's thread included). `--profile` prints where the loop's time goes, `--money` what of it are
the hold (books, row, commit) and the settling (usage, cost, books, thresholds, session, row queued).

With `--lanes 1 --money`, two cores shared by eight busy processes, Python 3.11: hold 0.041 ms and settling 0.022 ms of the loop's
time (medians) of 0.32 ms a call. The floor is 0.15 ms for both together.
"""

import argparse
import asyncio
import contextlib
import cProfile
import pstats
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "app"))

import orjson  # noqa: E402

from turnout.engines.routes import Base  # noqa: E402
from turnout.proxy.door.head import Heads  # noqa: E402
from turnout.proxy.inforce import read_config  # noqa: E402
from turnout.proxy.program import Program  # noqa: E402
from turnout.settings.paths import Paths  # noqa: E402

SETTINGS = """
[providers.openai]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
key = "none"
[tiers]
high = ["openai/gpt-4o"]
fast = ["openai/gpt-4o-mini"]
local = []
"""
METERED = """
[signals]
small = { kind = "model", is = "gpt-4o-mini" }
[[rule]]
name = "asked small"
when = "small"
route = "asked"
[[rule]]
name = "asked"
when = "true"
route = "asked"
[[budget]]
name = "day"
scope = { client = "each" }
usd = 10000
per = "day"
on_exceed = "refuse"
[[loop]]
scope = { session = "each" }
turns = 1000000
"""
GRADED = METERED.replace('route = "asked"', 'route = "grade"')
NONCE = b"NONCE-0000000000000000"
WARM = 300
"""Calls before the first that is timed; every call is a new ask, of a session of its own where its body is small."""
BATCH = 256
"""Calls timed together; the best batch is the figure that other load on the machine moves least."""
ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello there."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 220, "completion_tokens": 4, "total_tokens": 224},
    }
)

CHUNK = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini",'
    b'"choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}\n\n'
)
LAST = (
    CHUNK.replace(b'{"content":" token"},"finish_reason":null', b'{},"finish_reason":"stop"')
    + b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[],'
    b'"usage":{"prompt_tokens":220,"completion_tokens":200,"total_tokens":420}}\n\ndata: [DONE]\n\n'
)


class Whole:
    """An answer that is here already."""

    status = 200

    def __init__(self) -> None:
        self.headers = [(b"content-type", b"application/json")]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield ANSWER

    async def whole(self, limit: int) -> bytes:
        return ANSWER

    async def aclose(self) -> None:
        pass


class Chunks:
    """A stream of one event a read, as an engine that writes each token by itself sends it."""

    status = 200

    def __init__(self, count: int) -> None:
        self.headers = [(b"content-type", b"text/event-stream")]
        self._count = count

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._count):
            yield CHUNK
        yield LAST

    async def whole(self, limit: int) -> bytes:
        return CHUNK * self._count + LAST

    async def aclose(self) -> None:
        pass


class AtOnce:
    def __init__(self, chunks: int) -> None:
        self._chunks = chunks

    async def send(self, base: Base, head: bytes, body: bytes, connect_s: float) -> Whole | Chunks:
        return Chunks(self._chunks) if self._chunks else Whole()

    def close(self) -> None:
        pass


def body(size: int, number: int, *, stream: bool) -> bytes:
    filler = "The quick brown fox jumps over the lazy dog. " * 20
    messages: list[dict[str, str]] = [{"role": "system", "content": "You are a helpful assistant."}]
    while size > 2_000 and sum(len(m["content"]) for m in messages) < size:
        messages.append({"role": "user", "content": f"Step {len(messages)}. {filler}{filler}"})
        messages.append({"role": "assistant", "content": f"Done {len(messages)}. {filler}"})
    messages.append({"role": "user", "content": f"Question {number}: " + filler[: min(size, 800)]})
    asked = {"model": "openai/gpt-4o-mini", "messages": messages, "max_tokens": 64}
    return orjson.dumps({**asked, "stream": True} if stream else asked)


def parts(args: argparse.Namespace) -> tuple[bytes, bytes]:
    """What stands before and behind the number of a call in its body."""
    if not args.body:
        head, _, tail = body(args.size, 7_777_777, stream=args.chunks > 0).rpartition(b"7777777")
        return head, tail
    asked = {**orjson.loads(Path(args.body).read_bytes()), "model": "openai/gpt-4o-mini", "stream": args.chunks > 0}
    head, found, tail = orjson.dumps(asked).rpartition(NONCE)
    if not found:
        raise SystemExit(f"{args.body} has no {NONCE.decode()} in a message")
    return head, tail


def show(found: list[tuple[float, float, float]]) -> None:
    for name, times in zip(("loop", "process", "wall"), zip(*found, strict=True), strict=True):
        ordered = sorted(times)
        print(f"{name:8} best {ordered[0]:.3f} ms, median {ordered[len(ordered) // 2]:.3f} ms a call")


def show_money(spent: dict[str, list[float]]) -> None:
    for name, times in spent.items():
        ordered = sorted(times)
        print(
            f"{name:8} median {ordered[len(ordered) // 2] * 1000:.3f} ms, mean {sum(times) / len(times) * 1000:.3f} ms"
        )


class Steps:
    """Counts by `sys.settrace`: of every frame that is entered while it is on, and of each of its instructions."""

    def __init__(self) -> None:
        self.entered: Counter[CodeType] = Counter()
        self.done: Counter[CodeType] = Counter()

    def begin(self) -> None:
        sys.settrace(self._enter)

    def _enter(self, frame: FrameType, _: str, __: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        code = frame.f_code
        self.entered[code] += 1
        done = self.done

        def step(_: FrameType, event: str, __: Any) -> Any:
            if event == "opcode":
                done[code] += 1
            return step

        return step

    def show(self, calls: int) -> None:
        by_file: Counter[str] = Counter()
        for code, count in self.done.items():
            by_file[code.co_filename.rpartition("/turnout/")[2]] += count
        entered = sum(self.entered.values())
        print(f"{sum(self.done.values()) / calls:.0f} instructions, {entered / calls:.0f} functions a call")
        for name, count in by_file.most_common(45):
            print(f"{count / calls:8.0f}  {name}")
        print()
        for code, count in self.done.most_common(70):
            where = code.co_filename.rpartition("/turnout/")[2]
            print(f"{count / calls:8.0f}  {self.entered[code] / calls:6.1f}  {where}:{code.co_qualname}")


@contextlib.contextmanager
def looking(args: argparse.Namespace) -> Iterator[None]:
    """Under the profiler or the counter of instructions, where one was asked for."""
    if args.profile:
        profile = cProfile.Profile(time.thread_time)
        with profile:
            yield
        pstats.Stats(profile).sort_stats(args.sort).print_stats(60)
    elif args.steps:
        steps = Steps()
        steps.begin()
        yield
        sys.settrace(None)
        steps.show(-(-args.calls // BATCH) * BATCH)
    else:
        yield


def watched(program: Program) -> dict[str, list[float]]:
    """The loop's time of each hold and each settling, as they are called; one lane at a time, or a hold counts others' work."""
    pipeline = program.app._pipeline
    spent: dict[str, list[float]] = {"hold": [], "settle": []}
    hold, settle = pipeline._hold, pipeline._settle

    async def timed_hold(*given: Any) -> None:
        begun = time.thread_time()
        await hold(*given)
        spent["hold"].append(time.thread_time() - begun)

    def timed_settle(*given: Any) -> None:
        begun = time.thread_time()
        settle(*given)
        spent["settle"].append(time.thread_time() - begun)

    pipeline._hold, pipeline._settle = timed_hold, timed_settle  # type: ignore[assignment, method-assign]  # timed in place
    return spent


async def run(args: argparse.Namespace) -> None:
    home = Path(tempfile.mkdtemp(prefix="call-bench-"))
    (home / "turnout.toml").write_text(SETTINGS)
    (home / "rules.toml").write_text(GRADED if args.graded else METERED)
    for name in ("turnout.toml", "rules.toml"):
        (home / name).chmod(0o600)
    paths = Paths(home, home / "data", home / "state", home / "run")
    paths.make()
    program = Program(paths, read_config(paths), 7717, "127.0.0.1", lambda: None)
    program.pool = AtOnce(args.chunks)  # type: ignore[assignment]
    app = await program.start()
    made = await program.clients.add("bench", "", "")
    token = str(made["token"])
    head, tail = parts(args)
    heads = Heads()

    async def call(number: int) -> None:
        data = b"%b%07d%b" % (head, number, tail)
        sent = False
        done = loop.create_future()

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": data, "more_body": False}
            await done
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message.get("status", 200) != 200:
                raise SystemExit(f"refused: {message}")
            if "body" in message and not message.get("more_body") and not done.done():
                done.set_result(None)

        await app(
            {
                "type": "http",
                "method": "POST",
                "raw_target": b"/v1/chat/completions",
                "raw_path": b"/v1/chat/completions",
                "query_string": b"",
                "gone": lambda act: None,
                "length": str(len(data)).encode(),
                "heads": heads,
                "server": ("127.0.0.1", 7717),
                "headers": [
                    (b"host", b"127.0.0.1:7717"),
                    (b"authorization", b"Bearer " + token.encode()),
                    (b"content-type", b"application/json"),
                    (b"user-agent", b"bench"),
                ],
            },
            receive,
            send,
        )

    loop = asyncio.get_running_loop()
    await asyncio.sleep(1.0)
    await asyncio.to_thread(program.counting.counter.warm)
    for number in range(WARM):
        await call(number)

    async def lane(numbers: range) -> None:
        for number in numbers:
            await call(number)

    async def batch(first: int) -> tuple[float, float, float]:
        begun = time.thread_time(), time.process_time(), time.perf_counter()
        await asyncio.gather(*(lane(range(first + n, first + BATCH, args.lanes)) for n in range(args.lanes)))
        ended = time.thread_time(), time.process_time(), time.perf_counter()
        return tuple((b - a) / BATCH * 1000 for a, b in zip(begun, ended, strict=True))  # type: ignore[return-value]

    spent = watched(program) if args.money else {}
    with looking(args):
        found = [await batch(first) for first in range(WARM, WARM + args.calls, BATCH)]
    show(found)
    show_money(spent)
    await program.stop(1)
    program.close()


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--calls", type=int, default=3_000)
    reader.add_argument("--lanes", type=int, default=64)
    reader.add_argument("--size", type=int, default=1_000)
    reader.add_argument("--chunks", type=int, default=0, help="of a streamed answer; 0: one in one piece")
    reader.add_argument("--body", default="", help=f"a chat request in a file; its last {NONCE.decode()} is the number")
    reader.add_argument("--graded", action="store_true")
    reader.add_argument("--money", action="store_true")
    reader.add_argument("--profile", action="store_true")
    reader.add_argument("--steps", action="store_true")
    reader.add_argument("--sort", default="tottime")
    asyncio.run(run(reader.parse_args()))
