import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.shared import shared
from tests.unit.routing.scene import NOW_MS, call, outline

from turnout.calls.client import Call, Client
from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Housekeeping, Nanos
from turnout.routing import loops
from turnout.routing.likeness import alike, likeness, sketch
from turnout.routing.loops import LoopState, Watch
from turnout.routing.rules import Loop
from turnout.wire.codec import codec

ASK = "please write a parser for the grammar in docs and test it well"


class Guard:
    """The guard as the proxy plays it: one state per session, every call observed, then refused or concluded."""

    def __init__(self, loop: Loop | None = None) -> None:
        self.loop = loop or Loop()
        self.states: dict[str, LoopState] = {}
        self.watch = Watch()
        self.spent = Nanos(0)

    def admits(self, asked: Call, now_ms: int, *, ok: bool | None = True, cost: int = 0, allowed: int = 0) -> bool:
        state = self.states.get(asked.session)
        if state is None:
            state = self.watch.heir(asked, now_ms)
        state = loops.observe(state, asked, now_ms, spent=self.spent)
        found = loops.standings((self.loop,), state, asked, spent=self.spent, allowed_turns=allowed)
        stopped = any(loops.exceeded(one) for one in found)
        if stopped:
            state = loops.refused(state, now_ms)
        elif ok is not None:
            state = loops.concluded(state, asked.body_hash, ok=ok, now_ms=now_ms)
            self.spent = Nanos(self.spent + cost)
        self.states[asked.session] = state
        self.watch.note(asked.session, state)
        return not stopped


def turn(number: int, ask: str = ASK, *, last: bool = False, **changes: object) -> Call:
    """The `number`th request of an agent: its history has grown."""
    of = outline(ask, ask_is_last=last, turns=1 + 2 * number, texts=(ask, *["step"] * number))
    return call(of, body_hash=f"b{number}", **changes)


def test_the_turn_after_the_last_allowed_one_is_stopped_and_all_after_it() -> None:
    guard = Guard(Loop(turns=5))
    assert [guard.admits(turn(n), NOW_MS + n * 1000) for n in range(8)] == [True] * 5 + [False] * 3


few = st.integers(0, 4)
limit = st.none() | few


@given(
    st.lists(
        st.builds(Loop, turns=limit, same_request=limit, same_tool_call=limit, usd=limit, per_minute=limit), max_size=3
    ),
    st.builds(
        LoopState,
        turns=few,
        tool_run=few,
        spent_before=few,
        minute=st.dictionaries(few, few, max_size=2),
        body=st.just("b"),
    ),
    few,
    few,
)
def test_a_session_that_is_taken_for_calm_is_stopped_by_no_loop(
    some: list[Loop], state: LoopState, rounds: int, spent: int
) -> None:
    state.bodies = {"b": loops.Repeat(rounds)}
    if loops.is_calm(state, loops.lowest(some), Nanos(spent)):
        assert not any(map(loops.exceeded, loops.standings(some, state, turn(1), spent=Nanos(spent))))


def test_a_truly_new_ask_starts_anew() -> None:
    guard = Guard(Loop(turns=3))
    assert [guard.admits(turn(n), NOW_MS + n * 1000) for n in range(4)][-1] is False
    assert guard.admits(turn(5, "now draw a picture of the whole architecture", last=True), NOW_MS + 9_000)
    assert guard.admits(turn(6, "now draw a picture of the whole architecture"), NOW_MS + 9_500)


@pytest.mark.parametrize(
    "nudge",
    [
        "You did not call submit_and_exit. Call it when the task is done. This is attempt {n} of 100.",
        "[ERROR] You did not use a tool in your previous response! Please retry with a tool use. ({n})",
    ],
)
def test_a_nudge_that_differs_in_a_counter_is_not_a_new_ask(nudge: str) -> None:
    guard = Guard(Loop(turns=5))
    admitted = [guard.admits(turn(n, nudge.format(n=n), last=True), NOW_MS + n * 1000) for n in range(9)]
    assert admitted == [True] * 5 + [False] * 4


def test_going_back_to_an_earlier_ask_is_not_new() -> None:
    guard = Guard(Loop(turns=6))
    asks = [ASK, "rename the variable total to amount everywhere", ASK, ASK, ASK]
    for n, ask in enumerate(asks):
        guard.admits(turn(n, ask, last=True), NOW_MS + n * 1000)
    assert guard.states["s1"].turns == 4


def test_letting_a_session_go_on_outlasts_its_own_knocking() -> None:
    guard = Guard(Loop(turns=3))
    for n in range(50):
        guard.admits(turn(n), NOW_MS + n * 1000)
    admitted = [guard.admits(turn(n), NOW_MS + n * 1000, allowed=2) for n in range(60, 64)]
    assert admitted == [True, True, False, False]


