"""rules.toml read and written for an editor: ends of lines stay as the file has them, and nobody's change is overwritten.

Both block and belong into the pool.
"""

from pathlib import Path

from turnout.errors import SettingsError
from turnout.routing.rulefile import check_rules
from turnout.settings.atomic import replace_file


def read_rules_text(path: Path) -> str:
    """With line feeds alone; empty where there is no file yet. Raises SettingsError."""
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise SettingsError("cannot be read", file=path.name, hint="Is it UTF-8, and yours?") from error


def save_rules_text(path: Path, draft: str, base: str) -> str | None:
    """None when it was written; else what stands there now instead of `base`, from which the draft began.

    Raises SettingsError for rules that are not valid, and for a file that cannot be written.
    """
    checked = check_rules(draft, (), path.name)
    if checked.rules is None:
        raise checked.errors[0]
    there = read_rules_text(path)
    if there not in (base, draft):
        return there
    try:
        windows = path.exists() and b"\r\n" in path.read_bytes()
        replace_file(path, (draft.replace("\n", "\r\n") if windows else draft).encode())
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", file=path.name) from error
    return None
