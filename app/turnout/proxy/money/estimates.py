"""Tokens before anybody bills them: prompts and outputs counted here, and what each provider bills against that."""

import asyncio
from collections.abc import Callable
from functools import partial

from turnout.calls.client import Call
from turnout.calls.outline import Outline
from turnout.calls.units import Tokens
from turnout.counting.corrections import IMAGE, TRUSTED_AFTER, Shape
from turnout.proxy.money.settling import Settled
from turnout.proxy.outside import Edges
from turnout.routing.facts import Candidate, Roster

SAMPLED = 20_000
"""Characters of an output that are counted: some 2 ms."""


class Estimates:
    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._corrections = edges.corrections

    def prompt_now(self, call: Call) -> Tokens | None:
        """None when counting would take too long here."""
        outline = call.outline
        counted = self._edges.count_now(outline.texts, outline.model)
        return Tokens(counted + IMAGE * outline.images) if counted is not None and outline.images else counted

    async def prompt(self, call: Call) -> Tokens:
        outline = call.outline
        counted = await asyncio.to_thread(self._edges.count_slow, outline.texts, outline.model)
        return Tokens(counted + IMAGE * outline.images)

    def expected(self, candidate: Candidate, shape: Shape) -> Tokens:
        """A prompt that was counted, as this model's provider will likely bill it."""
        return self._corrections.expected(candidate.name, shape)

    def holding(self, shape: Shape) -> Callable[[str], Tokens]:
        """`provider/model` -> prompt tokens to set aside there."""
        return partial(self._corrections.held, shape=shape)

    def told(self, outline: Outline, shape: Shape, roster: Roster) -> Tokens:
        """The answer to a client that asks for a count: as the model it names would be billed, once that is known."""
        line = next((line for tier, line in roster.tiers.items() if tier.value == outline.model), ())
        found = line[0] if line else roster.named.get(outline.model)
        learned = self._corrections.models.get(found.name) if found is not None else None
        if found is None or learned is None or learned.seen < TRUSTED_AFTER:
            return Tokens(shape.plain + 4 * shape.turns)
        return self._corrections.expected(found.name, shape)

    def billed(self, candidate: Candidate, settled: Settled, shape: Shape) -> Tokens | None:
        """Learns from what a provider billed for a prompt that was counted here. What had been expected; None: nothing was learned."""
        expected = self._corrections.observe(candidate.name, shape, settled.usage.prompt)
        if expected is not None:
            self._edges.counted(candidate.name)
        return expected

    def output(self, text: str) -> Tokens:
        if not text:
            return Tokens(0)
        if len(text) > SAMPLED:
            # A count of this much would hold the loop; both ends stand for the whole.
            half = SAMPLED // 2
            counted = self._edges.count_now((text[:half], text[-half:]), "")
            return Tokens(counted * len(text) // SAMPLED if counted is not None else len(text) // 3)
        counted = self._edges.count_now((text,), "")
        return counted if counted is not None else Tokens(len(text) // 3 + 1)

    async def output_surely(self, text: str) -> Tokens:
        """The same, never by a bound: a stream is cut off for what this says."""
        if text and not self._edges.counts_exactly():
            await asyncio.to_thread(self._edges.count_slow, (text[:SAMPLED],), "")
        return self.output(text)


def shaped(estimate: Tokens | None, outline: Outline) -> Shape:
    """What was counted, taken apart again into what providers bill apart; None: nothing was yet."""
    estimate = estimate or Tokens(0)
    text = max(0, estimate - IMAGE * outline.images) if outline.images else estimate
    return Shape(text, outline.turns, outline.tools, outline.images)
