"""Retention: single calls go when they are too old or the file too large, oldest first; roll-ups and budget sums stay."""

import sqlite3
from dataclasses import dataclass

from turnout.ledger import bodies

STEP = 5_000
"""Calls deleted in one transaction: some 60 ms, for which a hold may have to wait."""
SMALL_STEP = 500
"""The same for the size, so that not many more go than must."""
MEMORY_MS = 30 * 86_400_000
"""Session memories, cached grades and settled windows are of no use after a month."""
_FLEETING = ("session", "intent", "lost", "notice", "body", "told")


@dataclass(slots=True)
class Tidied:
    calls: int = 0
    small: int = 0
    more: bool = False
    """Another step is needed."""


def tidy(
    db: sqlite3.Connection, done: Tidied, *, keep_days: int, max_mb: int, now_ms: int, bodies_days: int = 0
) -> None:
    """One step, inside the caller's transaction. `bodies_days` 0: texts are not kept (any more)."""
    done.small += bodies.expire(db, now_ms - bodies_days * 86_400_000 if bodies_days > 0 else now_ms + 1)
    if size(db) > max_mb * 1_000_000 > 0 and (gone_bodies := bodies.shed(db, SMALL_STEP)):
        done.small += gone_bodies
        done.more = True
        return
    oldest = now_ms - keep_days * 86_400_000 if keep_days > 0 else 0
    gone = _oldest(db, "WHERE at_ms < ?", oldest)
    if len(gone) < STEP and size(db) > max_mb * 1_000_000 > 0:
        gone += _oldest(db, "WHERE at_ms >= ?", oldest)[:SMALL_STEP]
    if gone:
        db.executemany("DELETE FROM attempts WHERE call=?", gone)
        db.executemany("DELETE FROM calls WHERE id=?", gone)
    done.calls = len(gone)
    done.more = len(gone) >= STEP or (bool(gone) and size(db) > max_mb * 1_000_000 > 0)
    if not done.more:
        for kind in _FLEETING:
            done.small += db.execute("DELETE FROM kept WHERE kind=? AND at_ms < ?", (kind, now_ms - MEMORY_MS)).rowcount
        # A session's own budget ends with it; longer windows than a year there are none but "ever".
        done.small += db.execute(
            "DELETE FROM spend WHERE at_ms < ? AND key NOT LIKE '%|ever|%'", (now_ms - 410 * 86_400_000,)
        ).rowcount


def _oldest(db: sqlite3.Connection, condition: str, at_ms: int) -> list[tuple[str]]:
    sql = f"SELECT id FROM calls {condition} ORDER BY at_ms LIMIT {STEP}"  # noqa: S608  two fixed conditions
    return db.execute(sql, (at_ms,)).fetchall()


def give_back(db: sqlite3.Connection) -> None:
    """Free pages, a little at a time: a full VACUUM would hold every call up.

    By script and outside a transaction: `execute` takes one step of this pragma, which is one page.
    """
    db.executescript("PRAGMA incremental_vacuum(2000)")


def size(db: sqlite3.Connection) -> int:
    """Bytes in use: pages that are free inside the file are not counted."""
    pages, free, page = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page
