"""A key in a prompt keeps its conversation inside the walls, whatever follows and whatever fails (I10)."""

import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bench.secrets_bench import keys
from tests.support.engine import Engine
from tests.support.proxy import Turnout, two_tiers

from turnout.calls.units import Tier

KINDS = (
    "aws access key",
    "github token",
    "github fine-grained",
    "gitlab",
    "slack token",
    "stripe",
    "google api key",
    "openai project",
    "anthropic",
    "npm",
    "private key",
    "database url",
)
RULES = """
[signals]
secret = { kind = "secret" }

[[rule]]
name = "secrets stay home"
when = "secret"
route = "local"
private = true

[[rule]]
name = "the rest goes out"
when = "true"
route = "high"
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Engine]:
    with Engine() as running:
        yield running


@pytest.fixture(scope="module")
def local() -> Iterator[Engine]:
    with Engine() as running:
        yield running


@pytest.fixture(scope="module")
def turnout(cloud: Engine, local: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("private")
    with Turnout(home, settings=two_tiers(cloud.url, local.url), rules=RULES) as running:
        yield running


@pytest.fixture(scope="module")
def walled(cloud: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """Its local engine does not answer."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        home: Path = tmp_path_factory.mktemp("walled")
        down = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with Turnout(home, settings=two_tiers(cloud.url, down), rules=RULES) as running:
            yield running


def planted(kind: str) -> str:
    return keys(random.Random(f"flow {kind}"))[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_i10_a_key_keeps_the_whole_conversation_local(
    cloud: Engine, local: Engine, turnout: Turnout, kind: str
) -> None:
    cloud.forget()
    local.forget()
    ask = f"Why does this fail?\n{planted(kind)}\nIt says 403."
    session = {"x-session-id": f"conversation about {kind}"}

    first = turnout.chat(ask, headers=session)
    history = [
        {"role": "user", "content": ask},
        {"role": "assistant", "content": "The key has expired."},
        {"role": "user", "content": "Design the whole service anew then."},
    ]
    second = turnout.chat(headers=session, messages=history)
    cut = turnout.chat("And prove that it is correct.", headers=session)
    forced = turnout.chat("Prove it again.", headers={**session, "x-turnout-tier": "high"})
    named = turnout.chat("And again.", model="cloud/scripted", headers=session)

    answers = (first, second, cut, forced, named)
    assert [answer.status for answer in answers] == [200] * 5
    assert [turnout.row(answer).tier for answer in answers] == [Tier.LOCAL] * 5
    assert cloud.calls == []
    assert len(local.calls) == 5
    assert turnout.row(first).rule == "secrets stay home"


@pytest.mark.parametrize("kind", KINDS)
def test_i10_with_the_local_engine_down_the_conversation_is_refused_and_not_leaked(
    cloud: Engine, walled: Turnout, kind: str
) -> None:
    cloud.forget()
    session = {"x-session-id": f"walled in with {kind}"}

    first = walled.chat(f"Why does this fail?\n{planted(kind)}", headers=session)
    again = walled.chat("Say it without the key then.", headers=session)

    assert (first.status, again.status) == (400, 400)
    assert first.header("x-turnout-refusal") == again.header("x-turnout-refusal") == "turnout_policy"
    assert cloud.calls == []


def test_another_conversation_of_the_same_client_is_not_private(cloud: Engine, turnout: Turnout) -> None:
    cloud.forget()
    turnout.chat(f"Use {planted('npm')}.", headers={"x-session-id": "this one"})

    other = turnout.chat("Say hello.", headers={"x-session-id": "that one"})

    assert other.header("x-turnout-tier") == "high"
    assert len(cloud.calls) == 1


def test_i10_what_a_private_conversation_hands_to_a_subagent_stays_home(cloud: Engine, turnout: Turnout) -> None:
    cloud.forget()
    turnout.chat(f"Use {planted('npm')}.", headers={"x-session-id": "parent"})

    below = {"x-session-id": "below", "x-parent-session-id": "parent"}
    told = [turnout.chat(ask, headers=below) for ask in ("Find what we spoke of.", "And now?")]

    assert [answer.header("x-turnout-tier") for answer in told] == ["local", "local"]
    assert cloud.calls == []


def test_the_row_names_the_kind_of_secret_and_nothing_of_it(turnout: Turnout) -> None:
    key = planted("github token")

    row = turnout.row(turnout.chat(f"Look: {key}", headers={"x-session-id": "row"}))

    assert row.signals["secret.kinds"] == "github token"
    assert key not in repr(row)
    assert key[4:] not in (turnout.home / "data" / "ledger.db").read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/chat/completions?trace={key}", {}),
        ("/v1/chat/completions", {"metadata": {"note": "{key}"}}),
        ("/v1/chat/completions", {"stop": ["{key}"]}),
        ("/v1/chat/completions", {"vendors_own": [{"deep": "{key}"}]}),
    ],
)
def test_i10_a_key_beside_the_messages_stays_home_too(
    cloud: Engine, local: Engine, turnout: Turnout, path: str, more: dict[str, object]
) -> None:
    cloud.forget()
    local.forget()
    key = planted("github token")
    session = {"x-session-id": f"beside {path} {more}"}
    body = {"model": "auto", "messages": [{"role": "user", "content": "Say hello."}], **more}

    first = turnout.ask(
        "POST", path.format(key=key), json.loads(json.dumps(body).replace("{key}", key)), headers=session
    )
    second = turnout.chat("Say it again.", headers=session)

    assert (first.status, second.status) == (200, 200)
    assert cloud.calls == []
    assert turnout.row(first).rule == "secrets stay home"
    assert key not in repr(turnout.row(first)) + turnout.stderr
