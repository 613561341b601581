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
    def good_rules(self) -> Path:
        """What `rules.toml` said when it was last without a mistake."""
        return self.state / "rules.last-good.toml"

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
        """Folders of our own, 0700 whatever the umask; raises SettingsError where others have a hand in one (T25)."""
        for folder in dict.fromkeys((self.config, self.data, self.state, self.run)):
            _own_folder(folder)
        for file in (self.ledger, *self._beside_ledger(), self.log, self.lock, self.runtime):
            _own_file(file)

    def _beside_ledger(self) -> tuple[Path, Path]:
        """SQLite's own files."""
        return self.ledger.with_name("ledger.db-wal"), self.ledger.with_name("ledger.db-shm")


def _own_folder(folder: Path) -> None:
    try:
        # Those above it are the platform's (~/.config); one that we make is ours alone from the first moment.
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISLNK(found.st_mode) or _foreign(found):
            raise SettingsError(
                f"{folder} is a link or belongs to another user",
                hint="Move it away, or set TURNOUT_HOME to a folder of your own.",
            )
        if os.name != "posix" or not found.st_mode & 0o077:
            return
        if found.st_mode & 0o022 and any(folder.iterdir()):
            # A sticky folder is everybody's on purpose (/tmp): closing it would break the machine.
            mend = "" if found.st_mode & stat.S_ISVTX else f"If it is all yours: chmod 700 '{folder}'. Else "
            hint = f"{mend}set TURNOUT_HOME to a folder of your own."
            raise SettingsError(
                f"others can write to {folder}, so what lies in it may be theirs", hint=hint[0].upper() + hint[1:]
            )
        folder.chmod(0o700)
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be made: {error.strerror}",
            hint="Set TURNOUT_HOME to a folder that you can write to.",
        ) from error


def _own_file(file: Path) -> None:
    """What we write to must not have been put there by somebody else, nor lead elsewhere."""
    try:
        found = file.lstat()
    except OSError:
        return
    if not stat.S_ISREG(found.st_mode) or _foreign(found) or (os.name == "posix" and found.st_mode & 0o022):
        raise SettingsError(
            f"{file} is a link, no plain file, or others can write to it",
            hint=f"Look at what it is; if it is all yours: chmod 600 '{file}', else move it away.",
        )


def _foreign(found: os.stat_result) -> bool:
    return hasattr(os, "getuid") and found.st_uid != os.getuid()


def paths() -> Paths:
    home = os.environ.get("TURNOUT_HOME", "")
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(root, root / "data", root / "state", root / "run")
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("turnout", appauthor=False)
    data = Path(dirs.user_data_dir)
    return Paths(Path(dirs.user_config_dir), data, Path(dirs.user_state_dir), Path(dirs.user_state_dir) / "run")
