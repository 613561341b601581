"""What the tray and the window cost: memory and CPU while idle, how soon the window shows, charts, filters, frames under load.

    python tests/bench/desk_bench.py idle [--package TURNOUT]            the tray alone, on a desk without a screen (rig of
                                                       tests/support/desk.py); from source, or an installed package's program
    python tests/bench/desk_bench.py window            from the command to the window, and from the tray's click to the window
    python tests/bench/desk_bench.py chart             a year of days, stacked, drawn
    python tests/bench/desk_bench.py filter [--rows N] [--keep DIR]      a ledger of N calls, searched through the window's own model
    python tests/bench/desk_bench.py frames [--rate N] [--seconds N]     calls arrive while somebody looks

Wall times on a shared machine are what they are: each line also gives what was measured in the thread's own CPU time, which others'
load inflates less. Two shared cores, otherwise quiet, Python 3.11, PySide6 6.11, from source, medians; in brackets at a load of 10:

    idle      38 MB RSS (46), 29 PSS (30), 0.15 % CPU;  neither httpx nor keyring imported                        wanted: 80 MB, 0.2 %
              the package, after 60 s: 38 MB RSS, 34 PSS, 0.13 % CPU (at a load of 13)                            60 MB, 0.2 %
              68 MB (package 70) before pages of code are handed back once it is quiet (`desktop/trim.py`)
              109 MB at first: 20 was GTK's theme, 12 the command line's modules, 7 http.client with ssl, 4 the sources of modules
              that PySide reads, 4 OpenSSL for a hash, 3 QtNetwork
    window    cold 337 ms (617); from the tray 134 ms the first time (330), then 32 (89)                      800, 150
    chart     a year of 365 bars: made 8 ms, drawn 5 (21 and 13)                                              50
    filter    1,000,000 calls, first rows: a client 8 ms, a model 8, a session 29, an old call's id 8 (29 to 100)     100
              what is nowhere is known to be nowhere after 1.2 s (8), in which the table says so and goes on listening
    frames    98 calls/s: no turn of the UI thread over 50 ms; worst 8 on Overview, 47 on Calls, 38 on Budgets        50
              (at a load of 10 none over 50 ms of CPU, but 3 to 15 by the clock in 8 s)
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "app"), str(ROOT), str(ROOT / "packaging")]

import psutil  # noqa: E402  the paths above come first
from tests.support.desk import FROM_SOURCE, App, Desk, free_port  # noqa: E402
from tests.support.engine import Engine  # noqa: E402
from tests.support.proxy import BY_MODEL, Turnout, two_tiers  # noqa: E402
from tests.support.script import Script  # noqa: E402

import sample_home  # type: ignore[import-not-found]  # noqa: E402  packaging/ is on the path only here

QUICK = {"PYTHONDONTWRITEBYTECODE": ""}
"""As installed: the modules' compiled form is there."""


@contextmanager
def home(*, calls: int = 0, days: int = 30, settings: str = "") -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
        where = Path(folder)
        if calls:
            sample_home.write(where, days=days, count=calls)
            toml = (where / "turnout.toml").read_text()
        else:
            toml = settings
        (where / "turnout.toml").write_text(f"[server]\nport = {free_port()}\n\n{toml}")
        (where / "state").mkdir(exist_ok=True, mode=0o700)
        (where / "state" / "welcomed").touch()
        yield where


# --- idle ---


def idle(seconds: float, package: str) -> None:
    """Memory and CPU of the tray's own process; its proxy is another one, measured beside."""
    command = [package] if package else FROM_SOURCE
    with Desk() as desk, home(calls=500) as where, App(desk, where, command=command, **QUICK) as app:
        app.up()
        app.until(lambda: app.desk.rig("tray"), "an icon")
        tray, proxy = psutil.Process(app.process.pid), psutil.Process(app.control.status().pid)
        time.sleep(20)  # what a start leaves behind (a first question, a first icon) is no part of being idle
        before, began = sum(tray.cpu_times()[:2]), time.monotonic()
        time.sleep(seconds)
        share = (sum(tray.cpu_times()[:2]) - before) / (time.monotonic() - began)
        print(f"tray alone: {memory(tray)}, {share:.2%} CPU over {seconds:.0f} s, {tray.num_threads()} threads")
        print(f"  its proxy: {memory(proxy)}")
        maps = {Path(one.path).name for one in tray.memory_maps() if one.path.startswith("/")}
        print("  libraries:", ", ".join(sorted(name for name in maps if name.startswith(("libgtk", "libQt6"))))[:300])
    if package:
        return
    loaded = imported(seconds=8)
    for name in (
        "httpx",
        "keyring",
        "secretstorage",
        "jeepney",
        "sqlite3",
        "orjson",
        "tomlkit",
        "turnout.desktop.window",
    ):
        print(f"  {name}: {'imported' if name in loaded else 'not imported'}")


