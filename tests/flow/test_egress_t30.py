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

CONNECT = re.compile(r'connect\(.*?sin6?_port=htons\((\d+)\).*?"([0-9a-f.:]+)"')


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_t30_of_all_that_is_connected_to_only_the_configured_engine_is_there(tmp_path: Path, engine: Engine) -> None:
    log = tmp_path / "connects.txt"
    command = ("strace", "-f", "-qq", "-e", "trace=connect", "-o", str(log))
    serve = (*command, sys.executable, "-m", "turnout", "serve", "--port", "0")
    turnout = Turnout(tmp_path / "home", settings=four_vendors(engine.url), rules=BY_MODEL, command=serve)
    turnout.start()
    try:
        for way in WAYS:
            for vendor in FAMILIES:
                send(turnout, way, model=f"{vendor}/scripted")
        turnout.control.reload()
        # strace goes with what it traces; a signal to it alone would leave that behind.
        turnout.control.shutdown()
        assert turnout.process.wait(30) == 0
    finally:
        turnout.kill()

    connects = {(address, int(port)) for port, address in CONNECT.findall(log.read_text())}
    assert connects == {("127.0.0.1", engine.port)}
