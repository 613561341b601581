"""Texts of calls: never kept unless switched on; then masked, per client, each message once, and for some days. The shadow check."""

import base64
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout, two_tiers
from tests.support.script import Script, Tokens

from turnout.calls.units import Tier
from turnout.ledger.reader import Reader

CANARY = "the heron stands in the reeds"
KEY = "sk-ant-api03-" + "Zq7Rk2Wm9Xt4Lp8Vn3Bc6Hd1Jf5Gs0Ay" * 2 + "-QAAAAAA"
KEEP = '[privacy]\nstore_bodies = true\nbody_clients = ["tester"]\n'


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    return scripted


@pytest.fixture
def keeping(engine: Engine, tmp_path: Path) -> Iterator[Turnout]:
    with Turnout(tmp_path / "home", settings=two_tiers(engine.url, extra=KEEP), rules=BY_MODEL) as running:
        yield running


def _said(turnout: Turnout, call: str, parts: int = 2) -> dict[str, Any]:
    until = time.monotonic() + 15
    while True:
        reader = Reader(turnout.home / "data" / "ledger.db")
        found = reader.said(call)
        reader.close()
        if len(found) >= parts:
            return found
        assert time.monotonic() < until, f"only {list(found)} is kept"
        time.sleep(0.02)


def _all_bytes(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())


def _texts(turnout: Turnout) -> int:
    db = sqlite3.connect(f"file:{turnout.home / 'data' / 'ledger.db'}?mode=ro", uri=True)
    try:
        return int(db.execute("SELECT count(*) FROM bodies").fetchone()[0])
    finally:
        db.close()


def test_t09_no_text_is_kept_unless_it_is_switched_on(engine: Engine, tmp_path: Path) -> None:
    engine.say(Script(text=f"Indeed, {CANARY}."))
    with Turnout(tmp_path / "home", settings=two_tiers(engine.url), rules=BY_MODEL) as turnout:
        row = turnout.row(turnout.chat(CANARY, model="cloud/scripted"))
        assert "No text of this call is kept" in turnout.cli("calls", "show", row.id, "--texts")
    assert CANARY.encode() not in _all_bytes(tmp_path)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_texts_are_kept_for_the_named_client_with_secrets_masked(
    engine: Engine, keeping: Turnout, stream: bool
) -> None:
    engine.say(Script(text=f"Indeed, {CANARY}, and the key is {KEY}."))
    mine = keeping.row(keeping.chat(f"{CANARY}. My key is {KEY}", model="cloud/scripted", stream=stream))
    other = keeping.add_client("other")
    theirs = keeping.row(keeping.chat("Not to be kept.", model="cloud/scripted", token=other))
    said = _said(keeping, mine.id)
    assert said["request"]["messages"][0]["content"].startswith(f"{CANARY}. My key is [")
    assert said["answer"].startswith(f"Indeed, {CANARY}, and the key is [")
    assert KEY not in json.dumps(said)
    shown = json.loads(keeping.cli("calls", "show", mine.id, "--texts", "--json"))
    assert shown["texts"] == said
    assert KEY.encode() not in _all_bytes(keeping.home)
    reader = Reader(keeping.home / "data" / "ledger.db")
    assert reader.said(theirs.id) == {}
    reader.close()


def test_a_secret_that_no_single_text_shows_is_not_kept_either(engine: Engine, keeping: Turnout) -> None:
    engine.say(Script())
    half = len(KEY) // 2
    encoded = base64.b64encode(f"{CANARY} {KEY}".encode()).decode()
    parts = [
        {"type": "text", "text": KEY[:half]},
        {"type": "text", "text": KEY[half:]},
        {"type": "file", "file": {"filename": "a.txt", "file_data": encoded}},
    ]
    doc = {
        "model": "cloud/scripted",
        "messages": [{"role": "user", "content": parts}],
        "metadata": {"password": "Kq7-Zk9!vRw"},
    }
    row = keeping.row(keeping.ask("POST", "/v1/chat/completions", doc))

    said = json.dumps(_said(keeping, row.id))

    assert "[anthropic key]" in said
    assert not any(one in said for one in (KEY[5:half], KEY[half:], encoded, "Kq7-Zk9!vRw"))


def test_a_conversation_is_kept_message_by_message_each_once(engine: Engine, keeping: Turnout) -> None:
    engine.say(Script())
    history: list[dict[str, str]] = []
    for turn in range(6):
        history.append({"role": "user", "content": f"Question {turn} about herons"})
        doc = {"model": "cloud/scripted", "messages": history}
        row = keeping.row(keeping.ask("POST", "/v1/chat/completions", doc))
        history.append({"role": "assistant", "content": f"Answer {turn}"})
        said = _said(keeping, row.id)
    assert [one["content"] for one in said["request"]["messages"]] == [one["content"] for one in history[:-1]]
    # Eleven messages, one rest of the request, one answer.
    assert _texts(keeping) == 13


def test_switched_off_again_every_text_is_gone_at_once(engine: Engine, keeping: Turnout) -> None:
    row = keeping.row(keeping.chat(CANARY, model="cloud/scripted"))
    _said(keeping, row.id)
    (keeping.home / "turnout.toml").write_text(two_tiers(engine.url))
    keeping.control.reload()
    assert _texts(keeping) == 0