def test_retries_are_no_steps() -> None:
    guard = Guard(Loop(turns=2, same_request=2))
    first = turn(0)
    assert guard.admits(first, NOW_MS, ok=False)
    for n in range(10):
        assert guard.admits(first, NOW_MS + n * 500, ok=False)
        assert guard.admits(replace(first, retry=n + 1), NOW_MS + n * 500, ok=False)
    assert guard.states["s1"].turns == 1


def test_the_same_request_answered_again_and_again_is_stopped() -> None:
    guard = Guard(Loop(turns=None, same_request=4, per_minute=None))
    assert [guard.admits(turn(0), NOW_MS + n * 60_000) for n in range(6)] == [True] * 4 + [False] * 2


def test_copies_at_the_same_time_are_a_fan_out_and_no_loop() -> None:
    guard = Guard()
    assert all(guard.admits(turn(0), NOW_MS, ok=None) for _ in range(500))
    assert guard.states["s1"].turns == 1


def test_the_same_tool_call_in_a_row_is_counted_beyond_the_outlines_window() -> None:
    guard = Guard(Loop(turns=None, same_request=None, same_tool_call=20, per_minute=None))
    admitted = []
    for n in range(1, 25):
        calls = ("read_file {}",) * min(n, 12)
        stand = tuple(range(2 * (n - len(calls)) + 2, 2 * n + 1, 2))
        of = outline(ASK, ask_is_last=False, turns=2 * n, last_tool_calls=calls, tool_call_turns=stand)
        admitted.append(guard.admits(call(of, body_hash=f"b{n}"), NOW_MS + n * 1000))
    assert admitted.index(False) == 19


def test_two_tool_calls_in_turn_go_round_too() -> None:
    stand = tuple(range(2, 26, 2))
    of = outline(ASK, ask_is_last=False, turns=25, last_tool_calls=("edit a", "test") * 6, tool_call_turns=stand)
    assert loops.observe(None, call(of), NOW_MS).tool_run == 12
    healthy = replace(of, last_tool_calls=tuple(f"edit {n}" for n in range(12)))
    assert loops.observe(None, call(healthy), NOW_MS).tool_run == 1


def test_tool_calls_before_a_new_ask_are_none_of_its_loop() -> None:
    """Also where a person goes on asking, and no tool is called any more; each text's answer is a message of its own."""
    guard = Guard(Loop(turns=None, same_request=None, same_tool_call=12, per_minute=None))
    words = ("parser", "kettle", "railway", "harbour", "violin", "glacier", "lantern", "orchard", "compass", "saddle")
    asks = [f"tell me of the {one} and what it is good for in {one} lands by the {one}" for one in (*words, *words[:4])]
    for n, ask in enumerate(asks):
        of = outline(ask, turns=5 + 2 * n, last_tool_calls=("read {}",), tool_call_turns=(2,))
        assert guard.admits(call(of, body_hash=f"b{n}"), NOW_MS + n * 1000)
    assert guard.states["s1"].tool_run <= 1


def test_a_new_ask_lets_a_session_go_on_that_was_stopped_for_its_tool_calls() -> None:
    guard = Guard(Loop(turns=None, same_request=None, same_tool_call=12, per_minute=None))
    same, other = ("read {}",) * 12, "now write the documents for what is there"
    stand = tuple(range(2, 26, 2))
    stuck = outline(ASK, ask_is_last=False, turns=25, last_tool_calls=same, tool_call_turns=stand)
    assert not guard.admits(call(stuck, body_hash="b0"), NOW_MS)
    asked = outline(other, turns=27, last_tool_calls=same, tool_call_turns=stand)
    assert guard.admits(call(asked, body_hash="b1"), NOW_MS + 1_000)
    for n in range(12):
        stand = (*stand[1:], 28 + 2 * n)
        step = outline(other, ask_is_last=False, turns=29 + 2 * n, last_tool_calls=same, tool_call_turns=stand)
        assert guard.admits(call(step, body_hash=f"c{n}"), NOW_MS + 2_000 + n) is (n < 11)


def test_a_client_that_cuts_its_history_is_still_seen_calling_the_same_tool() -> None:
    guard = Guard(Loop(turns=None, same_request=None, same_tool_call=12, per_minute=None))
    assert guard.admits(call(outline(ASK, turns=20), body_hash="b"), NOW_MS)
    for n in range(1, 14):
        stand = tuple(range(21 - 2 * min(n, 10), 20, 2))
        of = outline(ASK, ask_is_last=False, turns=20, last_tool_calls=("read {}",) * len(stand), tool_call_turns=stand)
        assert guard.admits(call(of, body_hash=f"b{n}"), NOW_MS + n * 1000)
    assert guard.states["s1"].tool_run == 10


