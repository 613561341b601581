"""The real app on a real desktop, driven by accessible name: what a person does in the first hour."""

import importlib.util
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType

from tests.desk.conftest import Start
from tests.support.desk import ROOT, Desk, free_port
from tests.support.engine import Engine
from tests.support.proxy import two_tiers
from tests.support.script import Script

from turnout.ledger.reader import Reader

ASK_RULES = """
[[rule]]
name = "as asked"
when = "true"
route = "fast"

[[budget]]
name = "a day's work"
scope = { client = "each" }
usd = 0.02
per = "day"
on_exceed = "ask"
ask_timeout_s = 60
"""
LONG_ASK = "explain this file " * 1_500


STEPS = ("An engine of your own", "A key for the cloud", "A client")


def test_each_step_of_the_first_run_is_skipped_on_its_own_and_that_outlives_the_app(start: Start) -> None:
    app = start(fresh=True)
    for step in STEPS:
        app.see(f"Skip: {step}")
    app.see("Skip all of it")
    app.press("Skip: A key for the cloud")
    app.see("Do now: A key for the cloud")
    app.gone("Save key")
    app.see("Go on without the rest")
    app.until(lambda: "key" in (app.home / "state" / "welcome.json").read_text(), "the skipped step on disk")
    app.process.terminate()
    app.process.wait(30)
    again = start(home=app.home, fresh=True)
    again.go()
    again.see("Do now: A key for the cloud")
    again.see("Skip: An engine of your own")
    again.press("Do now: A key for the cloud")
    again.see("Save key")
    for step in STEPS:
        again.press(f"Skip: {step}")
        again.see(f"Do now: {step}")
    again.press("Go on")
    again.see("Spend by day")
    again.until((again.home / "state" / "welcomed").exists, "the mark that the first steps were seen")


def test_each_step_of_the_first_run_is_done_on_its_own_and_it_never_asks_again(desk: Desk, start: Start) -> None:
    (desk.home / ".claude").mkdir(exist_ok=True)
    (desk.home / ".claude" / "settings.json").write_text("{}\n")
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url), fresh=True)
        app.see("An engine of your own")
        app.see("found")
        app.gone("Skip: An engine of your own")
        app.write("Key", "sk-first-run-0123456789")
        app.press("Save key")
        app.see("saved for anthropic")
        app.gone("Skip: A key for the cloud")
        app.press("Connect Claude Code")
        app.see("connected: waiting for the first call…")
        settings = json.loads((desk.home / ".claude" / "settings.json").read_text())
        assert settings["env"]["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")
        app.press("Done")
        app.see("Spend by day")
        app.until((app.home / "state" / "welcomed").exists, "the mark that the first steps were seen")
        app.turnout("connect", "claude-code", "--undo")
        app.turnout("key", "remove", "anthropic")


def test_a_client_is_connected_by_one_press_and_put_back_byte_for_byte_by_another(desk: Desk, start: Start) -> None:
    config = desk.home / ".codex" / "config.toml"
    config.parent.mkdir(exist_ok=True)
    before = '# mine\nmodel = "gpt-6.1-sol"   # kept\n'
    config.write_text(before)
    app = start()
    app.go("connect")
    app.press("Connect Codex")
    app.see("waiting for its first call…")
    assert "127.0.0.1" in config.read_text()
    app.press("Undo Codex")
    app.see("Connect Codex")
    app.until(lambda: config.read_text() == before, "the file as it was")


def test_a_call_appears_while_one_looks(start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url))
        app.go("calls")
        app.see("No calls yet")
        token = app.client("codex-on-the-desk")
        status, _ = app.chat(token, "rename this variable to total")
        assert status == 200
        app.see("Client: codex-on-the-desk", "table cell")
        app.gone("No calls yet")


