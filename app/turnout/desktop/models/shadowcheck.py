"""The shadow check: what it will ask again and cost, how far it is, and the answers side by side. Values and their words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from turnout.calls.units import Tier
from turnout.desktop import text
from turnout.desktop.text import nanos_of, tr

LIMITS = ("0.10", "0.25", "0.50", "1.00", "2.00", "5.00", "10.00")
"""Dollars at which a check can be told to stop."""
SAMPLES = (3, 5, 10, 20, 50)
LAST = 1_000
"""Of so many newest calls; those whose texts are kept are a few days' anyway."""


@dataclass(frozen=True, slots=True)
class Plan:
    model: str
    candidates: int
    sample: int
    likely: int
    """Nanos that asking them all again will cost at most, as far as one can tell."""

    def words(self, limit: int) -> str:
        """What pressing the button does and costs; `limit` in nanos."""
        name = text.one_line(self.model, 60)
        if not self.candidates:
            return tr("No call whose text is kept was answered by a dearer tier than {model}.").format(model=name)
        said = tr("Asks {calls} again of {model}, of {all} that can be.").format(
            calls=text.plural(self.sample, "{n} call", "{n} calls"), model=name, all=text.number(self.candidates)
        )
        if not self.likely:
            return f"{said} {tr('It costs nothing: the model is your own.')}"
        about = tr("About {usd} at most").format(usd=text.money(self.likely))
        if self.likely > limit:
            return f"{said} {about}; {tr('it stops before {usd}.').format(usd=text.money(limit))}"
        return f"{said} {about}, {tr('drawn from your budgets like any call.')}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A dear call's answer beside a cheap model's."""

    call: str
    tier: Tier | None
    model: str
    ask: str
    answer: str
    cost: int
    cheap_model: str
    cheap_answer: str
    """Empty where none came; `error` says why."""
    cheap_cost: int
    error: str

    @property
    def judgeable(self) -> bool:
        return bool(self.cheap_answer and not self.error)


def plan(doc: Mapping[str, Any]) -> Plan:
    return Plan(
        str(doc.get("model", "")),
        int(doc.get("candidates", 0)),
        int(doc.get("sample", 0)),
        nanos_of(str(doc.get("likely_usd") or "0")),
    )


def comparison(doc: Mapping[str, Any]) -> Comparison:
    tier = doc.get("tier")
    return Comparison(
        call=str(doc.get("call", "")),
        tier=Tier(tier) if tier in {one.value for one in Tier} else None,
        model=str(doc.get("model", "")),
        ask=str(doc.get("ask", "")),
        answer=str(doc.get("answer", "")),
        cost=nanos_of(str(doc.get("cost_usd") or "0")),
        cheap_model=str(doc.get("cheap_model") or ""),
        cheap_answer=str(doc.get("cheap_answer", "")),
        cheap_cost=nanos_of(str(doc.get("cheap_cost_usd") or "0")),
        error="" if doc.get("ok") else str(doc.get("error") or tr("no answer")),
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check is."""

    sample: int
    limit: int
    done: int = 0
    spent: int = 0

    def after(self, line: Mapping[str, Any]) -> "Progress":
        """With one more line of the stream."""
        if "compared" not in line:
            return self
        return Progress(self.sample, self.limit, self.done + 1, nanos_of(str(line.get("spent_usd") or "0")))

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.sample) if self.sample else 0.0

    @property
    def words(self) -> str:
        return tr("{done} of {all} answered · {spent} of {limit}").format(
            done=text.number(self.done),
            all=text.number(self.sample),
            spent=text.money(self.spent),
            limit=text.money(self.limit),
        )


def ended(doc: Mapping[str, Any]) -> str:
    """What the whole check came to; `doc` is what stands under "done"."""
    asked = len(doc.get("compared", ()))
    said = text.plural(asked, "{n} call asked again", "{n} calls asked again")
    spent = tr("for {usd}").format(usd=text.dollars(str(doc.get("spent_usd") or "0")))
    if doc.get("stopped_by_limit"):
        return tr("{said} {spent}; the next would have passed your limit.").format(said=said, spent=spent)
    return f"{said} {spent}."
