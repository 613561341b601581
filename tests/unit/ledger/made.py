"""Records for the ledger's tests."""

from dataclasses import replace
from typing import Any

from turnout.calls.record import Attempt, CallRecord
from turnout.calls.units import Grade, Nanos, Status, Tier, Tokens
from turnout.calls.usage import Usage

DAY = "a day's work|client=vim|usd|day|2026-11-24"
AT_MS = 1_795_500_000_000
"""2026-11-24T06:00:00Z"""


def held(number: int, hold: int = 10_000_000, **fields: Any) -> CallRecord:
    record = CallRecord(
        id=f"{number:020d}",
        at_ms=AT_MS + number,
        client="vim",
        developer="ada",
        department="platform",
        project="turnout",
        session="s1",
        dialect="openai_chat",
        asked_model="auto",
        provider="openai",
        model="gpt-5",
        tier=Tier.HIGH,
        grade=Grade.HIGH,
        score=0.8,
        confidence=0.6,
        rule="everything else by grade",
        reason="grade HIGH: asks for a design",
        hold=Nanos(hold),
        estimate=1_000,
        signals={"tokens": 1_000, "loop": False, "title": "", "share": 0.5},
        features=(0.5, 1.0, 0.0),
        buckets=(DAY,),
    )
    return replace(record, **fields)


def settled(number: int, cost: int = 4_000_000, **fields: Any) -> CallRecord:
    usage = fields.pop("usage", Usage(Tokens(900), Tokens(100), Tokens(7), Tokens(3), Tokens(50), Tokens(20)))
    attempt = Attempt("openai", "gpt-5", Tier.HIGH, "ok", Nanos(10_000_000), Nanos(cost), usage, 200, 900)
    record = replace(
        held(number),
        status=Status.SETTLED,
        cost=Nanos(cost),
        baseline=Nanos(cost * 3),
        all_fast=Nanos(cost // 2),
        usage=usage,
        attempts=(attempt,),
        first_byte_ms=200,
        duration_ms=900,
        dropped=("logit_bias",),
    )
    return replace(record, **fields)
