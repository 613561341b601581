"""From the command to the first completion, and what the proxy weighs: `PYTHONPATH=app .venv/bin/python -m tests.bench.start_bench [STARTS]`.

The first start makes the files and is told apart. PSS counts shared pages once; after the first token count the tokenizer's
ranks are in memory, 75 MB of them.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors

ASK = {"model": "openai/scripted", "messages": [{"role": "user", "content": "hi"}]}
SETTLES_S = 3.0
"""The grader is read in behind the start."""


def pss_mb(turnout: Turnout) -> float:
    return float(psutil.Process(turnout.process.pid).memory_full_info().pss / 1e6)


def one(home: Path, url: str, token: str) -> tuple[float, float, float, str]:
    """Seconds to the first completion; MB before it and after the first count; the client's token."""
    # With byte code, as an installed program has it.
    kept = {"PYTHONDONTWRITEBYTECODE": ""}
    turnout = Turnout(home, settings=four_vendors(url), rules=BY_MODEL, environment=kept)
    started = time.monotonic()
    with turnout:
        token = token or turnout.token
        assert turnout.ask("POST", "/v1/chat/completions", ASK, token=token).status == 200
        first_s = time.monotonic() - started
    with Turnout(home, environment=kept) as again:
        time.sleep(SETTLES_S)
        idle = pss_mb(again)
        again._token = token
        again.counting()
        return first_s, idle, pss_mb(again), token


def main() -> None:
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    token, rows = "", []
    with Engine() as engine, tempfile.TemporaryDirectory() as folder:
        for _ in range(starts + 1):
            *row, token = one(Path(folder) / "home", engine.url, token)
            rows.append(row)
    first, later = rows[0], rows[1:]
    seconds, idle, after = (statistics.median(row[at] for row in later) for at in range(3))
    print(f"to the first completion: {seconds:.2f} s (first start {first[0]:.2f} s)")
    print(f"PSS: {idle:.0f} MB idle, {after:.0f} MB after the first token count")


if __name__ == "__main__":
    main()
