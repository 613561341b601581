"""Credit that may be gone after a power cut: a durable mark per budget bucket that its spend never passes unseen.

A NORMAL commit survives `kill -9` (the operating system holds the pages) but not a power cut; a FULL one costs 2.2 ms at the
median and 12 ms at p99, too much for every call. So one FULL commit moves a bucket's mark a block ahead of what is spent and
held; holds under the mark are committed NORMAL. After a power cut (another boot, no clean stop) what lies between the
ledger's sum and the mark may have been spent by calls that the disk forgot: it counts as spent until the user releases it.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

SMALLEST = 50_000_000
LARGEST = 5_000_000_000
"""A block is 5 cents to 5 dollars: four holds' worth, doubled while blocks are used up faster than one a second."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(slots=True)
class _Bucket:
    taken: int
    """Settled and held nanos."""
    mark: int
    block: int = SMALLEST
    moved_s: float = float("-inf")


class Blocks:
    """The writer thread's own view of every bucket it has seen; sums come from the ledger when a bucket is first touched."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._buckets: dict[str, _Bucket] = {}
        self.open: dict[str, tuple[int, tuple[str, ...]]] = {}
        """Of each call under way that budgets pay for: its hold and their keys."""

    def takes(self, call: str, nanos: int, keys: tuple[str, ...]) -> bool:
        """Takes a hold that stays under the marks there are, so that a NORMAL commit will do. False, and nothing changed: a mark
        must move, or a bucket is seen for the first time."""
        buckets = []
        for key in keys:
            bucket = self._buckets.get(key)
            if bucket is None or (nanos > 0 and bucket.taken + nanos > bucket.mark):
                return False
            buckets.append(bucket)
        if call in self.open:
            self.settle(call, 0, ())
        if buckets:
            self.open[call] = (nanos, keys)
            for bucket in buckets:
                bucket.taken += nanos
        return True

    def hold(self, call: str, nanos: int, keys: tuple[str, ...], now_s: float) -> dict[str, int]:
        """Key -> its new mark, for those that must move before this hold may be committed NORMAL; usually none."""
        self.settle(call, 0, ())
        self.open[call] = (nanos, keys)
        moved: dict[str, int] = {}
        for key in keys:
            bucket = self._bucket(key)
            bucket.taken += nanos
            if nanos > 0 and bucket.taken > bucket.mark:
                hurried = now_s - bucket.moved_s < 1.0
                wanted = max(nanos * 4, bucket.block * 2 if hurried else SMALLEST)
                bucket.block = min(wanted, LARGEST)
                bucket.moved_s = now_s
                bucket.mark = moved[key] = bucket.taken + bucket.block
        return moved

    def settle(self, call: str, cost: int, keys: tuple[str, ...]) -> None:
        held, charged = self.open.pop(call, (0, ()))
        for key in charged:
            self._buckets[key].taken -= held
        for key in keys:
            if key in self._buckets:  # else its sum is read from the ledger, with this call in it, when it is needed
                self._buckets[key].taken += cost

    def unmoved(self, moved: dict[str, int]) -> None:
        """The commit failed: the next hold tries again."""
        for key in moved:
            self._buckets[key].mark = 0

    def _bucket(self, key: str) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) > 20_000:
                # Windows that ended; those in use come back with the sums the ledger has by then.
                kept = {k for _, keys in self.open.values() for k in keys}
                self._buckets = {k: b for k, b in self._buckets.items() if k in kept}
            spent = self._db.execute("SELECT nanos FROM spend WHERE key=?", (key,)).fetchone()
            mark = self._db.execute("SELECT nanos FROM blocks WHERE key=?", (key,)).fetchone()
            bucket = self._buckets[key] = _Bucket(spent[0] if spent else 0, mark[0] if mark else 0)
        return bucket


def write_marks(db: sqlite3.Connection, moved: dict[str, int], at_ms: int) -> None:
    db.executemany("INSERT OR REPLACE INTO blocks VALUES (?,?,?)", [(k, n, at_ms) for k, n in moved.items()])


def boot() -> str:
    """Names this start of the machine; empty where that cannot be told: then every unclean stop may have been a power cut."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def begun(db: sqlite3.Connection) -> None:
    """Says in the ledger which boot its marks are of."""
    name = boot()
    row = db.execute("SELECT value FROM kept WHERE kind='ledger' AND key='boot'").fetchone()
    if row is None or row[0] != f'"{name}"':
        db.execute("INSERT OR REPLACE INTO kept VALUES ('ledger','boot',?,0)", (f'"{name}"',))


def ended(db: sqlite3.Connection) -> None:
    """A clean stop: everything is on disk, so nothing lies between sums and marks."""
    db.execute("DELETE FROM blocks")


def lost(db: sqlite3.Connection, at_ms: int) -> dict[str, int]:
    """After a power cut: bucket -> nanos that may have been spent unseen, booked as `lost` until released. Else empty."""
    marks = db.execute("SELECT key, nanos FROM blocks").fetchall()
    if not marks:
        return {}
    row = db.execute("SELECT value FROM kept WHERE kind='ledger' AND key='boot'").fetchone()
    now = boot()
    if now and row is not None and row[0] == f'"{now}"':
        return {}  # killed, not powered off: what was committed is there, and the marks still hold
    found = set_lost(db, {str(key): int(mark) for key, mark in marks}, at_ms)
    db.execute("DELETE FROM blocks")
    return found


def set_lost(db: sqlite3.Connection, marks: dict[str, int], at_ms: int) -> dict[str, int]:
    """Books what lies between each bucket's sum (with what is lost already) and its mark."""
    found: dict[str, int] = {}
    for key, mark in marks.items():
        spent = db.execute("SELECT nanos FROM spend WHERE key=?", (key,)).fetchone()
        gap = mark - (int(spent[0]) if spent else 0)
        if gap > 0:
            found[key] = gap
            db.execute(
                "INSERT INTO kept VALUES ('lost',?,?,?) ON CONFLICT DO UPDATE"
                " SET value=CAST(CAST(value AS INTEGER)+CAST(excluded.value AS INTEGER) AS TEXT), at_ms=excluded.at_ms",
                (key, str(gap), at_ms),
            )
    return found
