"""A desktop without a screen for tests and pictures, and the real app on it, driven by accessible name.

The rig `desk.sh` brings up X, a window manager, a panel, a session bus, a keyring and notifications, private to one folder.
"""

import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from turnout.control.client import ControlClient
from turnout.control.runtime import read_runtime

ROOT = Path(__file__).resolve().parents[2]
RIG = Path(os.environ.get("TURNOUT_DESK") or ROOT.parent / "shared" / "desk" / "desk.sh")
PROGRAMS = ("Xvfb", "openbox", "xfce4-panel", "xdotool", "import", "dbus-daemon", "gnome-keyring-daemon", "secret-tool")
SYSTEM_PYTHON = "/usr/bin/python3"
"""The distribution's: it has the accessibility bindings, which no registry carries."""
FROM_SOURCE = (sys.executable, "-m", "turnout")


def lacking() -> str:
    """Why there can be no desk here; empty when there can."""
    if not RIG.exists():
        return "the rig desk.sh is not beside this checkout (TURNOUT_DESK names another)"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed: `python3 packaging/test.py --desk` does it"
    try:
        found = subprocess.run([SYSTEM_PYTHON, "-c", "import pyatspi, dbus, gi"], capture_output=True, timeout=30)
    except OSError:
        return f"{SYSTEM_PYTHON} is not there"
    return "" if found.returncode == 0 else "python3-pyatspi not installed: `python3 packaging/test.py --desk` does it"


