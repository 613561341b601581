"""A keyring for child processes of the tests: a JSON file named by TURNOUT_TEST_RING, chosen with PYTHON_KEYRING_BACKEND.

It can be told to hang, to be locked or to lie, by the file's key "mood".
"""

import json
import os
import time
from pathlib import Path

import keyring.errors
from keyring.backend import KeyringBackend

NAME = "tests.support.keyring_backend.FileRing"


class FileRing(KeyringBackend):
    priority = 1

    def _doc(self) -> dict[str, str]:
        path = Path(os.environ["TURNOUT_TEST_RING"])
        doc: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        mood = doc.get("mood", "")
        if mood == "hangs":
            time.sleep(60)
        if mood == "locked":
            raise keyring.errors.KeyringLocked
        return doc

    def get_password(self, service: str, username: str) -> str | None:
        return self._doc().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        doc = self._doc()
        if doc.get("mood") != "lies":
            doc[f"{service}/{username}"] = password
        Path(os.environ["TURNOUT_TEST_RING"]).write_text(json.dumps(doc))

    def delete_password(self, service: str, username: str) -> None:
        doc = self._doc()
        if doc.pop(f"{service}/{username}", None) is None:
            raise keyring.errors.PasswordDeleteError
        Path(os.environ["TURNOUT_TEST_RING"]).write_text(json.dumps(doc))


def save(path: Path, keys: dict[tuple[str, str], str], mood: str = "") -> None:
    """Keys by (provider, origin), as `turnout key set` would save them."""
    doc = {f"turnout/{provider}@{origin}": key for (provider, origin), key in keys.items()}
    index: dict[str, list[str]] = {}
    for provider, origin in keys:
        index.setdefault(provider, []).append(origin)
    doc["turnout-index/saved"] = json.dumps(index)
    if mood:
        doc["mood"] = mood
    path.write_text(json.dumps(doc))