def memory(process: psutil.Process) -> str:
    """RSS counts a page that others share in full, PSS in part, USS not at all."""
    found = process.memory_full_info()
    return f"{found.rss / 1e6:.0f} MB RSS, {found.pss / 1e6:.0f} PSS, {found.uss / 1e6:.0f} USS"


def imported(seconds: float) -> set[str]:
    """Every module the idle tray has loaded, as Python itself tells them."""
    with Desk() as desk, home(calls=500) as where:
        with (where / "imports").open("wb") as told:
            command = [sys.executable, "-X", "importtime", "-m", "turnout"]
            environment = {**desk.env, "TURNOUT_HOME": str(where), "PYTHONPATH": str(ROOT / "app")}
            with subprocess.Popen(command, env=environment, stderr=told, stdin=subprocess.DEVNULL) as process:
                time.sleep(seconds)
                process.terminate()
                process.wait(20)
        lines = (where / "imports").read_text(errors="replace").splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


# --- the window ---


def window(times: int) -> None:
    cold, warm, again = Opened(), Opened(), Opened()
    with home(calls=2_000) as where:
        with Desk(tray="none") as desk:
            for _ in range(times + 1):
                began = time.perf_counter()
                with App(desk, where, **QUICK) as app:
                    shown(app)
                    cold.add(time.perf_counter() - began, own_s(app))
                    app.up()
        with Desk() as desk:
            for _ in range(times):
                with App(desk, where, **QUICK) as app:
                    app.up()
                    app.until(lambda app=app: app.desk.rig("tray"), "an icon")  # type: ignore[misc]
                    time.sleep(12)  # the tray has been there for a while
                    for found in (warm, again):
                        began, own = time.perf_counter(), own_s(app)
                        app._wish("open")
                        shown(app)
                        found.add(time.perf_counter() - began, own_s(app) - own)
                        desk.run("wmctrl", "-i", "-c", app.window())
                        app.until(lambda app=app: not app.window(), "a closed window")  # type: ignore[misc]
    cold.tell("from the command to the window, cold (the first start of all left out)", skip=1)
    warm.tell("from the tray to the window, first time")
    again.tell("from the tray to the window, again")


class Opened:
    def __init__(self) -> None:
        self.wall: list[float] = []
        self.own: list[float] = []

    def add(self, wall_s: float, own_s: float) -> None:
        self.wall.append(wall_s * 1e3)
        self.own.append(own_s * 1e3)

    def tell(self, name: str, skip: int = 0) -> None:
        wall, own = sorted(self.wall[skip:]), self.own[skip:]
        print(
            f"{name}: median {statistics.median(wall):.0f} ms by the clock ({wall[0]:.0f} to {wall[-1]:.0f}), "
            f"{statistics.median(own):.0f} ms of CPU, {len(wall)} times"
        )


def own_s(app: App) -> float:
    """CPU of the UI thread so far."""
    return int(Path(f"/proc/{app.process.pid}/schedstat").read_text().split()[0]) / 1e9


def shown(app: App) -> None:
    """Looks as fast as looking goes (xdotool takes some 10 ms)."""
    while not app.window():
        assert app.process.poll() is None, app.log


def said(name: str, seconds: list[float]) -> None:
    took = sorted(one * 1e3 for one in seconds)
    print(f"{name}: median {statistics.median(took):.0f} ms ({took[0]:.0f} to {took[-1]:.0f}, {len(took)} times)")


# --- in process ---