def test_a_rule_is_added_previewed_saved_and_probed(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    sample_home().write(home, days=10, count=300)
    own_port(home)
    app = start(home=home)
    app.go("rules")
    app.see("1. secrets stay home: when secret, route Local")
    app.press("Add rule")
    app.see("Not saved")
    app.write("Name", "big ones wait")
    app.write("When", "big and not loop")
    app.see("What the edit would have done")
    for way in ("As it was", "Rules in force", "These rules", "Control: shuffled", "Control: all fast"):
        app.see(way)
    app.press("Save")
    app.see("Saved, and its probe passes.", part=True)
    saved = (home / "rules.toml").read_text()
    assert 'name = "big ones wait"\nwhen = "big and not loop"' in saved
    assert "# What looks like a key or a password stays inside our walls." in saved


def test_rules_changed_outside_are_merged_or_asked_about_and_never_overwritten(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    file = home / "rules.toml"
    app = start(rules=sample_home().RULES, home=home)
    app.go("rules")
    app.see("1. secrets stay home: when secret, route Local")
    app.press("Add rule")
    app.see("Not saved")
    file.write_text(file.read_text().replace("gte = 60000", "gte = 50000"))
    app.see("that change and your draft are both here now", part=True)
    app.press("Save")
    app.see("In force")
    merged = file.read_text()
    assert "gte = 50000" in merged
    assert 'name = "a new rule"' in merged

    app.write("Name", "mine")
    app.see("Not saved")
    file.write_text(merged.replace("a new rule", "theirs"))
    app.see("Your draft is kept until you decide.", part=True)
    app.press("Save")
    app.see("Your draft is kept until you decide.", part=True)
    assert 'name = "theirs"' in file.read_text()
    app.press("Keep my draft")
    app.see("Saving replaces the file", part=True)
    app.press("Save")
    app.see("In force")
    assert file.read_text() == merged.replace("a new rule", "mine")


def test_rules_are_moved_by_keyboard_and_by_dragging(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    app = start(rules=sample_home().RULES, home=home)
    app.go("rules")
    app.see("1. secrets stay home: when secret, route Local")
    app.focus("Rules in order")
    app.keys("alt+Down")
    app.see("2. secrets stay home: when secret, route Local")
    app.see("Not saved")
    app.keys("ctrl+s")
    app.see("In force")
    saved = (home / "rules.toml").read_text()
    assert saved.index("titles are cheap") < saved.index("# What looks like a key") < saved.index("secrets stay home")
    app.keys("ctrl+z")
    app.see("1. secrets stay home: when secret, route Local")
    app.drag(
        "1. secrets stay home: when secret, route Local",
        "3. a tool loop keeps its model: when loop, route Keep its model",
    )
    app.see("3. secrets stay home: when secret, route Local")


def test_the_overview_says_what_the_command_line_says_and_calls_are_searched_as_one_types(
    start: Start, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    sample_home().write(home, days=20, count=400)
    own_port(home)
    app = start(home=home)
    app.go("overview")
    spent = json.loads(app.turnout("spend", "--by", "client", "--json"))
    app.see(f"${float(spent['total_usd']):,.2f}")
    for one in spent["rows"]:
        app.see(one["name"])
    app.see(f"{spent['graded_from_cache'] / spent['graded_calls']:.0%}")
    whole = app.see("Burn-down of ", part=True)
    assert " left; " in whole["description"]
    app.focus(whole["name"])
    app.keys("End")
    app.until(lambda: app.see(whole["name"])["description"].endswith(" left"), "what is left now")

    app.go("calls")
    app.see("Client: codex", "table cell")
    app.write("Search calls", "nightly-eval")
    app.see("Client: nightly-eval", "table cell")
    app.gone("Client: codex", "table cell")
    found = json.loads(app.turnout("calls", "--last", "400", "--json"))["calls"]
    one = next(call for call in found if call["client"] == "nightly-eval" and call["status"] == "settled")
    app.go(f"calls/{one['id']}")
    app.see("Why it went there")
    app.see(one["reason"])
    app.see(f"{one['tokens']['output']:,}")
    app.press("Good answer")
    app.see("Noted. It counts when the grader is calibrated.")
    app.until(lambda: kept(home, "thumb").get(one["id"]) is True, "the thumb in the ledger")


def test_an_audit_asks_two_tiers_side_by_side_and_keeps_the_verdict(start: Start) -> None:
    with Engine() as dear, Engine() as cheap:
        cheap.default, dear.default = Script(text="total = 1"), Script(text="int total = 1;")
        app = start(two_tiers(dear.url, cheap.url))
        app.attended()
        app.go("audit")
        app.see("No finished call to audit yet")
        app.write("Prompt to compare", "rename this variable to total")
        app.press("Ask both")
        app.see("The local one is good enough")  # both answers are there
        assert app.see("Answer of local/scripted", part=True)["text"] == "total = 1"
        assert app.see("Answer of cloud/scripted", part=True)["text"] == "int total = 1;"
        app.press("The local one is good enough")
        app.see("Noted. It counts when the grader is calibrated.")
        app.until(lambda: kept(app.home, "shadow"), "a verdict")
        verdict = next(iter(kept(app.home, "shadow").values()))
        assert isinstance(verdict, dict)
        assert verdict["strong_needed"] == 0.0
        calls = json.loads(app.turnout("calls", "--json"))["calls"]
        assert {(call["client"], call["tier"]) for call in calls} == {
            ("side by side", "local"),
            ("side by side", "high"),
        }


GRADED = """
[grade]
abstain = "high"

[[rule]]
name = "by grade"
when = "true"
route = "grade"
"""


def test_a_calls_detail_has_all_that_is_known_of_a_real_call(start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url), GRADED + 'on_failure = ["down"]\n')
        token = app.client("thinker")
        ask = "Prove that there are infinitely many primes of the form 4k+3."
        engine.say(Script(status=529).once(), Script(text="Suppose not."))
        assert app.chat(token, ask, x_session_id="one")[0] == 200
        assert app.chat(token, ask, x_session_id="two")[0] == 200
        app.until(lambda: len(json.loads(app.turnout("calls", "--json"))["calls"]) == 2, "two calls")
        second, first = json.loads(app.turnout("calls", "--json"))["calls"]
        app.go(f"calls/{first['id']}")
        app.see("grade high")
        for words in ("by grade", "the fast grader", first["reason"], "cloud/scripted", "cloud/scripted-small", "ok"):
            app.see(words)
        app.see("status_529")
        for title in ("Why it went there", "Cost", "Tokens", "Time", "Attempts", "Who"):
            app.see(title)
        assert "Answer" in app.see("Tokens by bucket")["description"]
        assert "To the first byte" in app.see("Time line")["description"]
        app.see("The dear model")
        app.go(f"calls/{second['id']}")
        app.see("the intent cache: this was asked before")


def test_dear_calls_are_asked_again_within_a_limit_and_the_verdict_reaches_the_calibration(start: Start) -> None:
    with Engine() as engine:
        engine.choose = lambda heard: Script(text=f"{heard.doc['model']} says so")
        app = start(two_tiers(engine.url), GRADED)
        token = app.client("thinker")
        app.go("audit")
        app.see("Set store_bodies = true under [privacy]", part=True)
        toml = app.home / "turnout.toml"
        toml.write_text(toml.read_text() + "[privacy]\nstore_bodies = true\n")
        app.control.reload()
        app.press("Audit again")
        app.see("No call whose text is kept was answered by a dearer tier than cloud/scripted-small.")
        for ask in (
            "Prove that there are infinitely many primes of the form 4k+3.",
            "Design a lock-free queue in C++.",
        ):
            assert app.chat(token, ask)[0] == 200
        app.until(lambda: app.control.shadow_plan(last=100, sample=5, on="fast")["candidates"] == 2, "two kept texts")
        app.press("Audit again")
        app.see("Asks 2 calls again of cloud/scripted-small, of 2 that can be.", part=True)
        app.press("Ask them again")
        app.see("2 calls asked again for", part=True)
        assert app.see("Answer of cloud/scripted")["text"] == "scripted says so"
        assert app.see("Answer of cloud/scripted-small")["text"] == "scripted-small says so"
        app.press("The cheap answer would do: Prove that", part=True)
        app.see("noted for calibration")
        app.see("you judged: a cheaper answer would do")
        app.press("Dear", "radio button")
        judged = app.see("A cheaper model would have done: you judged", part=True)
        assert judged["description"] == "given"
        app.press("It needed this model: grade HIGH", part=True)
        app.until(lambda: len(kept(app.home, "verdict")) == 2, "two verdicts in the ledger")
        app.press("Calibrate the grader")
        app.see("2 labels are too few to calibrate on", part=True)


def test_a_shadow_check_is_cancelled_in_the_middle_of_a_call(start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, extra="[privacy]\nstore_bodies = true\n"), GRADED)
        token = app.client("thinker")
        app.up()
        assert app.chat(token, "Prove that there are infinitely many primes of the form 4k+3.")[0] == 200
        app.until(lambda: app.control.shadow_plan(last=100, sample=5, on="fast")["candidates"] == 1, "a kept text")
        engine.say(Script(hold=True))
        app.go("audit")
        app.press("Ask them again")
        app.see("0 of 1 answered", part=True)
        app.press("Cancel the shadow check")
        app.see("Cancelled. The answers so far are kept with their calls.")
        app.until(lambda: app.control.status().in_flight == 0, "nothing under way")
        engine.release()


def test_a_budget_that_is_used_up_asks_and_the_waiting_call_goes_on_when_raised(desk: Desk, start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url), ASK_RULES)
        app.go("budgets")
        app.attended()
        token = app.client("waiting-client")
        answers: list[int] = []
        call = threading.Thread(target=lambda: answers.append(app.chat(token, LONG_ASK)[0]))
        call.start()
        app.see("waiting-client is waiting for you")
        app.until(lambda: any("Let it go on" in note["actions"] for note in desk.notes()), "a notification")  # type: ignore[operator]
        assert answers == []
        app.press("Allow waiting-client $1 more")
        call.join(30)
        assert answers == [200]
        app.gone("waiting-client is waiting for you")


def test_a_button_of_the_notification_answers_too(desk: Desk, start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url), ASK_RULES)
        app.attended()
        token = app.client("notified-client")
        answers: list[int] = []
        call = threading.Thread(target=lambda: answers.append(app.chat(token, LONG_ASK)[0]))
        seen = len(desk.notes())
        call.start()
        app.until(lambda: any("stop" in note["actions"] for note in desk.notes()[seen:]), "a notification")  # type: ignore[operator]
        note = next(one for one in desk.notes()[seen:] if "stop" in one["actions"])  # type: ignore[operator]
        desk.run(
            *("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.Notifications"),
            *("/org/freedesktop/Notifications", "desk.Notifications.Press", f"uint32:{note['id']}", "string:stop"),
        )
        call.join(30)
        assert answers == [400]


