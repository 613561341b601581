"""What a model of a provider costs, at a moment and at a tier of service: the price table with the user's own prices on top.

Two questions, two answers. Before a call only the day is known, so a hold goes by the dearest hour of it and by the dearest
tier of service that the client asks for. Once it is over, `billed` says what the provider charges for that very minute.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from fnmatch import fnmatch
from pathlib import Path

from turnout.calls.provider import Provider
from turnout.calls.usage import FREE, Price
from turnout.catalog.own import overridden, says_tokens
from turnout.catalog.prices import Listed, PriceTable
from turnout.catalog.tables import load_prices
from turnout.proxy.roster import Catalogue, ModelFacts
from turnout.settings.model import PriceOverride, Settings

_KEPT = 4_096


class Prices:
    """The table is loaded when the first price is asked for. `refreshed`: where `turnout prices refresh` puts a newer one."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        refreshed: Path | None = None,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._settings = settings
        self._refreshed = refreshed
        self._today = today
        self._table: PriceTable | None = None
        self._stamp: tuple[int, int] | None = None
        self._billed: dict[tuple[str, str, int, str], Price | None] = {}
        self._billed_for: Settings | None = None

    @property
    def table(self) -> PriceTable:
        if self._table is None:
            self.load()
        assert self._table is not None
        return self._table

    def load(self) -> None:
        """Reads the table anew, after a refresh; for a thread: a fetched one is checked whole, which takes some 0.3 s."""
        stamp = _stamp(self._refreshed)
        if self._table is None or stamp != self._stamp:
            self._stamp = stamp
            self._table = load_prices(self._refreshed)
            self._billed.clear()

    def price(self, provider: Provider, model: str) -> Price | None:
        """Of today, at its dearest hour; None: unpriced."""
        return self._over(provider, model, self._today())

    def services(self, provider: Provider, model: str) -> tuple[tuple[str, Price], ...]:
        """Tiers of service with a price of their own today, the user's own on top."""
        listed = self._listed(provider, model)
        names = [name for name, _ in listed.services] if listed is not None else []
        found = [(name, self._over(provider, model, self._today(), name)) for name in names]
        return tuple((name, price) for name, price in found if price is not None)

    def billed(self, provider: Provider, model: str, at_ms: int, service: str) -> Price | None:
        """In the minute of `at_ms`, at the tier of service that the answer names."""
        settings = self._settings()
        if settings is not self._billed_for:
            self._billed.clear()
            self._billed_for = settings
        key = (provider.name, model, at_ms // 60_000, service)
        if key not in self._billed:
            if len(self._billed) > _KEPT:
                self._billed.clear()
            at = datetime.fromtimestamp(at_ms / 1000, UTC)
            self._billed[key] = self._over(provider, model, at, service)
        return self._billed[key]

    def _over(self, provider: Provider, model: str, when: date, service: str = "") -> Price | None:
        """The table's, as `Listed.at` has it, with the user's own on top."""
        listed = self._listed(provider, model)
        price = listed.at(when, service) if listed is not None else None
        said = self._override(provider, model)
        if said is None:
            return price
        if price is None and provider.sovereign:
            # What the user leaves out costs nothing there, as all does without a price.
            price = FREE
        return overridden(
            price,
            input_usd=said.input_usd,
            output_usd=said.output_usd,
            cache_read_usd=said.cache_read_usd,
            cache_write_5m_usd=said.cache_write_5m_usd,
            cache_write_1h_usd=said.cache_write_1h_usd,
        )

    def _listed(self, provider: Provider, model: str) -> Listed | None:
        if provider.sovereign:
            return None
        return self.table.find(provider.name, provider.base_url, provider.family, model)

    def _override(self, provider: Provider, model: str) -> PriceOverride | None:
        """The first in the file that fits and says a price of tokens."""
        name = f"{provider.name}/{model}"
        return next((one for one in self._settings().prices if says_tokens(one) and fnmatch(name, one.pattern)), None)

    def dearest(self, provider: Provider) -> Price | None:
        return self.table.dearest(provider.name, provider.base_url, provider.family, self._today())

    def facts(self, provider: Provider, model: str) -> ModelFacts:
        listed = self._listed(provider, model)
        return ModelFacts(context=listed.context if listed is not None else None)

    def catalogue(self) -> Catalogue:
        return Catalogue(self.price, self.dearest, self.facts, self.services, self.billed)


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found is not None else None
