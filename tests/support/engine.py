"""A scripted engine on the loopback: real sockets, four vendors' dialects, answers and accidents on demand.

It runs on a thread of its own, so it serves tests, asyncio tests and other processes alike, and it keeps what a vendor would
keep: every request as it came, and its own bill. Alone: `python -m tests.support.engine --port 9100 [--bill FILE]`.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support import dialects
from tests.support.dialects import NotServedError
from tests.support.script import Doc, Script, Tokens, dumped

MODELS = ("scripted", "scripted-small")


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as it came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    """Lower-case names, in order, duplicates kept."""
    body: bytes
    number: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def doc(self) -> Doc:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True)
class Billed:
    model: str
    tokens: Tokens
    number: int


class Engine:
    """`with Engine() as engine:`; `url` has no path. Calls are what came to a model's endpoint, not model lists."""

    def __init__(self, port: int = 0, models: tuple[str, ...] = MODELS, bill_file: Path | None = None) -> None:
        self.models = models
        self.heard: list[Heard] = []
        self.bill: list[Billed] = []
        self.connections = 0
        """Accepted so far."""
        self.open = 0
        """Connected now."""
        self.running = b'{"models":[]}'
        """What /api/ps says."""
        self.default = Script()
        self.choose: Callable[[Heard], Script] | None = None
        """Picks the answer by the request, in place of the queue: clients ask side questions in no fixed order."""
        self._queue: deque[Script] = deque()
        self._port = port
        self._bill_file = bill_file
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._server: asyncio.Server | None = None

    # --- for tests ---

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def say(self, *scripts: Script) -> None:
        """The next answers, in order; one with `times` 0 is the answer from then on."""
        with self._lock:
            self._queue = deque(scripts)

    def release(self) -> None:
        """Lets held answers go, and those to come."""
        self._loop.call_soon_threadsafe(self._released.set)

    @property
    def calls(self) -> list[Heard]:
        with self._lock:
            return [one for one in self.heard if one.method == "POST" and not one.path.endswith(("/show", "/pull"))]

    def wait_calls(self, count: int, timeout_s: float = 20.0) -> list[Heard]:
        """Waits until so many calls have come; fails the test when they do not."""
        with self._changed:
            met = self._changed.wait_for(
                lambda: sum(h.method == "POST" and not h.path.endswith("/show") for h in self.heard) >= count, timeout_s
            )
        assert met, f"only {len(self.calls)} of {count} calls came within {timeout_s:g} s"
        return self.calls

    def wait_closed(self, still_open: int = 0, timeout_s: float = 20.0) -> None:
        """Waits until no more than so many connections are open."""
        with self._changed:
            met = self._changed.wait_for(lambda: self.open <= still_open, timeout_s)
        assert met, f"{self.open} connections are still open after {timeout_s:g} s"

    def forget(self) -> None:
        with self._lock:
            self.heard.clear()
            self.bill.clear()
            self._queue.clear()
            self.default = Script()
        self._loop.call_soon_threadsafe(self._released.clear)

    def hang_up(self) -> None:
        """Every connection is reset, as when the engine dies; it goes on listening."""

        def abort() -> None:
            for writer in list(self._writers):
                writer.transport.abort()

        self._loop.call_soon_threadsafe(abort)

    def __enter__(self) -> "Engine":
        self._thread.start()
        assert self._ready.wait(10), "the scripted engine did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    # --- the server ---

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._connected, "127.0.0.1", self._port, backlog=512, limit=1 << 20)
        )
        self._port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with self._changed:
            self.connections += 1
            self.open += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with self._changed:
                self.open -= 1
                self._changed.notify_all()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """True: the connection stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        heard = await self._read(head, reader)
        if heard.method == "GET" or heard.path == "/api/show":
            return await self._listing(heard, writer)
        script = self._next() if self.choose is None else self.choose(heard)
        if script.hold:
            await self._released.wait()
        if script.cut_head:
            return False
        if script.raw is not None:
            writer.write(script.raw)
            await writer.drain()
            return False
        doc = heard.doc if heard.body[:1] == b"{" else {}
        target = heard.target if "enerateContent" in heard.target else heard.path
        if script.status >= 300:
            kind, pieces = "application/json", iter([script.body or dialects.failure(heard.path, script)])
        elif script.body is not None:
            kind, pieces = script.kind or "application/json", iter([script.body])
        else:
            script = script.within(dialects.limit(doc))
            try:
                kind, found = dialects.answers(target, doc, script)
            except NotServedError:
                return await self._whole(writer, 404, b'{"error":{"message":"no such endpoint"}}')
            pieces = iter(found)
            self._charge(doc, script, heard.number)
        return await self._speak(script, kind, pieces, writer)

    async def _read(self, head: bytes, reader: asyncio.StreamReader) -> Heard:
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = tuple((k.strip().lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines))
        length = next((int(value) for name, value in headers if name == "content-length"), 0)
        body = await reader.readexactly(length) if length else b""
        with self._changed:
            heard = Heard(method, target, headers, body, len(self.heard))
            self.heard.append(heard)
            self._changed.notify_all()
        return heard

    def _next(self) -> Script:
        with self._lock:
            if not self._queue:
                return self.default
            script = self._queue[0]
            if script.times == 0:
                return script
            self._queue.popleft()
            if script.times > 1:
                self._queue.appendleft(replace(script, times=script.times - 1))
            return script

    def _charge(self, doc: Doc, script: Script, number: int) -> None:
        billed = Billed(str(doc.get("model", "")), script.tokens, number)
        with self._lock:
            self.bill.append(billed)
        if self._bill_file is not None:
            line = {"model": billed.model, "prompt": billed.tokens.prompt, "output": billed.tokens.output}
            with self._bill_file.open("ab") as file:
                file.write(dumped(line) + b"\n")

    async def _listing(self, heard: Heard, writer: asyncio.StreamWriter) -> bool:
        path = heard.path
        bodies: dict[str, bytes] = {
            "/api/tags": dialects.tags(self.models),
            "/api/version": b'{"version":"0.32.15"}',
            "/api/ps": self.running,
            "/": b"Ollama is running",
        }
        if path == "/api/show":
            return await self._whole(writer, 200, dialects.show(str(heard.doc.get("model") or heard.doc.get("name"))))
        if path in bodies:
            return await self._whole(writer, 200, bodies[path])
        if path.endswith("/models"):
            rows = [{"id": name, "object": "model", "created": 1, "owned_by": "scripted"} for name in self.models]
            return await self._whole(writer, 200, dumped({"object": "list", "data": rows}))
        return await self._whole(writer, 404, b'{"error":{"message":"no such endpoint"}}')

    async def _whole(self, writer: asyncio.StreamWriter, status: int, body: bytes) -> bool:
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        return True

    async def _speak(self, script: Script, kind: str, pieces: Iterator[bytes], writer: asyncio.StreamWriter) -> bool:
        """A stream goes out chunked, a whole body with its length."""
        streamed = "event-stream" in kind or "ndjson" in kind or script.endless or script.piece > 0
        named = [("content-type", script.kind or kind), *script.headers]
        if script.close:
            named.append(("connection", "close"))
        body = b"" if streamed else b"".join(pieces)
        named.append(("transfer-encoding", "chunked") if streamed else ("content-length", str(len(body))))
        head = f"HTTP/1.1 {script.status} Scripted\r\n" + "".join(f"{k}: {v}\r\n" for k, v in named) + "\r\n"
        writer.write(head.encode("utf-8"))
        sent = 0
        for number, piece in enumerate(_cut(pieces if streamed else iter([body]), script.piece)):
            if script.hold_after is not None and number == script.hold_after:
                await writer.drain()
                await self._released.wait()
            if script.cut_after is not None and sent + len(piece) > script.cut_after:
                piece = piece[: script.cut_after - sent]
                writer.write(_chunk(piece) if streamed and piece else piece)
                await writer.drain()
                if script.reset:
                    _reset(writer)
                return False
            writer.write(_chunk(piece) if streamed else piece)
            sent += len(piece)
            if script.piece or script.endless or script.gap_s:
                await writer.drain()
                await asyncio.sleep(script.gap_s)
        if streamed:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return not (script.close or script.drop_idle)


def _cut(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    if not size:
        yield from pieces
        return
    for piece in pieces:
        for i in range(0, len(piece), size):
            yield piece[i : i + size]


def _chunk(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN, as a killed engine's host would send."""
    sock: Any = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted engine for four vendors' dialects.")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--bill", type=Path, help="a JSON line per billed call is added to this file")
    parser.add_argument("--text", default=Script().text)
    parser.add_argument("--gap-s", type=float, default=0.0)
    given = parser.parse_args()
    with Engine(given.port, bill_file=given.bill) as engine:
        engine.default = Script(text=given.text, gap_s=given.gap_s)
        print(json.dumps({"event": "ready", "url": engine.url}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
