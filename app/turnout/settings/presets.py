"""Providers people have keys for: where they are, what they speak, and which of their models fit which tier."""

from dataclasses import dataclass

from turnout.calls.units import Family


@dataclass(frozen=True, slots=True)
class Preset:
    name: str
    family: Family
    base_url: str
    high: str = ""
    fast: str = ""


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("anthropic", Family.ANTHROPIC, "https://api.anthropic.com", "claude-opus-5-5", "claude-haiku-4-5"),
        Preset("openai", Family.OPENAI, "https://api.openai.com/v1", "gpt-5", "gpt-5-mini"),
        Preset(
            "gemini", Family.GEMINI, "https://generativelanguage.googleapis.com", "gemini-2.5-pro", "gemini-2.5-flash"
        ),
        Preset(
            "openrouter",
            Family.OPENAI,
            "https://openrouter.ai/api/v1",
            "anthropic/claude-opus-4.5",
            "openai/gpt-5-mini",
        ),
        Preset("groq", Family.OPENAI, "https://api.groq.com/openai/v1", "", "openai/gpt-oss-120b"),
        Preset("mistral", Family.OPENAI, "https://api.mistral.ai/v1", "mistral-large-latest", "mistral-small-latest"),
        Preset("deepseek", Family.OPENAI, "https://api.deepseek.com/v1", "deepseek-reasoner", "deepseek-chat"),
        Preset("xai", Family.OPENAI, "https://api.x.ai/v1", "grok-4", "grok-3-mini"),
    )
}
