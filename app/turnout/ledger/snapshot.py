"""Every budget's spend in a small file beside the ledger, so that a damaged ledger never sets a budget back to zero (I12);
and, beside it too, ended calls that a refusing disk kept out of the ledger until Turnout had to stop.

The snapshot is written at most every two seconds while something changes, always as a whole. It is not synced: it has to survive
a kill and a damaged database, for a power cut there are `blocks`.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from turnout.calls.record import CallRecord
from turnout.calls.units import Status
from turnout.ledger.rows import attempt_of, attempt_values, dumped, record_of, values

EVERY_S = 2.0
LIVE_MS = 400 * 86_400_000
"""Windows older than this are of no budget any more."""
Sums = tuple[int, int, int, int]
"""nanos, tokens, calls, last at_ms"""


@dataclass(frozen=True, slots=True)
class Known:
    spend: dict[str, Sums] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    """Bucket -> nanos of its open holds."""

    def taken(self, key: str) -> int:
        return self.spend.get(key, (0, 0, 0, 0))[0] + self.held.get(key, 0)

    @property
    def keys(self) -> list[str]:
        return list({**self.spend, **dict.fromkeys(self.held)})


def snapshot_path(ledger: Path) -> Path:
    return ledger.with_name("spend.json")


def spill_path(ledger: Path) -> Path:
    return ledger.with_name("unwritten.jsonl")


class Snapshot:
    """Kept up to date by the writer's thread."""

    def __init__(
        self, ledger: Path, db: sqlite3.Connection, holds: Mapping[str, tuple[int, tuple[str, ...]]] | None = None
    ) -> None:
        """`holds`: of each call under way its hold and the buckets it is charged to, as their owner keeps them."""
        self._path = snapshot_path(ledger)
        rows = db.execute("SELECT key, nanos, tokens, calls, at_ms FROM spend").fetchall()
        newest = max((int(row[4]) for row in rows), default=0)
        self._spend: dict[str, Sums] = {
            str(key): (int(n), int(t), int(c), int(at)) for key, n, t, c, at in rows if at > newest - LIVE_MS
        }
        self._holds = holds if holds is not None else {}
        self.changed = False
        self._written_s = float("-inf")

    def settled(self, record: CallRecord, keys: tuple[str, ...]) -> None:
        """`keys`: the buckets that this call is counted in; none when it was counted before."""
        if record.status is not Status.REFUSED:
            tokens = record.usage.total
            for key in keys:
                nanos, before, calls, at = self._spend.get(key, (0, 0, 0, 0))
                self._spend[key] = (nanos + record.cost, before + tokens, calls + 1, max(at, record.at_ms))
        self.changed = True

    def known(self) -> Known:
        held: dict[str, int] = {}
        for nanos, keys in list(self._holds.values()):
            for key in keys:
                held[key] = held.get(key, 0) + nanos
        return Known(dict(self._spend), held)

    def due_s(self, now_s: float) -> float | None:
        """Seconds until the next one should be written; None: nothing changed."""
        return max(0.0, self._written_s + EVERY_S - now_s) if self.changed else None

    def write_if_due(self, now_s: float) -> None:
        if self.changed and now_s - self._written_s >= EVERY_S:
            self._written_s = now_s
            self.write()

    def write(self) -> None:
        self.changed = False
        known = self.known()
        replace_file(self._path, dumped({"spend": known.spend, "held": known.held}).encode())


def read_snapshot(ledger: Path) -> Known | None:
    """None: there is none that can be read."""
    try:
        doc = orjson.loads(snapshot_path(ledger).read_bytes())
        return Known(
            {str(k): (int(v[0]), int(v[1]), int(v[2]), int(v[3])) for k, v in doc["spend"].items()},
            {str(k): int(v) for k, v in doc.get("held", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def spill(ledger: Path, records: Sequence[CallRecord]) -> None:
    """Appends, one line a call, and syncs."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(spill_path(ledger), flags, 0o600), "wb") as file:
        for record in records:
            attempts = [attempt_values(record.id, n, a) for n, a in enumerate(record.attempts)]
            file.write(dumped({"call": values(record), "attempts": attempts}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def spilled(ledger: Path) -> Iterator[CallRecord]:
    """What `spill` wrote; a torn last line is passed over, its hold is still in the ledger."""
    try:
        lines = spill_path(ledger).read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            doc = orjson.loads(line)
            attempts = tuple(attempt_of(tuple(row)) for row in doc["attempts"])
            yield record_of(tuple(doc["call"]), attempts)
        except (ValueError, KeyError, TypeError):
            continue


def replace_file(path: Path, data: bytes) -> None:
    """Atomic, mode 0600: never half a file, never through a link that lies in the way."""
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    temp.unlink(missing_ok=True)
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temp.replace(path)
    except OSError:
        temp.unlink(missing_ok=True)
        raise
