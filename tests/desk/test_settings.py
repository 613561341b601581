"""What is set in the window, with a real pointer and real keys: it stands in the file, and it counts."""

import csv
from pathlib import Path

from tests.desk.conftest import Start
from tests.support.desk import free_port
from tests.support.engine import Engine
from tests.support.proxy import two_tiers

from turnout.calls.units import Tier
from turnout.control.runtime import read_runtime
from turnout.settings.files import read_settings


def test_a_model_is_dragged_from_one_tier_to_another(start: Start) -> None:
    with Engine(models=("scripted", "scripted-small")) as engine:
        app = start(two_tiers(engine.url, engine.url))
        app.go("models")
        app.see("Warm up scripted")  # the last that comes: nothing moves any more
        app.drag("cloud/scripted", "cloud/scripted-small", "list item")
        toml = app.home / "turnout.toml"
        app.until(
            lambda: read_settings(toml).tiers.get(Tier.FAST) == ("cloud/scripted-small", "cloud/scripted"),
            "the model at the end of tier fast",
        )
        app.until(lambda: not read_settings(toml).tiers.get(Tier.HIGH), "an empty tier high")
        app.focus("Candidates of tier Fast")
        app.keys("Down", "alt+Up")
        app.until(
            lambda: read_settings(toml).tiers.get(Tier.FAST) == ("cloud/scripted", "cloud/scripted-small"),
            "the model first, by keyboard",
        )


def test_the_privacy_switch_and_the_days_stand_in_the_file(start: Start) -> None:
    app = start("# mine\n")
    toml = app.home / "turnout.toml"
    app.go("settings")
    app.press("Keep prompts and answers", "check box")
    app.until(lambda: read_settings(toml).privacy.store_bodies, "texts kept")
    app.press("Keep prompts and answers", "check box")
    app.until(lambda: not read_settings(toml).privacy.store_bodies, "texts not kept")
    app.write("Days to keep calls", "none")
    app.focus("Days to keep calls", "text")
    app.keys("Return")
    app.see("A number between 1 and 36500, please.")
    app.write("Days to keep calls", "30")
    app.focus("Days to keep calls", "text")
    app.keys("Return")
    app.until(lambda: read_settings(toml).privacy.keep_days == 30, "30 days")
    assert "# mine" in toml.read_text()


def test_calls_are_exported_to_the_file_that_is_named(start: Start, tmp_path: Path) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url))
        token = app.client("exported-client")
        assert app.chat(token, "rename this variable")[0] == 200
        app.go("settings")
        target = tmp_path / "calls.csv"
        app.write("File to write", str(target))
        app.press("Export", "push button")
        app.see("Written to", part=True)
        with target.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["client"] for row in rows] == ["exported-client"]


def test_another_port_counts_after_the_restart_that_the_window_offers(start: Start) -> None:
    app = start()
    app.up()
    port = free_port()
    app.go("settings")
    app.write("Port", str(port))
    app.focus("Port", "text")
    app.keys("Return")
    app.press("Restart the proxy now")
    runtime = app.home / "run" / "runtime.json"
    app.until(lambda: (found := read_runtime(runtime)) and found.url.endswith(f":{port}"), "a proxy at the new port")
    app.up()
    assert read_settings(app.home / "turnout.toml").server.port == port
    app.see(f"127.0.0.1:{port}")
