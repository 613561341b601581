"""The loop guard's counters. What a session has done since a person last said something truly new.

For each call, in this order: `observe` (None for a session's first call) counts the call into the state; `standings` says how
every [[loop]] stands before it, for `Facts.loops`; then either `refused` takes the step back, or `concluded` says at the end how
it went. The caller keeps the state with the session and never looks inside.

A state is its session's own and is changed in place (a new one for each of the two changes a call makes took 1,700 of its
interpreter instructions; in place 300: call_bench --steps). It reads no clock and knows nothing but what it is given.

What counts as a step: a call that is no retry (a body that came before, with `x-stainless-retry-count` or within seconds of its
failure), no side request of the client's own and no token count. A truly new ask starts everything anew, tool calls that stand
before it in the history included; an ask near-identical to an earlier one of the session is a nudge (2,327 of them in 132 s were
seen from one agent) and starts nothing.

The same request counts once it has been answered and comes again: a hundred copies at the same time are a fan-out, no loop.
In a session that we only derived (the client named none), calls that stand on the very same history with another last
message are separate questions, an evaluation say, and not one agent's steps. In any session a conversation that is opened again
after minutes without a call is a job by the clock, and starts anew: an agent does not pause.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

from turnout.calls.client import Call
from turnout.calls.outline import CALLS_KEPT, Outline
from turnout.calls.units import EMBED_LIKE, Housekeeping, Nanos
from turnout.calls.values import frozen
from turnout.errors import LoopRefusal
from turnout.routing.budget import scope_value
from turnout.routing.facts import LoopStanding
from turnout.routing.likeness import Sketch, alike, sketch
from turnout.routing.money import dollars
from turnout.routing.rules import Loop

NOTHING = Nanos(0)
RETRY_WITHIN_MS = 30_000
"""Clients' own retries after a failure come within seconds; agents' steps carry another body."""
INHERITS_WITHIN_MS = 600_000
SIDE_WITHIN_MS = 60_000
PAUSE_MS = 300_000
"""Without a call, after which a session's opening request is asked anew: a check every ten minutes was refused at its fifth."""
LONG_RUN = 50
"""Turns without a new ask from which a run is watched across a compaction of its conversation."""
_ASKS_KEPT = 8
_UNSKETCHED = 2_000
"""Characters: a longer ask is sketched at once, for 5,000 sessions are kept in memory."""
_BODIES_KEPT = 32
_ENDLESS = 2**62


@frozen
class Repeat:
    """One body of the session. A round is an answer followed by the same body again."""

    rounds: int = 0
    answered: bool = False
    failed_at_ms: int = 0


_BEGUN = Repeat()
_ANSWERED = Repeat(answered=True)


@dataclass(slots=True)
class LoopState:
    turns: int = 0
    """Steps since the last truly new ask, this one included."""
    step: bool = False
    """Whether the call at hand is a step."""
    new: bool = False
    """Whether it brought a truly new ask."""
    body: str = ""
    tool_run: int = 0
    """Tool calls since the last truly new ask that go round, up to the newest one."""
    last_tool_call: str = ""
    call_turn: int = 0
    """Where in the history that one stands (`Outline.tool_call_turns`)."""
    ask_turn: int = 0
    """Where the last truly new ask stands; 0: behind nothing that is sent now."""
    asks: tuple[Sketch, ...] = ()
    unsketched: str = ""
    """The session's first ask, as long as nothing had to be compared with it: most sessions have no other (40 us)."""
    ask_mark: int = 0
    """Of the newest ask's very text, so that a tool loop's unchanged ask costs one checksum."""
    shape: tuple[int, int] = (0, 0)
    minute: dict[int, int] = field(default_factory=dict)
    """Seconds of the last minute, in order, and the steps in each, this one included."""
    bodies: dict[str, Repeat] = field(default_factory=dict)
    spent_before: Nanos = Nanos(0)
    """What the session had spent when the last truly new ask came."""
    system_mark: int = 0
    at_ms: int = 0
    """When its last call came, or ended."""
    refused_at_ms: int = 0
    client: str = ""


