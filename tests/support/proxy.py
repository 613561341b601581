"""A real `turnout serve` for a test: its own process, its own home, loopback only."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType

from tests.support.script import Doc
from turnout.calls.record import CallRecord
from turnout.calls.units import Status
from turnout.control.client import ControlClient
from turnout.control.runtime import read_runtime
from turnout.ledger.reader import Reader

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0
"""A loaded machine starts a Python program in seconds."""


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: tuple[tuple[str, str], ...]
    """Lower-case names."""
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def doc(self) -> Doc:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Turnout:
    """`with Turnout(home) as proxy:`; `token` is a client of the name "tester"."""

    def __init__(
        self,
        home: Path,
        *,
        settings: str | None = None,
        rules: str | None = None,
        arguments: tuple[str, ...] = ("--port", "0"),
        environment: dict[str, str] | None = None,
        stdin: bool = False,
        start_s: float = START_S,
        command: tuple[str, ...] = (),
    ) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        if settings is not None:
            (home / "turnout.toml").write_text(settings)
        if rules is not None:
            (home / "rules.toml").write_text(rules)
        self._command = command or (sys.executable, "-m", "turnout", "serve", *arguments)
        self._environment = environment or {}
        self._stdin = stdin
        self._start_s = start_s
        self._token = ""
        self.lines: Queue[str] = Queue()
        self.port = 0
        self.ready: Doc = {}

    def environment(self) -> dict[str, str]:
        """Nothing of the tester's own: no $HOME, no session bus, no keyring but a scripted one."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
        found = {
            **kept,
            "HOME": str(self.home),
            "TURNOUT_HOME": str(self.home),
            "PYTHONPATH": f"{ROOT / 'app'}{os.pathsep}{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            **self._environment,
        }
        # An empty value takes a variable out.
        return {name: value for name, value in found.items() if value}

    def start(self) -> "Turnout":
        self.process = subprocess.Popen(
            self._command,
            cwd=self.home,
            env=self.environment(),
            stdin=subprocess.PIPE if self._stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(self.home / "stderr.txt").open("ab"),
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        while not self.ready:
            try:
                line = self.lines.get(timeout=self._start_s)
            except Empty:
                self.kill()
                raise AssertionError(f"no ready line within {self._start_s:g} s: {self.stderr}") from None
            if not line:
                raise AssertionError(f"serve ended with {self.process.wait()}: {self.stderr}")
            with contextlib.suppress(ValueError):
                self.ready = json.loads(line)
        self.port = int(str(self.ready["url"]).rpartition(":")[2])
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip() or "{}")
        self.lines.put("")

    @property
    def stderr(self) -> str:
        return (self.home / "stderr.txt").read_text(errors="replace")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def control(self) -> ControlClient:
        runtime = read_runtime(self.home / "run" / "runtime.json")
        assert runtime is not None, "there is no runtime file"
        return ControlClient(runtime)

    @property
    def token(self) -> str:
        if not self._token:
            self._token = self.add_client("tester")
        return self._token

    def add_client(self, name: str, department: str = "", project: str = "") -> str:
        return str(self.control.client_add(name, department, project)["token"])

    # --- asking ---

    def ask(
        self,
        method: str,
        path: str,
        doc: object = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = None,
        timeout_s: float = 30.0,
        port: int = 0,
    ) -> Answered:
        """One request on a connection of its own. `token` None: the tester's; "": none. `doc` bytes go as they are."""
        body = doc if isinstance(doc, bytes) else None if doc is None else json.dumps(doc).encode()
        sent = {} if body is None else {"content-type": "application/json"}
        bearer = self.token if token is None else token
        if bearer:
            sent["authorization"] = f"Bearer {bearer}"
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body, sent | (headers or {}))
            answer = connection.getresponse()
            named = tuple((name.lower(), value) for name, value in answer.getheaders())
            return Answered(answer.status, named, answer.read())
        finally:
            connection.close()

    def chat(self, ask: str = "Say hello.", *, model: str = "auto", stream: bool = False, **more: object) -> Answered:
        """A call in OpenAI's chat dialect."""
        headers = more.pop("headers", None)
        token = more.pop("token", None)
        doc = {"model": model, "messages": [{"role": "user", "content": ask}], "stream": stream, **more}
        assert headers is None or isinstance(headers, dict)
        assert token is None or isinstance(token, str)
        return self.ask("POST", "/v1/chat/completions", doc, headers=headers, token=token)

    def connect(self, timeout_s: float = 30.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)

    def raw(self, request: bytes, timeout_s: float = 15.0) -> bytes:
        """Bytes out, everything that comes back until the proxy closes or `timeout_s` pass without a byte."""
        with self.connect(timeout_s) as sock:
            with contextlib.suppress(OSError):
                sock.sendall(request)
            return b"".join(received(sock))

    def counting(self, timeout_s: float = 60.0) -> None:
        """Waits until the tokenizer's 50 MB of ranks are read in, which goes on behind the first calls."""
        doc = {"model": "auto", "messages": [{"role": "user", "content": "one two three four " * 100}]}
        until = time.monotonic() + timeout_s
        while not 390 < self.ask("POST", "/v1/messages/count_tokens", doc).doc["input_tokens"] < 450:
            assert time.monotonic() < until, "the tokenizer is not there"
            time.sleep(0.05)

    # --- the ledger ---

    def rows(self) -> list[CallRecord]:
        """Newest first."""
        reader = Reader(self.home / "data" / "ledger.db")
        try:
            return reader.calls(1_000_000)
        finally:
            reader.close()

    def cli(self, *arguments: str) -> str:
        done = subprocess.run(
            (sys.executable, "-m", "turnout", *arguments),
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"turnout {' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def settled(self, count: int, timeout_s: float = 20.0) -> list[CallRecord]:
        """Waits until so many rows are there and none is open; newest first."""
        until = time.monotonic() + timeout_s
        while True:
            rows = self.rows()
            if len(rows) >= count and not any(row.status in (Status.HELD, Status.RUNNING) for row in rows):
                return rows
            assert time.monotonic() < until, f"{len(rows)} of {count} rows: {[row.status.value for row in rows[:20]]}"
            time.sleep(0.02)

    def row(self, call: "str | Answered", timeout_s: float = 20.0) -> CallRecord:
        """Waits until the row of this answer, or of this call's id, is there and closed."""
        id_ = call.header("x-turnout-call") if isinstance(call, Answered) else call
        until = time.monotonic() + timeout_s
        while True:
            reader = Reader(self.home / "data" / "ledger.db")
            found = reader.call(id_)
            reader.close()
            if found is not None and found.status not in (Status.HELD, Status.RUNNING):
                return found
            assert time.monotonic() < until, f"call {id_!r} is {found.status.value if found else 'not in the ledger'}"
            time.sleep(0.01)

    # --- ending ---

    def stop(self, timeout_s: float = 20.0) -> int:
        """SIGTERM and its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def __enter__(self) -> "Turnout":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()
            if self.process.stdin is not None:
                self.process.stdin.close()


def received(sock: socket.socket) -> Iterator[bytes]:
    """What comes until the other side closes, resets or is silent for the socket's timeout."""
    while True:
        try:
            data = sock.recv(65_536)
        except OSError:
            return
        if not data:
            return
        yield data


def status_of(answer: bytes) -> int:
    """Of a raw answer; 0: there is none."""
    first = answer.split(b"\r\n", 1)[0].split(b" ")
    return int(first[1]) if len(first) > 1 and first[0].startswith(b"HTTP/") else 0


def two_tiers(cloud: str, local: str = "", *, extra: str = "") -> str:
    """turnout.toml for a dear cloud engine (OpenAI dialect, at $2.50 and $10 a million) and, if named, one of our own."""
    lines = [
        f'[providers.cloud]\ndialect = "openai"\nbase_url = "{cloud}/v1"\nkey = "none"\n',
        f'[providers.local]\ndialect = "ollama"\nbase_url = "{local}"\nkey = "none"\nsovereign = true\n'
        if local
        else "",
        '[tiers]\nhigh = ["cloud/scripted"]\nfast = ["cloud/scripted-small"]\n',
        'local = ["local/scripted"]\n' if local else "",
        '[prices."cloud/*"]\ninput_usd = 2.50\noutput_usd = 10.00\n',
        extra,
    ]
    return "\n".join(lines)


BY_MODEL = """
[[rule]]
name = "as asked"
when = "true"
route = "asked"

[[loop]]
scope = { session = "each" }
turns = 1000000
same_request = 1000000
usd = 1000000
"""
"""rules.toml that serves what was asked for and never stops a loop."""
