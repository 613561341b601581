"""Which engines cannot be used just now: those that could not be reached, and models that asked to be left alone."""

import random
import time
from collections.abc import Callable
from dataclasses import replace

from turnout.errors import EngineStatusError, TurnoutError
from turnout.routing.facts import Candidate, Roster
from turnout.routing.plan import Step

OVERLOADED = frozenset({429, 503, 529})
MOST_REST_S = 300.0
"""However long an engine asks to be left alone: a slip of its clock must not take it away for a day."""


class Health:
    """`say` tells people: kind, title, text, target."""

    def __init__(self, say: Callable[[str, str, str, str], None]) -> None:
        self._say = say
        self._down: dict[str, tuple[float, int]] = {}
        """Provider -> until when it goes last, and how often it could not be reached in a row."""
        self._resting: dict[str, float] = {}
        """Model -> until when it asked to be left alone."""

    def failed(self, step: Step, error: TurnoutError, *, last: bool) -> None:
        """A provider that cannot be reached goes last for a while: 2 s, doubling to a minute while it stays away."""
        name = step.candidate.provider
        if isinstance(error, EngineStatusError) and error.answer_status in OVERLOADED:
            # What it asked for, and up to a fifth more, so that not everybody comes back at the same moment.
            asked = min(error.retry_after_s if error.retry_after_s is not None else 1.0, MOST_REST_S)
            self._resting[step.candidate.name] = time.monotonic() + max(0.0, asked) * random.uniform(1.0, 1.2)  # noqa: S311  no secret
        if isinstance(error, EngineStatusError) and error.answer_status in (401, 403):
            self._say("key", f"{name} does not accept its key", error.message, "models")
        elif error.code in ("turnout_engine_unreachable", "turnout_keys"):
            _, count = self._down.get(name, (0.0, 0))
            self._down[name] = (time.monotonic() + min(60.0, 2.0 * 2**count), min(count + 1, 5))
            self._say(
                "engine" if error.code != "turnout_keys" else "key", f"{name} cannot be used", error.said, "models"
            )
        elif not last:
            self._say("fallback", f"{name} failed, trying the next", error.message, "calls")

    def lost(self, provider: str, why: str) -> None:
        """An engine that answered until now does not any more, and no call had to fail to learn it."""
        if provider not in self._down:
            self._say("engine", f"{provider} is down", why, "models")

    def reached(self, provider: str) -> None:
        self._down.pop(provider, None)

    def marked(self, roster: Roster) -> Roster:
        """The roster with what is down, or rests, said to be unhealthy."""
        if not self._down and not self._resting:
            return roster
        now = time.monotonic()
        down = {name for name, (until, _) in self._down.items() if until > now}
        if self._resting:
            self._resting = {name: until for name, until in self._resting.items() if until > now}
        if not down and not self._resting:
            return roster

        def line_marked(line: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
            return tuple(
                replace(c, healthy=False) if c.provider in down or c.name in self._resting else c for c in line
            )

        return replace(roster, tiers={tier: line_marked(line) for tier, line in roster.tiers.items()})