def observe(state: LoopState | None, call: Call, now_ms: int, *, spent: Nanos = NOTHING) -> LoopState:
    """The state with this call in it. `spent` is what the session has cost so far."""
    if state is None:
        state = LoopState()
        state.client = call.client.name
    elif now_ms - state.at_ms > PAUSE_MS and call.outline.turns <= 1 and not state.refused_at_ms:
        _start_anew(state, spent)
    state.at_ms, state.step, state.new, state.body = now_ms, False, False, ""
    if not is_work(call):
        return state
    body = state.body = call.body_hash
    outline = call.outline
    repeat = state.bodies.get(body) if body else None
    if repeat is not None and (call.retry > 0 or _is_no_step(repeat, now_ms)):
        return state
    shape = outline.turns, sum(map(len, outline.texts)) - len(outline.ask)
    if repeat is None and _is_sibling(state, call, shape):
        _begin(state, body)
        return state
    _take_ask(state, call, spent)
    _take_tool_calls(state, outline)
    _begin(state, body)
    state.turns += 1
    state.step = True
    state.shape = shape
    _count_step(state.minute, now_ms // 1000)
    state.system_mark = _mark(outline.system)
    return state


def is_work(call: Call) -> bool:
    """Not a side request, a token count or an embedding: those come in bursts by nature."""
    return call.outline.housekeeping is None and call.outline.dialect not in EMBED_LIKE


def refused(state: LoopState, now_ms: int) -> LoopState:
    """This call was not let through: it is no turn, or letting the session go on for 50 turns would not outlast its own knocking."""
    if state.step:
        state.turns -= 1
        state.minute[next(reversed(state.minute))] -= 1
        state.step = False
    state.refused_at_ms = now_ms
    return state


@frozen
class Limits:
    """The lowest limit of each kind that any of some loops has."""

    turns: int
    same_request: int
    same_tool_call: int
    usd: int
    per_minute: int


def lowest(loops: Sequence[Loop]) -> Limits:
    def least(limits: Iterable[int | None]) -> int:
        return min((limit for limit in limits if limit is not None), default=_ENDLESS)

    return Limits(
        least(loop.turns for loop in loops),
        least(loop.same_request for loop in loops),
        least(loop.same_tool_call for loop in loops),
        least(loop.usd for loop in loops),
        least(loop.per_minute for loop in loops),
    )


def is_calm(state: LoopState, limits: Limits, spent: Nanos) -> bool:
    """Whether this session alone is so far from every limit that no standing of it need be made: most calls (230 instructions
    before, 50 so; call_bench --steps). False says nothing."""
    repeat = state.bodies.get(state.body)
    return (
        state.turns < limits.turns
        and (repeat is None or repeat.rounds < limits.same_request)
        and state.tool_run < limits.same_tool_call
        and max(0, spent - state.spent_before) < limits.usd
        and sum(state.minute.values()) < limits.per_minute
    )


def concluded(state: LoopState, body_hash: str, *, ok: bool, now_ms: int) -> LoopState:
    """The call with this body ended; `ok`: it was answered."""
    state.at_ms = now_ms
    if not body_hash:
        return state
    bodies = state.bodies
    known = bodies.get(body_hash, _BEGUN)
    if not ok:
        bodies[body_hash] = Repeat(known.rounds, known.answered, now_ms)
    else:
        bodies[body_hash] = _ANSWERED if known is _BEGUN else Repeat(known.rounds, True)
    if len(bodies) > _BODIES_KEPT:
        del bodies[next(iter(bodies))]
    return state


def standings(
    loops: Iterable[Loop],
    state: LoopState,
    call: Call,
    *,
    spent: Nanos = NOTHING,
    allowed_turns: int = 0,
    allowed_usd: Nanos = NOTHING,
    stopped: bool = False,
    tree: str = "",
) -> tuple[LoopStanding, ...]:
    """How each loop that covers this call stands without it. A truly new ask is never stopped by what was before it."""
    mine = 1 if state.step else 0
    repeat = state.bodies.get(state.body) if state.body else None
    turns = state.turns - mine
    rounds = repeat.rounds if repeat is not None else 0
    spent = Nanos(max(0, spent - state.spent_before))
    per_minute = sum(state.minute.values()) - mine
    stopped = stopped and not state.new
    found: list[LoopStanding] = []
    for loop in loops:
        value = call.session if loop.scope == "session" else scope_value(loop.scope, call, tree)
        if loop.who == "each" or loop.who == value:
            found.append(
                LoopStanding(
                    loop, value, turns, rounds, state.tool_run, spent, per_minute, allowed_turns, allowed_usd, stopped
                )
            )
    return tuple(found)


def together(standing: LoopStanding, others: Iterable[tuple[LoopState, Nanos]]) -> LoopStanding:
    """A loop over more than one session (a tree with its subagents, a client): what the others did counts too. `others` are
    their states and what each has spent."""
    turns, spent, steps = standing.turns, standing.spent, standing.per_minute
    for state, cost in others:
        turns += state.turns
        spent = Nanos(spent + max(0, cost - state.spent_before))
        steps += sum(state.minute.values())
    return replace(standing, turns=turns, spent=spent, per_minute=steps)


def exceeded(standing: LoopStanding) -> str:
    """What was exceeded, for people; empty: the call may go on."""
    loop, more = standing.loop, standing.allowed_turns
    if standing.stopped:
        return "it was stopped by hand"
    if loop.turns is not None and standing.turns >= loop.turns + more:
        return f"{standing.turns} turns since the last new ask (limit {loop.turns + more})"
    if loop.same_request is not None and standing.same_request >= loop.same_request + more:
        return f"the same request {standing.same_request} times before (limit {loop.same_request})"
    if loop.same_tool_call is not None and standing.same_tool_call >= loop.same_tool_call + more:
        return f"the same tool call {standing.same_tool_call} times (limit {loop.same_tool_call})"
    if loop.usd is not None and standing.spent >= loop.usd + standing.allowed_usd:
        return f"{dollars(standing.spent)} since the last new ask (limit {dollars(loop.usd + standing.allowed_usd)})"
    if loop.per_minute is not None and standing.per_minute >= loop.per_minute + more:
        return f"{standing.per_minute} calls in a minute (limit {loop.per_minute})"
    return ""


def refusal(standing: LoopStanding, why: str, session: str) -> LoopRefusal:
    return LoopRefusal(
        f"The loop guard stopped {_whom(standing)}: {why}.",
        hint=f"Say something new, or let it go on from the tray or with `turnout session allow {session}{_enough(standing)}`.",
    )


def _whom(standing: LoopStanding) -> str:
    scope = standing.loop.scope
    if scope == "session" or standing.stopped:
        return "this session"
    return "everyone together" if scope == "all" else f"{scope.replace('_', ' ')} {standing.scope or '(none)'}"


def _enough(standing: LoopStanding) -> str:
    """The option that raises what was exceeded: turns do not help where dollars ran out."""
    if standing.stopped:
        return ""
    if exceeded(replace(standing, loop=replace(standing.loop, usd=None))):
        return " --turns 50"
    return f" --usd {max(1, -(-(standing.loop.usd or 0) // 1_000_000_000))}"


# --- a conversation that goes on under another name ---


def heir(call: Call, earlier: Iterable[LoopState], now_ms: int) -> LoopState | None:
    """For the first call of a session that was only derived: the run that it continues, if it does.

    A client that compacts its history (or starts it anew by itself) begins a new conversation as far as anyone can tell from
    outside, and would be free of its counters: the runaway at hand did so five times. It is the same run when the same client
    says under the same system text either nothing new, or comes with a history that nobody saw begin; and its side request
    (the compaction itself) belongs to a run that was stopped within the last minute. `earlier` are states that `Watch` keeps; what
    comes back is a state of the new session's own.
    """
    mark = _mark(call.outline.system)
    newest: LoopState | None = None
    for state in earlier:
        if state.client != call.client.name or abs(now_ms - state.at_ms) > INHERITS_WITHIN_MS:
            continue
        if _continues(state, call, mark, now_ms) and (newest is None or state.at_ms > newest.at_ms):
            newest = state
    if newest is None:
        return None
    own = replace(newest, bodies=dict(newest.bodies), minute=dict(newest.minute))
    if is_work(call):
        own.asks = (*sketched(newest), sketch(call.outline.ask))[-_ASKS_KEPT:]
        own.unsketched, own.ask_mark = "", _mark(call.outline.ask)
    return own


def _continues(state: LoopState, call: Call, mark: int, now_ms: int) -> bool:
    if call.outline.housekeeping in (Housekeeping.SUMMARY, Housekeeping.OTHER):
        return state.refused_at_ms > 0 and abs(now_ms - state.refused_at_ms) <= SIDE_WITHIN_MS
    if mark != state.system_mark or not is_work(call):
        return False
    if call.outline.turns >= 6:
        return True
    shown = sketch(call.outline.ask)
    return any(alike(shown, known) for known in sketched(state))


class Watch:
    """Runs of each client that a session after them may have to carry on (long ones, and those that were refused), newest last,
    few of them: where a new derived session finds its `heir`."""

    _EACH = 8
    _CLIENTS = 500

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, LoopState]] = {}

    def note(self, session: str, state: LoopState) -> None:
        """After every call of a session."""
        if not state.refused_at_ms and state.turns < LONG_RUN:
            if state.client in self._runs:
                self._runs[state.client].pop(session, None)
            return
        runs = self._runs.setdefault(state.client, {})
        runs.pop(session, None)
        runs[session] = state
        if len(runs) > self._EACH:
            del runs[next(iter(runs))]
        if len(self._runs) > self._CLIENTS:
            del self._runs[next(iter(self._runs))]

    def heir(self, call: Call, now_ms: int) -> LoopState | None:
        """For the first call of a session; None also where the client names its sessions itself."""
        runs = self._runs.get(call.client.name)
        return heir(call, runs.values(), now_ms) if runs and call.session_derived else None


