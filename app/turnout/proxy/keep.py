"""What the state keeps in the ledger between runs, as JSON: session memories, intents, mode, credits, calibration."""

from turnout.calls.units import Family, Grade, Json, Mode, Nanos, Tier, Tokens
from turnout.proxy.sessions import Live
from turnout.routing.facts import Grading, Memory
from turnout.wire.fields import said, said_int, said_text


def session_json(live: Live) -> Json:
    memory = live.memory
    return {
        "client": live.client,
        "parent": live.parent,
        "at": live.last_at_ms,
        "spent": int(live.spent),
        "model": memory.model,
        "tier": memory.tier.value if memory.tier is not None else "",
        "grade": memory.grade.value if memory.grade is not None else "",
        "ask": memory.ask_hash,
        "sealed": memory.sealed_by.value if memory.sealed_by is not None else "",
        "private": memory.private,
        "rule": memory.rule,
        "warm": int(memory.warm),
        "ttl": memory.cache_ttl_s,
        "counted": int(memory.counted),
        "billed": int(memory.billed),
        "calls": memory.calls,
        "thread": memory.thread,
        "stopped": live.stopped,
        "turns_more": live.allowed_turns,
        "usd_more": int(live.allowed_usd),
        "raised": dict(live.raised),
    }


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
    live = Live(id_, said_text(doc, "client"), said_text(doc, "parent"), memory, last_at_ms=said_int(doc, "at"))
    live.spent = Nanos(max(0, said_int(doc, "spent")))
    live.stopped = said_text(doc, "stopped")
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
