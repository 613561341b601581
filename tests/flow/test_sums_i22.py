"""I22: at every moment of a random run the credits shown are the sum of the ledger, to the nano-dollar.

`TURNOUT_RUNS=50` for a longer search; two short runs here.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Answered, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.units import Status

pytestmark = pytest.mark.timeout(3600)
RUNS = int(os.environ.get("TURNOUT_RUNS", "2"))
BUDGETS = """
[[budget]]
name = "mine"
scope = {{ client = "each" }}
usd = {usd}
per = "month"

[[budget]]
name = "by tier"
scope = {{ tier = "each" }}
usd = 1000
per = "ever"

[[budget]]
name = "by session"
scope = {{ session_tree = "each" }}
usd = 1000
per = "session"
"""
DOWN = BY_MODEL.replace('route = "asked"', 'route = "asked"\non_failure = ["next", "down"]')
ENDINGS = {
    "good": Script(tokens=Tokens(1_000, 100)),
    "cached": Script(tokens=Tokens(1_000, 100, cached=900)),
    "no usage": Script(usage=None),
    "absurd": Script(usage={"prompt_tokens": 10**18, "completion_tokens": "x"}),
    "zero": Script(usage={"prompt_tokens": 0, "completion_tokens": 0}),
    "cut": Script(tokens=Tokens(1_000, 100), cut_after=150),
    "reset": Script(cut_head=True),
    "busy": Script(status=503).once(),
    "wrong": Script(status=400),
    "broken": Script(status=500),
}


class CreditsShown(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.engine = Engine().__enter__()
        self.pool = ThreadPoolExecutor(4)
        self.open: list[Future[Answered]] = []
        self.number = 0
        self.token = ""
        self.turnout = Turnout(self.home, settings=four_vendors(self.engine.url), rules=DOWN + BUDGETS.format(usd=5))
        self.turnout.start()
        self.token = self.turnout.token

    def _chat(self, model: str, *, stream: bool, session: int) -> Answered:
        self.number += 1
        return self.turnout.chat(
            f"Ask {self.number}.",
            model=f"{model}/scripted",
            stream=stream,
            max_tokens=200,
            token=self.token,
            headers={"x-session-id": f"s{session}"},
        )

    @rule(
        ending=st.sampled_from(sorted(ENDINGS)),
        model=st.sampled_from(["openai", "anthropic", "gemini", "ollama"]),
        stream=st.booleans(),
        session=st.integers(0, 2),
    )
    def call(self, ending: str, model: str, stream: bool, session: int) -> None:
        if self.open:
            return  # the engine holds everything back until they are let go
        self.engine.say(ENDINGS[ending], ENDINGS["good"])
        self._chat(model, stream=stream, session=session)

    @precondition(lambda self: len(self.open) < 3)
    @rule(
        model=st.sampled_from(["openai", "anthropic"]), session=st.integers(0, 2), after=st.sampled_from([None, 0, 3])
    )
    def begin(self, model: str, session: int, after: int | None) -> None:
        """Still under way at the next look: before its answer, or in the middle of its stream."""
        self.engine.say(Script(tokens=Tokens(1_000, 100), hold=after is None, hold_after=after))
        before = len(self.engine.calls)
        self.open.append(self.pool.submit(self._chat, model, stream=after is not None, session=session))
        self._until(lambda: len(self.engine.calls) > before or self.open[-1].done())

    @precondition(lambda self: not self.open)
    @rule(model=st.sampled_from(["openai", "anthropic", "ollama"]), pieces=st.integers(0, 4))
    def hang_up(self, model: str, pieces: int) -> None:
        """In the middle of a stream; what comes after is heard out of a cloud, and not of our own engine."""
        self.engine.say(Script(tokens=Tokens(1_000, 100), hold_after=pieces + 2))
        self.number += 1
        doc = {"model": f"{model}/scripted", "stream": True, "max_tokens": 200}
        body = json.dumps({**doc, "messages": [{"role": "user", "content": f"Ask {self.number}."}]})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{self.turnout.port}\r\nauthorization: Bearer {self.token}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        with self.turnout.connect() as sock:
            sock.sendall((head + body).encode())
            # A refusal comes whole, a stream with its head and what the engine lets go.
            assert sock.recv(1)
        self.engine.release()
        self._until(lambda: self.turnout.control.status().in_flight == 0)
        self.engine.forget()

    @precondition(lambda self: not self.open)
    @rule(model=st.sampled_from(["openai", "anthropic"]), status=st.sampled_from([429, 503, 529]))
    def retry(self, model: str, status: int) -> None:
        """The first engine is busy, the next one down answers: two attempts of one call."""
        self.engine.say(Script(status=status, headers=(("retry-after", "0"),)).once(), ENDINGS["good"])
        self._chat(model, stream=True, session=0)

    @precondition(lambda self: self.open)
    @rule()
    def end(self) -> None:
        self._let_go()

    @precondition(lambda self: self.open)
    @rule()
    def release_a_hold(self) -> None:
        for one in self.turnout.control.status().running[:1]:
            self.turnout.control.hold_release(one.id)

    @rule(usd=st.sampled_from(["0.01", "1", "7.000000001"]))
    def credit(self, usd: str) -> None:
        with contextlib.suppress(Exception):  # nothing was spent under it yet
            self.turnout.control.credit("client:tester", usd)

    @rule(usd=st.sampled_from(["0.001", "2", "5"]))
    def edit(self, usd: str) -> None:
        (self.home / "rules.toml").write_text(DOWN + BUDGETS.format(usd=usd))
        assert self.turnout.control.reload()["rules"] == "ok"

    @rule(kill=st.booleans())
    def restart(self, kill: bool) -> None:
        if kill:
            self.turnout.kill()
            self._let_go()
        else:
            self._let_go()
            self.turnout.stop()
        self._closed()
        self.turnout = Turnout(self.home)
        self.turnout.start()

    @invariant()
    def the_credits_shown_are_the_sum_of_the_rows(self) -> None:
        self._until(lambda: self.turnout.control.status().in_flight <= len(self.open))
        shown: dict[str, int] = {}
        summed: Counter[str] = Counter()

        def same() -> bool:
            shown.clear()
            summed.clear()
            rows = self.turnout.rows()
            for row in rows:
                if row.status not in (Status.HELD, Status.RUNNING, Status.REFUSED):
                    summed.update(dict.fromkeys(row.buckets, int(row.cost)))
            for line in self.turnout.control.budgets():
                shown[line["key"]] = _nanos(line["used"])
            # A row follows its settling within 50 ms: the writer commits what waits together.
            return all(shown.get(key, 0) == summed[key] for key in {*shown, *summed})

        self._until(same, lambda: json.dumps({"shown": shown, "summed": summed}, indent=1))

    def _let_go(self) -> None:
        self.engine.release()
        for one in self.open:
            with contextlib.suppress(Exception):  # the proxy was killed under it
                one.result(20)
        self.open.clear()
        self.engine.forget()

    def _until(self, what: object, why: object = None) -> None:
        assert callable(what)
        until = time.monotonic() + 20
        while not what():
            assert time.monotonic() < until, why() if callable(why) else "it never came about"
            time.sleep(0.01)

    def _closed(self) -> None:
        self.turnout.kill()
        if self.turnout.process.stdout is not None:
            self.turnout.process.stdout.close()

    def teardown(self) -> None:
        self._let_go()
        self.turnout.stop()
        self._closed()
        self.pool.shutdown()
        self.engine.stop()
        shutil.rmtree(self.home)


def _nanos(usd: str) -> int:
    whole, _, rest = usd.partition(".")
    return int(whole) * 10**9 + int(rest.ljust(9, "0") or "0")


TestCreditsShown = CreditsShown.TestCase
TestCreditsShown.settings = settings(
    max_examples=RUNS,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=RUNS <= 2,
)