# --- parts of `observe` ---


def _mark(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) ^ len(text)


def _is_no_step(repeat: Repeat, now_ms: int) -> bool:
    """The same body came before, and this is a client's own retry of it or a copy of one that is under way (a fan-out, no loop)."""
    if not repeat.failed_at_ms:
        return not repeat.answered
    # Not after a clock was set back: everything would be a retry until it has caught up.
    return 0 <= now_ms - repeat.failed_at_ms <= RETRY_WITHIN_MS


def _is_sibling(state: LoopState, call: Call, shape: tuple[int, int]) -> bool:
    """A separate question on the same history. `shape`: of the history without the newest ask, its messages and its length; cheap,
    and another history gives another."""
    return (
        call.session_derived
        and state.turns > 0
        and shape == state.shape
        and call.outline.ask_is_last
        and not state.refused_at_ms
    )


def _take_ask(state: LoopState, call: Call, spent: Nanos) -> None:
    """Starts anew when a person has said something that is not near-identical to what was said before."""
    ask = call.outline.ask
    if not ask:
        return
    seen, mark = bool(state.asks or state.unsketched), _mark(ask)
    if seen and mark == state.ask_mark:
        return
    state.ask_mark = mark
    first = call.outline.first_ask
    if not seen and first in ("", ask) and len(ask) <= _UNSKETCHED:
        asks: tuple[Sketch, ...] = ()
        state.unsketched = ask
    else:
        shown = sketch(ask)
        # What stood there before we first looked is not new when it comes up again.
        before = sketched(state) if seen else (sketch(first),) if first and first != ask else ()
        state.unsketched = ""
        if seen and any(alike(shown, one) for one in before):
            state.asks = before
            return
        asks = (*before, shown)[-_ASKS_KEPT:]
    state.asks = asks
    state.new = True
    _start_anew(state, spent)
    state.refused_at_ms, state.tool_run = 0, 0
    state.ask_turn = call.outline.turns if call.outline.ask_is_last else 0


