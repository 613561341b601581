"""An agent's session over real sockets: one decision an ask, no switch in a tool loop, no warm prefix thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.proxy import Answered, Turnout, two_tiers
from tests.support.scene import four_vendors
from tests.support.script import Doc, Script, Tokens, ToolCall

from turnout.calls.record import CallRecord
from turnout.calls.units import Family, Grade, Tier

BY_GRADE = """
[[rule]]
name = "by grade"
when = "true"
route = "grade"

[[loop]]
scope = { session = "each" }
turns = 1000
same_request = 1000
same_tool_call = 1000
usd = 1000
"""
HARD = "Refactor the payment module to use asyncio, keep its tests green and debug what deadlocks."
EASY = "What port does Postgres use?"
MIDDLE = "Summarise for our customers in three friendly sentences what the change log says."
TOOLS = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
def cloud() -> Iterator[Engine]:
    with Engine() as running:
        yield running


@pytest.fixture
def local() -> Iterator[Engine]:
    with Engine() as running:
        yield running


class Agent:
    """A client that keeps its history, as an agent's does."""

    def __init__(self, turnout: Turnout, session: str, system: str = "You work in a repository.") -> None:
        self.turnout, self._session = turnout, session
        self._history: list[Doc] = [{"role": "system", "content": system}]
        self._calls = 0

    def says(self, ask: str) -> Answered:
        self._history.append({"role": "user", "content": ask})
        return self._sent()

    def tool_answers(self, result: str) -> Answered:
        self._calls += 1
        call: Doc = {"id": f"c{self._calls}", "type": "function"}
        call |= {"function": {"name": "read", "arguments": f'{{"n": {self._calls}}}'}}
        self._history.append({"role": "assistant", "content": None, "tool_calls": [call]})
        self._history.append({"role": "tool", "tool_call_id": f"c{self._calls}", "content": result})
        return self._sent()

    def _sent(self) -> Answered:
        answer = self.turnout.chat(messages=self._history, tools=TOOLS, headers={"x-session-id": self._session})
        assert answer.status == 200, answer.text
        return answer


def rows(turnout: Turnout, count: int) -> list[CallRecord]:
    """Oldest first."""
    return list(reversed(turnout.settled(count)))


def test_three_asks_and_fifteen_tool_calls_are_three_decisions_and_no_switch_inside_a_loop(
    cloud: Engine, local: Engine, tmp_path: Path
) -> None:
    cloud.default = local.default = Script("", (ToolCall("read", {"n": 1}),), tokens=Tokens(300, 12))
    with Turnout(tmp_path / "home", settings=two_tiers(cloud.url, local.url), rules=BY_GRADE) as turnout:
        agent = Agent(turnout, "three asks")
        for ask in (EASY, HARD, MIDDLE):
            agent.says(ask)
            for number in range(5):
                agent.tool_answers(f"{HARD} {EASY} file {number}: def f(x): return x / 0")

        made = rows(turnout, 18)

        assert len(made) == 18
        decisions = [row for row in made if "call.inherited" not in row.signals]
        assert [made.index(row) for row in decisions] == [0, 6, 12]
        for first in (0, 6, 12):
            assert len({row.model for row in made[first : first + 6]}) == 1
            assert len({(row.tier, row.grade) for row in made[first : first + 6]}) == 1
        assert [made[0].grade, made[6].grade, made[12].grade] == [Grade.LOW, Grade.HIGH, Grade.MEDIUM]
        assert {row.reason for row in made[7:12]} == {"grade HIGH, pinned: a tool loop keeps its model"}


PRICES = """
[prices."cloud/scripted"]
input_usd = 5.00
cache_read_usd = 0.50
cache_write_5m_usd = 6.25
output_usd = 25.00

[prices."cloud/scripted-small"]
input_usd = 1.00
cache_read_usd = 0.10
cache_write_5m_usd = 1.25
output_usd = 5.00
"""


def settings(cloud: Engine) -> str:
    """The dear model at Opus prices, the cheap one at Haiku's."""
    return two_tiers(cloud.url).replace('[prices."cloud/*"]\ninput_usd = 2.50\noutput_usd = 10.00\n', PRICES)


@pytest.mark.parametrize(("words", "moves"), [(100_000, False), (2_000, True)])
@pytest.mark.parametrize("bills", [1.0, 0.7, 1.4], ids=["as counted", "fewer tokens", "more tokens"])
def test_a_switch_that_would_throw_a_large_warm_prefix_away_does_not_happen(
    cloud: Engine, tmp_path: Path, words: int, moves: bool, bills: float
) -> None:
    with Turnout(tmp_path / "home", settings=settings(cloud), rules=BY_GRADE) as turnout:
        agent = Agent(turnout, "warm", system="track " * words)
        # Every vendor has its own tokenizer: what it bills for the same text is not what we count.
        cloud.default = Script(tokens=Tokens(round((words + 60) * bills), 300, cached=round(words * bills)))
        first = turnout.row(agent.says(HARD))
        second = turnout.row(agent.says(MIDDLE))

        assert (first.tier, first.model) == (Tier.HIGH, "scripted")
        assert second.grade is Grade.MEDIUM
        assert (second.tier is Tier.FAST) is moves
        staying, switching = (float(part.split("$")[1]) for part in second.switch.split(", "))
        assert second.switch.startswith("staying $")
        assert (switching < staying) is moves
        if not moves:
            assert second.reason == "grade MEDIUM, pinned: switching would cost more"
            assert switching > 2 * staying


def test_signed_thinking_stays_with_its_vendor(cloud: Engine, tmp_path: Path) -> None:
    """High is OpenAI's here and fast is Anthropic's: a hard ask would leave the vendor who signed."""
    signed = {"type": "thinking", "thinking": "I see.", "signature": "c2lnbmVk" * 8}
    said: list[Doc] = [
        {"role": "user", "content": MIDDLE},
        {"role": "assistant", "content": [signed, {"type": "text", "text": "Done."}]},
        {"role": "user", "content": HARD},
    ]
    doc = {"model": "auto", "max_tokens": 2_000, "messages": said[:1]}
    with Turnout(tmp_path / "home", settings=four_vendors(cloud.url), rules=BY_GRADE) as turnout:
        named = {"x-claude-code-session-id": "signed"}
        first = turnout.row(turnout.ask("POST", "/v1/messages", doc, headers=named))
        second = turnout.row(turnout.ask("POST", "/v1/messages", {**doc, "messages": said}, headers=named))

        assert (first.provider, second.provider) == ("anthropic", "anthropic")
        assert second.grade is Grade.HIGH
        assert "signed thinking stays with its vendor" in second.reason
        assert second.signals["call.sealed_by"] == Family.ANTHROPIC.value
