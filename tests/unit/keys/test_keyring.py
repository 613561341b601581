"""The keyring's manners: what is kept, bound and refused. Backends here are scripted ones; the real one is in tests/desk."""

import pickle
import time

import keyring
import keyring.errors
import pytest

from turnout.errors import KeysError
from turnout.keys.keyring import KeyRing
from turnout.keys.secret import Secret

ORIGIN = "https://api.example.com:443"


class Honest:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError


class Forgetful(Honest):
    def set_password(self, service: str, username: str, password: str) -> None:
        return


class Hanging(Honest):
    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(30)
        return None


class Failing(Honest):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error


def ring(backend: Honest, timeout_s: float = 5.0) -> KeyRing:
    return KeyRing(timeout_s, lambda: backend)


def test_a_key_comes_back_for_its_own_origin() -> None:
    keys = ring(Honest())

    keys.set("openai", ORIGIN, Secret("sk-1"))

    assert keys.get("openai", ORIGIN) == Secret("sk-1")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://api.example.com:443",
        "https://api.example.com:444",
        "https://evil.example:443",
        "https://api.example.com",
    ],
)
def test_t12_a_key_is_not_given_to_another_origin(elsewhere: str) -> None:
    keys = ring(Honest())
    keys.set("openai", ORIGIN, Secret("sk-1"))

    assert keys.get("openai", elsewhere) is None


def test_saved_lists_names_and_origins_never_keys() -> None:
    keys = ring(Honest())
    keys.set("openai", ORIGIN, Secret("sk-1"))
    keys.set("openai", "https://other.example:443", Secret("sk-2"))

    assert keys.saved() == {"openai": [ORIGIN, "https://other.example:443"]}


def test_remove_takes_every_origin_of_the_provider_and_leaves_others() -> None:
    keys = ring(Honest())
    keys.set("openai", ORIGIN, Secret("sk-1"))
    keys.set("openai", "https://other.example:443", Secret("sk-2"))
    keys.set("anthropic", ORIGIN, Secret("sk-3"))

    assert keys.remove("openai") == 2
    assert keys.get("openai", ORIGIN) is None
    assert keys.saved() == {"anthropic": [ORIGIN]}


def test_remove_of_nothing_is_zero() -> None:
    assert ring(Honest()).remove("openai") == 0


def test_a_key_that_was_deleted_by_hand_does_not_stop_a_remove() -> None:
    backend = Honest()
    keys = ring(backend)
    keys.set("openai", ORIGIN, Secret("sk-1"))
    backend.kept.pop(("turnout", f"openai@{ORIGIN}"))

    assert keys.remove("openai") == 0
    assert keys.saved() == {}


def test_i15_a_keyring_that_forgets_is_found_out() -> None:
    with pytest.raises(KeysError, match="does not give it back") as caught:
        ring(Forgetful()).set("openai", ORIGIN, Secret("sk-1"))

    assert "gnome-keyring" in caught.value.hint


def test_i14_a_keyring_that_hangs_is_given_up_on() -> None:
    started = time.monotonic()

    with pytest.raises(KeysError, match="did not answer within") as caught:
        ring(Hanging(), 0.1).get("openai", ORIGIN)

    assert time.monotonic() - started < 2
    assert "Local models keep working" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (keyring.errors.KeyringLocked("x"), "locked"),
        (keyring.errors.NoKeyringError("x"), "no keyring"),
        (keyring.errors.InitError("x"), "no keyring"),
        (keyring.errors.PasswordSetError("x"), "failed"),
        (OSError("x"), "failed"),
    ],
)
def test_i14_each_way_to_fail_says_what_to_do(error: Exception, said: str) -> None:
    with pytest.raises(KeysError, match=said) as caught:
        ring(Failing(error)).get("openai", ORIGIN)

    assert caught.value.hint


def test_t09_a_failing_backend_does_not_leak_the_key_it_was_given() -> None:
    with pytest.raises(KeysError) as caught:
        ring(Failing(RuntimeError("could not store sk-canary"))).set("openai", ORIGIN, Secret("sk-canary"))

    assert "canary" not in caught.value.said


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("keyring.backends.null.Keyring", "switched off"),
        ("keyring.backends.fail.Keyring", "no keyring"),
    ],
)
def test_i15_backends_that_keep_nothing_are_refused(backend: str, said: str) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.core.load_keyring(backend))
    try:
        with pytest.raises(KeysError, match=said):
            KeyRing().get("openai", ORIGIN)
    finally:
        keyring.set_keyring(before)


class PlainFile(keyring.backend.KeyringBackend):
    """Stands for any backend that is not an operating system's."""

    priority = 0.1  # a class property in keyring's own words

    def get_password(self, service: str, username: str) -> str | None:
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("it must not be given a key")

    def delete_password(self, service: str, username: str) -> None:
        return


def test_i15_a_backend_that_is_not_the_operating_systems_gets_no_key() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(PlainFile())  # type: ignore[no-untyped-call]  # keyring's own __init__ has no types
    try:
        with pytest.raises(KeysError, match="no keyring of the operating system"):
            KeyRing().set("openai", ORIGIN, Secret("sk-1"))
    finally:
        keyring.set_keyring(before)


def test_t08_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("sk-canary")

    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", "%s" % secret, repr({"key": secret})]

    assert not any("canary" in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
