"""The tray on a real panel, driven over D-Bus as the panel drives it; and what remains where there is no panel."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desk.conftest import Start
from tests.support.desk import App, Desk, lacking
from tests.support.engine import Engine
from tests.support.proxy import two_tiers
from tests.support.script import Doc, Script

RULES = """
[[rule]]
name = "as asked"
when = "true"
route = "fast"

[[loop]]
scope = { session = "each" }
same_request = 2
on_exceed = "refuse"
"""


def labels(node: Doc) -> list[str]:
    """Every entry in order, submenus' after their own."""
    said = [str(node["label"])] if node.get("label") else []
    return said + [one for child in node.get("children", []) for one in labels(child)]


def entry(node: Doc, label: str) -> Doc:
    if node.get("label") == label:
        return node
    for child in node.get("children", []):
        if found := entry(child, label):
            return found
    return {}


def number(desk: Desk) -> str:
    """Ours among the panel's items."""
    rows = [json.loads(line) for line in desk.rig("tray").splitlines()]
    return next((str(row["n"]) for row in rows if row["id"] == "turnout"), "")


def menu(desk: Desk) -> Doc:
    found: Doc = json.loads(desk.rig("tray", "menu", number(desk)))
    return found


def opened(app: App, desk: Desk, *parts: str) -> Doc:
    """The menu once every part stands in some entry of it: the newest calls come a second after the status does."""
    app.until(lambda: number(desk), "an icon in the tray")
    seen: list[Doc] = []

    def complete() -> bool:
        seen.append(menu(desk))
        return all(any(part in said for said in labels(seen[-1])) for part in parts)

    app.until(complete, f"{parts} in the menu")
    return seen[-1]


def test_the_menu_switches_modes_pauses_and_resumes(desk: Desk, start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url), RULES)
        app.up()
        said = labels(opened(app, desk, "Auto", "today", "Quit (stops the proxy)"))
        for wanted in ("Auto", "Local only", "Cloud only", "Pass-through", "Pause routing for an hour", "Open Turnout"):
            assert wanted in said
        assert said[-1] == "Quit (stops the proxy)"
        assert "today" in said[0]
        for label, mode in (("Local only", "local"), ("Pass-through", "passthrough"), ("Auto", "auto")):
            desk.rig("tray", "pick", number(desk), label)
            app.until(lambda mode=mode: app.control.status().mode == mode, mode)  # type: ignore[misc]
            app.until(lambda label=label: entry(menu(desk), label)["toggle-state"] == 1, f"{label} checked")  # type: ignore[misc]
        desk.rig("tray", "pick", number(desk), "Pause routing for an hour")
        app.until(lambda: app.control.status().paused_until_ms, "a pause")
        opened(app, desk, "Resume routing")
        desk.rig("tray", "pick", number(desk), "Resume routing")
        app.until(lambda: app.control.status().paused_until_ms is None, "no pause")


def test_the_menu_lists_the_last_calls_and_raises_a_stopped_session(desk: Desk, start: Start) -> None:
    with Engine(models=("scripted", "scripted-small")) as engine:
        app = start(two_tiers(engine.url, engine.url), RULES)
        token = app.client("looping-client")
        while app.chat(token, "again")[0] == 200:
            pass
        last_call = "Fast · looping-client · scripted-small"
        last = entry(opened(app, desk, "looping-client is stopped", last_call), "Last calls")
        assert any(last_call in one["label"] for one in last["children"])
        desk.rig("tray", "pick", number(desk), "Let it go on")
        app.until(lambda: not app.control.status().stopped, "a session that goes on")
        assert app.chat(token, "again")[0] == 200


def test_the_tray_opens_the_window_and_quitting_ends_what_it_started(desk: Desk, start: Start) -> None:
    app = start()
    app.up()
    opened(app, desk, "Open Turnout")
    desk.rig("tray", "activate", number(desk))
    app.until(app.window, "a window")
    proxy = app.control.status().pid
    desk.rig("tray", "pick", number(desk), "Quit (stops the proxy)")
    assert app.process.wait(60) == 0
    assert not Path(f"/proc/{proxy}").exists()


