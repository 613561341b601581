"""Cloud keys in the operating system's keyring, each bound to the origin it was saved for (T12).

`keyring` blocks without end on a locked collection, so the lock is asked first (10 ms, no prompt) and every call runs in a
thread with a limit. A backend that stores in plain text, or forgets what it is told, is refused.
"""

import concurrent.futures
import json
from collections.abc import Callable
from typing import Any, TypeVar

from turnout.errors import KeysError
from turnout.keys.secret import Secret

T = TypeVar("T")
SERVICE = "turnout"
TIMEOUT_S = 5.0
_INDEX = "turnout-index"
"""What is saved, by name: a keyring cannot be listed on every platform. Names and origins only."""


class KeyRing:
    """Every method raises KeysError with what to do; none blocks for longer than the limit."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s

    def set(self, provider: str, origin: str, key: Secret) -> None:
        """Reads back what was written: some backends take a key and forget it (I15)."""

        def run() -> None:
            backend = _backend()
            backend.set_password(SERVICE, f"{provider}@{origin}", key.reveal())
            if backend.get_password(SERVICE, f"{provider}@{origin}") != key.reveal():
                raise KeysError(
                    "The keyring took the key but does not give it back.",
                    hint="No real keyring is running: start gnome-keyring or KWallet, or log in to a desktop session.",
                )
            index = _index(backend)
            index[provider] = sorted({*index.get(provider, []), origin})
            _save_index(backend, index)

        self._run(run)

    def get(self, provider: str, origin: str) -> Secret | None:
        """None when no key was saved for this provider at this very origin."""

        def run() -> str | None:
            found: str | None = _backend().get_password(SERVICE, f"{provider}@{origin}")
            return found

        found = self._run(run)
        return Secret(found) if found else None

    def remove(self, provider: str) -> int:
        """All origins of the provider; how many keys there were."""

        def run() -> int:
            import keyring.errors

            backend = _backend()
            index = _index(backend)
            gone = 0
            for origin in index.pop(provider, []):
                try:
                    backend.delete_password(SERVICE, f"{provider}@{origin}")
                    gone += 1
                except keyring.errors.PasswordDeleteError:
                    continue
            _save_index(backend, index)
            return gone

        return self._run(run)

    def saved(self) -> dict[str, list[str]]:
        """Provider -> origins with a key. Never the keys."""
        return self._run(lambda: _index(_backend()))

    def _run(self, act: Callable[[], T]) -> T:
        # Not a `with`: leaving it would wait for a thread that hangs in the keyring.
        pool = concurrent.futures.ThreadPoolExecutor(1, "keyring")
        try:
            return pool.submit(_translated, act).result(self._timeout_s)
        except concurrent.futures.TimeoutError:
            raise KeysError(
                f"The keyring did not answer within {self._timeout_s:g} s.",
                hint="It may be waiting for its password: unlock it and try again. Local models keep working.",
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _translated(act: Callable[[], T]) -> T:
    import keyring.errors

    try:
        return act()
    except keyring.errors.KeyringLocked as error:
        raise _locked() from error
    except (keyring.errors.NoKeyringError, keyring.errors.InitError) as error:
        raise KeysError(
            "There is no keyring on this machine.",
            hint="Start gnome-keyring or KWallet (Debian: apt install gnome-keyring) inside a desktop session. Local models keep working.",
        ) from error
    except keyring.errors.KeyringError as error:
        raise KeysError(
            f"The keyring failed ({type(error).__name__}).", hint="Unlock it and try again. Local models keep working."
        ) from error


def _locked() -> KeysError:
    return KeysError(
        "The keyring is locked.", hint="Unlock it (log in to your desktop) and try again. Local models keep working."
    )


def _backend() -> Any:
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring):
        raise keyring.errors.NoKeyringError
    if isinstance(backend, null.Keyring):
        raise KeysError(
            "The keyring is switched off (the null backend).",
            hint="Unset PYTHON_KEYRING_BACKEND, or name a real backend.",
        )
    kind = f"{type(backend).__module__}.{type(backend).__name__}"
    if kind.startswith("keyrings.alt"):
        raise KeysError(
            f"{kind} keeps keys in a plain file.",
            hint="Use the desktop's own keyring; Turnout stores keys nowhere else.",
        )
    if kind.startswith("keyring.backends.SecretService") or "chainer" in kind:
        _ask_locked()
    return backend


def _ask_locked() -> None:
    """Without a prompt, in 10 ms; asking the keyring itself would block until somebody types a password."""
    try:
        import secretstorage
    except ImportError:
        return
    try:
        connection = secretstorage.dbus_init()
    except Exception as error:
        raise KeysError(
            "There is no keyring on this machine (no session bus).",
            hint="Run inside a desktop session, or under dbus-run-session with gnome-keyring. Local models keep working.",
        ) from error
    try:
        collection = secretstorage.get_default_collection(connection)
        if collection.is_locked():
            raise _locked()
    except secretstorage.exceptions.SecretStorageException as error:
        raise KeysError(
            "The session bus has no keyring service.", hint="Start gnome-keyring or KWallet. Local models keep working."
        ) from error
    finally:
        connection.close()


def _index(backend: Any) -> dict[str, list[str]]:
    text = backend.get_password(_INDEX, "saved")
    try:
        doc = json.loads(text) if text else {}
    except ValueError:
        return {}
    return (
        {str(k): [str(one) for one in v] for k, v in doc.items() if isinstance(v, list)}
        if isinstance(doc, dict)
        else {}
    )


def _save_index(backend: Any, index: dict[str, list[str]]) -> None:
    backend.set_password(_INDEX, "saved", json.dumps(index))
