"""The first turnout.toml and rules.toml: what works with what was found on this machine, with comments that say what to change."""

import json
from dataclasses import dataclass

from turnout.calls.units import Family
from turnout.settings.atomic import replace_file
from turnout.settings.paths import Paths


@dataclass(frozen=True, slots=True)
class Found:
    """A local engine that answered."""

    name: str
    family: Family
    base_url: str
    models: tuple[str, ...] = ()
    """That can chat, the best guess for coding first."""


def first_settings(found: tuple[Found, ...]) -> str:
    lines = [
        "# Turnout: this machine's settings. Edit freely: comments stay, changes are taken up at once.",
        "",
        "[server]",
        "port = 7717",
        "",
        "# Cloud providers get their key from the OS keyring, never from this file: `turnout key set anthropic`",
        "# adds the provider here and its models to the tiers.",
        "",
    ]
    for engine in found:
        lines += [
            f"[providers.{engine.name}]",
            f'dialect = "{engine.family.value}"',
            f'base_url = "{engine.base_url}"',
            'key = "none"                          # no key needed',
            "sovereign = true                      # inside our walls: what `private` rules may use",
            "",
        ]
    if not found:
        lines += [
            "# No local engine answered. Install Ollama and pull a model: as long as this file is unchanged, Turnout finds it and",
            "# writes it in here. Or name a GGUF file (extra `embedded`), which is then tier local:",
            "# [providers.local]",
            '# gguf = "/path/to/model.gguf"',
            "",
        ]
    local = [f"{engine.name}/{model}" for engine in found for model in engine.models[:3]]
    # JSON's strings are TOML's too: an engine that names a model oddly cannot break the file, or add to it.
    listed = ", ".join(json.dumps(name, ensure_ascii=False) for name in local if name.isprintable())
    lines += [
        "[tiers]                                 # candidates in order; the next one when the first cannot serve",
        "high  = []",
        "fast  = []",
        f"local = [{listed}]",
        "",
    ]
    return "\n".join(lines)


def write_first(paths: Paths, settings: str | None, rules: str | None) -> None:
    """Writes what is given where it says something new."""
    for path, text in ((paths.settings, settings), (paths.rules, rules)):
        if text is not None and (not path.exists() or path.read_bytes() != text.encode()):
            replace_file(path, text.encode())