@dataclass
class Cost:
    """Of things done on the UI thread."""

    wall_ms: list[float] = field(default_factory=list)
    own_ms: list[float] = field(default_factory=list)

    def time(self, work: Callable[[], object]) -> None:
        wall, own = time.perf_counter(), time.thread_time()
        work()
        self.wall_ms.append((time.perf_counter() - wall) * 1e3)
        self.own_ms.append((time.thread_time() - own) * 1e3)

    def tell(self, name: str) -> None:
        print(
            f"{name}: median {statistics.median(self.wall_ms):.1f} ms wall, {statistics.median(self.own_ms):.1f} ms CPU; "
            f"worst {max(self.wall_ms):.1f} and {max(self.own_ms):.1f} of {len(self.own_ms)}"
        )


def qt() -> object:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QLocale
    from PySide6.QtWidgets import QApplication

    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    return QApplication.instance() or QApplication(["bench"])


def spin(until: Callable[[], bool], timeout_s: float = 120.0) -> None:
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    ends = time.monotonic() + timeout_s
    while not until():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)
        assert time.monotonic() < ends, "it never came"


def chart(times: int) -> None:
    """From the ledger's answer to pixels, and the drawing alone."""
    keep = qt()
    from turnout.desktop.models import overview
    from turnout.desktop.plots import StackedBars
    from turnout.desktop.sources import LedgerFile

    with home(calls=20_000, days=370) as where:
        ledger = LedgerFile(where / "data" / "ledger.db")
        now_ms = int(time.time() * 1000)
        year = 365 * 86_400_000
        last = date.today()  # noqa: DTZ011  local days, as the chart has them
        bars = StackedBars("Spend by day")
        bars.resize(920, 220)
        bars.show()
        question, build, draw = Cost(), Cost(), Cost()
        spend = ledger.spend("model", now_ms - year, now_ms, now_ms)
        for _ in range(times):
            question.time(lambda: ledger.spend("model", now_ms - year, now_ms, now_ms))

            def fill() -> None:
                kinds = overview.series(spend)
                made = overview.bars(spend, last - timedelta(days=364), last, count=False)
                bars.set_bars(kinds, made, lambda top: lambda value: f"${value:.2f}", "a year")

            build.time(fill)
            draw.time(bars.grab)
        ledger.close()
        question.tell("a year's spend asked of the ledger, off the UI thread")
        build.tell("its 365 bars of stacks made")
        draw.tell("and drawn")
        bars.deleteLater()
    del keep


def filters(rows: int, keep_in: Path | None, times: int) -> None:
    keep = qt()
    from tests.bench.ledger_bench import fill

    from turnout.desktop.models.calls import CallsModel
    from turnout.desktop.sources import Ledger, LedgerFile, Search
    from turnout.desktop.tasks import Lane
    from turnout.ledger.schema import connect

    with tempfile.TemporaryDirectory() as folder:
        path = (keep_in or Path(folder)) / "ledger.db"
        if not path.exists():
            fill(path, rows)
        connect(path).close()  # one that an earlier version made is brought up to date
        lanes: list[Lane[Ledger]] = [Lane("bench", lambda: LedgerFile(path), lambda one: one.close()) for _ in range(2)]
        model = CallsModel(*lanes)
        for name, search in (
            ("everything", Search()),
            ("a client's name", Search(text="client3")),
            ("part of a model's name", Search(text="haiku")),
            ("a session", Search(text="session77")),
            ("an old call's id", Search(text=f"{rows // 10:020d}")),
            ("what is nowhere", Search(text="no such thing")),
        ):
            took, whole = [], []
            for _ in range(times):
                began = time.perf_counter()
                model.reload(search)
                spin(lambda: not model.loading and (bool(model.rowCount()) or not model.searching))
                took.append(time.perf_counter() - began)
                first = model.rowCount()
                spin(lambda: not model.searching)
                whole.append(time.perf_counter() - began)
                began = time.perf_counter()
            assert not model.problem, model.problem
            said(f"{name:24} first rows ({first:,} of them)", took)
            print(f"{'':24} the search over after {statistics.median(whole):.1f} s, {model.rowCount():,} rows")
        for lane in lanes:
            lane.end()
    del keep


# --- frames ---


