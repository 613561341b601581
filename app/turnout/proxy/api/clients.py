"""Who may call: names, departments and tokens, of which only hashes are kept."""

import re

from turnout.calls.client import Client
from turnout.calls.units import Json
from turnout.errors import BadRequestError, NotFoundError
from turnout.ledger.reader import ClientRow, Reader
from turnout.ledger.rows import rfc3339
from turnout.ledger.writer import Writer
from turnout.proxy.door import tokens as token_words
from turnout.proxy.door.tokens import Tokens
from turnout.proxy.now import now_ms

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_. \-]{0,63}$")
Doc = dict[str, Json]


class Clients:
    """Needs only the ledger, so that it works with and without a running proxy."""

    def __init__(self, writer: Writer, reader: Reader, tokens: Tokens) -> None:
        self._writer, self._reader, self._tokens = writer, reader, tokens

    def load(self) -> None:
        for row in self._reader.clients():
            self._tokens.put(row.token_hash, Client(row.name, row.department, row.project))

    def list(self, seen: dict[str, int]) -> Doc:
        return {"clients": client_rows(self._reader, seen)}

    async def add(self, name: str, department: str, project: str) -> Doc:
        if not NAME.match(name):
            raise BadRequestError(
                f"{name[:64]!r} is no name for a client",
                hint="Use up to 64 letters, digits, spaces, dots, dashes and underscores.",
            )
        if any(row.name == name for row in self._reader.clients()):
            raise BadRequestError(
                f"there is a client {name!r} already", hint=f"`turnout client rotate {name}` gives it a new token."
            )
        for said, of in ((department, "department"), (project, "project")):
            if len(said) > 64 or not said.isprintable():
                raise BadRequestError(
                    f"{said[:64]!r} is no name for a {of}", hint="Use up to 64 characters, on one line."
                )
        return await self._write(name, department, project)

    async def rotate(self, name: str) -> Doc:
        row = self._row(name)
        return await self._write(name, row.department, row.project)

    async def remove(self, name: str) -> Doc:
        self._row(name)
        await self._writer.drop_client(name)
        self._tokens.drop(name)
        return {"name": name}

    async def _write(self, name: str, department: str, project: str) -> Doc:
        token = token_words.made()
        token_hash = token_words.hashed(token)
        await self._writer.write_client(name, token_hash, department, project, now_ms())
        self._tokens.put(token_hash, Client(name, department, project))
        return {"name": name, "token": token}

    def _row(self, name: str) -> ClientRow:
        for row in self._reader.clients():
            if row.name == name:
                return row
        raise NotFoundError(f"there is no client {name!r}", hint="`turnout client list` shows them.")


def client_rows(reader: Reader, seen: dict[str, int]) -> list[Json]:
    return [
        {
            "name": row.name,
            "department": row.department,
            "project": row.project,
            "created_at": rfc3339(row.created_ms),
            "last_seen": rfc3339(seen[row.name]) if row.name in seen else None,
        }
        for row in reader.clients()
    ]
