"""A settled call to build on, for tests of what the desktop shows."""

from dataclasses import replace
from typing import Any

from turnout.calls.record import CallRecord
from turnout.calls.units import Nanos, Status, Tier, Tokens
from turnout.calls.usage import Usage

NOON_MS = 1_794_000_000_000


def settled(**changes: Any) -> CallRecord:
    base = CallRecord(
        id="c1",
        at_ms=NOON_MS,
        client="codex",
        session="s1",
        asked_model="auto",
        provider="local",
        model="qwen",
        tier=Tier.LOCAL,
        rule="by grade",
        reason="grade LOW: rename",
        status=Status.SETTLED,
        usage=Usage(uncached=Tokens(1_200), output=Tokens(80)),
        cost=Nanos(0),
        first_byte_ms=200,
        duration_ms=900,
    )
    return replace(base, **changes)
