"""Where Turnout keeps its files: under TURNOUT_HOME when that is set, else where the platform wants them."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Paths:
    config: Path
    data: Path
    state: Path
    run: Path

    @property
    def settings(self) -> Path:
        return self.config / "turnout.toml"

    @property
    def rules(self) -> Path:
        return self.config / "rules.toml"

    @property
    def ledger(self) -> Path:
        return self.data / "ledger.db"

    @property
    def prices(self) -> Path:
        """A price table that the user fetched; without one the shipped table serves."""
        return self.data / "prices.json.gz"

    @property
    def log(self) -> Path:
        return self.state / "turnout.log"

    @property
    def backups(self) -> Path:
        return self.state / "backups"

    @property
    def runtime(self) -> Path:
        return self.run / "runtime.json"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    def make(self) -> None:
        """Folders of our own, 0700 whatever the umask; raises SettingsError when one is somebody else's (T25)."""
        for folder in dict.fromkeys((self.config, self.data, self.state, self.run)):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                found = folder.lstat()
            except OSError as error:
                raise SettingsError(
                    f"{folder} cannot be made: {error.strerror}",
                    hint="Set TURNOUT_HOME to a folder that you can write to.",
                ) from error
            if stat.S_ISLNK(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
                raise SettingsError(
                    f"{folder} is a link or belongs to another user",
                    hint="Move it away, or set TURNOUT_HOME to a folder of your own.",
                )
            if os.name == "posix" and found.st_mode & 0o077:
                folder.chmod(0o700)


def paths() -> Paths:
    home = os.environ.get("TURNOUT_HOME", "")
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(root, root / "data", root / "state", root / "run")
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("turnout", appauthor=False)
    data = Path(dirs.user_data_dir)
    return Paths(Path(dirs.user_config_dir), data, Path(dirs.user_state_dir), Path(dirs.user_state_dir) / "run")
