"""The token that `env` prints: kept (0600) so that every new shell gets the same one and no older shell is cut off."""

import os
from pathlib import Path

from turnout.cli.reach import either
from turnout.settings.atomic import replace_file
from turnout.settings.paths import Paths


def token_for(where: Paths, client: str) -> str:
    """The kept token while it is still the client's, else a new one; the client is made when there is none."""
    from turnout.errors import BadRequestError
    from turnout.ledger.reader import Reader
    from turnout.proxy.api.clients import NAME
    from turnout.proxy.door.tokens import hashed

    if not NAME.match(client):
        raise BadRequestError(f"{client[:64]!r} is no name for a client", hint="Letters, digits, dots, dashes.")
    folder = where.state / "tokens"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / client
    reader = Reader(where.ledger)
    try:
        row = next((row for row in reader.clients() if row.name == client), None)
    finally:
        reader.close()
    kept = _read(file)
    if row is not None and kept and hashed(kept) == row.token_hash:
        return kept
    made = either(where).client_add(client) if row is None else either(where).client_rotate(client)
    token = str(made["token"])
    replace_file(file, token.encode())
    return token


def _read(file: Path) -> str:
    try:
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as opened:
        return opened.read(256).decode("ascii", "replace").strip()
