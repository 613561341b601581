import json
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.made import AT_MS, DAY, held, settled

from turnout.calls.units import Nanos, Tier, Tokens
from turnout.calls.usage import Usage
from turnout.ledger.rows import COLUMNS, dumped, held_of, held_text, rfc3339, row_json, usd, values

SURFACE = [
    "id",
    "at",
    "client",
    "developer",
    "department",
    "project",
    "session",
    "asked_model",
    "provider",
    "model",
    "tier",
    "grade",
    "confidence",
    "rule",
    "reason",
    "status",
    "estimated",
    "attempts",
    "tokens",
    "cost_usd",
    "baseline_usd",
    "saved_usd",
    "first_byte_ms",
    "duration_ms",
]


def test_a_row_has_every_key_of_the_surface_in_its_order() -> None:
    assert list(row_json(settled(1)))[: len(SURFACE)] == SURFACE
    assert list(row_json(held(1)))[: len(SURFACE)] == SURFACE


def test_a_row_says_money_in_decimal_strings_tokens_in_integers_and_times_in_utc() -> None:
    row = row_json(settled(1))
    assert row["at"] == "2026-11-24T06:00:00.001Z" == rfc3339(AT_MS + 1)
    assert (row["cost_usd"], row["baseline_usd"], row["saved_usd"]) == ("0.004", "0.012", "0.008")
    assert row["tokens"] == {
        "uncached": 900,
        "cache_read": 100,
        "cache_write_5m": 7,
        "cache_write_1h": 3,
        "output": 50,
        "reasoning": 20,
    }
    assert (row["tier"], row["grade"], row["status"], row["attempts"]) == ("high", "HIGH", "settled", 1)
    json.dumps(row)


def test_a_dearer_model_than_asked_for_is_a_negative_saving() -> None:
    assert row_json(replace(settled(1), baseline=Nanos(1_000_000)))["saved_usd"] == "-0.003"


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_dollars_are_exact_to_the_nano_and_never_in_exponents(nanos: int) -> None:
    text = usd(nanos)
    whole, _, part = text.lstrip("-").partition(".")
    assert re.fullmatch(r"-?\d+(\.\d{0,8}[1-9])?", text)
    assert int(whole) * 10**9 + int(part.ljust(9, "0") or 0) == abs(nanos)
    assert text.startswith("-") == (nanos < 0)


def test_a_hold_says_all_that_is_known_of_a_call_under_way() -> None:
    record = held(
        1, usage=Usage(Tokens(900), output=Tokens(60)), estimated=True, unpriced=True, graded_by="cache", note="n"
    )
    assert held_of(held_text(record)) == record


def test_a_hold_that_was_written_as_a_whole_row_is_read() -> None:
    assert held_of(dumped(values(held(1)))) == held(1)


def test_a_hold_of_half_a_character_keeps_the_rest() -> None:
    found = held_of(held_text(held(1, asked_model="gpt\ud800", signals={"tokens": 2**70})))
    assert (found.asked_model, found.tier, found.buckets) == ("gpt?", Tier.HIGH, (DAY,))


def test_a_row_of_the_ledger_has_a_value_for_every_column() -> None:
    assert len(values(settled(1))) == len(COLUMNS)
