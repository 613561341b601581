"""A real browser, and a page of another origin that tries everything a page can to reach the proxy (T02, T03, T04)."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL
from tests.support.scene import four_vendors

BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), "")
PAGE = """<!doctype html><body><form id="f" method="post" enctype="text/plain" target="frame" action="URL/v1/chat/completions">
<input name='{"model":"openai/scripted","messages":[{"role":"user","content":"' value='"}]}'></form>
<iframe name="frame"></iframe><script>
const url = "URL", token = "TOKEN", told = {};
const body = JSON.stringify({model: "openai/scripted", messages: [{role: "user", content: "from a page"}]});
const tries = {
  read: () => fetch(url + "/v1/models"),
  health: () => fetch(url + "/healthz"),
  simple: () => fetch(url + "/v1/chat/completions?key=" + token, {method: "POST", body}),
  silent: () => fetch(url + "/v1/chat/completions?key=" + token, {method: "POST", body, mode: "no-cors"}),
  typeless: () => fetch(url + "/c/" + token + "/v1/chat/completions", {method: "POST", body: new Blob([body]), mode: "no-cors"}),
  full: () => fetch(url + "/v1/chat/completions", {method: "POST", body,
    headers: {"content-type": "application/json", authorization: "Bearer " + token}}),
  control: () => fetch(url + "/_control/v1/shutdown", {method: "POST", mode: "no-cors"}),
};
async function all() {
  for (const [name, act] of Object.entries(tries)) {
    try { const answer = await act(); told[name] = answer.type + " " + answer.status; }
    catch (error) { told[name] = "blocked"; }
  }
  told.beacon = navigator.sendBeacon(url + "/c/" + token + "/v1/chat/completions", body);
  told.socket = await new Promise(done => {
    const socket = new WebSocket(url.replace("http", "ws") + "/v1/chat/completions");
    socket.onopen = () => done("open"); socket.onerror = () => done("blocked");
  });
  document.getElementById("f").submit();
  await new Promise(done => setTimeout(done, 500));
  await fetch("/told", {method: "POST", body: JSON.stringify(told)});
}
all();
</script></body>"""


@contextmanager
def page(text: str) -> Iterator[tuple[str, Queue[str]]]:
    """Where it is served, and what it tells of its tries when they are over."""
    told: Queue[str] = Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(text.encode())

        def do_POST(self) -> None:
            told.put(self.rfile.read(int(self.headers["content-length"])).decode())
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *given: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/", told
        server.shutdown()


@pytest.mark.desk
@pytest.mark.skipif(not BROWSER, reason="Chromium is not installed (packaging/test.py --desk installs it)")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_t02_t03_t04_no_page_in_a_real_browser_reaches_an_engine(
    engine: Engine, serve: Serve, tmp_path: Path, host: str
) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL)
    text = PAGE.replace("URL", f"http://{host}:{turnout.port}").replace("TOKEN", turnout.token)
    with page(text) as (url, reports):
        browser = subprocess.Popen(
            (
                *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"),
                *(f"--user-data-dir={tmp_path / 'profile'}", url),
            ),
            stdout=subprocess.DEVNULL,
            stderr=(tmp_path / "browser.txt").open("wb"),
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            start_new_session=True,
        )
        try:
            told = json.loads(reports.get(timeout=90))
        except Empty:
            pytest.fail(f"the browser told nothing: {(tmp_path / 'browser.txt').read_text()[-2000:]}")
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait(20)

    readable = {name: what for name, what in told.items() if str(what).startswith(("basic", "cors", "open"))}
    assert set(told) >= {"read", "silent", "full", "control", "beacon", "socket"}
    assert readable == {}
    assert engine.calls == []
    assert turnout.rows() == []
    assert turnout.ask("GET", "/v1/models").status == 200
