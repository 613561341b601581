"""Where a user's files are: home, environment and platform as values, so that a test has a home of its own."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)
    platform: str = "linux"
    """As `sys.platform`."""

    @property
    def config(self) -> Path:
        """XDG_CONFIG_HOME, which most clients use on a Mac too."""
        return self.named("XDG_CONFIG_HOME") or self.home / ".config"

    def named(self, variable: str) -> Path | None:
        """An absolute folder from the environment; a relative one is ignored, as XDG says."""
        text = self.env.get(variable, "")
        path = Path(text) if text else None
        return path if path is not None and path.is_absolute() else None

    def application(self, mac: str, other: str) -> Path:
        """A program's own folder: Application Support on a Mac, APPDATA on Windows, else XDG."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support" / mac
        if self.platform == "win32":
            return (self.named("APPDATA") or self.home / "AppData" / "Roaming") / mac
        return self.config / other

    def has(self, *commands: str) -> bool:
        return any(shutil.which(command, path=self.env.get("PATH", "")) for command in commands)


def here() -> Place:
    return Place(Path.home(), dict(os.environ), sys.platform)
