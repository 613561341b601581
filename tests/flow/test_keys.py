"""A cloud key from the command line to the vendor: a real Secret Service, saved for one origin, and what is said when there is none."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.keyring_session import KeyringSession, missing
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script

KEY = "sk-canary-4f2a9c"
NULL = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
pytestmark = [pytest.mark.desk, pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}")]


def with_key(url: str) -> str:
    """openai wants a key; the local engine wants none."""
    return four_vendors(url).replace(f'base_url = "{url}/v1"\nkey = "none"', f'base_url = "{url}/v1"', 1)


@pytest.fixture
def session() -> Iterator[KeyringSession]:
    with KeyringSession() as running:
        yield running


def turnout_of(home: Path, engine: Engine, environment: dict[str, str]) -> Turnout:
    return Turnout(home, settings=with_key(engine.url), rules=BY_MODEL, environment=environment)


def cli(turnout: Turnout, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (sys.executable, "-m", "turnout", *arguments),
        env=turnout.environment(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_key_set_on_the_command_line_is_used_at_once_and_no_more_once_removed(
    tmp_path: Path, engine: Engine, session: KeyringSession
) -> None:
    with turnout_of(tmp_path, engine, session.environment) as turnout:
        without = turnout.chat(model="openai/scripted")
        assert without.status == 400
        assert "turnout key set openai" in without.text
        assert engine.calls == []

        done = cli(turnout, "key", "set", "openai", "--stdin", stdin=KEY + "\n")

        assert (done.returncode, done.stderr) == (0, "")
        assert f"in the keyring, for {engine.url} alone" in done.stdout
        assert turnout.chat(model="openai/scripted").status == 200
        assert engine.calls[-1].header("authorization") == f"Bearer {KEY}"
        assert "saved" in cli(turnout, "key", "list").stdout
        assert "ok    keys: openai: saved for" in cli(turnout, "doctor").stdout

        assert cli(turnout, "key", "remove", "openai").returncode == 0
        assert turnout.chat(model="openai/scripted").status == 400
        assert cli(turnout, "key", "remove", "openai").returncode == 1

    written = [one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()]
    assert not any(KEY.encode() in data for data in written)


def test_t12_a_key_stays_behind_when_its_provider_moves(
    tmp_path: Path, engine: Engine, session: KeyringSession
) -> None:
    with Engine() as evil, turnout_of(tmp_path, engine, session.environment) as turnout:
        assert cli(turnout, "key", "set", "openai", stdin=KEY).returncode == 0
        assert turnout.chat(model="openai/scripted").status == 200

        (tmp_path / "turnout.toml").write_text(with_key(evil.url))
        turnout.control.reload()
        answer = turnout.chat(model="openai/scripted")

        assert answer.status == 400
        assert f"no key for openai at {evil.url}" in answer.text
        assert not any(KEY in str(heard.headers) for heard in evil.heard)
        assert evil.calls == []
        doctor = cli(turnout, "doctor").stdout
        assert f"saved for {engine.url}, not for {evil.url}" in doctor


@pytest.mark.parametrize("state", ["locked", "no service", "null backend", "no bus", "named but missing"])
def test_without_a_usable_keyring_it_says_so_and_the_local_tier_works(
    tmp_path: Path, engine: Engine, state: str
) -> None:
    said = {
        "locked": "The keyring is locked.",
        "no service": "no keyring",
        "null backend": "The keyring is switched off",
        "no bus": "no keyring",
        "named but missing": "no keyring",
    }[state]
    with KeyringSession(keyring=state not in ("no service", "named but missing"), locked=state == "locked") as session:
        environment = dict(session.environment)
        if state == "no bus":
            environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path}/nothing"
        if state == "named but missing":
            environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.SecretService.Keyring"
        if state == "null backend":
            environment |= NULL
        with turnout_of(tmp_path, engine, environment) as turnout:
            done = cli(turnout, "key", "set", "openai", stdin=KEY)
            assert done.returncode == 1
            assert said in done.stderr
            assert "Local models keep working" in done.stderr
            assert KEY not in done.stderr

            cloud = turnout.chat(model="openai/scripted")
            assert cloud.status == 400
            assert said in cloud.text
            assert turnout.chat(model="ollama/scripted").status == 200

            doctor = cli(turnout, "doctor")
            assert doctor.returncode == 1
            assert said in doctor.stdout


@pytest.mark.parametrize("text", ["", "   \n", "two words", "ключ", "x" * 5000, "a\nb"])
def test_what_is_no_key_is_refused(tmp_path: Path, engine: Engine, session: KeyringSession, text: str) -> None:
    turnout = turnout_of(tmp_path, engine, session.environment)

    done = cli(turnout, "key", "set", "openai", stdin=text)

    assert done.returncode != 0
    assert "no" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_for_a_provider_nobody_knows_is_refused(tmp_path: Path, engine: Engine, session: KeyringSession) -> None:
    turnout = turnout_of(tmp_path, engine, session.environment)

    done = cli(turnout, "key", "set", "nobody", stdin=KEY)

    assert done.returncode != 0
    assert "nobody" in done.stderr
    assert KEY not in done.stderr


def test_t08_a_key_is_no_argument_and_in_no_process_list(
    tmp_path: Path, engine: Engine, session: KeyringSession
) -> None:
    with turnout_of(tmp_path, engine, session.environment) as turnout:
        assert cli(turnout, "key", "set", "openai", KEY).returncode == 2
        cli(turnout, "key", "set", "openai", stdin=KEY)
        turnout.chat(model="openai/scripted")
        proc = Path(f"/proc/{turnout.process.pid}")

        assert KEY.encode() not in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
        core = next(line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max core file"))
        assert core.split()[4:6] == ["0", "0"]


def test_t09_a_vendor_that_repeats_the_key_does_not_give_it_away(
    tmp_path: Path, engine: Engine, session: KeyringSession
) -> None:
    engine.say(Script(status=401, error=f"Incorrect API key provided: {KEY}."))
    with turnout_of(tmp_path, engine, session.environment) as turnout:
        cli(turnout, "key", "set", "openai", stdin=KEY)
        answer = turnout.chat(model="openai/scripted")
        messages = turnout.ask(
            "POST",
            "/v1/messages",
            {"model": "openai/scripted", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
        )
        row = turnout.row(answer)

    assert answer.status == 401
    assert "[key]" in answer.text
    assert KEY not in answer.text + messages.text + row.error + row.attempts[0].error
    assert not any(KEY.encode() in one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
