"""Makes the pictures in packaging/screenshots/: `python packaging/screenshots.py [PAGE...] [--theme light] [--scale 1] [--home full]`.

Every page of the real app, light and dark, at 1x and 2x, with a ledger and with nothing; the tray's icon and menu beside.
The app runs on a desk of its own (X, window manager, panel, keyring), over a ledger written by the product's own writer,
with a scripted engine that answers real calls meanwhile. Needs the packages that `packaging/test.py --desk` installs, and
the rig `desk.sh`, named by TURNOUT_DESK or found in the reference material beside the checkout.
"""

import argparse
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "app"), str(ROOT), str(ROOT / "packaging")]

from tests.support.engine import Engine  # noqa: E402
from tests.support.script import Script  # noqa: E402

import sample_home  # noqa: E402  the paths above come first
from turnout.control.client import ControlClient  # noqa: E402
from turnout.control.runtime import read_runtime  # noqa: E402
from turnout.ledger.reader import Reader  # noqa: E402

RIG = Path(os.environ.get("TURNOUT_DESK") or ROOT.parent / "shared" / "desk" / "desk.sh")
OUT = ROOT / "packaging" / "screenshots"
PAGES = ("overview", "calls", "rules", "budgets", "models", "connect", "audit", "settings")
LOCAL = ("qwen3-coder:30b", "qwen3:8b", "gemma3:12b")


class Desk:
    """A desk that is up; `env` is what a program on it runs with."""

    def __init__(self, folder: Path, scale: int, theme: str) -> None:
        self.folder, self.scale = folder, scale
        self._settings = {
            **os.environ,
            "DESK_DIR": str(folder),
            "DESK_SIZE": f"{1440 * scale}x{900 * scale}",
            "DESK_THEME": theme,
        }

    def rig(self, *words: str) -> str:
        done = subprocess.run(
            ["bash", str(RIG), *words], env=self._settings, capture_output=True, text=True, timeout=90
        )
        if done.returncode:
            raise SystemExit(f"desk.sh {' '.join(words)} failed: {done.stderr.strip()}")
        return done.stdout

    def env(self) -> dict[str, str]:
        told = dict(line.split("=", 1) for line in (self.folder / "env").read_text().splitlines())
        return {"PATH": os.environ["PATH"], **told}

    def run(self, *words: str) -> str:
        return subprocess.run(words, env=self.env(), capture_output=True, text=True, timeout=60).stdout.strip()


@contextmanager
def desk(scale: int, theme: str) -> Iterator[Desk]:
    folder = Path(tempfile.mkdtemp(prefix="turnout-desk-"))
    made = Desk(folder, scale, theme)
    try:
        made.rig("up")
        yield made
    finally:
        made.rig("down")
        shutil.rmtree(folder, ignore_errors=True)


