"""One statement for many rows.

SQLite's module gives the interpreter's lock away three times a statement, and next to a busy event loop the ledger's thread waits up
to a millisecond for it each time, while holds wait for the thread: twenty calls by their rows are 360 such turns, by these 40.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain

from turnout.ledger.rows import Value

_SIZES = (16, 8, 4, 2, 1)
"""Rows of a statement: few enough texts that each stays prepared, and under the 999 values that every SQLite takes at once."""


class ForMany:
    def __init__(self, sql: str, row: str) -> None:
        """`sql` has one `{}`, in place of which comes `row`, once for each row, with commas between."""
        self._statements = [(size, sql.format(",".join([row] * size))) for size in _SIZES]

    def execute(self, db: sqlite3.Connection, rows: Sequence[tuple[Value, ...]]) -> None:
        done = 0
        for size, sql in self._statements:
            while len(rows) - done >= size:
                db.execute(sql, tuple(chain.from_iterable(rows[done : done + size])))
                done += size


def marks(width: int) -> str:
    """The place of one row's values: (?,?,?)."""
    return f"({','.join('?' * width)})"
