"""Cloud keys in the operating system's keyring, each bound to the origin it was saved for (T12).

`keyring` blocks without end on a locked collection, so the lock is asked first (10 ms, no prompt) and every call runs in a
thread with a limit (I14). Only backends of the operating systems' own are used: one that stores in plain text, or forgets what
it is told, is refused (I15).
"""

import json
import queue
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from turnout.errors import KeysError
from turnout.keys.secret import Secret

T = TypeVar("T")
SERVICE = "turnout"
TIMEOUT_S = 5.0
_INDEX = "turnout-index"
"""What is saved, by name: a keyring cannot be listed on every platform. Names and origins only."""
_TRUSTED = ("SecretService", "kwallet", "libsecret", "macOS", "Windows")
"""Modules of `keyring.backends`: those that leave the keeping to the operating system."""
_LOCAL = "Local models keep working."


class Backend(Protocol):
    """What we use of a `keyring` backend."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


class KeyRing:
    """Every method raises KeysError with what to do; none blocks for longer than the limit."""

    def __init__(self, timeout_s: float = TIMEOUT_S, choose: "Callable[[], Backend] | None" = None) -> None:
        """`choose` finds the backend anew for each call; None: the operating system's."""
        self._timeout_s = timeout_s
        self._choose = choose or system_backend

    def set(self, provider: str, origin: str, key: Secret) -> None:
        """Reads back what was written: some backends take a key and forget it (I15)."""

        def run(backend: Backend) -> None:
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
        found = self._run(lambda backend: backend.get_password(SERVICE, f"{provider}@{origin}"))
        return Secret(found) if found else None

    def remove(self, provider: str) -> int:
        """All origins of the provider; how many keys there were."""

        def run(backend: Backend) -> int:
            import keyring.errors

            index = _index(backend)
            gone = 0
            for origin in index.pop(provider, []):
                try:
                    backend.delete_password(SERVICE, f"{provider}@{origin}")
                    gone += 1
                except keyring.errors.PasswordDeleteError:
                    # Deleted by hand in the keyring's own program: gone is what was asked for.
                    continue
            _save_index(backend, index)
            return gone

        return self._run(run)

    def saved(self) -> dict[str, list[str]]:
        """Provider -> origins with a key. Never the keys."""
        return self._run(_index)

    def _run(self, act: "Callable[[Backend], T]") -> T:
        """In a thread of its own, a daemon: one that hangs must hold up neither us nor the process's end, as a pool's would."""
        done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                done.put((_translated(lambda: act(self._choose())), None))
            except BaseException as error:  # noqa: BLE001  raised again in the thread that waits
                done.put((None, error))

        threading.Thread(target=work, name="keyring", daemon=True).start()
        try:
            value, error = done.get(timeout=self._timeout_s)
        except queue.Empty:
            raise KeysError(
                f"The keyring did not answer within {self._timeout_s:g} s.",
                hint=f"It may be waiting for its password: unlock it and try again. {_LOCAL}",
            ) from None
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # None only where T has it


def _translated(act: "Callable[[], T]") -> T:
    import keyring.errors

    try:
        return act()
    except KeysError:
        raise
    except keyring.errors.KeyringLocked as error:
        raise _locked() from error
    except (keyring.errors.NoKeyringError, keyring.errors.InitError) as error:
        raise KeysError(
            "There is no keyring on this machine.",
            hint=f"Start gnome-keyring or KWallet (Debian: apt install gnome-keyring) inside a desktop session. {_LOCAL}",
        ) from error
    except Exception as error:
        # The boundary to somebody else's backend: D-Bus, Windows and macOS errors of any kind. Never their text, which
        # may hold what was to be saved.
        raise KeysError(
            f"The keyring failed ({type(error).__name__}).", hint=f"Unlock it and try again. {_LOCAL}"
        ) from error


def _locked() -> KeysError:
    return KeysError("The keyring is locked.", hint=f"Unlock it (log in to your desktop) and try again. {_LOCAL}")


def system_backend() -> Backend:
    """The operating system's keyring, known to be unlocked where that can be asked. Raises KeysError."""
    import keyring
    import keyring.errors
    from keyring.backends import chainer, fail, null

    try:
        found = keyring.get_keyring()
    except Exception as error:
        # A backend that is named in the environment or in keyringrc.cfg and cannot be had: it raises whatever it likes.
        raise keyring.errors.NoKeyringError from error
    # A chain would write to the first that takes the key, plain files among them: we pick a trusted one ourselves.
    candidates = list(found.backends) if isinstance(found, chainer.ChainerBackend) else [found]
    backend = next((one for one in candidates if _trusted(one)), None)
    if backend is None:
        if isinstance(found, null.Keyring):
            raise KeysError(
                "The keyring is switched off (the null backend).",
                hint=f"Unset PYTHON_KEYRING_BACKEND, or take it out of keyringrc.cfg. {_LOCAL}",
            )
        if not candidates or all(isinstance(one, fail.Keyring) for one in candidates):
            raise keyring.errors.NoKeyringError
        kind = f"{type(candidates[0]).__module__}.{type(candidates[0]).__name__}"
        raise KeysError(
            f"{kind} is no keyring of the operating system's.",
            hint=f"Turnout keeps keys nowhere else: start gnome-keyring or KWallet. {_LOCAL}",
        )
    if type(backend).__module__ == "keyring.backends.SecretService":
        _ask_locked()
    # `keyring` leaves its return types open; these are what its documentation promises.
    chosen: Backend = backend
    return chosen


def _trusted(backend: object) -> bool:
    package, _, name = type(backend).__module__.rpartition(".")
    return (name in _TRUSTED and package == "keyring.backends") or type(backend).__module__.startswith(
        "keyring.backends.macOS"
    )


def _ask_locked() -> None:
    """Without a prompt, in 10 ms; asking the keyring itself would block until somebody types a password."""
    try:
        import secretstorage
    except ImportError:
        return
    try:
        connection = secretstorage.dbus_init()
    except Exception as error:
        # secretstorage lets errors of several D-Bus libraries through.
        raise KeysError(
            "There is no keyring on this machine (no session bus).",
            hint=f"Run inside a desktop session, or under dbus-run-session with gnome-keyring. {_LOCAL}",
        ) from error
    try:
        # The collection by its alias: `get_default_collection` would make a missing one, behind a prompt.
        collection = secretstorage.collection.Collection(connection)
        locked = collection.is_locked()
    except secretstorage.exceptions.ItemNotFoundException:
        # No collection yet: the first `key set` makes it, and may ask for a password to protect it with.
        return
    except secretstorage.exceptions.SecretStorageException as error:
        raise KeysError(
            "The session bus has no keyring service.", hint=f"Start gnome-keyring or KWallet. {_LOCAL}"
        ) from error
    finally:
        connection.close()
    if locked:
        raise _locked()


def _index(backend: Backend) -> dict[str, list[str]]:
    text = backend.get_password(_INDEX, "saved")
    try:
        doc = json.loads(text) if text else {}
    except ValueError:
        return {}
    if not isinstance(doc, dict):
        return {}
    return {str(name): [str(one) for one in origins] for name, origins in doc.items() if isinstance(origins, list)}


def _save_index(backend: Backend, index: dict[str, list[str]]) -> None:
    backend.set_password(_INDEX, "saved", json.dumps(index))
