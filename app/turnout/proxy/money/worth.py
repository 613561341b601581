"""What a call costs, and would have cost elsewhere, at the prices in force now."""

from collections.abc import Callable
from fnmatch import fnmatch

from turnout.calls.client import Call
from turnout.calls.units import Nanos, Tier
from turnout.calls.usage import Price, service_named
from turnout.catalog.own import energy
from turnout.proxy.exchange import Seen
from turnout.proxy.now import now_ms
from turnout.proxy.roster import Catalogue
from turnout.routing.afford import rate
from turnout.routing.facts import Candidate, Roster
from turnout.routing.plan import Plan, Step
from turnout.settings.model import Settings


class Worth:
    """`roster` and `settings` give those in force."""

    def __init__(self, roster: Callable[[], Roster], settings: Callable[[], Settings], catalogue: Catalogue) -> None:
        self._roster, self._settings, self._catalogue = roster, settings, catalogue
        self._fast: tuple[Roster | None, Candidate | None] = (None, None)
        """The fast tier's first priced model, and the roster it was found in."""

    def billed(self, candidate: Candidate, call: Call, seen: Seen) -> Price | None:
        """What the provider charges for this attempt: of this minute, at the tier of service that it answered with.

        An unpriced model costs what it was held at, the dearest known of its provider, never nothing. None: no price at all.
        """
        if candidate.price is None:
            return rate(candidate, self._roster())
        provider = self._settings().providers.get(candidate.provider)
        if provider is None or provider.sovereign:
            return candidate.price
        service = service_named(seen.service) if seen.service else call.outline.service
        return self._catalogue.billed(provider, candidate.model, now_ms(), service)

    def asked(self, plan: Plan) -> Candidate | None:
        """The asked model, else the baseline's; None: there is no price to compare with."""
        asked = plan.baseline or self._roster().baseline
        return asked if asked is not None and asked.price is not None else None

    def fast(self) -> Candidate | None:
        """The first in the fast tier that has a price; looked for once in each roster."""
        roster = self._roster()
        of, found = self._fast
        if of is not roster:
            found = next((c for c in roster.tiers.get(Tier.FAST, ()) if c.price is not None), None)
            self._fast = (roster, found)
        return found

    def worked(self, step: Step, seen: Seen, took_ms: int) -> tuple[int, Nanos]:
        """Busy milliseconds, and what their electricity costs, of a call to an engine of our own: the busy time that it reports,
        else the attempt's own length, at the user's watts and price of a kilowatt-hour."""
        busy_s = seen.busy_s if seen.busy_s > 0 else max(0.0, took_ms / 1000 - seen.queue_s)
        found = next(
            (one for one in self._settings().prices if fnmatch(step.candidate.name, one.pattern) and one.watts), None
        )
        nanos = energy(busy_s, found.watts or 0.0, found.usd_per_kwh or 0.0) if found is not None else Nanos(0)
        return round(busy_s * 1000), nanos

    def tier_of(self, candidate: Candidate) -> Tier | None:
        """A model outside the tiers: local when it is inside our walls, else by what it costs against the fast tier."""
        if candidate.tier is not None:
            return candidate.tier
        if candidate.sovereign:
            return Tier.LOCAL
        fast = self.fast()
        if fast is None or fast.price is None or candidate.price is None:
            return Tier.HIGH
        return Tier.FAST if candidate.price.output <= fast.price.output * 2 else Tier.HIGH
