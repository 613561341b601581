"""The one setting that a tray needs at once; all others are read, and judged, with the rest of turnout.toml when a page asks.

Apart from `settings.files`, which loads OpenSSL for its hash and twice as much again: 6 MB that an idle tray need not hold.
"""

import tomllib
from pathlib import Path

THEMES = ("system", "light", "dark")


def read_theme(path: Path) -> str:
    """What stands there; `system` where nothing does, or nothing that can be read."""
    try:
        with path.open("rb") as file:
            desktop = tomllib.load(file).get("desktop")
    except (OSError, ValueError):
        return "system"
    said = desktop.get("theme") if isinstance(desktop, dict) else None
    return said if said in THEMES else "system"