class Desk:
    """`with Desk(...) as desk:`; `env` is what a program on it runs with."""

    def __init__(self, *, size: str = "1440x900", theme: str = "light", **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="turnout-desk-"))
        self._settings = {
            **os.environ,
            "DESK_DIR": str(self.folder),
            "DESK_SIZE": size,
            "DESK_THEME": theme,
            **{f"DESK_{name.upper()}": value for name, value in settings.items()},
        }

    def rig(self, *words: str) -> str:
        done = subprocess.run(
            ["bash", str(RIG), *words], env=self._settings, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, f"desk.sh {' '.join(words)} failed: {done.stderr.strip()}"
        return done.stdout

    @property
    def env(self) -> dict[str, str]:
        told = dict(line.split("=", 1) for line in (self.folder / "env").read_text().splitlines())
        return {"PATH": os.environ["PATH"], **told}

    @property
    def home(self) -> Path:
        return Path(self.env["HOME"])

    def run(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(words, env=self.env, input=stdin, capture_output=True, text=True, timeout=120)
        return done.stdout.strip()

    def notes(self) -> list[dict[str, object]]:
        """The notifications shown so far."""
        return [json.loads(line) for line in self.rig("notes").splitlines()]

    def color(self, window: str, x: int, y: int) -> str:
        """Of one pixel, as #RRGGBB."""
        picture = self.folder / "pixel.png"
        self.run("import", "-window", window, str(picture))
        said = self.run("convert", str(picture), "-crop", f"1x1+{x}+{y}", "-depth", "8", "txt:-")
        return next(word for word in said.split() if word.startswith("#") and len(word) >= 7)[:7]

    def __enter__(self) -> "Desk":
        self.rig("up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rig("down")
        shutil.rmtree(self.folder, ignore_errors=True)


class App:
    """`with App(desk, home) as app:` is the real program; what stands in `home` is the test's."""

    def __init__(self, desk: Desk, home: Path, *, command: Sequence[str] = FROM_SOURCE, **environment: str) -> None:
        self.desk, self.home, self.command = desk, home, list(command)
        home.mkdir(parents=True, exist_ok=True)
        self.env = {
            **desk.env,
            "TURNOUT_HOME": str(home),
            "PYTHONPATH": str(ROOT / "app"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        }
        self.ends_with = 0
        """Its exit code; a test that kills it says so."""
        self._eyes: subprocess.Popen[str] | None = None

    def __enter__(self) -> "App":
        with (self.home / "app.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._eyes is not None:
            assert self._eyes.stdin is not None
            assert self._eyes.stdout is not None
            self._eyes.stdin.close()
            self._eyes.wait(10)
            self._eyes.stdout.close()
        try:
            self._wish("quit")
        except OSError:  # it ended before it listened
            self.process.terminate()
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise
        assert kind is not None or code == self.ends_with, f"the app ended with {code}: {self.log}"
        assert kind is not None or "Traceback" not in self.log, self.log

    @property
    def log(self) -> str:
        return (self.home / "app.log").read_text(errors="replace")[-3_000:]

    def until(self, met: Callable[[], object], what: str, timeout_s: float = 45.0) -> None:
        """Looks again and again until it is so; fails with `what` when it never is."""
        until = time.monotonic() + timeout_s
        while not met():
            assert self.process.poll() is None, f"the app ended with {self.process.poll()}: {self.log}"
            assert time.monotonic() < until, f"not within {timeout_s:g} s: {what}; {self.log}"
            time.sleep(0.05)

    # --- the proxy behind it ---

    @property
    def control(self) -> ControlClient:
        self.until(lambda: read_runtime(self.home / "run" / "runtime.json"), "a proxy")
        runtime = read_runtime(self.home / "run" / "runtime.json")
        assert runtime is not None
        return ControlClient(runtime)

    def up(self) -> None:
        """Waits until the proxy accepts calls."""

        def answers() -> bool:
            runtime = read_runtime(self.home / "run" / "runtime.json")
            if runtime is None:
                return False
            try:
                with socket.create_connection(("127.0.0.1", int(runtime.url.rpartition(":")[2])), timeout=1):
                    return True
            except OSError:
                return False

        self.until(answers, "a proxy that accepts calls")

    def attended(self) -> None:
        """Waits until the app listens: without anybody to ask, the proxy refuses at once."""
        self.up()
        self.until(lambda: self.control.status().listeners, "somebody to ask")

    def client(self, name: str, department: str = "", project: str = "") -> str:
        self.up()
        return str(self.control.client_add(name, department, project)["token"])

    def chat(
        self,
        token: str,
        text: str,
        *,
        model: str = "local",
        max_tokens: int | None = None,
        stream: bool = False,
        **headers: str,
    ) -> tuple[int, bytes]:
        """A call in OpenAI's dialect; unless another is named it asks for tier local's model."""
        runtime = read_runtime(self.home / "run" / "runtime.json")
        assert runtime is not None
        connection = http.client.HTTPConnection(runtime.url.removeprefix("http://"), timeout=120)
        body: dict[str, object] = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
        if max_tokens is not None:
            body["max_tokens"] = max_tokens
        sent = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def turnout(self, *words: str, stdin: str = "") -> str:
        """The command line on the same desk and home."""
        done = subprocess.run(
            [*self.command, *words],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"turnout {' '.join(words)}: {done.stderr}"
        return done.stdout

    # --- its window ---

    def go(self, place: str = "") -> None:
        """As a second start would ask the first one."""
        self.until(lambda: Path(self._listens).exists(), "an instance that listens")
        self._wish(f"open {place}".strip())
        self.until(self.window, "a window")

    @property
    def _listens(self) -> str:
        name = "turnout-" + hashlib.sha256(str((self.home / "run").resolve()).encode()).hexdigest()[:16]
        return str(Path(tempfile.gettempdir()) / name)

    def _wish(self, wish: str) -> None:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(self._listens)
            asked.sendall(wish.encode())

    def window(self) -> str:
        found = self.desk.run(
            "xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid), "--name", "^Turnout$"
        )
        return found.splitlines()[-1] if found else ""

    def see(self, name: str, role: str = "", *, part: bool = False, timeout_s: float = 45.0) -> dict[str, str]:
        """Waits until something of that name shows; `part`: the name only holds it."""
        return self._ask({"do": "see", "name": name, "role": role, "part": part, "timeout_s": timeout_s})

    def gone(self, name: str, role: str = "", *, part: bool = False, timeout_s: float = 45.0) -> None:
        self._ask({"do": "gone", "name": name, "role": role, "part": part, "timeout_s": timeout_s})

    def press(self, name: str, role: str = "", *, part: bool = False) -> None:
        self._ask({"do": "press", "name": name, "role": role, "part": part, "timeout_s": 45.0})

    def write(self, name: str, text: str) -> None:
        self._ask({"do": "write", "name": name, "role": "", "part": False, "text": text, "timeout_s": 45.0})

    def focus(self, name: str, role: str = "") -> None:
        self._ask({"do": "focus", "name": name, "role": role, "part": False, "timeout_s": 45.0})

    def keys(self, *keys: str) -> None:
        """Pressed on the keyboard, in the window."""
        self.desk.run("xdotool", "windowfocus", "--sync", self.window())
        self.desk.run("xdotool", "key", "--clearmodifiers", *keys)

    def place(self, name: str, role: str = "") -> list[str]:
        """The middle of it on the screen, once it stands still: what opens a page moves what is on it."""
        seen: list[str] = []

        def still() -> bool:
            seen.append(self.see(name, role)["middle"])
            return len(seen) > 2 and len(set(seen[-3:])) == 1 and bool(seen[-1])

        self.until(still, f"{name} that stands still")
        return seen[-1].split()

    def drag(self, name: str, onto: str, role: str = "") -> None:
        """With the real pointer, from the middle of one thing to the lower edge of another's middle."""
        start, end = (self.place(one, role) for one in (name, onto))
        x, y = int(end[0]), int(end[1])
        steps = [
            str(part) for n in range(1, 9) for part in ("mousemove", x, int(start[1]) + (y - int(start[1])) * n // 8)
        ]
        self.desk.run("xdotool", "mousemove", *start, "mousedown", "1", *steps)
        self.desk.run("xdotool", "mousemove", str(x), str(y + 14), "mousemove", str(x), str(y + 16), "mouseup", "1")

    def nameless(self) -> list[str]:
        """What can be acted on and has no name for a screen reader."""
        return json.loads(self._ask({"do": "nameless", "role": "", "name": "", "timeout_s": 20.0})["names"])  # type: ignore[no-any-return]

    def names(self) -> list[str]:
        """Everything that shows, in order."""
        return json.loads(self._ask({"do": "names", "role": "", "name": "", "timeout_s": 20.0})["names"])  # type: ignore[no-any-return]

    def _ask(self, question: dict[str, object]) -> dict[str, str]:
        if self._eyes is None:
            self._eyes = subprocess.Popen(
                [SYSTEM_PYTHON, str(Path(__file__).with_name("eyes.py")), str(self.process.pid)],
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._eyes.stdin is not None
        assert self._eyes.stdout is not None
        self._eyes.stdin.write(json.dumps(question) + "\n")
        self._eyes.stdin.flush()
        line = self._eyes.stdout.readline()
        assert line, f"the accessibility client ended; {self.log}"
        answer: dict[str, str] = json.loads(line)
        assert "error" not in answer, f"{answer['error']}; shown: {answer.get('shown', '')}; {self.log}"
        return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
