"""Why a call gets what it gets, as values for the CLI and the window; and probes, the rules' own tests. The same `decide` as ever."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from turnout.calls.client import Call, Client
from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Family, Tier, Tokens
from turnout.calls.usage import FREE
from turnout.errors import PolicyRefusal, TurnoutError
from turnout.routing import expression
from turnout.routing.decide import decided
from turnout.routing.facts import Candidate, Facts, Grading, Roster, SecretVerdict
from turnout.routing.plan import Need, Plan
from turnout.routing.rules import Probe, Rule, RuleSet
from turnout.routing.signals import Reading

Fetch = Callable[[Need, Facts], Facts]
"""Facts with what was missing filled in."""


@dataclass(frozen=True, slots=True)
class Reached:
    """One rule as it was looked at."""

    name: str
    line: int
    when: str
    route: str
    outcome: str
    """matched | observed | no"""
    signals: tuple[tuple[str, bool], ...]
    """Those its expression names and that were read, with their values; what was not needed is not there."""


@dataclass(frozen=True, slots=True)
class Explanation:
    reached: tuple[Reached, ...]
    plan: Plan | None
    refusal: TurnoutError | None = None
    """Why there is no plan."""
    signals: Mapping[str, bool] | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """For a terminal: a line a rule, then what comes of it."""
        found = [f"line {one.line}: {one.name}: when {one.when}: {_values(one)}{one.outcome}" for one in self.reached]
        if self.refusal is not None:
            return (*found, f"refused: {self.refusal.said}")
        assert self.plan is not None
        plan = self.plan
        found.append(f"rule {plan.rule}: {plan.why(plan.steps[0])}")
        for number, step in enumerate(plan.steps, 1):
            tier = f" ({step.tier.value})" if step.tier is not None else ""
            found.append(f"{number}. {step.candidate.name}{tier}")
        if plan.switch:
            found.append(plan.switch)
        if plan.observed:
            found.append(f"observed only: {plan.observed}")
        return tuple(found)


def _values(of: Reached) -> str:
    return "".join(f"{name}={'yes' if value else 'no'} " for name, value in of.signals)


def explain(call: Call, facts: Facts, fetch: Fetch | None = None) -> Explanation:
    """Raises LookupError where something is missing and there is no `fetch` to get it."""
    for _ in range(len(Need) + 1):
        reading = Reading(call, facts, reached=[])
        try:
            outcome = decided(reading)
        except TurnoutError as refusal:
            return Explanation(_reached(reading, facts.rules, refusal), None, refusal, dict(reading.values))
        if isinstance(outcome, Plan):
            return Explanation(_reached(reading, facts.rules, None), outcome, None, dict(reading.values))
        if fetch is None:
            raise LookupError(outcome.value)
        facts = fetch(outcome, facts)
    raise LookupError("what was fetched is still missing")


def _reached(reading: Reading, rules: RuleSet, refusal: TurnoutError | None) -> tuple[Reached, ...]:
    by_name: dict[str, Rule] = {rule.name: rule for rule in rules.rules}
    found: list[Reached] = []
    for name, value in reading.reached or ():
        rule = by_name[name]
        outcome = "no" if value is not True else "observed" if rule.observe else "matched"
        read = tuple((one, reading.values[one]) for one in sorted(expression.names(rule.when)) if one in reading.values)
        found.append(Reached(name, rule.line, rule.when_text, rule.route, outcome, read))
    return tuple(found)


# --- probes ---


@dataclass(frozen=True, slots=True)
class ProbeResult:
    probe: Probe
    got: str
    """A tier, `block`, provider/model (where that is what the probe expects), or why there is none."""
    passed: bool
    rule: str = ""


class _AnyModel(Mapping[str, Candidate]):
    """Every `provider/model` there could be: a probe tests the rules, not the machine it runs on."""

    def __init__(self, known: Mapping[str, Candidate]) -> None:
        self._known = known

    def __getitem__(self, name: str) -> Candidate:
        found = self._known.get(name)
        if found is not None:
            return replace(found, healthy=True)
        provider, slash, model = name.partition("/")
        if not slash:
            raise KeyError(name)
        return Candidate(provider, model, Family.OPENAI, price=FREE)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _stand_in(tier: Tier) -> Candidate:
    return Candidate("probe", tier.value, Family.OPENAI, tier, sovereign=tier is Tier.LOCAL, price=FREE)


def run_probes(
    rules: RuleSet,
    now: datetime,
    grade: Callable[[str], Grading],
    *,
    scan: Callable[[str], SecretVerdict] = lambda _: SecretVerdict(False),
    known: Mapping[str, Candidate] | None = None,
) -> tuple[ProbeResult, ...]:
    """Every [[probe]] against these rules: first call of a new session, every tier there and healthy."""
    roster = Roster({tier: (_stand_in(tier),) for tier in Tier}, _AnyModel(known or {}))
    base = Facts(now, int(now.timestamp() * 1000), replace(rules, loops=()), roster, estimate=Tokens(200))
    return tuple(_probed(probe, base, grade, scan) for probe in rules.probes)


def _probed(
    probe: Probe, base: Facts, grade: Callable[[str], Grading], scan: Callable[[str], SecretVerdict]
) -> ProbeResult:
    ask = probe.ask
    outline = Outline(Dialect.OPENAI_CHAT, "auto", ask=ask, asks=1, first_ask=ask, turns=1, texts=(ask,))
    call = Call("probe", base.now_ms, Client("probe"), "", "", outline, "probe")

    def fetch(need: Need, facts: Facts) -> Facts:
        if need is Need.SECRET:
            return replace(facts, secret=scan(ask))
        return replace(facts, grading=grade(ask))

    shown = explain(call, base, fetch)
    if shown.plan is None:
        got = "block" if isinstance(shown.refusal, PolicyRefusal) else str(shown.refusal)
        return ProbeResult(probe, got, got == probe.expect)
    first = shown.plan.steps[0]
    tier = first.tier or first.candidate.tier
    got = first.candidate.name if "/" in probe.expect or tier is None else tier.value
    return ProbeResult(probe, got, got == probe.expect, shown.plan.rule)


def failed(results: Iterable[ProbeResult]) -> tuple[str, ...]:
    """A sentence for each probe that did not come out as expected."""
    return tuple(
        f"line {one.probe.line}: the probe {one.probe.ask[:60]!r} expects {one.probe.expect} and gets {one.got}"
        for one in results
        if not one.passed
    )
