"""How each client stands: not here, here, connected, or changed since we connected it. Reads files, changes none."""

import hashlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from turnout.connect.apply import Record, digest, edits_of, read_record
from turnout.connect.clients import CLIENTS, Client
from turnout.connect.place import Place, here
from turnout.errors import TurnoutError


class Stand(Enum):
    ABSENT = "absent"
    PRESENT = "present"
    CONNECTED = "connected"
    CHANGED = "changed"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class ClientState:
    name: str
    title: str
    stand: Stand
    detail: str = ""
    files: tuple[Path, ...] = ()
    """Those we changed, or would."""
    by_hand: bool = False


def clients(
    backups: Path, place: Place | None = None, url: str = "", known: frozenset[bytes] | None = None
) -> list[ClientState]:
    """In the order of the catalogue. `url`, if given, is where clients should point now; `known`, hashes of valid tokens."""
    where = place if place is not None else here()
    return [_stand(client, where, backups, url, known) for client in CLIENTS.values()]


def _stand(client: Client, place: Place, backups: Path, url: str, known: frozenset[bytes] | None) -> ClientState:
    if client.impossible:
        stand = Stand.IMPOSSIBLE if client.present(place) else Stand.ABSENT
        return ClientState(client.name, client.title, stand, client.impossible)
    record = read_record(backups, client.name)
    if record is None:
        files = tuple(one.path for one in client.setup(place, "", "").files)
        stand = Stand.PRESENT if client.present(place) else Stand.ABSENT
        return ClientState(client.name, client.title, stand, "", files, client.by_hand)
    detail = _since(client, place, record)
    if not detail and url and record.url.rstrip("/") != url.rstrip("/"):
        detail = f"it points to {record.url}, and Turnout is at {url}"
    if not detail and known is not None and hashlib.sha256(record.token.encode()).digest() not in known:
        detail = "its token is no longer valid (it was removed, or changed by `turnout client rotate`)"
    stand = Stand.CHANGED if detail else Stand.CONNECTED
    files = tuple(Path(kept.path) for kept in record.files)
    return ClientState(client.name, client.title, stand, detail, files, client.by_hand)


def _since(client: Client, place: Place, record: Record) -> str:
    edits = edits_of(record, client.setup(place, record.url, record.token))
    gone: list[str] = []
    touched: list[str] = []
    for kept, edit in zip(record.files, edits, strict=True):
        try:
            data = Path(kept.path).read_bytes()
        except OSError:
            gone.append(f"{kept.path} (deleted)")
            continue
        if edit is None:
            gone.append(f"{kept.path} (it reads another file now)")
            continue
        if digest(data) == kept.after:
            continue
        try:
            holds = edit.holds(data.decode("utf-8", "replace"))
        except TurnoutError:
            holds = False
        (touched if holds else gone).append(kept.path)
    if gone:
        return f"what points it here was changed or is gone: {', '.join(gone)}"
    return f"its file was changed since (it still points here): {', '.join(touched)}" if touched else ""
