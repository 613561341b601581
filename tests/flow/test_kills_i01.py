"""I01: whatever moment the proxy is killed at, the ledger has at least what the engine billed for each request, and each once.

`TURNOUT_KILLS=300` for the long run; a handful here.
"""

import os
import random
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

KILLS = int(os.environ.get("TURNOUT_KILLS", "4"))
CLIENTS = 6
BUDGET = '\n[[budget]]\nname = "cap"\nscope = { client = "each" }\nusd = 1000000\nper = "ever"\n'


class Clients:
    """Ask as fast as they are answered, streamed and not; each request carries a name of its own, in its text and as its project."""

    def __init__(self, turnout: Turnout, token: str, first: int) -> None:
        self.turnout, self.token = turnout, token
        self.next = first
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _ask(self) -> None:
        while not self.over.is_set():
            with self.lock:
                number = self.next
                self.next += 1
            try:
                self.turnout.chat(
                    f"ask-{number}",
                    model=("openai", "anthropic", "gemini")[number % 3] + "/scripted",
                    stream=number % 2 == 0,
                    max_tokens=100,
                    token=self.token,
                    headers={"x-turnout-project": f"ask-{number}"},
                )
            except Exception:
                continue

    def stop(self) -> int:
        self.over.set()
        for thread in self.threads:
            thread.join(30)
        return self.next


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.timeout(3600)
def test_i01_killed_at_any_instant_the_ledger_has_what_was_billed_and_nothing_twice(tmp_path: Path) -> None:
    dice = random.Random(11)
    token, first = "", 0
    with Engine() as engine:
        engine.say(Script("a b c d e f g h i j", tokens=Tokens(20, 10), piece=120))
        for _ in range(KILLS):
            turnout = Turnout(tmp_path, settings=four_vendors(engine.url), rules=BY_MODEL + BUDGET).start()
            token = token or turnout.token
            clients = Clients(turnout, token, first)
            engine.wait_calls(len(engine.calls) + 3)
            clients.over.wait(dice.uniform(0.0, 0.4))
            turnout.process.send_signal(signal.SIGKILL)
            turnout.process.wait(20)
            first = clients.stop()
            turnout.kill()
            if turnout.process.stdout is not None:
                turnout.process.stdout.close()
        billed = Counter[str]()
        for one in engine.bill:
            text = engine.heard[one.number].body.decode()
            name = text.partition("ask-")[2].partition('"')[0]
            billed[f"ask-{name}"] += one.tokens.prompt * 2_000 + one.tokens.output * 8_000
        with Turnout(tmp_path) as last:
            rows = last.settled(len(billed))
            (line,) = last.control.budgets()
    charged = Counter[str]()
    for row in rows:
        charged[row.project] += row.cost
    short = {name: (charged[name], cost) for name, cost in billed.items() if charged[name] < cost}
    assert short == {}
    assert [name for name, many in Counter(row.project for row in rows).items() if many > 1] == []
    assert len(billed) > KILLS
    # What budgets show is the sum of the rows, through every kill (I22).
    assert line["used"] == f"{sum(row.cost for row in rows) / 1e9:.9f}".rstrip("0").rstrip(".")
