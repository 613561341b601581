import pytest
from tests.unit.routing.scene import NOW, RULES, call, facts, grading, outline, rules

from turnout.calls.units import Grade
from turnout.errors import PolicyRefusal
from turnout.routing.decide import decide
from turnout.routing.explain import explain, failed, run_probes
from turnout.routing.facts import Facts, Grading, SecretVerdict
from turnout.routing.plan import Need


def test_each_rule_that_was_reached_is_shown_with_the_signals_it_read() -> None:
    shown = explain(call(), facts(rules=rules(RULES), secret=SecretVerdict(False)))
    assert [(one.name, one.outcome, one.signals) for one in shown.reached] == [
        ("secrets stay home", "no", (("secret", False),)),
        ("a tool loop keeps its model", "no", (("loop", False),)),
        ("everything else by grade", "matched", ()),
    ]
    assert shown.plan == decide(call(), facts(rules=rules(RULES), secret=SecretVerdict(False)))


def test_what_is_missing_is_fetched_and_only_that() -> None:
    asked: list[Need] = []

    def fetch(need: Need, known: Facts) -> Facts:
        from dataclasses import replace

        asked.append(need)
        return replace(known, grading=grading(Grade.HIGH))

    shown = explain(call(), facts(grading=None), fetch)
    assert asked == [Need.GRADE]
    assert shown.plan is not None
    assert shown.plan.grade is Grade.HIGH


def test_without_a_fetch_the_missing_thing_is_named() -> None:
    with pytest.raises(LookupError, match="grade"):
        explain(call(), facts(grading=None))


def test_a_refusal_is_explained_too() -> None:
    text = '[[rule]]\nname = "no"\nwhen = "true"\nroute = "block"\n'
    shown = explain(call(), facts(rules=rules(text)))
    assert isinstance(shown.refusal, PolicyRefusal)
    assert shown.reached[0].outcome == "matched"
    assert shown.lines[-1].startswith("refused: Rule")


def test_lines_read_like_an_answer() -> None:
    lines = explain(call(), facts(rules=rules(RULES), secret=SecretVerdict(False))).lines
    assert lines[0] == "line 5: secrets stay home: when secret: secret=no no"
    assert lines[3] == "rule everything else by grade: grade MEDIUM: asks for code"
    assert lines[4] == "1. anthropic/haiku (fast)"


PROBES = (
    RULES + '[[probe]]\nask = "rename this variable"\nexpect = "local"\n[[probe]]\nask = "key AKIA"\nexpect = "local"\n'
)


def by_words(ask: str) -> Grading:
    return grading(Grade.LOW if "rename" in ask else Grade.HIGH)


def test_probes_test_the_rules_and_not_the_machine() -> None:
    found = run_probes(rules(PROBES), NOW, by_words, scan=lambda ask: SecretVerdict("AKIA" in ask))
    assert [(one.got, one.passed) for one in found] == [("local", True), ("local", True)]


def test_a_probe_that_fails_says_what_it_got_and_where_it_stands() -> None:
    text = RULES + '[[probe]]\nask = "prove this theorem"\nexpect = "fast"\n'
    told = failed(run_probes(rules(text), NOW, by_words))
    assert told == ("line 19: the probe 'prove this theorem' expects fast and gets high",)


def test_a_probe_may_expect_a_block_or_one_model() -> None:
    text = '[signals]\nbad = { kind = "match", field = "last_ask", regex = "forbidden" }\n'
    text += '[[rule]]\nwhen = "bad"\nroute = "block"\n[[rule]]\nwhen = "true"\nroute = "openai/any"\n'
    text += (
        '[[probe]]\nask = "forbidden thing"\nexpect = "block"\n[[probe]]\nask = "other thing"\nexpect = "openai/any"\n'
    )
    assert failed(run_probes(rules(text), NOW, by_words)) == ()


def test_an_explanation_names_no_word_of_the_ask() -> None:
    shown = explain(call(outline("hippopotamus " * 5)), facts(rules=rules(RULES), secret=SecretVerdict(False)))
    assert "hippo" not in repr(shown.lines)
