"""The first start: what runs on this machine becomes the first files, and three lines say what to do next."""

from urllib.parse import urlsplit

from turnout.calls.units import Tier
from turnout.engines.discover import Spotted, look
from turnout.engines.transport import Pool
from turnout.routing.firstrules import default_rules_text
from turnout.settings.files import own_text, read_settings
from turnout.settings.first import Found, first_settings, write_first
from turnout.settings.model import Settings
from turnout.settings.paths import Paths

_TITLES = {11434: "Ollama", 1234: "LM Studio", 8000: "vLLM", 8080: "llama.cpp"}


def rules_text(paths: Paths, settings: Settings) -> str:
    """The user's file, else the default for the tiers there are."""
    text = own_text(paths.rules)
    if text is not None:
        return text
    has = {tier: bool(settings.tiers.get(tier)) for tier in Tier}
    return default_rules_text(has[Tier.LOCAL], has[Tier.HIGH], has[Tier.FAST])


async def first_run(paths: Paths, pool: Pool, port: int) -> tuple[str, ...]:
    """Writes the first files from what runs here; the three lines that say what to do next (empty later on).

    As long as the file is the one that was written when nothing ran, it may be written again: who then installs an engine
    need not know our format.
    """
    text = own_text(paths.settings)
    if text not in (None, first_settings(())):
        if not paths.rules.exists():
            write_first(paths, None, rules_text(paths, read_settings(paths.settings)))
        return ()
    spotted = await look(pool, port)
    found = tuple(
        Found(
            _free_name(one.name, spotted[:i]),
            one.family,
            one.base_url,
            tuple(m.name for m in one.models if not m.remote),
        )
        for i, one in enumerate(spotted)
        if any(not m.remote for m in one.models)
    )
    rules = default_rules_text(bool(found), False, False)
    untouched = own_text(paths.rules) in (None, default_rules_text(False, False, False))
    write_first(paths, first_settings(found), rules if untouched else None)
    return (
        _found_line(found, spotted),
        "Add a cloud key: turnout key set anthropic   (or openai, gemini, openrouter...)",
        "Connect a client: turnout connect claude-code --apply   (`turnout connect` lists them all)",
    )


def _found_line(found: tuple[Found, ...], spotted: tuple[Spotted, ...]) -> str:
    if found:
        return "Found " + "; ".join(f"{_title(one.base_url)} with {_some(one.models)}" for one in found) + "."
    if spotted:
        there = " and ".join(_title(one.base_url) for one in spotted)
        return f"{there} answers but has no model yet: `ollama pull qwen3-coder` (or load one there), and it is taken up within seconds."
    return (
        "No local engine answered: install Ollama (https://ollama.com/download) and `ollama pull qwen3-coder`, and it is "
        "taken up within seconds; or name a GGUF file in turnout.toml."
    )


def _title(base_url: str) -> str:
    port = urlsplit(base_url).port or 0
    return f"{_TITLES.get(port, 'an engine')} on port {port}"


def _some(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _free_name(name: str, before: tuple[object, ...]) -> str:
    return name if name != "ollama" or before else "local"
