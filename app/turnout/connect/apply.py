"""Making the changes and giving them back. Before a file is touched it is kept, byte for byte, with what it was.

A file that nobody touched since goes back byte for byte; one that was changed meanwhile (clients write their own files) keeps
those changes and loses ours: line by line where ours still stand as they were written, else value by value. Files that hold a token become readable by their owner alone, until the undo.
"""

import hashlib
import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from turnout.connect.clients import Client, Setup
from turnout.connect.edits import Edit
from turnout.connect.merge import taken_back
from turnout.connect.place import Place
from turnout.errors import BadRequestError, NotFoundError, TurnoutError

BIGGEST = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """One file as it was before us."""

    path: str
    backup: str
    """Name in the backup folder; empty: there was no file."""
    mode: int
    after: str
    """Hash of what we wrote."""
    written: str = ""
    """Name of a copy of that in the backup folder."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was done to one client's files."""

    client: str
    url: str
    token: str
    """Needed to take our changes out of a file that others have changed since; the folder is the owner's alone."""
    files: tuple[Kept, ...]
    folders: tuple[str, ...]
    """Made by us, outermost first."""


@dataclass(frozen=True, slots=True)
class Done:
    changed: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One file's new text, worked out before anything is written."""

    path: Path
    """Where the bytes really are: a linked file stays a link."""
    before: bytes | None
    after: bytes
    mode: int


