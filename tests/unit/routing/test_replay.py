import time
from dataclasses import replace
from hashlib import blake2b

import pytest
from tests.unit.routing.scene import (
    BY_GRADE,
    HAIKU,
    NOW_MS,
    OPUS,
    QWEN,
    RULES,
    call,
    facts,
    grading,
    memory,
    outline,
    roster,
    rules,
)

from turnout.calls.record import CallRecord
from turnout.calls.units import Grade, Nanos, Status, Tier, Tokens
from turnout.calls.usage import Usage, cost
from turnout.routing.decide import decide
from turnout.routing.facts import Candidate, SecretVerdict
from turnout.routing.plan import Plan
from turnout.routing.replay import replay

BY_PROJECT = """
[signals]
a = { kind = "project", is = "a" }
b = { kind = "project", is = "b" }
[[rule]]
when = "a"
route = "high"
[[rule]]
when = "b"
route = "fast"
[[rule]]
when = "true"
route = "local"
"""


def chance(*parts: object) -> float:
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=4).digest(), "big") / 2**32


def row(number: int, candidate: Candidate = HAIKU, **changes: object) -> CallRecord:
    score = chance("score", number)
    grade = Grade.HIGH if score > 0.66 else Grade.MEDIUM if score > 0.33 else Grade.LOW
    usage = Usage(Tokens(200 + number % 3_000), output=Tokens(100 + number % 400))
    assert candidate.price is not None
    base = CallRecord(
        id=f"c{number}",
        at_ms=NOW_MS + number * 60_000,
        client="ide",
        session=f"s{number // 5}",
        dialect="openai_chat",
        asked_model="auto",
        provider=candidate.provider,
        model=candidate.model,
        tier=candidate.tier,
        grade=grade,
        score=score,
        confidence=0.9,
        rule="all",
        status=Status.SETTLED,
        usage=usage,
        cost=cost(usage, candidate.price),
        project="abc"[int(chance("p", number) * 3)],
        signals={"call.turns": 1, "call.tool_loop": False, "call.tools": 0, "call.images": 0},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_what_would_have_changed_is_listed_with_both_costs() -> None:
    report = replay([row(0, grade=Grade.HIGH, score=0.9)], rules(), roster())
    change = report.changed[0]
    assert (change.before, change.after) == ("fast anthropic/haiku", "high anthropic/opus")
    assert report.before.cost == change.cost_before
    assert report.after.cost == change.cost_after > change.cost_before


def test_the_same_rules_change_nothing_and_cost_the_same_to_the_nano() -> None:
    to_fast = rules('[[rule]]\nwhen = "true"\nroute = "fast"\n')
    report = replay([row(n) for n in range(50)], to_fast, roster())
    assert report.changed == ()
    assert report.after.cost == report.before.cost


def test_a_router_by_the_grade_beats_the_shuffle_and_says_what_it_was_measured_by() -> None:
    report = replay([row(n) for n in range(2_000)], rules(), roster())
    assert report.beats_shuffle
    assert report.measured_by == "grader's score"
    assert "cannot speak against it" in report.verdict


def test_a_random_router_is_told_that_it_does_not_beat_the_shuffle() -> None:
    report = replay([row(n) for n in range(3_000)], rules(BY_PROJECT), roster())
    assert not report.beats_shuffle
    assert "does not beat the shuffle" in report.verdict
    assert report.interval is not None
    assert report.interval[0] <= 0 <= report.interval[1]


def test_calls_without_a_score_or_a_label_are_said_to_leave_nothing_to_measure_with() -> None:
    report = replay([row(n, score=None) for n in range(20)], rules(BY_PROJECT), roster())
    assert report.replayed == 20
    assert "no call that was replayed has a score or a label" in report.verdict


def test_labels_speak_where_there_are_enough_of_them() -> None:
    rows = [row(n) for n in range(500)]
    labels = {one.id: chance("label", one.id) for one in rows}
    report = replay(rows, rules(), roster(), labels=labels)
    assert report.measured_by == "labels"
    assert not report.beats_shuffle


def test_the_shuffle_has_the_same_mix_and_costs_about_the_same() -> None:
    report = replay([row(n) for n in range(2_000)], rules(), roster())
    assert report.shuffle.mix == report.after.mix
    assert report.shuffle.cost == pytest.approx(report.after.cost, rel=0.05)
    assert report.all_fast.mix == {Tier.FAST: 2_000}


def test_the_report_is_the_same_for_the_same_seed() -> None:
    rows = [row(n) for n in range(300)]
    assert replay(rows, rules(), roster(), seed=7) == replay(reversed(rows), rules(), roster(), seed=7)


def test_what_would_need_text_is_counted_as_unknown_and_stays_as_it_was() -> None:
    text = (
        '[signals]\nm = { kind = "match", field = "last_ask", regex = "swift" }\n[[rule]]\nname = "m"\nwhen = "m"\nroute = "high"\n'
        + BY_GRADE
    )
    report = replay([row(n) for n in range(20)], rules(text), roster())
    assert report.unknown == {"text not kept: rule m": 20}
    assert report.replayed == 0
    assert "no call could be replayed, so whether the router beats a shuffle is not known" in report.verdict


def test_a_text_signal_that_was_written_down_speaks_for_the_very_same_definition() -> None:
    text = (
        '[signals]\nm = {{ kind = "match", field = "last_ask", regex = "{}" }}\n[[rule]]\nname = "m"\nwhen = "m"\nroute = "high"\n'
        + BY_GRADE
    )
    old = rules(text.format("grammar"))
    plan = decide(call(), facts(rules=old))
    assert isinstance(plan, Plan)
    kept = row(0, signals=plan.signals)
    assert replay([kept], old, roster()).after.mix == {Tier.HIGH: 1}
    assert replay([kept], rules(text.format("swift")), roster()).unknown == {"text not kept: rule m": 1}


def test_a_known_part_settles_an_expression_with_an_unknown_one() -> None:
    text = '[signals]\nm = { kind = "match", field = "last_ask", regex = "x" }\nc = { kind = "client", is = "other" }\n'
    text += '[[rule]]\nwhen = "m and c"\nroute = "high"\n' + BY_GRADE
    assert replay([row(0)], rules(text), roster()).replayed == 1


def test_a_call_that_was_never_graded_is_unknown_to_a_rule_by_grade() -> None:
    never = row(0, grade=None, score=None, confidence=None)
    assert replay([never], rules(), roster()).unknown == {"never graded": 1}


def test_calls_the_new_rules_would_refuse_are_counted() -> None:
    assert replay([row(0)], rules('[[rule]]\nwhen = "true"\nroute = "block"\n'), roster()).refused == 1


def test_a_fallback_to_a_later_step_of_the_plan_is_no_change() -> None:
    fell_back = row(0, provider="openai", model="mini", grade=Grade.MEDIUM)
    assert replay([fell_back], rules(), roster()).changed == ()


def test_a_switch_back_and_forth_pays_for_its_cold_caches() -> None:
    """Ten turns at opus with 50,000 warm tokens each; to haiku for good the prefix is written once, then read."""
    rows = []
    for n in range(10):
        usage = Usage(
            Tokens(100),
            cache_read=Tokens(50_000 if n else 0),
            cache_write_5m=Tokens(500 if n else 50_500),
            output=Tokens(300),
        )
        assert OPUS.price is not None
        signals = {"call.turns": 2 * n + 1, "call.tool_loop": False, "call.tools": 0, "call.images": 0}
        rows.append(
            row(
                n,
                OPUS,
                at_ms=NOW_MS + n * 10_000,
                session="s",
                usage=usage,
                cost=cost(usage, OPUS.price),
                signals=signals,
            )
        )
    report = replay(rows, rules('[[rule]]\nwhen = "true"\nroute = "fast"\n'), roster())
    first, second = report.changed[0], report.changed[1]
    assert HAIKU.price is not None
    assert first.cost_after == cost(Usage(Tokens(100), cache_write_5m=Tokens(50_500), output=Tokens(300)), HAIKU.price)
    read = Usage(Tokens(100), cache_read=Tokens(50_500), output=Tokens(300))
    assert second.cost_after == cost(read, HAIKU.price)


def test_a_tool_loop_stays_with_the_model_the_replay_gave_it() -> None:
    first = row(0, OPUS, session="s", grade=Grade.LOW, at_ms=NOW_MS)
    step = row(
        1, OPUS, session="s", grade=Grade.HIGH, at_ms=NOW_MS + 1_000, signals=first.signals | {"call.tool_loop": True}
    )
    assert replay([first, step], rules(), roster()).after.mix == {Tier.LOCAL: 2}


def test_production_rows_replay_to_what_production_did() -> None:
    plan = decide(
        call(), facts(rules=rules(RULES), secret=SecretVerdict(False), grading=grading(Grade.LOW), memory=memory(QWEN))
    )
    assert isinstance(plan, Plan)
    kept = row(0, QWEN, grade=plan.grade, score=plan.score, signals=plan.signals)
    report = replay([kept], rules(RULES), roster())
    assert (report.replayed, report.changed) == (1, ())


def test_10_000_calls_replay_in_under_5_seconds() -> None:
    rows = [row(n) for n in range(10_000)]
    begun = time.process_time()
    report = replay(rows, rules(), roster())
    assert time.process_time() - begun < 5
    assert report.replayed == 10_000


def test_no_rows_are_no_accident() -> None:
    report = replay([], rules(), roster())
    assert (report.calls, report.after.cost, report.beats_shuffle) == (0, Nanos(0), False)


def test_a_label_keeps_no_ask() -> None:
    plan = decide(call(outline("hippopotamus " * 5)), facts())
    assert isinstance(plan, Plan)
    assert "hippo" not in repr(plan.signals)
