"""Every capture of a real client, sent through a real proxy: its row tells whose call it was, and of which conversation."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Doc
from tests.support.shared import shared

from turnout.calls.record import CallRecord

RULES = (
    '[signals]\nside = { kind = "housekeeping" }\n\n[[rule]]\nname = "side"\nwhen = "side"\nroute = "local"\n'
    + BY_MODEL
)
KEPT_HEADERS = ("x-", "session-id", "thread-id", "originator", "user-agent", "anthropic-")
OWN_ID = {"claude-code": "x-claude-code-session-id", "codex": "thread-id", "opencode": "x-session-id"}
SIDE = {
    # What is no work of the user's, told by its shape alone: titles, and Gemini CLI's own router. Of the others none is.
    *(f"claude-code{kind}" for kind in ("/002", "/005", ".apikey/002", ".apikey/005", ".auto/002", ".discovery/003")),
    *(f"opencode{kind}/{number}" for kind in ("", ".anthropic", ".responses") for number in ("001", "003")),
    "gemini-cli.auto/001",
    *("py-openai/013", "py-openai/014", "py-openai/015"),  # code completed at the cursor, and an index fed
}


@dataclass(frozen=True, slots=True)
class Sent:
    name: str
    client: str
    headers: dict[str, str]
    row: CallRecord


def _captured(file: Path) -> tuple[str, dict[str, str], Doc] | None:
    doc = json.loads(file.read_text())
    if doc["method"] != "POST" or not isinstance(doc["body"], dict):
        return None
    given = doc["headers"]
    pairs = given.items() if isinstance(given, dict) else [tuple(pair) for pair in given]
    headers = {
        name.lower(): value
        for name, value in pairs
        if name.lower().startswith(KEPT_HEADERS) and "key" not in name.lower()
    }
    return doc["path"], headers, doc["body"]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> list[Sent]:
    found: list[Sent] = []
    with Engine() as engine:
        home = tmp_path_factory.mktemp("attribution")
        with Turnout(home, settings=four_vendors(engine.url), rules=RULES) as turnout:
            tokens: dict[str, str] = {}
            asked: list[tuple[str, str, dict[str, str], str]] = []
            for file in sorted(shared("clients").glob("*/*.json")):
                capture = _captured(file)
                if capture is None or file.parent.name == "cline-loop":
                    continue
                path, headers, body = capture
                client = file.parent.name
                if client not in tokens:
                    tokens[client] = turnout.add_client(client)
                answer = turnout.ask("POST", path, body, headers=headers, token=tokens[client])
                call = answer.header("x-turnout-call")
                if call:
                    asked.append((f"{client}/{file.stem}", client, headers, call))
            turnout.settled(len(asked))
            rows = {row.id: row for row in turnout.rows()}
            found += [Sent(name, client, headers, rows[call]) for name, client, headers, call in asked]
    return found


def test_every_call_belongs_to_the_client_whose_token_it_bears(sent: list[Sent]) -> None:
    assert len(sent) > 60
    assert [one.row.client for one in sent] == [one.client for one in sent]


def test_a_clients_own_session_id_is_the_rows(sent: list[Sent]) -> None:
    said = [(one, header) for one in sent for name, header in OWN_ID.items() if one.client.split(".")[0] == name]

    assert len(said) > 20
    assert [one.row.session for one, _ in said] == [one.headers[header] for one, header in said]


def test_the_turns_of_one_conversation_share_a_session_and_no_two_conversations_do(sent: list[Sent]) -> None:
    """Clients that send no id: the last two captures of each are one tool turn, the first is a text turn of its own."""
    by_client: dict[str, list[CallRecord]] = defaultdict(list)
    for one in sent:
        if one.client in ("continue-cli", "continue-cli.anthropic", "copilot-cli", "gemini-cli", "llm-cli"):
            by_client[one.client].append(one.row)

    for rows in by_client.values():
        text, call, result = (row.session for row in rows)
        assert call == result
        assert text != call
        assert text.startswith("s-")
    sessions = [{row.session for row in rows} for rows in by_client.values()]
    assert len(set().union(*sessions)) == sum(map(len, sessions))


def test_side_requests_are_told_by_their_shape(sent: list[Sent]) -> None:
    assert sorted(one.name for one in sent if one.row.rule == "side") == sorted(SIDE)