def test_a_shadow_check_asks_dear_calls_again_of_the_cheap_tier_within_its_limit(
    engine: Engine, keeping: Turnout
) -> None:
    engine.choose = lambda heard: Script(text=f"{heard.doc['model']} says {CANARY}", tokens=Tokens(1_000, 100))
    try:
        rows = [keeping.row(keeping.chat(f"Question {n}", model="cloud/scripted")) for n in range(4)]
        for row in rows:
            _said(keeping, row.id)
        before = len(engine.calls)
        # Each costs 1,000 at $2.50 and 100 at $10: $0.0035; expected are 350 of output, $0.006.
        found = json.loads(keeping.cli("audit", "shadow", "--sample", "4", "--usd", "0.01", "--json"))
        seen = keeping.cli("audit", "shadow", "--sample", "1")
        assert "the first of 4 calls may cost more" in keeping.cli("audit", "shadow", "--usd", "0.000001")
    finally:
        engine.choose = None
    assert (found["model"], found["candidates"]) == ("cloud/scripted-small", 4)
    assert found["stopped_by_limit"]
    assert len(found["compared"]) == 2
    assert len(engine.calls) - before == 3
    assert float(found["spent_usd"]) <= 0.01
    one = found["compared"][0]
    assert one["answer"] == f"scripted says {CANARY}"
    assert one["cheap_answer"] == f"scripted-small says {CANARY}"
    shadows = [row for row in keeping.settled(7) if row.note.startswith("shadow of ")]
    assert {(row.model, row.overhead, row.baseline) for row in shadows} == {("scripted-small", 3_500_000, 0)}
    assert _said(keeping, one["call"], 3)["shadow"]["text"] == f"scripted-small says {CANARY}"
    assert "scripted says" in seen
    assert "| scripted-small says" in seen


def test_the_users_verdict_goes_before_the_grade_in_the_audit(engine: Engine, keeping: Turnout) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100)))
    rows = [keeping.row(keeping.chat(f"Question {n}", model="cloud/scripted")) for n in range(2)]
    assert {row.tier for row in rows} == {Tier.HIGH}
    keeping.cli("audit", "verdict", rows[0].id, "--good")
    keeping.cli("audit", "verdict", rows[1].id, "--bad")
    found = json.loads(keeping.cli("audit", "--json"))
    told = {row["id"]: (row["enough"], row["cheaper_would_do"]) for row in found["rows"]}
    assert told == {rows[0].id: ("fast", True), rows[1].id: ("high", False)}
    assert found["needed_dear"] == 1


def test_without_texts_a_shadow_check_says_how_to_switch_them_on(engine: Engine, tmp_path: Path) -> None:
    with Turnout(tmp_path / "home", settings=two_tiers(engine.url), rules=BY_MODEL) as turnout:
        turnout.row(turnout.chat(model="cloud/scripted"))
        with pytest.raises(AssertionError, match="store_bodies = true"):
            turnout.cli("audit", "shadow")


def test_a_shadow_check_says_what_it_will_ask_and_cost_and_tells_each_answer_as_it_comes(
    engine: Engine, keeping: Turnout
) -> None:
    engine.choose = lambda heard: Script(text=f"{heard.doc['model']} says {CANARY}", tokens=Tokens(1_000, 100))
    try:
        for number in range(3):
            _said(keeping, keeping.row(keeping.chat(f"Question {number}", model="cloud/scripted")).id)
        before = len(engine.calls)
        plan = keeping.control.shadow_plan(last=100, sample=2, on="fast")
        assert len(engine.calls) == before
        lines = [line for line in keeping.control.shadow_steps(last=100, sample=2, usd="1", on="fast") if line]
    finally:
        engine.choose = None
    # 1,000 at $2.50 a million and 350 of output at $10: at most, for each of the two.
    assert plan == {"model": "cloud/scripted-small", "candidates": 3, "sample": 2, "likely_usd": "0.012"}
    assert [next(iter(line)) for line in lines] == ["asking", "compared", "asking", "compared", "done"]
    assert lines[1]["compared"]["cheap_answer"] == f"scripted-small says {CANARY}"
    assert [lines[n]["spent_usd"] for n in (1, 3)] == ["0.0035", "0.007"]
    assert len(lines[-1]["done"]["compared"]) == 2


def test_a_shadow_check_that_nobody_reads_any_more_ends_with_the_call_under_way(
    engine: Engine, keeping: Turnout
) -> None:
    for number in range(3):
        _said(keeping, keeping.row(keeping.chat(f"Question {number}", model="cloud/scripted")).id)
    before = len(engine.calls)
    engine.say(Script(hold=True))
    lines = keeping.control.shadow_steps(last=100, sample=3, usd="1", on="fast")
    assert "asking" in next(lines)
    assert next(lines) == {}
    lines.close()  # type: ignore[attr-defined]  # a generator, whatever its annotation narrows it to
    rows = keeping.settled(4)
    engine.release()
    assert [row.status.value for row in rows if row.note.startswith("shadow of ")] == ["aborted"]
    assert len(engine.calls) - before <= 1
    assert keeping.control.status().in_flight == 0
