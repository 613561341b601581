"""What goes wrong on a real desktop, and that the window says it and stays usable; and the pages that change settings, by name."""

import http.server
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desk.conftest import Start
from tests.support.desk import Desk, lacking
from tests.support.engine import Engine
from tests.support.proxy import two_tiers
from tests.support.script import Script, dumped

from turnout.control.runtime import Runtime, write_runtime
from turnout.desktop import autostart

LAYER = {"status": "pulling 6a0746a1ec1a", "total": 4_000_000_000, "completed": 1_000_000_000}
LINE = dumped(LAYER) + b"\n"


def ollama(url: str) -> str:
    return f'[providers.local]\ndialect = "ollama"\nbase_url = "{url}"\nkey = "none"\nsovereign = true\n[tiers]\nlocal = ["local/scripted"]\n'


def pulling(lines: int = 200) -> Script:
    """A line at a time, held after the first few."""
    return Script(body=LINE * lines, kind="application/x-ndjson", piece=len(LINE), hold_after=3)


def test_a_model_is_pulled_lost_cancelled_warmed_up_and_removed(start: Start) -> None:
    with Engine() as engine:
        app = start(ollama(engine.url))
        app.go("models")
        app.see("Model to pull")
        engine.say(pulling())
        app.write("Model to pull", "qwen3:8b")
        app.press("Pull")
        app.see("1.0 GB of 4.0 GB · 25%", part=True)
        engine.hang_up()
        app.see("broke off", part=True)
        engine.say(pulling())
        app.press("Try again")
        app.see("1.0 GB of 4.0 GB · 25%", part=True)
        app.press("Cancel the pull")
        app.see("Cancelled. What was downloaded is kept", part=True)
        engine.say(Script(body=b'{"done":true,"done_reason":"load"}'))
        app.press("Warm up scripted")
        app.see("scripted is loaded and ready.")
        app.press("Remove scripted-small")
        app.press("Remove it")
        app.see("scripted-small is removed.")
        removed = [heard.doc["model"] for heard in engine.heard if heard.method == "DELETE"]
        assert removed == ["scripted-small"]


def test_a_budget_is_made_in_the_form_and_stands_in_the_rules(start: Start) -> None:
    app = start(rules="# mine\n")
    app.go("budgets/new")
    app.write("At most", "five")
    app.write("Name", "a calm day")
    app.press("Save budget")
    app.see("Write dollars like 5.00.")
    app.write("At most", "12.50")
    app.press("Save budget")
    app.see("Saved in the rules.")
    said = (app.home / "rules.toml").read_text()
    assert said.startswith("# mine\n")
    assert 'name = "a calm day"' in said
    assert "usd = 12.5" in said


def test_start_at_login_writes_the_file_that_the_desktop_reads(
    desk: Desk, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", desk.env["XDG_CONFIG_HOME"])
    app = start()
    app.go("settings")
    app.press("Start at login", "check box")
    app.until(autostart.enabled, "an autostart entry")
    assert str(app.home) in autostart.entry().read_text()
    app.press("Start at login", "check box")
    app.until(lambda: not autostart.entry().exists(), "no autostart entry")


def test_a_ledger_that_is_broken_is_set_aside_and_said(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "home" / "data"
    data.mkdir(parents=True, mode=0o700)
    (tmp_path / "home").chmod(0o700)
    (data / "ledger.db").write_bytes(b"SQLite format 3\0" + os.urandom(8_192))
    app = start()
    app.go("calls")
    app.see("set aside", part=True)
    app.press("Understood")
    app.gone("set aside", part=True)
    app.see("No calls yet")


def test_a_ledger_deleted_under_the_proxy_is_said_and_a_restart_begins_a_new_one(start: Start) -> None:
    with Engine() as engine:
        app = start(two_tiers(engine.url, engine.url))
        app.go("calls")
        token = app.client("before-the-loss")
        assert app.chat(token, "rename this")[0] == 200
        app.see("Client: before-the-loss", "table cell")
        for file in (app.home / "data").glob("ledger.db*"):
            file.unlink()
        app.see("deleted, moved or replaced while the proxy runs", part=True)
        app.press("Restart it")
        app.gone("deleted, moved or replaced while the proxy runs", part=True)
        again = app.client("after-the-loss")
        assert app.chat(again, "rename this")[0] == 200
        app.see("Client: after-the-loss", "table cell")


def test_a_ledger_that_is_locked_is_said_and_read_again(start: Start, tmp_path: Path) -> None:
    app = start()
    app.up()
    app.client("early")
    held = sqlite3.connect(app.home / "data" / "ledger.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")  # a writer in WAL mode keeps no reader out: nothing may be said
    app.go("calls")
    app.see("No calls yet")
    held.close()
    (app.home / "data" / "ledger.db").chmod(0o000)
    try:
        app.go("overview")
        app.see("Spend by day")
        assert app.process.poll() is None
    finally:
        (app.home / "data" / "ledger.db").chmod(0o600)


@pytest.fixture
def older(tmp_path: Path) -> Iterator[str]:
    """A proxy that knows its status and nothing that came later; its runtime file lies in the test's home."""

    class Old(http.server.BaseHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            return

        def answer(self) -> None:
            known = self.path.endswith("/status")
            doc = {"version": "0.0.1", "pid": os.getpid(), "url": url, "started_ms": 1, "mode": "auto"}
            body = json.dumps(doc if known else {"error": {"message": "no such thing"}}).encode()
            self.send_response(200 if known else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Old)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    run = tmp_path / "home" / "run"
    run.mkdir(parents=True, mode=0o700)
    run.parent.chmod(0o700)
    write_runtime(run / "runtime.json", Runtime(url, os.getpid(), "token", "0.0.1", 1))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield url
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_older_proxy_is_named_and_every_page_opens(older: str, start: Start) -> None:
    app = start()
    app.go("overview")
    app.see("The proxy is Turnout 0.0.1", part=True)
    for page, title in (("budgets", "Loop guard"), ("models", "Providers"), ("connect", "Connect"), ("calls", "Calls")):
        app.go(page)
        app.see(title)


@pytest.fixture
def locked() -> Iterator[Desk]:
    why = lacking()
    if why:
        pytest.skip(why)
    with Desk(keyring="locked") as made:
        yield made


def test_a_locked_keyring_is_said_and_the_window_never_waits_for_it(locked: Desk, start: Start) -> None:
    app = start('[providers.acme]\ndialect = "openai"\nbase_url = "https://llm.acme.example/v1"\n', on=locked)
    app.go("models")
    app.press("Set key of acme")
    app.write("Key of acme", "sk-locked-0123456789")
    app.press("Save key")
    app.go("settings")
    app.see("Start at login", timeout_s=5)
    app.go("models")
    app.see("keyring is locked", part=True)