def read_record(backups: Path, client: str) -> Record | None:
    """None when there is none or it is damaged (the backups themselves stay)."""
    try:
        doc: Any = json.loads((backups / client / "record.json").read_bytes())
        files = tuple(
            Kept(str(f["path"]), str(f["backup"]), int(f["mode"]), str(f["after"]), str(f.get("written", "")))
            for f in doc["files"]
        )
        return Record(
            str(doc["client"]), str(doc["url"]), str(doc["token"]), files, tuple(str(f) for f in doc["folders"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def work_out(setup: Setup) -> tuple[Change, ...]:
    """Raises BadRequestError, naming the file, when one cannot be edited; nothing was written then."""
    changes = []
    for one in setup.files:
        path = _real(one.path)
        before = _read(path)
        text = _text(before or b"", path)
        try:
            after = one.edit.done(text)
        except TurnoutError as error:
            raise BadRequestError(f"{one.path}: {error.message}", hint=error.hint) from error
        mode = stat.S_IMODE(path.stat().st_mode) if before is not None else 0o600
        if not mode & 0o200:
            raise BadRequestError(f"{one.path} is read-only", hint=f"If it may be changed: chmod u+w {one.path}")
        changes.append(Change(path, before, after.encode(), mode))
    return tuple(changes)


def apply(client: Client, place: Place, url: str, token: str, backups: Path) -> Done:
    """Done anew on a client that is connected: what was there before us is what stays kept."""
    old = read_record(backups, client.name)
    if old is not None:
        undo(client, place, backups)
    setup = client.setup(place, url, token)
    changes = work_out(setup)
    folder = backups / client.name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    folders = [str(one) for change in changes for one in _missing(change.path.parent)]
    kept = []
    for number, change in enumerate(changes):
        name = f"{number}-{change.path.name.lstrip('.')}" if change.before is not None else ""
        if change.before is not None:
            _write(folder / name, change.before, 0o600)
        _write(folder / f"{number}.written", change.after, 0o600)
        kept.append(Kept(str(change.path), name, change.mode, digest(change.after), f"{number}.written"))
    record = Record(client.name, url, token, tuple(kept), tuple(dict.fromkeys(folders)))
    # On disk before the first file is touched: a crash in between can be undone.
    _save(folder / "record.json", record)
    try:
        for change in changes:
            _make(change.path.parent)
            _write(change.path, change.after, change.mode & 0o700 | 0o600)
    except TurnoutError:
        undo(client, place, backups)
        raise
    return Done(tuple(change.path for change in changes), setup.steps)


def undo(client: Client, place: Place, backups: Path) -> Done:
    """Raises NotFoundError when nothing was done."""
    record = read_record(backups, client.name)
    if record is None:
        raise NotFoundError(f"{client.title} was not connected by Turnout", hint="There is nothing to undo.")
    folder = backups / client.name
    edits = edits_of(record, client.setup(place, record.url, record.token))
    changed, notes = [], []
    for kept, edit in reversed(list(zip(record.files, edits, strict=True))):
        path = Path(kept.path)
        now = _read(path)
        before = (folder / kept.backup).read_bytes() if kept.backup else None
        if now is None or digest(now) == kept.after:
            if before is not None:
                _make(path.parent)
                _write(path, before, kept.mode)
            elif now is not None:
                path.unlink()
            if now is not None or before is not None:
                changed.append(path)
            continue
        if now == before or (now == b"" and before is None):
            continue
        aside = folder.parent / f"{client.name}.{path.name.lstrip('.')}.before-undo"
        _write(aside, now, 0o600)
        ours = _read(folder / kept.written) if kept.written else None
        try:
            text = _undone(edit, _text(before or b"", path), ours, _text(now, path))
        except TurnoutError as error:
            raise BadRequestError(f"{path}: {error.message}", hint=f"What was there before is in {folder}.") from error
        if before is None and text.strip() in ("", "{}", "[]"):
            path.unlink()
        else:
            _write(path, text.encode(), kept.mode)
        changed.append(path)
        notes.append(f"{path} was changed since: ours was taken out, the rest left; a copy is {aside}")
    for made in reversed(record.folders):
        try:
            Path(made).rmdir()
        except OSError:
            # Somebody else's files are in it by now, or it is gone already.
            continue
    shutil.rmtree(folder)
    return Done(tuple(changed), tuple(notes))


def edits_of(record: Record, setup: Setup) -> list[Edit | None]:
    """The edit behind each of the record's files: by its path, or, where the environment names another folder now, by order."""
    by_path = {str(_real(one.path)): one.edit for one in setup.files}
    if len(setup.files) != len(record.files):
        return [by_path.get(kept.path) for kept in record.files]
    pairs = zip(record.files, setup.files, strict=True)
    # A file of another kind is no other place of the same one: a client has moved on to it since.
    return [
        by_path.get(kept.path, one.edit if one.path.suffix == Path(kept.path).suffix else None) for kept, one in pairs
    ]


def _undone(edit: Edit | None, before: str, ours: bytes | None, now: str) -> str:
    merged = taken_back(before, ours.decode(), now) if ours is not None else None
    if merged is not None and (edit is None or not _holds(edit, merged)):
        return merged
    if edit is None:
        raise BadRequestError("it is not the file it was", hint="")
    return edit.undone(now, before)


def _holds(edit: Edit, text: str) -> bool:
    """Also when it cannot be read any more: line by line is no way then."""
    try:
        return edit.holds(text)
    except TurnoutError:
        return True


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequestError(f"{folder} cannot be made: {error.strerror}", hint="Check who owns it.") from error


def _save(path: Path, record: Record) -> None:
    doc = {
        "client": record.client,
        "url": record.url,
        "token": record.token,
        "files": [asdict(kept) for kept in record.files],
        "folders": list(record.folders),
    }
    _write(path, json.dumps(doc, indent=1).encode(), 0o600)


def _real(path: Path) -> Path:
    """Behind a link (people keep their files in a repository of dotfiles); raises BadRequestError when it is not ours."""
    try:
        real = path.resolve()
        found = real.stat()
    except FileNotFoundError:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise BadRequestError(f"{path} cannot be read", hint="Check the file.") from error
    if not stat.S_ISREG(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise BadRequestError(f"{path} is no file of yours", hint="Check who owns it.")
    return real


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(BIGGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadRequestError(f"{path} cannot be read: {error.strerror}", hint="Check the file.") from error
    if len(data) > BIGGEST:
        raise BadRequestError(f"{path} is larger than 8 MiB", hint="That is no configuration; check the file.")
    return data


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequestError(f"{path} is not UTF-8 text", hint="Mend the file by hand first.") from None


def _missing(folder: Path) -> list[Path]:
    """The folder and its parents that are not there yet, outermost first."""
    found: list[Path] = []
    while not folder.exists():
        found.insert(0, folder)
        folder = folder.parent
    return found


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all: beside it, synced, renamed."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.new")
    temp.unlink(missing_ok=True)
    try:
        handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temp.chmod(mode)
        temp.replace(path)
    except OSError as error:
        temp.unlink(missing_ok=True)
        raise BadRequestError(
            f"{path} cannot be written: {error.strerror}", hint="Check who owns the folder."
        ) from error
