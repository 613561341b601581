"""What another tier would have done, and cost.

The shadow check asks two tiers the same at once, so that a person sees whether the cheap one would have done. Both are own calls: held, settled and listed like any other, under a client of their own name. Nothing is kept of the texts
beside what the ledger keeps of every call; the verdict is kept with the prompt's features, from which the grader calibrates.
"""

import asyncio
import secrets
from collections.abc import Sequence

from turnout.calls.client import Call, Client
from turnout.calls.units import Dialect, Json, Tier, Tokens
from turnout.calls.usage import FREE, Usage, cost
from turnout.errors import BadRequestError
from turnout.ledger.rows import usd
from turnout.proxy.now import now_ms
from turnout.proxy.owncalls import OwnCalls
from turnout.proxy.state import State
from turnout.routing.facts import Candidate
from turnout.wire import fields
from turnout.wire.codec import codec

BUCKETS = ("uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
CLIENT = "side by side"
MOST_OUTPUT = 2_000
"""Tokens of each answer: enough to judge, and a bound on what a check can cost."""
LIMIT_S = 300.0


async def compare(state: State, developer: str, prompt: str, tiers: Sequence[str]) -> dict[str, Json]:
    """{"grade", "reason", "features", "sides": [{"tier", "call", "model", "text", "status"}]}; raises BadRequestError."""
    own = state.graders.own
    if own is None or not prompt.strip():
        raise BadRequestError("there is nothing to ask", hint="Write a prompt first.")
    roster = state.roster()
    asked = {tier.value: tier for tier in Tier}
    firsts: list[tuple[str, Candidate]] = []
    for name in dict.fromkeys(tiers):
        found = roster.tiers.get(asked[name], ()) if name in asked else ()
        if not found:
            raise BadRequestError(
                f"tier {name[:40]!r} has no model",
                hint="Put a model on it under Models and keys, or choose another tier.",
            )
        firsts.append((name, found[0]))
    call = _call(developer, prompt)
    graded = await state.graders.of(call, state.config.rules, roster)
    sides = await asyncio.gather(*(_side(own, call, tier, first.name, prompt) for tier, first in firsts))
    return {
        "grade": graded.grade.value if graded.grade is not None else None,
        "reason": graded.reason,
        "features": list(graded.features),
        "sides": list(sides),
    }


def elsewhere(state: State, tokens: dict[str, Json]) -> dict[str, Json]:
    """What tokens by bucket cost at each tier's first model, at today's prices; null where that has none."""
    usage = Usage(**{name: Tokens(fields.positive_or(tokens, name) or 0) for name in BUCKETS})
    rows: list[Json] = []
    for tier, candidates in state.roster().tiers.items():
        if candidates:
            first = candidates[0]
            price = FREE if first.sovereign and first.price is None else first.price
            told = usd(cost(usage, price)) if price is not None else None
            rows.append({"tier": tier.value, "model": first.name, "cost_usd": told})
    return {"tiers": rows}


async def _side(own: OwnCalls, call: Call, tier: str, model: str, prompt: str) -> Json:
    told = await own.ask(call, f"shadow-{tier}", model, "", prompt, max_output=MOST_OUTPUT, timeout_s=LIMIT_S)
    return {"tier": tier, "call": told.id, "model": told.model or model, "text": told.text, "status": told.status}


def _call(developer: str, prompt: str) -> Call:
    at_ms = now_ms()
    outline = codec(Dialect.OPENAI_CHAT).outline({"model": "auto", "messages": [{"role": "user", "content": prompt}]})
    number = f"{at_ms:012x}{secrets.token_hex(6)}"
    return Call(number, at_ms, Client(CLIENT), developer, "", outline, f"side-by-side-{number}")
