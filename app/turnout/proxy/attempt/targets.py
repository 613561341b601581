"""What a request must fit at the engine it goes to: its model's name, limits, window, what it cannot read."""

from functools import lru_cache

from turnout.calls.provider import Provider
from turnout.calls.units import Family, Tokens
from turnout.proxy.exchange import Exchange
from turnout.proxy.money.learned import ROOM, SMALLEST_WINDOW, Learned
from turnout.routing.plan import Step
from turnout.wire.dialect import Target
from turnout.wire.fields import said


def target(exchange: Exchange, step: Step, estimate: Tokens, provider: Provider, learned: Learned) -> Target:
    """`estimate`: of the prompt; `learned` knows the window that a local model is loaded with."""
    candidate, outline = step.candidate, exchange.call.outline
    wanted = step.max_output if step.max_output is not None else outline.max_output
    window: int | None = None
    limit: int | None = int(wanted) if wanted is not None else None
    if candidate.family is Family.OLLAMA:
        room = min(int(wanted or 4_096), 8_192)
        pinned = provider.num_ctx
        need = int(estimate * 1.1) + room + 256
        if not exchange.native or _needs_window(exchange, need - room, pinned):
            window = pinned or learned.window(candidate.name, need, candidate.context)
        if limit is not None and window is not None:
            limit = min(limit, max(256, window - int(estimate)))
    elif candidate.max_output is not None and limit is not None:
        limit = min(limit, int(candidate.max_output))
    if limit == outline.max_output and exchange.heard.family is candidate.family:
        limit = None
    own = outline.sealed_by is None or outline.sealed_by is candidate.family
    return _target(candidate.model, limit, window, candidate.thinks, own, provider.base_url)


@lru_cache(maxsize=256)
def _target(model: str, limit: int | None, window: int | None, thinks: bool, own: bool, base_url: str) -> Target:
    """Remembered, for a model is asked in few ways."""
    return Target(
        model=model,
        max_output=limit,
        num_ctx=window,
        thinks=thinks,
        vendor_history=own,
        legacy_max_tokens="api.openai.com" not in base_url,
        checks_seals="anthropic.com" in base_url,
    )


def _needs_window(exchange: Exchange, prompt: int, pinned: int | None) -> bool:
    """Whether a native Ollama request gets `num_ctx` from us: its own stands; without one the engine cuts in silence what
    is longer than its default. A provider's own `num_ctx` is for every call, for each other window reloads the model."""
    options = said(exchange.doc, "options")
    if isinstance(options, dict) and options.get("num_ctx") is not None:
        return False
    return pinned is not None or prompt > SMALLEST_WINDOW - ROOM
