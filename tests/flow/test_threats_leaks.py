"""Prompts and keys stay out of every file, log line and process list, whatever happens to a call (T08, T09)."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.asks import WAYS, send
from tests.support.engine import Engine
from tests.support.keyring_backend import save
from tests.support.proxy import BY_MODEL, ROOT, Turnout
from tests.support.scene import FAMILIES, four_vendors
from tests.support.script import Script, ToolCall

PROMPT = "canary-prompt-5d1f7e says the orchid blooms at dawn"
ANSWER = "canary-answer-77aa01 whispers back about orchids"
KEY = "sk-canary-key-c3e9b2"
SECRETS = ("canary-prompt-5d1f7e", "orchid", "canary-answer-77aa01", KEY)


def keyed(url: str) -> str:
    """Every provider but the local one wants a key."""
    return four_vendors(url).replace('key = "none"\n', "", 2)


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    return scripted


def ringed(folder: Path, engine: Engine, debug: str) -> Turnout:
    ring = folder / "ring.json"
    save(ring, {(name, engine.url): KEY for name in FAMILIES})
    command = (sys.executable, "-m", "tests.support.ringed", "serve", "--port", "0")
    environment = {"TURNOUT_TEST_RING": str(ring), "TURNOUT_DEBUG": debug}
    settings = keyed(engine.url)
    return Turnout(folder / "home", settings=settings, rules=BY_MODEL, command=command, environment=environment)


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    with ringed(tmp_path_factory.mktemp("leaks"), scripted, "") as running:
        yield running


def leaks(home: Path, secrets: tuple[str, ...]) -> list[str]:
    found = []
    for file in home.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            found += [f"{secret} in {file.relative_to(home)}" for secret in secrets if secret.encode() in data]
    return found


ENDS = {
    "an answer": Script(ANSWER),
    "a tool call": Script("", tools=(ToolCall("look", {"for": ANSWER}),)),
    "thinking": Script(ANSWER, thinking=ANSWER),
    "an error that quotes the prompt": Script(
        status=400, error=f"Invalid value: '{PROMPT}' (key {KEY}) is not supported."
    ),
    "a broken key": Script(status=401, error=f"Incorrect API key provided: {KEY}."),
    "a crash of the engine's": Script(status=500, error=f"panic at {PROMPT}: {KEY}"),
    "a cut": Script(ANSWER, cut_after=120),
    "no JSON": Script(body=PROMPT.encode() + KEY.encode()),
    "an error in the stream": Script(
        body=b'data: {"error": {"message": "%s %s"}}\n\n' % (PROMPT.encode(), KEY.encode()), kind="text/event-stream"
    ),
}


@pytest.mark.parametrize("debug", ["", "1"])
def test_t09_no_prompt_answer_or_key_is_written_down_however_a_call_ends(
    tmp_path: Path, engine: Engine, debug: str
) -> None:
    turnout = ringed(tmp_path, engine, debug).start()
    try:
        run_them_all(turnout, engine)
    finally:
        turnout.kill()
    with Turnout(turnout.home) as again:
        assert len(again.rows()) > 100
        assert leaks(again.home, (*SECRETS, turnout.token)) == []


def run_them_all(turnout: Turnout, engine: Engine) -> None:
    token = turnout.token
    control = turnout.control._token
    for script in ENDS.values():
        for way in ("chat", "messages", "ollama", "gemini", "responses"):
            for vendor in ("openai", "anthropic"):
                for stream in (False, True):
                    engine.say(script)
                    send(turnout, way, PROMPT, model=f"{vendor}/scripted", stream=stream)
    turnout.ask("POST", "/v1/chat/completions", f'{{"messages": "{PROMPT}", "model": 5}}'.encode())
    turnout.ask("POST", "/v1/chat/completions", f'{{"messages": {PROMPT}'.encode())
    turnout.ask("POST", f"/c/{token}/v1/nothing?key={KEY}", {"x": PROMPT}, token="")
    turnout.ask("GET", f"/v1/models/x?key={token}", token="")
    engine.say(Script(ANSWER, hold_after=1))
    with turnout.connect() as sock:
        body = (
            f'{{"model":"openai/scripted","stream":true,"messages":[{{"role":"user","content":"{PROMPT}"}}]}}'.encode()
        )
        sock.sendall(
            b"POST /c/%s/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (token.encode(), turnout.port, len(body), body)
        )
        assert sock.recv(100)
        os.kill(turnout.process.pid, signal.SIGKILL)
        turnout.process.wait(20)

    assert leaks(turnout.home, (*SECRETS, token)) == []
    elsewhere = [one for one in leaks(turnout.home, (control,)) if "runtime.json" not in one]
    assert elsewhere == []


def test_t08_a_key_is_in_no_argument_environment_or_core(turnout: Turnout, engine: Engine) -> None:
    assert send(turnout, "chat", PROMPT, model="openai/scripted").status == 200
    assert engine.calls[-1].header("authorization") == f"Bearer {KEY}"
    proc = Path(f"/proc/{turnout.process.pid}")

    assert KEY.encode() not in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    core = next(line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max core file"))
    assert core.split()[4:6] == ["0", "0"]


HARDENED = """
import os
from turnout.proxy.server import _harden
before = os.stat("/proc/self/environ").st_uid
_harden()
print(before, os.stat("/proc/self/environ").st_uid)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/usr/bin/setpriv").exists(), reason="needs root and setpriv")
def test_t08_no_other_program_of_the_user_may_look_into_the_process() -> None:
    done = subprocess.run(
        ("/usr/bin/setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", HARDENED),
        env={"PYTHONPATH": str(ROOT / "app"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    if done.returncode:
        pytest.skip(f"another user cannot run this Python: {done.stderr[-200:]}")

    # A process that is not dumpable has its /proc files owned by root.
    assert done.stdout.split() == ["65534", "0"]


SNOOP = """
import http.client, json, sys
home, port = sys.argv[1], int(sys.argv[2])
told = {}
for name in ("run/runtime.json", "data/ledger.db", "turnout.toml", "state/turnout.log", "."):
    try:
        open(f"{home}/{name}").read() if name != "." else __import__("os").listdir(home)
        told[name] = "read"
    except PermissionError:
        told[name] = "denied"
for method, path in (("GET", "/v1/models"), ("GET", "/_control/v1/status"), ("POST", "/v1/chat/completions"), ("GET", "/healthz")):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path, b"{}" if method == "POST" else None, {"content-type": "application/json"})
    told[path] = connection.getresponse().status
print(json.dumps(told))
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/bin/setpriv").exists() or not Path("/usr/bin/python3").exists(),
    reason="needs root, setpriv and a Python that others may run",
)
def test_t06_another_user_of_the_machine_reads_nothing_and_calls_nothing(turnout: Turnout, engine: Engine) -> None:
    before = len(engine.calls)

    done = subprocess.run(
        (
            "/usr/bin/setpriv",
            "--reuid=65534",
            "--clear-groups",
            "/usr/bin/python3",
            "-c",
            SNOOP,
            str(turnout.home),
            str(turnout.port),
        ),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    told = json.loads(done.stdout)
    assert {
        told[name] for name in ("run/runtime.json", "data/ledger.db", "turnout.toml", "state/turnout.log", ".")
    } == {"denied"}
    assert told["/v1/models"] == told["/_control/v1/status"] == told["/v1/chat/completions"] == 401
    assert told["/healthz"] == 200
    assert len(engine.calls) == before


@pytest.mark.parametrize("way", WAYS)
def test_t09_what_an_engine_quotes_reaches_the_client_without_the_key(
    turnout: Turnout, engine: Engine, way: str
) -> None:
    engine.say(ENDS["an error that quotes the prompt"])

    answer = send(turnout, way, PROMPT, model="openai/scripted")

    assert KEY not in answer.text
    assert "Invalid value" in answer.text
    assert "[...]" not in answer.text
    assert "Invalid value" in turnout.row(answer).error