def frames(rate: int, seconds: float) -> None:
    """The real window on Overview, then on Calls, beside a real proxy under `rate` calls a second from a process of its own."""
    keep = qt()
    from PySide6.QtCore import QTimer

    from turnout.desktop.desk import Desk as Shared
    from turnout.desktop.window import Window
    from turnout.settings.paths import paths

    with ExitStack() as stack:
        engine = stack.enter_context(Engine())
        engine.default = Script(text="Done.")
        where = stack.enter_context(home(settings=two_tiers(engine.url, engine.url)))
        (where / "rules.toml").write_text(BY_MODEL)
        proxy = stack.enter_context(Turnout(where, arguments=()))
        os.environ["TURNOUT_HOME"] = str(where)
        shared = Shared(paths())
        shared.start()
        view = Window(shared, tray=True)
        view.show()
        shared.feed.busy(True)
        load = Load(proxy, rate)
        for page in ("overview", "calls", "budgets"):
            view.go(page)
            spin(lambda: shared.state.status is not None)
            settle = time.monotonic() + 2
            spin(lambda settle=settle: time.monotonic() > settle)  # type: ignore[misc]
            load.go()
            turns = Turns()
            beat = QTimer()
            beat.setInterval(0)
            beat.timeout.connect(turns.turn)
            beat.start()
            ends = time.monotonic() + seconds
            spin(lambda ends=ends: time.monotonic() > ends)  # type: ignore[misc]
            beat.stop()
            made = load.halt()
            turns.tell(f"{page:9} while {made / seconds:.0f} calls/s arrive")
        shared.end()
        from shiboken6 import delete

        delete(view)
    del keep


class Turns:
    """How long the event loop's turns take: a frame waits at most for one."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._own = time.thread_time()
        self.wall: list[float] = []
        self.own: list[float] = []

    def turn(self) -> None:
        wall, own = time.perf_counter(), time.thread_time()
        self.wall.append((wall - self._wall) * 1e3)
        self.own.append((own - self._own) * 1e3)
        self._wall, self._own = wall, own

    def tell(self, name: str) -> None:
        over = sum(one > 50 for one in self.own)
        print(
            f"{name}: turns of the UI thread over 50 ms: {over} by its own CPU, {sum(one > 50 for one in self.wall)} by the clock; "
            f"worst {max(self.own):.0f} ms CPU, {max(self.wall):.0f} ms wall, of {len(self.own):,}"
        )


class Load:
    """Calls at a steady rate, from a process of its own and niced, so that it neither holds our interpreter nor our turn."""

    def __init__(self, proxy: Turnout, rate: int) -> None:
        command = [sys.executable, __file__, "load", "--url", proxy.url, "--token", proxy.token, "--rate", str(rate)]
        self._command = command
        self._process: subprocess.Popen[str] | None = None

    def go(self) -> None:
        self._process = subprocess.Popen(
            ["nice", "-n", "5", *self._command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def halt(self) -> int:
        assert self._process is not None
        out, _ = self._process.communicate("stop\n", timeout=60)
        return int(json.loads(out)["calls"])


def load(url: str, token: str, rate: int) -> None:
    """Until a line comes in; 8 connections, each with its share of the rate."""
    stop = threading.Event()
    made = [0] * 8
    body = json.dumps({"model": "cloud/scripted-small", "messages": [{"role": "user", "content": "rename this"}]})
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def run(slot: int) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        due = time.monotonic() + slot / rate
        while not stop.is_set():
            connection.request("POST", "/v1/chat/completions", body, headers)
            connection.getresponse().read()
            made[slot] += 1
            due += len(made) / rate
            stop.wait(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=run, args=(slot,)) for slot in range(len(made))]
    for one in threads:
        one.start()
    sys.stdin.readline()
    stop.set()
    for one in threads:
        one.join()
    print(json.dumps({"calls": sum(made)}))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("what", choices=("idle", "window", "chart", "filter", "frames", "load"))
    asked.add_argument("--seconds", type=float, default=20.0)
    asked.add_argument("--times", type=int, default=7)
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--keep", type=Path)
    asked.add_argument("--package", default="")
    asked.add_argument("--rate", type=int, default=100)
    asked.add_argument("--url", default="")
    asked.add_argument("--token", default="")
    given = asked.parse_args()
    if given.what == "idle":
        idle(given.seconds, given.package)
    elif given.what == "window":
        window(given.times)
    elif given.what == "chart":
        chart(given.times)
    elif given.what == "filter":
        filters(given.rows, given.keep, given.times)
    elif given.what == "frames":
        frames(given.rate, given.seconds)
    else:
        load(given.url, given.token, given.rate)


if __name__ == "__main__":
    main()
