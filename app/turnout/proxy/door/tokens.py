"""Client tokens: shown once, kept as hashes, looked up in constant time per candidate."""

import hashlib
import secrets

from turnout.calls.client import Client

PREFIX = "tn-"


def made() -> str:
    """192 bits; letters, digits, - and _ only, so that it can stand in a path."""
    return PREFIX + secrets.token_urlsafe(24)


def hashed(token: str) -> bytes:
    # A fast hash is right for 192 random bits: there is no dictionary to try.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Tokens:
    """Looked up by hash: what a timing tells of a dictionary look-up is about the hash, not the token."""

    def __init__(self) -> None:
        self._clients: dict[bytes, Client] = {}

    def put(self, token_hash: bytes, client: Client) -> None:
        self.drop(client.name)
        self._clients[token_hash] = client

    def drop(self, name: str) -> bool:
        gone = [key for key, client in self._clients.items() if client.name == name]
        for key in gone:
            del self._clients[key]
        return bool(gone)

    def find(self, token_hash: bytes) -> Client | None:
        """`token_hash` is `hashed`'s."""
        return self._clients.get(token_hash)

    def named(self, name: str) -> Client | None:
        return next((client for client in self._clients.values() if client.name == name), None)

    def __len__(self) -> int:
        return len(self._clients)