def test_a_header_alone_makes_no_retry() -> None:
    """A client that says so of every request would never be stopped."""
    guard = Guard(Loop(turns=5))
    admitted = [guard.admits(replace(turn(n), retry=1), NOW_MS + n * 1000) for n in range(8)]
    assert admitted == [True] * 5 + [False] * 3


@pytest.mark.parametrize("pause_s", [301, 600, 3_000])
def test_a_job_by_the_clock_is_no_loop(pause_s: int) -> None:
    guard = Guard(Loop(turns=5, usd=Nanos(1_000)))
    asked = call(outline(ASK, turns=1), body_hash="same")
    assert all(guard.admits(asked, NOW_MS + n * pause_s * 1000, cost=300) for n in range(40))


def test_a_pause_does_not_free_a_run_that_was_stopped_nor_one_that_goes_on() -> None:
    guard = Guard(Loop(turns=3))
    for n in range(5):
        guard.admits(turn(n), NOW_MS + n * 1000)
    assert not guard.admits(call(outline(ASK, turns=1), body_hash="new"), NOW_MS + 900_000)
    slow = Guard(Loop(turns=3))
    assert [slow.admits(turn(n + 1), NOW_MS + n * 900_000) for n in range(5)] == [True] * 3 + [False] * 2


@pytest.mark.parametrize(
    ("scope", "whom"), [("session", "this session"), ("session_tree", "session tree s1"), ("client", "client ide")]
)
def test_a_refusal_names_whom_the_loop_is_about(scope: str, whom: str) -> None:
    loop = Loop(scope=scope, turns=1)
    asked = turn(5)
    state = loops.observe(loops.observe(None, turn(4), NOW_MS), asked, NOW_MS)
    (standing,) = loops.standings((loop,), state, asked, tree="s1")
    why = loops.exceeded(standing)
    assert str(loops.refusal(standing, why, "s1")).startswith(f"The loop guard stopped {whom}: 1 turns")


def test_velocity_counts_a_minute_and_recovers() -> None:
    guard = Guard(Loop(turns=None, same_request=None, per_minute=10))
    admitted = [guard.admits(turn(n), NOW_MS + n * 100) for n in range(12)]
    assert admitted == [True] * 10 + [False] * 2
    assert guard.admits(turn(20), NOW_MS + 61_000)


def test_dollars_count_since_the_last_new_ask() -> None:
    guard = Guard(Loop(turns=None, usd=Nanos(1_000)))
    assert [guard.admits(turn(n), NOW_MS + n, cost=400) for n in range(5)] == [True] * 3 + [False] * 2
    assert guard.admits(turn(9, "write the release notes of this version for me", last=True), NOW_MS + 9, cost=400)


def test_side_requests_counts_and_embeddings_are_no_steps() -> None:
    guard = Guard(Loop(turns=1, per_minute=5))
    for n in range(30):
        for of in (
            outline(housekeeping=Housekeeping.TITLE),
            outline(housekeeping=Housekeeping.COUNT),
            outline(dialect=Dialect.OPENAI_EMBEDDINGS),
        ):
            assert guard.admits(call(of, body_hash=f"{n}"), NOW_MS + n)


def test_a_clock_set_back_a_year_stops_nobody() -> None:
    guard = Guard(Loop(turns=None, same_request=None, per_minute=10))
    for n in range(10):
        guard.admits(turn(n), NOW_MS + n)
    assert guard.admits(turn(11), NOW_MS - 31_536_000_000)


def test_questions_on_the_same_history_in_an_unnamed_session_are_no_agents_steps() -> None:
    guard = Guard(Loop(turns=3, per_minute=3))
    for n in range(50):
        ask = f"Question {n:016d}: what does this function return, and why?"
        of = outline(ask, turns=100, texts=("history", ask))
        assert guard.admits(call(of, body_hash=f"{n}", session_derived=True), NOW_MS + n)


def test_a_refused_session_hears_a_new_ask_on_the_very_same_history() -> None:
    guard = Guard(Loop(turns=2))
    for n in range(4):
        guard.admits(turn(n, session_derived=True), NOW_MS + n)
    again = outline("explain the borrow checker to me please, slowly", turns=7, texts=(ASK, *["step"] * 3))
    assert guard.admits(call(again, body_hash="new", session_derived=True), NOW_MS + 9)


