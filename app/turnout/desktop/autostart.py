"""Start at login: a file in the desktop's autostart folder, a LaunchAgent on macOS, a Run key on Windows.

Linux was run; macOS and Windows are written after their vendors' documents and untested.
"""

import os
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from turnout.resources import resource

_RESERVED = frozenset(" \t\n\"'\\><~|&;$*?#()`")
_RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"


def command(home: Path | None) -> list[str]:
    """What starts this very Turnout, with the same home."""
    base = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "turnout"]
    return ["env", f"TURNOUT_HOME={home}", *base] if home is not None and sys.platform != "win32" else base


def entry() -> Path:
    """The file that starts us; on Windows it is a registry value and this path only names it."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / "dev.turnout.plist"
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "autostart" / "turnout.desktop"


def enabled() -> bool:
    if sys.platform == "win32":
        return _windows_value() is not None
    try:
        said = entry().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    # A desktop's own settings switch an entry off without deleting it.
    lines = {line.strip().replace(" ", "") for line in said.lower().splitlines()}
    return not lines & {"hidden=true", "x-gnome-autostart-enabled=false"}


def enable(home: Path | None = None) -> None:
    """Raises OSError where the folder cannot be written."""
    if sys.platform == "win32":
        _set_windows_value(" ".join(f'"{part}"' for part in command(home)))
        return
    path = entry()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_launch_agent(home) if sys.platform == "darwin" else desktop_entry(home), encoding="utf-8")


def disable() -> None:
    if sys.platform == "win32":
        _set_windows_value(None)
        return
    entry().unlink(missing_ok=True)


def desktop_entry(home: Path | None) -> str:
    line = " ".join(_exec_word(word) for word in command(home))
    icon = str(resource("icons") / "route.svg").replace("\\", "\\\\")
    return (
        "[Desktop Entry]\nType=Application\nName=Turnout\nComment=Routes LLM calls down the right track\n"
        f"Exec={line}\nIcon={icon}\nTerminal=false\nX-GNOME-Autostart-enabled=true\n"
    )


def _exec_word(word: str) -> str:
    """As the Desktop Entry Specification quotes an argument: in double quotes, with four signs escaped, then once more as a
    string of the file; `%` starts a field code and is doubled."""
    if not set(word) & _RESERVED:
        return word.replace("%", "%%")
    quoted = "".join(f"\\{c}" if c in '"`$\\' else c for c in word)
    return '"' + quoted.replace("\\", "\\\\").replace("%", "%%") + '"'


def _launch_agent(home: Path | None) -> str:
    words = "".join(f"<string>{escape(part)}</string>" for part in command(home))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict><key>Label</key><string>dev.turnout</string>'
        f"<key>ProgramArguments</key><array>{words}</array><key>RunAtLoad</key><true/></dict></plist>\n"
    )


def _windows_value() -> str | None:
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _RUN) as key:
            return str(winreg.QueryValueEx(key, "Turnout")[0])
    except OSError:
        return None


def _set_windows_value(value: str | None) -> None:
    if sys.platform != "win32":
        return
    import winreg

    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _RUN, 0, winreg.KEY_SET_VALUE) as key:
        if value is None:
            try:
                winreg.DeleteValue(key, "Turnout")
            except OSError:
                return
        else:
            winreg.SetValueEx(key, "Turnout", 0, winreg.REG_SZ, value)
