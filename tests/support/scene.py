"""Settings that several flow tests share."""

FAMILIES = ("openai", "anthropic", "ollama", "gemini")
_PATHS = {"openai": "/v1", "anthropic": "", "ollama": "", "gemini": ""}


def four_vendors(url: str, *, extra: str = "") -> str:
    """turnout.toml for one engine in four vendors' dialects; each provider bears its dialect's name.

    A million tokens cost $2 in and $8 out everywhere but at the local Ollama.
    """
    tables = [
        f'[providers.{name}]\ndialect = "{name}"\nbase_url = "{url}{_PATHS[name]}"\nkey = "none"\n'
        + ("sovereign = true\n" if name == "ollama" else "")
        for name in FAMILIES
    ]
    tiers = '[tiers]\nhigh = ["openai/scripted"]\nfast = ["anthropic/scripted"]\nlocal = ["ollama/scripted"]\n'
    prices = "".join(
        f'[prices."{name}/*"]\ninput_usd = 2.00\noutput_usd = 8.00\n' for name in FAMILIES if name != "ollama"
    )
    return "\n".join([*tables, tiers, prices, extra])
