"""Rate-limit headers of one vendor in another's names, so that a client's own pacing works whoever answers. Pure."""

import re
from datetime import UTC, datetime, timedelta

from turnout.calls.units import Family

Headers = list[tuple[bytes, bytes]]

_FACTS = ("limit", "remaining", "reset")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def translated(headers: Headers, heard: Family, now_s: int) -> Headers:
    """What to add to an engine's own headers (lower-case names) for a client of that family."""
    told = {name.decode("latin-1"): value.decode("latin-1").strip() for name, value in headers}
    found: Headers = []
    for kind in ("requests", "tokens"):
        for fact in _FACTS:
            openai, anthropic = f"x-ratelimit-{fact}-{kind}", f"anthropic-ratelimit-{kind}-{fact}"
            # Anthropic also counts input and output apart; the input's is the one that agents meet.
            said = told.get(anthropic) or (
                told.get(f"anthropic-ratelimit-input-{kind}-{fact}") if kind == "tokens" else None
            )
            if heard is Family.OPENAI and said and openai not in told:
                value = _until(said, now_s) if fact == "reset" else said
                found += [(openai.encode(), value.encode("ascii", "replace"))] if value else []
            elif heard is Family.ANTHROPIC and openai in told and not said:
                value = _at(told[openai], now_s) if fact == "reset" else told[openai]
                found += [(anthropic.encode(), value.encode("ascii", "replace"))] if value else []
    return found


def _until(moment: str, now_s: int) -> str:
    """RFC 3339 as the duration from now that OpenAI tells; empty where it is none."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return ""
    if at.tzinfo is None:
        return ""
    return f"{max(0, round((at - datetime.fromtimestamp(now_s, UTC)).total_seconds()))}s"


def _at(duration: str, now_s: int) -> str:
    parts = _DURATION.findall(duration)
    if not parts or "".join(a + b for a, b in parts) != duration or len(duration) > 20:
        return ""
    seconds = min(sum(float(number) * _SECONDS[unit] for number, unit in parts), 366 * 86_400.0)
    return (datetime.fromtimestamp(now_s, UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