def test_a_second_start_raises_the_first_and_leaves(desk: Desk, start: Start) -> None:
    app = start()
    app.up()
    opened(app, desk, "Open Turnout")
    done = subprocess.run(
        [sys.executable, "-m", "turnout"],
        env=app.env,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0
    assert "runs already" in done.stdout
    app.until(app.window, "the first one's window")


def test_a_killed_tray_takes_its_proxy_with_it(start: Start, desk: Desk) -> None:
    app = start()
    app.up()
    proxy = app.control.status().pid
    app.ends_with = -signal.SIGKILL
    os.kill(app.process.pid, signal.SIGKILL)
    app.process.wait(10)
    gone = subprocess.run(["tail", f"--pid={proxy}", "-f", "/dev/null"], timeout=30, check=False)
    assert gone.returncode == 0


def test_a_proxy_that_ran_before_is_joined_and_left_running(start: Start, desk: Desk, tmp_path: Path) -> None:
    home = tmp_path / "joined"
    environment = {**desk.env, "TURNOUT_HOME": str(home), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    command = [sys.executable, "-m", "turnout", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as serving:
        assert serving.stdout is not None
        assert b"ready" in serving.stdout.readline()
        app = start(home=home)
        assert labels(opened(app, desk, "Quit (the proxy keeps running)"))[-1] == "Quit (the proxy keeps running)"
        assert app.control.status().pid == serving.pid
        desk.rig("tray", "pick", number(desk), "Quit (the proxy keeps running)")
        assert app.process.wait(30) == 0
        assert serving.poll() is None
        serving.terminate()
        serving.wait(20)


def test_a_hung_proxy_is_said_and_nothing_else_hangs(desk: Desk, start: Start) -> None:
    app = start()
    app.go("overview")
    pid = app.control.status().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        app.see("Not answering", timeout_s=40)
        opened(app, desk, "The proxy does not answer")
        app.go("settings")
        app.see("Start at login")
    finally:
        os.kill(pid, signal.SIGCONT)
    app.gone("Not answering", timeout_s=40)


def test_t22_names_from_outside_are_plain_text_in_menu_tooltip_and_notification(desk: Desk, start: Start) -> None:
    with Engine(models=("scripted", "scripted-small")) as engine, Engine() as tracker:
        evil = f"<img src={tracker.url}/x>"
        settings = two_tiers(engine.url, engine.url).replace("cloud/scripted-small", f"cloud/{evil}")
        engine.default = Script()
        app = start(settings, RULES)
        token = app.client("plain-client")
        while app.chat(token, "again")[0] == 200:
            pass
        opened(app, desk, "plain-client is stopped", "<img src=")
        app.go("models")
        app.see(f"cloud/{evil}", part=True)
        app.until(lambda: any("plain-client" in str(note["summary"]) for note in desk.notes()), "a notification")
        assert not any("<" in str(note["body"]) for note in desk.notes())
        assert tracker.connections == 0


@pytest.fixture(params=["tray", "notify"])
def bare(request: pytest.FixtureRequest) -> Iterator[tuple[str, Desk]]:
    """A desk that lacks something, and what."""
    why = lacking()
    if why:
        pytest.skip(why)
    with Desk(**{request.param: "none"}) as made:
        yield request.param, made


def test_without_a_tray_or_notifications_the_window_serves(bare: tuple[str, Desk], start: Start) -> None:
    lack, where = bare
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url), RULES, on=where)
        app.up()
        if lack == "tray":
            app.until(app.window, "a window where there is no tray")
            app.see("This desktop shows no tray icon", part=True)
        token = app.client("unseen-client")
        while app.chat(token, "again")[0] == 200:
            pass
        app.go("budgets")
        app.see("stopped")
        assert app.process.poll() is None