def test_a_run_that_goes_on_in_another_session_is_counted_there_alone() -> None:
    guard = Guard(Loop(turns=3))
    for n in range(4):
        guard.admits(turn(n), NOW_MS + n * 1000)
    before = replace(guard.states["s1"], bodies=dict(guard.states["s1"].bodies))
    later = turn(9, session="s2", session_derived=True)
    assert not guard.admits(later, NOW_MS + 5_000)
    assert guard.states["s1"] == before
    assert guard.states["s2"].at_ms == NOW_MS + 5_000


def test_a_minute_of_steps_is_kept_by_its_seconds_and_no_more() -> None:
    state = loops.observe(None, turn(0), NOW_MS)
    for n in range(1, 500):
        state = loops.observe(state, turn(n), NOW_MS + n * 500)
    assert sum(state.minute.values()) == 120
    assert len(state.minute) == 60
    assert len(state.bodies) == 32


# --- what was seen in the wild ---


def cline_calls() -> Iterator[tuple[int, Call]]:
    """The 2,327 requests of the trace: bodies grow by a text answer and the client's nudge, five times the client starts anew."""
    folder = shared("clients/cline-loop")
    first = json.loads((folder / "00001.json").read_text())["body"]
    after = json.loads((folder / "02281.json").read_text())["body"]
    summary = json.loads((folder / "02280.json").read_text())["body"]
    nudge = first["messages"][2]
    opening = first["messages"][:3]
    with (folder / "trace.csv").open() as file:
        rows = list(csv.DictReader(file))
    session = "s-1"
    client = Client("cline")
    for row in rows:
        number, count = int(row["seq"]), int(row["messages"])
        if count == 2:
            body, session = summary, f"s-{number}-side"
        else:
            if count == 3:
                opening, session = first["messages"][:3], "s-1"
            elif session.endswith("-side"):
                opening, session = after["messages"][:3], f"s-{number}"
            rounds = (count - len(opening)) // 2
            said = {"role": "assistant", "content": f"PONG-{1362 + number}"}
            body = first | {"messages": [*opening, *[said, nudge] * rounds]}
        seen = codec(Dialect.OPENAI_CHAT).outline(body)
        at = NOW_MS + round(float(row["t"]) * 1000)
        yield at, call(seen, client=client, session=session, session_derived=True, body_hash=str(number))


@pytest.mark.slow
def test_the_runaway_agent_is_stopped_within_the_configured_turns_and_stays_stopped() -> None:
    guard = Guard(Loop(turns=40, per_minute=None))
    admitted = [guard.admits(asked, at) for at, asked in cline_calls()]
    assert admitted[:40] == [True] * 40
    assert not any(admitted[40:])


def test_the_runaway_agent_is_stopped_by_the_default_figures_too() -> None:
    guard = Guard()
    admitted = [guard.admits(asked, at) for at, asked in islice(cline_calls(), 260)]
    assert 0 < admitted.index(False) <= 200
    assert not any(admitted[admitted.index(False) :])


def test_a_context_burst_of_token_counts_is_let_through() -> None:
    guard = Guard(Loop(turns=3, per_minute=3, same_request=1))
    bursts = sorted(shared("clients/claude-code.ctx").glob("*.json"))
    counts = [json.loads(path.read_text()) for path in bursts]
    bodies = [one["body"] for one in counts if one["path"].endswith("count_tokens")]
    assert len(bodies) == 19
    for n, body in enumerate(bodies):
        seen: Outline = replace(codec(Dialect.ANTHROPIC).outline(body), housekeeping=Housekeeping.COUNT)
        assert guard.admits(call(seen, body_hash=str(n)), NOW_MS + n)


# --- likeness ---


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("continue", "Continue.", True),
        ("", "", True),
        ("fix the failing test", "draw a diagram", False),
        (
            "retry 1 of 10: you did not use a tool, please use one now",
            "retry 2 of 10: you did not use a tool, please use one now",
            True,
        ),
        ("please add a login page to the web shop", "please add a search box to the product list", False),
        ("重构解析器模块并添加测试", "重构解析器模块并添加测试", True),
        ("重构解析器模块并添加测试", "解释这个函数为什么会返回空值", False),
    ],
)
def test_asks_are_compared_by_their_words(one: str, other: str, same: bool) -> None:
    assert alike(sketch(one), sketch(other)) is same


def test_a_long_asks_sketch_is_small_and_still_compares() -> None:
    long = " ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26 % 26)} next" for n in range(2_000))
    other = long + " and one more thing at the end of it"
    assert len(sketch(long).hashes) <= 64
    assert likeness(sketch(long), sketch(other)) > 0.9
