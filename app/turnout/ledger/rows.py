"""A CallRecord as a row of the ledger, and as the JSON that SURFACE's `calls` promises."""

from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from operator import attrgetter
from typing import Any

import orjson

from turnout.calls.record import Attempt, CallRecord
from turnout.calls.units import Grade, Json, Nanos, Status, Tier, Tokens
from turnout.calls.usage import Usage

_USAGE = ("uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
COLUMNS: tuple[str, ...] = tuple(
    name
    for field in fields(CallRecord)
    if field.name != "attempts"
    for name in (_USAGE if field.name == "usage" else (field.name,))
)
INSERT = f"INSERT OR IGNORE INTO calls ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608  our own column names
ATTEMPT = "INSERT OR REPLACE INTO attempts VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
LARGEST = 2**62
"""No integer above this is stored: SQLite's own end at 2**63, and a sum past that would turn into a float."""
Value = str | int | float | bytes | None


def values(record: CallRecord) -> tuple[Value, ...]:
    """In the order of COLUMNS."""
    r, u = record, record.usage
    return (
        r.id,
        r.at_ms,
        r.client,
        r.developer,
        r.department,
        r.project,
        r.session,
        r.parent_session,
        r.dialect,
        r.asked_model,
        r.provider,
        r.model,
        r.tier.value if r.tier is not None else None,
        r.grade.value if r.grade is not None else None,
        r.score,
        r.confidence,
        r.difficulty,
        r.rule,
        r.reason,
        r.status.value,
        r.estimated,
        r.disputed,
        r.unpriced,
        u.uncached,
        u.cache_read,
        u.cache_write_5m,
        u.cache_write_1h,
        u.output,
        u.reasoning,
        r.hold,
        r.cost,
        r.baseline,
        r.all_fast,
        r.overhead,
        r.energy,
        r.estimate,
        r.first_byte_ms,
        r.duration_ms,
        r.queue_ms,
        r.stream,
        _packed(r.dropped),
        r.error,
        r.code,
        r.switch,
        r.observed,
        r.config,
        dumped(r.signals) if r.signals else "",
        _packed(r.features),
        _packed(r.buckets),
        r.note,
        r.service,
        r.busy_ms,
        r.graded_by,
    )


def _packed(values: tuple[object, ...]) -> str:
    return dumped(values) if values else ""


def dumped(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return orjson.dumps(_storable_json(value)).decode()


def storable(value: Value) -> Value:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-LARGEST, min(value, LARGEST))
    return value


def _storable_json(value: object) -> Json:
    if isinstance(value, dict):
        return {str(storable(str(k))): _storable_json(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_json(v) for v in value]
    if isinstance(value, Enum):
        return _storable_json(value.value)
    if isinstance(value, str | int | float):
        found = storable(value)
        return found if not isinstance(found, bytes) else None
    return None


_LATER = ("", 0, "")
"""In place of the last columns, which a hold (or a spilled call) of an earlier version does not have."""
_TIERS: dict[Value, Tier] = {tier.value: tier for tier in Tier}
_GRADES: dict[Value, Grade] = {grade.value: grade for grade in Grade}
_STATUSES: dict[Value, Status] = {status.value: status for status in Status}


def record_of(row: tuple[Value, ...], attempts: tuple[Attempt, ...] = ()) -> CallRecord:
    """Raises ValueError on a row of a later version.

    By place, not by name: the last hundred calls are read on every change that a window shows (2.9 ms before, 1.8 after).
    """
    missing = len(COLUMNS) - len(row)
    if not 0 <= missing <= len(_LATER):
        raise ValueError(f"a row of {len(row)} values")
    r: tuple[Any, ...] = (*row, *_LATER[len(_LATER) - missing :]) if missing else row
    status = _STATUSES.get(r[19])
    if status is None:
        raise ValueError(f"{r[19]!r} is no status")
    tokens: list[Any] = [n or 0 for n in r[23:29]]
    values_: list[Any] = [
        *r[:12],
        _TIERS.get(r[12]),
        _GRADES.get(r[13]),
        *r[14:19],
        status,
        bool(r[20]),
        bool(r[21]),
        bool(r[22]),
        attempts,
        Usage(*tokens),
        *r[29:39],
        bool(r[39]),
        _unpacked(r[40]),
        *r[41:46],
        orjson.loads(r[46]) if r[46] else {},
        _unpacked(r[47]),
        _unpacked(r[48]),
        r[49],
        r[50] or "",
        r[51] or 0,
        r[52] or "",
    ]
    return CallRecord(*values_)


assert COLUMNS[:3] == ("id", "at_ms", "client")
assert COLUMNS[12:20] == ("tier", "grade", "score", "confidence", "difficulty", "rule", "reason", "status")
assert COLUMNS[39:41] == ("stream", "dropped")
assert COLUMNS[46:] == ("signals", "features", "buckets", "note", "service", "busy_ms", "graded_by")


_HELD = (
    *COLUMNS[:19],
    *("estimated", "unpriced", "hold", "estimate", "stream", "switch", "observed", "config", "signals", "features"),
    *("buckets", "note", "graded_by"),
)
"""What a call under way has of its row; all else is still as it begins."""
_held = attrgetter(*_HELD, "usage.uncached", "usage.output")


def held_text(record: CallRecord) -> str:
    """Of a call under way, as JSON: what `recover` needs if we never come back to it (as the whole row it took 240 instructions, so 10)."""
    return dumped({"held": _held(record)})


def held_of(text: str) -> CallRecord:
    """What `held_text` wrote, or an earlier version as a whole row. Raises ValueError or TypeError where it was neither."""
    doc = orjson.loads(text)
    if not isinstance(doc, dict):
        return record_of(tuple(doc))
    *said, prompt, output = doc.get("held", ())
    known: dict[str, Any] = dict(zip(_HELD, said, strict=True))
    known |= {name: tuple(known[name]) for name in ("features", "buckets")}
    known["tier"], known["grade"] = _TIERS.get(known["tier"]), _GRADES.get(known["grade"])
    return CallRecord(**known, usage=Usage(prompt, output=output))


def _unpacked(text: str | None) -> tuple[Any, ...]:
    return tuple(orjson.loads(text)) if text else ()


def _int(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0


def attempt_values(call: str, number: int, attempt: Attempt) -> tuple[Value, ...]:
    a, u = attempt, attempt.usage
    return (
        call,
        number,
        a.provider,
        a.model,
        a.tier.value if a.tier is not None else None,
        a.status,
        a.hold,
        a.cost,
        u.uncached,
        u.cache_read,
        u.cache_write_5m,
        u.cache_write_1h,
        u.output,
        u.reasoning,
        a.first_byte_ms,
        a.duration_ms,
        a.error,
    )


def attempt_of(row: tuple[Value, ...]) -> Attempt:
    _, _, provider, model, tier, status, hold, cost, *rest = row
    usage = Usage(*[Tokens(_int(n)) for n in rest[:6]])
    first, duration, error = rest[6:9]
    return Attempt(
        str(provider),
        str(model),
        _TIERS.get(tier),
        str(status),
        Nanos(_int(hold)),
        Nanos(_int(cost)),
        usage,
        _int(first) if first is not None else None,
        _int(duration),
        str(error or ""),
    )


def usd(nanos: int) -> str:
    """Decimal dollars to the nano, no exponent, no trailing zeros: 1_500_000 -> 0.0015."""
    if nanos <= 0:
        return f"-{usd(-nanos)}" if nanos else "0"
    text = str(nanos).zfill(10)
    return f"{text[:-9]}.{text[-9:]}".rstrip("0").rstrip(".")


def rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def row_json(record: CallRecord) -> dict[str, Json]:
    """One row of `calls --json`; keys are fixed by the surface, more may follow them."""
    r, u = record, record.usage
    doc: dict[str, Json] = {
        "id": r.id,
        "at": rfc3339(r.at_ms),
        "client": r.client,
        "developer": r.developer,
        "department": r.department,
        "project": r.project,
        "session": r.session,
        "asked_model": r.asked_model,
        "provider": r.provider,
        "model": r.model,
        "tier": r.tier.value if r.tier is not None else None,
        "grade": r.grade.value if r.grade is not None else None,
        "confidence": r.confidence,
        "rule": r.rule,
        "reason": r.reason,
        "status": r.status.value,
        "estimated": r.estimated,
        "attempts": max(1, len(r.attempts)) if r.provider else len(r.attempts),
        "tokens": {
            "uncached": u.uncached,
            "cache_read": u.cache_read,
            "cache_write_5m": u.cache_write_5m,
            "cache_write_1h": u.cache_write_1h,
            "output": u.output,
            "reasoning": u.reasoning,
        },
        "cost_usd": usd(r.cost),
        "baseline_usd": usd(r.baseline),
        "saved_usd": usd(r.baseline - r.cost if r.baseline else 0),
        "first_byte_ms": r.first_byte_ms,
        "duration_ms": r.duration_ms,
        "parent_session": r.parent_session,
        "dialect": r.dialect,
        "score": r.score,
        "difficulty": r.difficulty,
        "disputed": r.disputed,
        "unpriced": r.unpriced,
        "hold_usd": usd(r.hold),
        "all_fast_usd": usd(r.all_fast),
        "energy_usd": usd(r.energy),
        "overhead_usd": usd(r.overhead),
        "estimate_tokens": r.estimate,
        "queue_ms": r.queue_ms,
        "stream": r.stream,
        "dropped": list(r.dropped),
        "error": r.error,
        "code": r.code,
        "switch": r.switch,
        "observed": r.observed,
        "config": r.config,
        "signals": dict(r.signals),
        "note": r.note,
        "service": r.service,
        "busy_ms": r.busy_ms,
        "graded_by": r.graded_by,
    }
    if r.attempts:
        doc["attempt_rows"] = [
            {
                "provider": a.provider,
                "model": a.model,
                "tier": a.tier.value if a.tier is not None else None,
                "status": a.status,
                "hold_usd": usd(a.hold),
                "cost_usd": usd(a.cost),
                "first_byte_ms": a.first_byte_ms,
                "duration_ms": a.duration_ms,
                "error": a.error,
            }
            for a in r.attempts
        ]
    return doc