def _start_anew(state: LoopState, spent: Nanos) -> None:
    state.turns, state.bodies, state.spent_before = 0, {}, spent


def sketched(state: LoopState) -> tuple[Sketch, ...]:
    return state.asks or ((sketch(state.unsketched),) if state.unsketched else ())


def _begin(state: LoopState, body: str) -> None:
    """This body is under way (again)."""
    if not body:
        return
    bodies = state.bodies
    known = bodies.get(body)
    bodies[body] = _BEGUN if known is None else Repeat(known.rounds + 1 if known.answered else known.rounds)
    if len(bodies) > _BODIES_KEPT:
        del bodies[next(iter(bodies))]


def _count_step(minute: dict[int, int], second: int) -> None:
    """One step more, a minute and older dropped; so are seconds to come, after a clock was set back."""
    if minute and not second - 60 < next(iter(minute)) <= next(reversed(minute)) <= second:
        for gone in [one for one in minute if not second - 60 < one <= second]:
            del minute[gone]
    minute[second] = minute.get(second, 0) + 1


def _take_tool_calls(state: LoopState, outline: Outline) -> None:
    """Those since the last truly new ask. The outline keeps the last few; a longer run of one call is carried on from the state."""
    if outline.turns < state.ask_turn or (outline.turns == state.ask_turn and not outline.ask_is_last):
        state.ask_turn = 0  # the client has cut its history: what stands there now is what came last
    calls, turns = outline.last_tool_calls, outline.tool_call_turns
    if state.ask_turn:
        calls = calls[bisect_right(turns, state.ask_turn) :]
    if not calls:
        state.tool_run, state.last_tool_call = 0, ""
        return
    run = _run(calls)
    if run == CALLS_KEPT and state.last_tool_call == calls[-1] and state.tool_run >= run:
        run = state.tool_run + (1 if turns[-1] > state.call_turn else 0)
    state.tool_run, state.last_tool_call, state.call_turn = run, calls[-1], turns[-1]


def _run(calls: tuple[str, ...]) -> int:
    """Calls (one at least) at the end of the history that go round: one repeated, or the same two or three in turn three times."""
    run = 1
    while run < len(calls) and calls[-run - 1] == calls[-1]:
        run += 1
    for period in (2, 3):
        rounds = 1
        while calls[-period * (rounds + 1) : -period * rounds] == calls[-period:] and period * (rounds + 1) <= len(
            calls
        ):
            rounds += 1
        if rounds >= 3:
            run = max(run, rounds * period)
    return run