class App:
    """The real program on that desk; `go` sends it to a page as a second start would."""

    def __init__(self, where: Desk, home: Path) -> None:
        self.desk, self.home = where, home
        self._env = {
            **where.env(),
            "TURNOUT_HOME": str(home),
            "PYTHONPATH": str(ROOT / "app"),
            "QT_SCALE_FACTOR": str(where.scale),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._log = (home / "app.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "turnout"],
            env=self._env,
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
        )
        self.wait(lambda: read_runtime(home / "run" / "runtime.json") is not None, "proxy")

    def wait(self, met: object, what: str, timeout_s: float = 40.0) -> None:
        until = time.monotonic() + timeout_s
        while not met():  # type: ignore[operator]
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit(f"no {what}: {(self.home / 'app.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def control(self) -> ControlClient:
        runtime = read_runtime(self.home / "run" / "runtime.json")
        assert runtime is not None
        return ControlClient(runtime)

    def go(self, place: str) -> None:
        name = "turnout-" + hashlib.sha256(str((self.home / "run").resolve()).encode()).hexdigest()[:16]
        with socket.socket(socket.AF_UNIX) as wish:
            wish.connect(str(Path(tempfile.gettempdir()) / name))
            wish.sendall(f"open {place}".encode())

    def turnout(self, *words: str, stdin: str = "") -> None:
        subprocess.run(
            [sys.executable, "-m", "turnout", *words],
            env=self._env,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=60,
        )

    def window(self) -> str:
        found = self.desk.run(
            "xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid), "--name", "^Turnout$"
        )
        return found.splitlines()[-1] if found else ""

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self._log.close()


def shot(where: Desk, window: str, target: Path, crop: str = "") -> None:
    """When two looks in a row see the same, it has settled (what streams never does: four seconds are enough)."""
    first, second = where.folder / "a.png", where.folder / "b.png"
    until = time.monotonic() + 4
    where.run("import", "-window", window, str(first))
    while time.monotonic() < until:
        time.sleep(0.35)
        where.run("import", "-window", window, str(second))
        if (
            where.run("compare", "-metric", "AE", str(first), str(second), "null:") == ""
            and first.read_bytes()[-4000:] == second.read_bytes()[-4000:]
        ):
            break
        first, second = second, first
    # 256 colours are all a page has; without dithering flat areas stay flat and files small.
    words = [
        "convert",
        str(second),
        *(["-crop", crop, "+repage"] if crop else []),
        "+dither",
        "-colors",
        "256",
        "-strip",
    ]
    where.run(*words, "-define", "png:compression-level=9", str(target))


def fill(app: App, engine: Engine) -> list[threading.Thread]:
    """Real calls: some done, two streaming slowly while the pictures are taken."""
    tokens = {
        name: str(app.control().client_add(name, department, project)["token"])
        for name, _, department, project, _, _ in sample_home.CLIENTS
    }
    for provider in ("anthropic", "openai"):
        app.turnout("key", "set", provider, "--stdin", stdin="sk-not-a-real-key-0123456789abcdef\n")

    def ask(client: str, text: str) -> None:
        runtime = read_runtime(app.home / "run" / "runtime.json")
        assert runtime is not None
        connection = http.client.HTTPConnection(runtime.url.removeprefix("http://"), timeout=600)
        body = {"model": "local", "stream": True, "messages": [{"role": "user", "content": text}]}
        headers = {"authorization": f"Bearer {tokens[client]}", "x-turnout-route": "asked"}
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return

    for text in ("rename this variable to total", "what does this regex match?", "write a docstring"):
        ask("claude-code", text)
    engine.default = Script(text="The scheduler walks the queue once and keeps its place. " * 400, gap_s=0.05, piece=48)
    running = [
        threading.Thread(target=ask, args=(client, text), daemon=True)
        for client, text in (("claude-code", "explain the scheduler"), ("aider", "add a test for the parser"))
    ]
    for one in running:
        one.start()
    return running


def people(where: Desk) -> None:
    """Clients that are installed on this machine: their settings lie where they look for them."""
    home = Path(where.env()["HOME"])
    for path in (".claude/settings.json", ".codex/config.toml", ".config/opencode/opencode.json", ".aider.conf.yml"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text("{}\n" if path.endswith(".json") else "")


def tray_pictures(app: App, scale: int, theme: str) -> None:
    """The panel's own corner, then the menu as a right click opens it."""
    where = app.desk
    panel = where.run("xdotool", "search", "--onlyvisible", "--class", "xfce4-panel").splitlines()
    if not panel:
        return
    size = dict(line.split("=") for line in where.run("xdotool", "getwindowgeometry", "--shell", panel[0]).splitlines())
    x, y, w, h = (int(size[key]) for key in ("X", "Y", "WIDTH", "HEIGHT"))
    where.run("xdotool", "mousemove", str(x + w - 72), str(y + h // 2), "click", "3")
    time.sleep(1)
    right = f"{460}x{330}+{1440 * scale - 460}+0"
    shot(where, "root", OUT / f"tray-menu-{theme}-{scale}x.png", right)
    where.run("xdotool", "key", "Escape")
    where.run("xdotool", "mousemove", "2", str(900 * scale - 3))


def telling_call(home: Path) -> str:
    """The newest call whose row has the most to say: both sides of a switch, and a price."""
    reader = Reader(home / "data" / "ledger.db")
    try:
        return next((one.id for one in reader.calls(2_000) if one.switch and one.cost and one.usage.cache_read), "")
    finally:
        reader.close()


def tray_icons() -> None:
    """The icon in its states, 16 to 48 px and twice that, on a light and a dark panel."""
    from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter

    from turnout.desktop.trayicon import Glyph, picture

    application = QGuiApplication.instance() or QGuiApplication(["turnout", "-platform", "offscreen"])
    states = [
        *(Glyph(track, 13) for track in ("auto", "local", "cloud", "passthrough")),
        Glyph("paused", 13),
        Glyph("auto", 3),
        Glyph("auto", 1, warning=True),
        Glyph("paused", down=True),
    ]
    sizes = (16, 22, 24, 32, 48, 96)
    width, line = 36 + sum(size + 20 for size in sizes), 112
    sheet = QImage(2 * width, line * len(states), QImage.Format.Format_RGB32)
    painter = QPainter(sheet)
    for half, (panel, ground) in enumerate((("light", "#E9EBEF"), ("dark", "#202329"))):
        painter.fillRect(half * width, 0, width, sheet.height(), QColor(ground))
        for n, glyph in enumerate(states):
            x = half * width + 28
            for size in sizes:
                painter.drawPixmap(x, n * line + (line - size) // 2, picture(replace(glyph, panel=panel), size))
                x += size + 20
    painter.end()
    sheet.save(str(OUT / "tray-icons.png"))
    del application


def session(scale: int, kind: str, themes: list[str], pages: list[str]) -> None:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="turnout-home-")))
        where = stack.enter_context(desk(scale, themes[0]))
        engine = stack.enter_context(Engine(models=LOCAL))
        if kind == "full":
            sample_home.write(home, local=engine.url)
        elif kind == "empty":
            (home / "state").mkdir()
            (home / "state" / "welcomed").touch()
        toml = home / "turnout.toml"
        if toml.exists():
            toml.write_text("[server]\nport = 7791\n\n" + toml.read_text())
        if kind != "empty":
            people(where)
        app = App(where, home)
        stack.callback(app.end)
        if kind == "full":
            fill(app, engine)
        app.go("welcome" if kind == "first" else "overview")
        app.wait(app.window, "window")
        window = app.window()
        where.run("xdotool", "windowmove", window, "60", "60")
        for theme in themes:
            where.rig("theme", theme)
            time.sleep(0.5)
            for page in ["welcome"] if kind == "first" else pages:
                if page == "tray":
                    if kind == "full":
                        app.go("overview")
                        tray_pictures(app, scale, theme)
                    continue
                app.go(f"calls/{telling_call(home)}" if page == "calls" and kind == "full" else page)
                time.sleep(2.5 if page in ("audit", "connect", "models", "overview", "rules") else 0.8)
                shot(where, window, OUT / f"{page}{'-empty' if kind == 'empty' else ''}-{theme}-{scale}x.png")
        engine.release()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("pages", nargs="*", default=[*PAGES, "tray"])
    asked.add_argument("--theme", nargs="*", default=["light", "dark"])
    asked.add_argument("--scale", nargs="*", type=int, default=[1, 2])
    asked.add_argument("--home", nargs="*", default=["full", "empty", "first"])
    given = asked.parse_args()
    if not RIG.exists():
        raise SystemExit("the rig desk.sh is not there; name it by TURNOUT_DESK")
    OUT.mkdir(exist_ok=True)
    tray_icons()
    for scale in given.scale:
        for kind in given.home:
            session(scale, kind, given.theme, given.pages)
    total = sum(path.stat().st_size for path in OUT.glob("*.png"))
    print(f"{len(list(OUT.glob('*.png')))} pictures, {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
