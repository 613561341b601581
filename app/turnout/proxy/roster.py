"""Settings + what engines say + the catalogue -> every model that can be asked for now, as `routing` wants it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from turnout.calls.provider import Provider
from turnout.calls.units import Family, Tier, Tokens
from turnout.calls.usage import FREE, Price
from turnout.routing.facts import Candidate, Roster
from turnout.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Model:
    """What a provider's own listing says of one of its models."""

    name: str
    context: Tokens | None = None
    tools: bool = True
    images: bool = False
    thinks: bool = False
    remote: bool = False
    """An Ollama name that forwards to a cloud: never sovereign."""
    loaded: bool = False
    held: int = 0
    """Bytes in memory while loaded, `vram` of them on the graphics card."""
    vram: int = 0
    window: int = 0
    """Tokens of context it was loaded with."""
    until: str = ""
    size: int = 0
    digest: str = ""
    modified: str = ""
    family: str = ""
    parameters: str = ""
    quantization: str = ""
    embeds: bool = False
    """Embeddings only: no chat."""
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one provider now."""

    state: str = "up"
    """up | down | loading | no key | locked"""
    detail: str = ""
    models: Mapping[str, Model] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """From the catalogue; None where it does not know."""

    context: Tokens | None = None
    max_output: Tokens | None = None
    images: bool | None = None
    thinks: bool | None = None


Services = tuple[tuple[str, Price], ...]
"""Tiers of service (batch, flex, priority, fast) that have a price of their own."""


class Catalogue:
    """Prices and model facts as look-ups, so that a roster can be built from any source of them."""

    def __init__(
        self,
        price: Callable[[Provider, str], Price | None],
        dearest: Callable[[Provider], Price | None],
        facts: Callable[[Provider, str], ModelFacts],
        services: Callable[[Provider, str], Services] = lambda provider, model: (),
        billed: Callable[[Provider, str, int, str], Price | None] | None = None,
    ) -> None:
        """`billed`: provider, model, Unix milliseconds, tier of service -> the price of that very moment; left out: `price`."""
        self.price = price
        self.dearest = dearest
        self.facts = facts
        self.services = services
        self.billed = billed if billed is not None else lambda provider, model, at_ms, service: price(provider, model)


def candidate(provider: Provider, name: str, tier: Tier | None, known: Known, catalogue: Catalogue) -> Candidate:
    model = known.models.get(name) or known.models.get(f"{name}:latest")
    facts = catalogue.facts(provider, name)
    remote = model.remote if model is not None else name.endswith(("-cloud", ":cloud"))
    price = catalogue.price(provider, name)
    if price is None and provider.sovereign and not (provider.family is Family.OLLAMA and remote):
        price = FREE
    context = model.context if model is not None and model.context is not None else facts.context
    return Candidate(
        provider=provider.name,
        model=name,
        family=provider.family,
        tier=tier,
        sovereign=provider.sovereign and not (provider.family is Family.OLLAMA and remote),
        price=price,
        hold_price=price if price is not None else catalogue.dearest(provider),
        services=catalogue.services(provider, name) if not provider.sovereign else (),
        context=context,
        max_output=facts.max_output,
        healthy=known.state not in ("down", "no key", "locked"),
        warm=model.loaded if model is not None else False,
        tools=model.tools if model is not None else True,
        images=model.images if model is not None else facts.images is not False,
        thinks=model.thinks if model is not None else facts.thinks is not False,
    )


class Named(Mapping[str, Candidate]):
    """Names a client may ask for -> candidates, made when asked: a provider serves more models than tiers list."""

    def __init__(self, listed: Mapping[str, Candidate], make: Callable[[str], Candidate | None]) -> None:
        self._listed = dict(listed)
        self._make = make

    def __getitem__(self, name: str) -> Candidate:
        found = self._listed.get(name)
        if found is None:
            found = self._make(name)
            if found is None:
                raise KeyError(name)
            # A client may make up any name.
            if len(self._listed) < 4_096 and len(name) <= 200:
                self._listed[name] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._listed))

    def __len__(self) -> int:
        return len(self._listed)


def split_name(settings: Settings, name: str) -> tuple[Provider, str] | None:
    """`provider/model` -> its provider and the model's own name; None when no such provider is set up."""
    provider, slash, model = name.partition("/")
    found = settings.providers.get(provider)
    return (found, model) if slash and model and found is not None and found.enabled else None


def build(settings: Settings, known: Mapping[str, Known], catalogue: Catalogue) -> Roster:
    tiers: dict[Tier, tuple[Candidate, ...]] = {}
    listed: dict[str, Candidate] = {}
    for tier in Tier:
        line: list[Candidate] = []
        for name in settings.tiers.get(tier, ()):
            parts = split_name(settings, name)
            if parts is None:
                continue
            provider, model = parts
            one = candidate(provider, model, tier, known.get(provider.name, Known()), catalogue)
            line.append(one)
            listed.setdefault(one.name, one)
        tiers[tier] = tuple(line)
    for provider in settings.providers.values():
        state = known.get(provider.name, Known())
        for model in [*provider.models, *state.models]:
            full = f"{provider.name}/{model}"
            if full not in listed and provider.enabled:
                listed[full] = candidate(provider, model, None, state, catalogue)
    for one in list(listed.values()):
        # The model's own name, as the vendor's own client would send it; the first provider that has it wins.
        listed.setdefault(one.model, one)
        if one.model.endswith(":latest"):
            listed.setdefault(one.model.removesuffix(":latest"), one)

    def make(name: str) -> Candidate | None:
        parts = split_name(settings, name)
        if parts is None:
            parts = _vendor_of(settings, name, catalogue)
        if parts is None:
            return None
        return candidate(parts[0], parts[1], None, known.get(parts[0].name, Known()), catalogue)

    named = Named(listed, make)
    baseline = named.get(settings.baseline) if settings.baseline else None
    if baseline is None:
        baseline = next((c for tier in (Tier.HIGH, Tier.FAST) for c in tiers[tier]), None)
    return Roster(tiers=tiers, named=named, baseline=baseline)


_VENDOR_PREFIXES = {
    Family.ANTHROPIC: ("claude-",),
    Family.OPENAI: ("gpt-", "o1", "o3", "o4", "chatgpt-", "codex-", "text-embedding-"),
    Family.GEMINI: ("gemini-", "gemma-"),
}


def _vendor_of(settings: Settings, name: str, catalogue: Catalogue) -> tuple[Provider, str] | None:
    """A bare cloud name that no tier lists ("claude-haiku-4-5"): the vendor's own provider, if it is set up."""
    if "/" in name or not name:
        return None
    for provider in settings.providers.values():
        prefixes = _VENDOR_PREFIXES.get(provider.family, ())
        if provider.enabled and name.startswith(prefixes) and catalogue.price(provider, name) is not None:
            return provider, name
    for provider in settings.providers.values():
        prefixes = _VENDOR_PREFIXES.get(provider.family, ())
        if provider.enabled and prefixes and name.startswith(prefixes) and not provider.sovereign:
            return provider, name
    return None
