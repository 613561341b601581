"""Makes the pictures in packaging/screenshots/: `python packaging/screenshots.py [PAGE...] [--theme light] [--scale 1] [--home full]`.

Every page of the real app, light and dark, at 1x and 2x, with a ledger and with nothing; the tray's icon and menu beside.
The app runs on a desk of its own (X, window manager, panel, keyring), over a ledger written by the product's own writer,
with a scripted engine that answers real calls meanwhile. Needs the packages that `packaging/test.py --desk` installs, and
the rig `desk.sh`, named by TURNOUT_DESK or found in the reference material beside the checkout.

`--out DIR --size 1024x700 --set QT_FONT_DPI=192 --set LANG=de_DE.UTF-8` look at a small screen, large type, another locale.
"""

import argparse
import http.client
import json
import socket
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "app"), str(ROOT), str(ROOT / "packaging")]

from tests.support.desk import App, Desk, free_port, lacking  # noqa: E402
from tests.support.dialects import loaded  # noqa: E402
from tests.support.engine import Engine  # noqa: E402
from tests.support.script import Script  # noqa: E402

import sample_home  # noqa: E402  the paths above come first
from turnout.control.runtime import read_runtime  # noqa: E402
from turnout.ledger.reader import Reader  # noqa: E402

OUT = ROOT / "packaging" / "screenshots"
PAGES = ("overview", "calls", "rules", "budgets", "models", "connect", "audit", "settings")
LOCAL = ("qwen3-coder:30b", "qwen3:8b", "gemma3:12b")
READY = {
    ("full", "overview"): "/s · ",  # tokens a second of what runs
    ("full", "calls"): "Who",
    ("full", "rules"): "Control: all fast",
    ("full", "budgets"): "live",
    ("full", "models"): "key saved",
    ("full", "connect"): "Undo Codex",
    ("full", "audit"): "All of them high",
    ("empty", "overview"): "No calls yet",
    ("empty", "connect"): "Not found here",
    ("empty", "rules"): "There are no calls yet",
    ("empty", "audit"): "No finished call",
}
"""Part of a name that shows once a page has all it shows."""


@dataclass(frozen=True, slots=True)
class Wanted:
    out: Path
    pages: tuple[str, ...]
    themes: tuple[str, ...]
    size: str
    environment: dict[str, str]


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
    tokens = {name: app.client(name, department, project) for name, _, department, project, _, _ in sample_home.CLIENTS}
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
    for client in ("claude-code", "codex"):
        app.turnout("connect", client, "--apply")
    return running


def people(where: Desk) -> None:
    """Clients that are installed on this machine: their settings lie where they look for them."""
    home = where.home
    for path in (".claude/settings.json", ".codex/config.toml", ".config/opencode/opencode.json", ".aider.conf.yml"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text("{}\n" if path.endswith(".json") else "")


def tray_pictures(app: App, scale: int, theme: str, out: Path) -> None:
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
    shot(where, "root", out / f"tray-menu-{theme}-{scale}x.png", right)
    where.run("xdotool", "key", "Escape")
    where.run("xdotool", "mousemove", "2", str(900 * scale - 3))


def telling_call(home: Path) -> str:
    """The newest call whose row has the most to say: both sides of a switch, and a price."""
    reader = Reader(home / "data" / "ledger.db")
    try:
        return next((one.id for one in reader.calls(2_000) if one.switch and one.cost and one.usage.cache_read), "")
    finally:
        reader.close()


def tray_icons(out: Path) -> None:
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
    sheet.save(str(out / "tray-icons.png"))
    del application


def session(scale: int, kind: str, wanted: Wanted) -> None:
    width, height = (scale * int(one) for one in wanted.size.split("x"))
    with ExitStack() as stack:
        where = stack.enter_context(Desk(size=f"{width}x{height}", theme=wanted.themes[0]))
        home = where.home / ".config" / "turnout"  # where a user's would be, and shown as `~/.config/turnout`
        home.mkdir(parents=True, mode=0o700)
        engine = stack.enter_context(Engine(usual_port(11434), models=LOCAL))
        toml = home / "turnout.toml"
        if kind == "full":
            sample_home.write(home, local=engine.url)
            engine.running = loaded(LOCAL[0], on_the_gpu=0.82)
        elif kind == "empty":
            (home / "state").mkdir()
            (home / "state" / "welcomed").touch()
        toml.write_text(f"[server]\nport = {usual_port(7717)}\n\n{toml.read_text() if toml.exists() else ''}")
        if kind != "empty":
            people(where)
        # As at home, so that what lies in ~/.config is found there.
        ours = {"XDG_CONFIG_HOME": str(where.home / ".config"), "QT_SCALE_FACTOR": str(scale)}
        app = stack.enter_context(App(where, home, **ours, **wanted.environment))
        app.up()
        if kind == "full":
            fill(app, engine)
        app.go("welcome" if kind == "first" else "overview")
        for theme in wanted.themes:
            where.rig("theme", theme)
            for page in ["welcome"] if kind == "first" else wanted.pages:
                picture(app, kind, page, scale, theme, wanted)
        engine.release()


def usual_port(port: int) -> int:
    """Pictures show the one that people will see, where it is free."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return free_port()
    return port


def picture(app: App, kind: str, page: str, scale: int, theme: str, wanted: Wanted) -> None:
    if page == "tray":
        if kind == "full":
            app.go("overview")
            tray_pictures(app, scale, theme, wanted.out)
        return
    app.go(f"calls/{telling_call(app.home)}" if page == "calls" and kind == "full" else page)
    if (kind, page) in READY and not wanted.environment:
        app.see(READY[kind, page], part=True, timeout_s=60)
    else:
        time.sleep(2)
    shot(app.desk, app.window(), wanted.out / f"{page}{'-empty' if kind == 'empty' else ''}-{theme}-{scale}x.png")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("pages", nargs="*", default=[*PAGES, "tray"])
    asked.add_argument("--theme", nargs="*", default=["light", "dark"])
    asked.add_argument("--scale", nargs="*", type=int, default=[1, 2])
    asked.add_argument("--home", nargs="*", default=["full", "empty", "first"])
    asked.add_argument("--out", type=Path, default=OUT)
    asked.add_argument("--size", default="1440x900")
    asked.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = asked.parse_args()
    why = lacking()
    if why:
        raise SystemExit(why)
    given.out.mkdir(exist_ok=True, parents=True)
    environment = dict(one.split("=", 1) for one in given.set)
    wanted = Wanted(given.out, tuple(given.pages), tuple(given.theme), given.size, environment)
    if "tray" in given.pages:
        tray_icons(given.out)
    for scale in given.scale:
        for kind in given.home:
            session(scale, kind, wanted)
    total = sum(path.stat().st_size for path in given.out.glob("*.png"))
    print(f"{len(list(given.out.glob('*.png')))} pictures, {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
