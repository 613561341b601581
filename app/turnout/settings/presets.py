"""Providers people have keys for: where they are, what they speak, and which of their models fit which tier.

The models are those of the shipped price table (November 2026); a test holds that each has a price there.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from turnout.calls.provider import Provider
from turnout.calls.units import Family, Tier
from turnout.errors import SettingsError
from turnout.settings.files import edit_settings, read_settings
from turnout.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Preset:
    name: str
    family: Family
    base_url: str
    high: str = ""
    fast: str = ""

    @property
    def candidates(self) -> tuple[tuple[Tier, str], ...]:
        both = ((Tier.HIGH, self.high), (Tier.FAST, self.fast))
        return tuple((tier, f"{self.name}/{model}") for tier, model in both if model)


_OPENAI = Family.OPENAI
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("anthropic", Family.ANTHROPIC, "https://api.anthropic.com", "claude-opus-5-5", "claude-haiku-5-5"),
        Preset("openai", _OPENAI, "https://api.openai.com/v1", "gpt-6.1-sol", "gpt-5.4-mini"),
        Preset(
            "gemini",
            Family.GEMINI,
            "https://generativelanguage.googleapis.com",
            "gemini-3.1-pro-preview",
            "gemini-3.8-flash",
        ),
        Preset("openrouter", _OPENAI, "https://openrouter.ai/api/v1", "openai/gpt-6.1-sol", "openai/gpt-oss-120b"),
        Preset("groq", _OPENAI, "https://api.groq.com/openai/v1", "", "openai/gpt-oss-120b"),
        Preset("cerebras", _OPENAI, "https://api.cerebras.ai/v1", "", "gpt-oss-120b"),
        Preset("together", _OPENAI, "https://api.together.xyz/v1", "", "openai/gpt-oss-120b"),
        Preset("fireworks", _OPENAI, "https://api.fireworks.ai/inference/v1", "", "accounts/fireworks/models/kimi-k3"),
        Preset("mistral", _OPENAI, "https://api.mistral.ai/v1", "mistral-large-latest", "mistral-small-latest"),
        Preset("deepseek", _OPENAI, "https://api.deepseek.com/v1", "deepseek-v4-pro", "deepseek-v4-flash"),
        Preset("xai", _OPENAI, "https://api.x.ai/v1", "grok-4.7", "grok-4-1-fast-non-reasoning"),
        Preset("moonshot", _OPENAI, "https://api.moonshot.ai/v1", "kimi-k3", "kimi-k2.7-code-highspeed"),
    )
}


@dataclass(frozen=True, slots=True)
class Adopted:
    provider: Provider
    added: bool
    """It was not in turnout.toml before."""
    models: tuple[str, ...] = ()
    """Those that were added to tiers."""


def resolve(settings: Settings, name: str) -> Provider:
    """The provider as set up, else as it would be by its preset. Raises SettingsError for an unknown one."""
    found = settings.providers.get(name)
    if found is not None:
        if not found.needs_key:
            raise SettingsError(
                f'{name} needs no key: turnout.toml says key = "none"',
                hint=f"Take that line out of [providers.{name}].",
            )
        return found
    preset = PRESETS.get(name)
    if preset is None:
        near = difflib.get_close_matches(name, [*PRESETS, *settings.providers], 1)
        raise SettingsError(
            f"there is no provider {name[:64]!r}",
            hint=f"Did you mean {near[0]!r}?"
            if near
            else f"Known are {', '.join(PRESETS)}; for another, write [providers.{name[:64]}] with its base_url into turnout.toml.",
        )
    return Provider(preset.name, preset.family, preset.base_url)


def adopt(path: Path, name: str) -> Adopted:
    """Adds a known provider to turnout.toml, and its models to the tiers, where it is missing; else changes nothing."""
    settings = read_settings(path)
    provider = resolve(settings, name)
    if name in settings.providers:
        return Adopted(provider, added=False)
    preset = PRESETS[name]

    def change(doc: Any) -> None:
        import tomlkit

        if "providers" not in doc:
            doc.add("providers", tomlkit.table(is_super_table=True))
        table = tomlkit.table()
        table.add("dialect", preset.family.value)
        table.add("base_url", preset.base_url)
        doc["providers"].add(name, table)
        if "tiers" not in doc:
            doc.add("tiers", tomlkit.table())
        for tier, model in preset.candidates:
            if tier.value in doc["tiers"]:
                doc["tiers"][tier.value].append(model)
            else:
                doc["tiers"].add(tier.value, [model])

    edit_settings(path, change)
    return Adopted(provider, added=True, models=tuple(model for _, model in preset.candidates))


def origin_of(base_url: str) -> str:
    """`scheme://host:port`, lower case, the port always there: what a key is bound to (T12)."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
