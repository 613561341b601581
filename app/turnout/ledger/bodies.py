"""What a call said and was answered: only where the user switched it on, masked before it comes here, and for some days.

Content-addressed: every message of a conversation is one piece, kept once a client under its hash, for an agent sends its
whole history with each request. Never shared between clients: whether another one said the same is nobody's business.
"""

import sqlite3
import zlib
from dataclasses import dataclass

import orjson

from turnout.calls.units import Json

_LISTS = ("messages", "input", "contents")
"""Where a dialect keeps its history."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One part of a call (request, answer), taken apart."""

    part: str
    pieces: str
    """JSON: how to put it together again from hashes."""
    blobs: tuple[tuple[bytes, bytes], ...]
    """(hash, compressed bytes)"""


def packed(part: str, doc: Json) -> Packed:
    import hashlib  # brings OpenSSL, 4 MB that who only reads the ledger (the tray, for days) need not hold

    blobs: dict[bytes, bytes] = {}

    def kept(piece: Json) -> str:
        data = orjson.dumps(piece)
        mark = hashlib.blake2b(data, digest_size=16).digest()
        blobs.setdefault(mark, zlib.compress(data, 6))
        return mark.hex()

    for name in _LISTS:
        if isinstance(doc, dict) and isinstance(items := doc.get(name), list):
            rest = {key: value for key, value in doc.items() if key != name}
            made = {"list": name, "items": [kept(item) for item in items], "rest": kept(rest)}
            break
    else:
        made = {"whole": kept(doc)}
    return Packed(part, orjson.dumps(made).decode(), tuple(blobs.items()))


def write(db: sqlite3.Connection, call: str, client: str, at_ms: int, parts: tuple[Packed, ...]) -> None:
    for one in parts:
        db.executemany(
            "INSERT INTO bodies VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET at_ms=excluded.at_ms",
            [(client, mark, at_ms, data) for mark, data in one.blobs],
        )
        db.execute("INSERT OR REPLACE INTO said VALUES (?,?,?,?,?)", (call, one.part, client, at_ms, one.pieces))


def read(db: sqlite3.Connection, call: str) -> dict[str, Json]:
    """Part -> what was said; parts whose pieces have expired are left out."""
    found: dict[str, Json] = {}
    for part, client, pieces in db.execute("SELECT part, client, pieces FROM said WHERE call=?", (call,)).fetchall():
        doc = _together(db, client, orjson.loads(pieces))
        if doc is not None:
            found[str(part)] = doc
    return found


def _together(db: sqlite3.Connection, client: str, made: dict[str, Json]) -> Json:
    def piece(mark: object) -> Json:
        sql = "SELECT data FROM bodies WHERE client=? AND hash=?"
        row = db.execute(sql, (client, bytes.fromhex(str(mark)))).fetchone()
        if row is None:
            raise LookupError
        doc: Json = orjson.loads(zlib.decompress(row[0]))
        return doc

    try:
        if "whole" in made:
            return piece(made["whole"])
        rest, items = piece(made["rest"]), made["items"]
        assert isinstance(rest, dict)
        assert isinstance(items, list)
        return rest | {str(made["list"]): [piece(mark) for mark in items]}
    except LookupError:
        return None


def expire(db: sqlite3.Connection, before_ms: int) -> int:
    """How many texts went. A piece lives as long as the newest call that has it."""
    db.execute("DELETE FROM said WHERE at_ms < ?", (before_ms,))
    return db.execute("DELETE FROM bodies WHERE at_ms < ?", (before_ms,)).rowcount


def shed(db: sqlite3.Connection, most: int) -> int:
    """The oldest texts, to make room: they go before any call's row does."""
    newest = db.execute("SELECT max(at_ms) FROM (SELECT at_ms FROM bodies ORDER BY at_ms LIMIT ?)", (most,)).fetchone()
    return expire(db, int(newest[0]) + 1) if newest[0] is not None else 0
