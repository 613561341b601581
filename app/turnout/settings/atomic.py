"""Files of our own: read only when nobody else can have written them (T25), replaced whole or not at all."""

import contextlib
import os
import stat
from pathlib import Path

from turnout.errors import SettingsError

BIGGEST = 4 * 1024 * 1024


def read_own(path: Path) -> bytes | None:
    """None when there is no file. Raises SettingsError for a link, another user's file, or one that others can change."""
    try:
        # O_NONBLOCK: a pipe that somebody planted must not hold us up.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise SettingsError(
                "is a link, and Turnout does not follow one here", file=path.name, hint="Put the file itself there."
            ) from None
        raise SettingsError(
            f"cannot be read: {error.strerror}", file=path.name, hint="It must be a file of yours."
        ) from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise SettingsError("is no plain file", file=path.name, hint="Put a text file there.")
        if os.name == "posix" and found.st_uid != os.getuid():
            raise SettingsError("belongs to another user", file=path.name, hint="Make it yours: chown.")
        if os.name == "posix" and found.st_mode & 0o022:
            raise SettingsError(
                "can be changed by others", file=path.name, hint=f"Make it yours alone: chmod 600 {path}"
            )
        data = file.read(BIGGEST + 1)
    if len(data) > BIGGEST:
        raise SettingsError("is larger than 4 MiB", file=path.name, hint="That is no settings file.")
    return data


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Raises OSError; the old file then stands as it was. Never writes through a symlink at the temporary name."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    temp.unlink(missing_ok=True)
    handle = os.open(temp, flags, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        # The new name is on disk only once its folder is.
        with contextlib.suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
