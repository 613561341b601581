"""Only configured engines are ever contacted, seen from outside the process by the system calls it makes (T30)."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from tests.support.asks import WAYS, send
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import FAMILIES, four_vendors
from tests.support.script import Script

CONNECT = re.compile(r'connect\(.*?sin6?_port=htons\((\d+)\).*?"([0-9a-f.:]+)"')


ELSEWHERE = "203.0.113.9"
"""An address of the documentation's (TEST-NET-3): nobody has it, and who connects to it was lured."""
RULES = f"""
[grade]
abstain = "fast"
confidence = 1.0
llm = "ollama/scripted"

[signals]
auto = {{ kind = "model", is = "auto" }}

[[rule]]
name = "auto goes by grade, and up where that fails"
when = "auto"
route = "grade"
on_failure = ["next", "up"]
{BY_MODEL}"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_t30_of_all_that_is_connected_to_only_the_configured_engine_is_there(tmp_path: Path, engine: Engine) -> None:
    """Every way in, whole and streamed, to every vendor; fallbacks, a redirect, calls of Turnout's own, its checks and lists.

    Nothing asks for newer prices or sends telemetry: both are off until somebody switches them on.
    """
    log = tmp_path / "connects.txt"
    command = ("strace", "-f", "-qq", "-e", "trace=connect", "-o", str(log))
    serve = (*command, sys.executable, "-m", "turnout", "serve", "--port", "0")
    turnout = Turnout(tmp_path / "home", settings=four_vendors(engine.url), rules=RULES, command=serve)
    turnout.start()
    try:
        for way, how in WAYS.items():
            for vendor in FAMILIES:
                for stream in (False, True) if how.streams else (False,):
                    send(turnout, way, model=f"{vendor}/scripted", stream=stream)
        served = len(engine.calls)

        engine.say(Script("MEDIUM"), Script(status=503), Script())  # the grader's answer, then the first step's
        up = send(turnout, "chat", "Sort out the thing we spoke of.", model="auto")
        engine.say(Script(status=302, headers=(("location", f"http://{ELSEWHERE}/v1/chat/completions"),)))
        lured = send(turnout, "chat", model="openai/scripted")
        turnout.control.compare("rename this variable to total", ["local", "high"])
        turnout.control.key_test("openai")
        turnout.control.models()
        turnout.ask("GET", "/v1/models")
        turnout.control.reload()
        # strace goes with what it traces; a signal to it alone would leave that behind.
        turnout.control.shutdown()
        assert turnout.process.wait(30) == 0
    finally:
        turnout.kill()

    assert served >= 60
    assert len(engine.calls) - served >= 6  # two answers, one redirect, a grader's question, two sides of a comparison
    assert (up.status, lured.status) == (200, 502)
    connects = {(address, int(port)) for port, address in CONNECT.findall(log.read_text())}
    assert connects == {("127.0.0.1", engine.port)}
