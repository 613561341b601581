"""What the state keeps in the ledger between runs, as JSON: session memories, intents, mode, credits, calibration."""

from array import array
from typing import TypeGuard

from turnout.calls.units import Family, Grade, Json, Mode, Nanos, Tier, Tokens
from turnout.proxy.sessions import Live
from turnout.routing.facts import Grading, Memory
from turnout.routing.likeness import Sketch
from turnout.routing.loops import LoopState, Repeat, sketched
from turnout.wire.fields import said, said_int, said_text

KEPT_FROM = 10
"""Turns of a run from which its counters outlive a restart; shorter ones are no loop yet."""


def session_json(live: Live) -> Json:
    memory = live.memory
    return {
        "client": live.client,
        "parent": live.parent,
        "at": live.last_at_ms,
        "spent": live.spent,
        "model": memory.model,
        "tier": memory.tier.value if memory.tier is not None else "",
        "grade": memory.grade.value if memory.grade is not None else "",
        "ask": memory.ask_hash,
        "sealed": memory.sealed_by.value if memory.sealed_by is not None else "",
        "private": memory.private,
        "rule": memory.rule,
        "warm": memory.warm,
        "ttl": memory.cache_ttl_s,
        "counted": memory.counted,
        "billed": memory.billed,
        "calls": memory.calls,
        "thread": memory.thread,
        "stopped": live.stopped,
        "turns_more": live.allowed_turns,
        "usd_more": live.allowed_usd,
        "raised": {**live.raised},
        "loop": _loop_json(live.loop),
    }


def _loop_json(loop: LoopState | None) -> Json:
    """Of a run long enough to be watched, so that a restart does not set the loop guard back; never a word of the asks."""
    if loop is None or (loop.turns < KEPT_FROM and not loop.refused_at_ms):
        return None
    return {
        "turns": loop.turns,
        "tools": loop.tool_run,
        "call_turn": loop.call_turn,
        "ask_turn": loop.ask_turn,
        "asks": [[one.size, *one.hashes] for one in sketched(loop)],
        "mark": loop.ask_mark,
        "system": loop.system_mark,
        "bodies": {name: [one.rounds, int(one.answered)] for name, one in loop.bodies.items()},
        "spent_before": int(loop.spent_before),
        "at": loop.at_ms,
        "refused": loop.refused_at_ms,
    }


def _loop_of(doc: Json, client: str) -> LoopState | None:
    if not isinstance(doc, dict):
        return None
    asks, bodies = said(doc, "asks"), said(doc, "bodies")
    rows = (
        [[n for n in one if isinstance(n, int) and 0 <= n < 2**32] for one in asks if isinstance(one, list)]
        if isinstance(asks, list)
        else []
    )
    known = bodies.items() if isinstance(bodies, dict) else ()
    return LoopState(
        turns=max(0, said_int(doc, "turns")),
        tool_run=max(0, said_int(doc, "tools")),
        call_turn=max(0, said_int(doc, "call_turn")),
        ask_turn=max(0, said_int(doc, "ask_turn")),
        asks=tuple(Sketch(array("I", row[1:]), row[0]) for row in rows if row),
        ask_mark=said_int(doc, "mark"),
        system_mark=said_int(doc, "system"),
        bodies={name: Repeat(one[0], bool(one[1])) for name, one in known if _two_ints(one)},
        spent_before=Nanos(max(0, said_int(doc, "spent_before"))),
        at_ms=said_int(doc, "at"),
        refused_at_ms=said_int(doc, "refused"),
        client=client,
    )


def _two_ints(value: Json) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(one, int) for one in value)


def restored(id_: str, doc: Json) -> Live:
    tier, grade, sealed = said_text(doc, "tier"), said_text(doc, "grade"), said_text(doc, "sealed")
    memory = Memory(
        model=said_text(doc, "model"),
        tier=Tier(tier) if tier else None,
        grade=Grade(grade) if grade else None,
        ask_hash=said_text(doc, "ask"),
        sealed_by=Family(sealed) if sealed else None,
        private=said(doc, "private") is True,
        rule=said_text(doc, "rule"),
        last_at_ms=said_int(doc, "at"),
        warm=Tokens(max(0, said_int(doc, "warm"))),
        cache_ttl_s=said_int(doc, "ttl") or 300,
        counted=Tokens(max(0, said_int(doc, "counted"))),
        billed=Tokens(max(0, said_int(doc, "billed"))),
        calls=said_int(doc, "calls"),
        thread=said_text(doc, "thread"),
    )
    live = Live(id_, said_text(doc, "client"), said_text(doc, "parent"), last_at_ms=said_int(doc, "at"))
    live.memory = memory
    live.spent = Nanos(max(0, said_int(doc, "spent")))
    live.stopped = said_text(doc, "stopped")
    live.loop = _loop_of(said(doc, "loop"), live.client)
    live.allowed_turns = max(0, said_int(doc, "turns_more"))
    live.allowed_usd = Nanos(max(0, said_int(doc, "usd_more")))
    raised = said(doc, "raised")
    if isinstance(raised, dict):
        live.raised = {key: more for key, more in raised.items() if isinstance(more, int) and more > 0}
    return live


def grading_json(grading: Grading) -> Json:
    return {
        "grade": grading.grade.value if grading.grade is not None else "",
        "score": grading.score,
        "confidence": grading.confidence,
        "reason": grading.reason,
        "features": list(grading.features),
        "difficulty": grading.difficulty,
        "by": grading.by,
    }


def grading_of(doc: Json) -> Grading:
    grade, difficulty, features = said_text(doc, "grade"), said(doc, "difficulty"), said(doc, "features")
    score, confidence = said(doc, "score"), said(doc, "confidence")
    return Grading(
        Grade(grade) if grade else None,
        float(score) if isinstance(score, int | float) else 0.5,
        float(confidence) if isinstance(confidence, int | float) else 0.0,
        said_text(doc, "reason"),
        tuple(float(f) for f in features if isinstance(f, int | float)) if isinstance(features, list) else (),
        float(difficulty) if isinstance(difficulty, int | float) else None,
        by=said_text(doc, "by") or "fast",
    )


def mode_json(mode: Mode, paused_until_ms: int | None) -> Json:
    return {"mode": mode.value, "paused": paused_until_ms}


def mode_of(doc: Json) -> tuple[Mode, int | None]:
    paused = said(doc, "paused")
    try:
        mode = Mode(said_text(doc, "mode"))
    except ValueError:
        mode = Mode.AUTO
    return mode, paused if isinstance(paused, int) else None