def test_a_key_goes_to_the_systems_keyring_and_out_again(desk: Desk, start: Start) -> None:
    settings = '[providers.acme]\ndialect = "openai"\nbase_url = "https://llm.acme.example/v1"\n'
    app = start(settings)
    app.go("models")
    app.press("Set key of acme")
    app.write("Key of acme", "sk-desk-9876543210")
    app.press("Save key")
    app.see("key saved")
    app.until(
        lambda: "sk-desk-9876543210" in desk.run("secret-tool", "search", "--all", "service", "turnout"),
        "the key in the keyring",
    )
    assert "sk-desk-9876543210" not in json.dumps(app.names())
    for file in app.home.rglob("*"):
        assert not file.is_file() or b"sk-desk-9876543210" not in file.read_bytes()
    app.press("Remove key of acme")
    app.see("no key")
    app.until(
        lambda: "sk-desk-9876543210" not in desk.run("secret-tool", "search", "--all", "service", "turnout"),
        "a keyring without it",
    )


def test_owned_hardware_is_said_in_the_window_and_compared_with_the_cloud(start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url))
        token = app.client("on-our-own-machine")
        status, _ = app.chat(token, "rename this variable to total", x_turnout_tier="local")
        assert status == 200
        app.go("models")
        app.see("Nothing is said of what your own machine costs", part=True)
        app.press("Say what it costs")
        app.write("Watts while busy", "320")
        app.press("Save costs")
        app.see("Electricity needs both", part=True)
        app.write("Dollars per kWh", "0.30")
        app.write("Price of the hardware, dollars", "2400")
        app.write("Paid off over, months", "36")
        app.press("Save costs")
        app.see("Hardware, by the calendar")
        app.see("$66.67 a month, busy or not")
        app.see("The same tokens at cloud/scripted-small")
        told = json.loads(app.turnout("spend", "--since", "30d", "--json"))["owned"][0]
        assert (told["models"], told["hardware_month_usd"][:5]) == ("local/*", "66.66")
        assert app.see("Break-even")


def test_a_killed_proxy_comes_back_and_so_do_the_figures(start: Start) -> None:
    app = start()
    app.go("overview")
    app.see("127.0.0.1:", part=True)
    first = app.control.status().pid
    os.kill(first, signal.SIGKILL)
    app.until(lambda: _pid(app.home) not in (0, first), "another proxy")
    app.up()
    assert app.control.status().pid != first
    app.see("127.0.0.1:", part=True)


def test_the_theme_follows_the_desktop_live_and_the_users_choice_overrides_it(desk: Desk, start: Start) -> None:
    app = start()
    app.go("settings")
    app.see("Theme")
    window = app.window()

    def ground() -> str:
        return desk.color(window, 230, 8)

    app.until(lambda: ground() == "#F7F8FA", "a light window")
    desk.rig("theme", "dark")
    app.until(lambda: ground() == "#0F1115", "a dark window")
    app.press("Light", "radio button")
    app.until(lambda: ground() == "#F7F8FA", "a light window on a dark desktop")
    app.until(lambda: 'theme = "light"' in (app.home / "turnout.toml").read_text(), "the choice in the file")
    desk.rig("theme", "light")


def own_port(home: Path) -> None:
    """The usual one may be taken on this machine."""
    toml = home / "turnout.toml"
    toml.write_text(f"[server]\nport = {free_port()}\n\n{toml.read_text()}")


def sample_home() -> ModuleType:
    """`packaging/sample_home.py`; there is a library called packaging, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("sample_home", ROOT / "packaging" / "sample_home.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sample_home"] = module
    spec.loader.exec_module(module)
    return module


def kept(home: Path, kind: str) -> dict[str, object]:
    reader = Reader(home / "data" / "ledger.db")
    try:
        return dict(reader.kept(kind))
    finally:
        reader.close()


def _pid(home: Path) -> int:
    try:
        return int(json.loads((home / "run" / "runtime.json").read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return 0
