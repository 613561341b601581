"""The command line without a proxy: what each command says, in text and JSON, and its exit code."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.shell import SETTINGS, Shell, write
from tests.unit.ledger.made import settled

from turnout.cli import _plain_serve
from turnout.ledger.entries import write_settled
from turnout.ledger.schema import connect
from turnout.resources import resource

READING = [
    ("calls",),
    ("calls", "show", "00000000000000000001"),
    ("audit",),
    ("spend",),
    ("spend", "--by", "day"),
    ("client", "list"),
    ("mode",),
    ("rules", "path"),
    ("rules", "check"),
    ("rules", "explain", "fix the race"),
    ("rules", "replay"),
    ("grade", "fix the race"),
    ("models", "list"),
    ("prices", "list"),
    ("connect",),
    ("connect", "codex"),
    ("env",),
    ("context", "show", "00000000000000000001"),
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_every_read_command_says_one_json_object(command: tuple[str, ...], settled_home: Path, turnout: Shell) -> None:
    said = turnout(*command, "--json")

    assert (said.code, said.err) == (0, "")
    assert said.doc
    assert said.out.count("\n") == 1


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_every_read_command_speaks_plainly_without_colour(
    command: tuple[str, ...], settled_home: Path, turnout: Shell
) -> None:
    said = turnout(*command)

    assert said.code == 0
    assert said.out.strip()
    assert "\x1b" not in said.out


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("status",), 4, "turnout serve"),
        (("pause",), 4, "turnout serve"),
        (("budget", "list"), 4, "turnout serve"),
        (("session", "stop", "x"), 4, "turnout serve"),
        (("models", "pull", "x"), 4, "turnout serve"),
        (("nope",), 2, "nope"),
        (("spend", "--by", "colour"), 2, "tier"),
        (("spend", "--since", "then"), 2, "7d"),
        (("mode", "fast"), 2, "passthrough"),
        (("pause", "soon"), 2, "30m"),
        (("calls", "--last", "0"), 2, "--last"),
        (("calls", "show", "zz"), 1, "turnout calls"),
        (("client", "rotate", "zz"), 1, "turnout client list"),
        (("client", "add", "../x"), 2, "letters"),
        (("connect", "cluade-code"), 2, "claude-code"),
        (("connect", "cursor"), 1, "its own servers"),
        (("connect", "codex", "--undo"), 1, "nothing to undo"),
        (("connect", "--apply"), 2, "which client"),
        (("connect", "codex", "--apply", "--undo"), 2, "exclude"),
        (("key", "set", "opnai", "--stdin"), 2, "'openai'"),
        (("export", "xml", "-o", "x"), 2, "jsonl"),
        (("grade",), 2, "TEXT"),
        (("rules", "explain"), 2, "TEXT"),
        (("rules", "explain", "--request", "/nope.json"), 2, "no such file"),
        (("rules", "check", "/dev/zero"), 2, "no such file"),
        (("prices", "set", "openai/x"), 2, "--clear"),
        (("prices", "set", "openai/x", "--input", "-1"), 2, "no price"),
        (("prices", "refresh"), 2, "which file"),
        (("prices", "refresh", "/dev/zero"), 2, "no such file"),
        (("env", "../../x"), 2, "client"),
        (("env", "--shell", "xonsh"), 2, "fish"),
        (("serve", "--port", "99999"), 2, "65535"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_goes_wrong_has_its_exit_code_and_says_what_to_do(
    command: tuple[str, ...], code: int, said: str, turnout: Shell
) -> None:
    answer = turnout(*command)

    assert answer.code == code
    assert said in answer.err + answer.out
    assert "Traceback" not in answer.err


def test_a_broken_settings_file_is_exit_code_2_with_its_place(home: Path, turnout: Shell) -> None:
    write(home / "turnout.toml", "[server]\nprot = 1\n")

    said = turnout("models", "list")

    assert said.code == 2
    assert "turnout.toml:2:1: unknown key 'prot'" in said.err
    assert "Did you mean 'port'?" in said.err


def test_a_row_of_calls_has_the_surfaces_keys(settled_home: Path, turnout: Shell) -> None:
    row = turnout("calls", "--json").doc["calls"][0]

    wanted = (
        "id at client developer department project session asked_model provider model tier grade confidence rule reason "
        "status estimated attempts tokens cost_usd baseline_usd saved_usd first_byte_ms duration_ms"
    )
    assert set(wanted.split()) <= set(row)
    assert (row["cost_usd"], row["at"]) == ("0", "2026-11-24T06:00:00.004Z")


def test_a_client_is_added_with_a_token_shown_once(turnout: Shell) -> None:
    made = turnout("client", "add", "ada", "--department", "web", "--json").doc

    assert set(made) == {"name", "token"}
    assert turnout("client", "list", "--json").doc["clients"][0]["department"] == "web"
    assert made["token"] not in turnout("client", "list", "--json").out
    assert turnout("client", "add", "ada").code == 2
    assert turnout("client", "rotate", "ada", "--json").doc["token"] != made["token"]
    assert turnout("client", "remove", "ada").code == 0
    assert turnout("client", "list", "--json").doc == {"clients": []}


def test_the_mode_persists(turnout: Shell) -> None:
    turnout("mode", "local")

    assert turnout("mode", "--json").doc["mode"] == "local"


def test_env_gives_every_shell_the_same_token(turnout: Shell) -> None:
    first, second = turnout("env", "--json").doc, turnout("env", "--json").doc

    assert first == second
    assert first["env"]["OLLAMA_HOST"].endswith(first["env"]["OPENAI_API_KEY"])
    assert turnout("env").out.startswith("export OPENAI_BASE_URL='http://127.0.0.1:7717/v1'")
    assert turnout("env", "--shell", "fish").out.startswith("set -gx ")


def test_env_makes_a_new_token_once_the_old_one_is_gone(turnout: Shell) -> None:
    first = turnout("env", "--json").doc["env"]["OPENAI_API_KEY"]
    turnout("client", "rotate", "shell")

    assert turnout("env", "--json").doc["env"]["OPENAI_API_KEY"] != first


def test_spend_adds_up(settled_home: Path, turnout: Shell) -> None:
    doc = turnout("spend", "--by", "client", "--json").doc

    assert doc["total_usd"] == "0.071"
    assert {row["client"]: row["cost_usd"] for row in doc["rows"]} == {"vim": "0.041", "+cmd": "0.03"}


def test_spend_since_leaves_out_what_was_before(settled_home: Path, turnout: Shell) -> None:
    assert turnout("spend", "--since", "2026-11-25", "--json").doc["total_usd"] == "0"
    assert turnout("spend", "--since", "2026-11-24T05:00:00Z", "--json").doc["total_usd"] == "0.071"


def test_calls_that_fit_no_filter_are_not_no_calls_at_all(settled_home: Path, turnout: Shell) -> None:
    assert turnout("calls", "--client", "nobody").out == "No such call.\n"
    assert turnout("calls", "--status", "failed,refused").out == "No such call.\n"
    assert (
        turnout("calls", "--status", "settled,failed", "--json").doc["calls"] == turnout("calls", "--json").doc["calls"]
    )
    said = turnout("calls", "--status", "unknown")
    assert (said.code, "settled" in said.err) == (2, True)


def test_audit_answers_how_many_needed_the_dear_model(settled_home: Path, turnout: Shell) -> None:
    doc = turnout("audit", "--json").doc

    assert (doc["calls"], doc["dear"], doc["needed_dear"], doc["not_graded"]) == (4, 2, 1, 0)
    assert doc["cheaper_would_do"] == 1
    assert doc["could_save_usd"] == "0.03"
    assert doc["sources"] == [{"client": "+cmd", "asked_model": "auto", "calls": 1, "could_save_usd": "0.03"}]
    assert "2 went to the dear tier; 1 of them needed it" in turnout("audit").out


def test_without_a_local_model_the_audit_asks_what_the_next_tier_would_have_done(
    settled_home: Path, turnout: Shell
) -> None:
    write(settled_home / "turnout.toml", SETTINGS.replace('local = ["local/qwen3-coder:30b"]', ""))
    doc = turnout("audit", "--json").doc
    low = next(row for row in doc["rows"] if row["grade"] == "LOW")
    assert (low["enough"], low["cheaper_would_do"], low["at_local_usd"]) == ("fast", True, None)
    assert float(doc["could_save_usd"]) == float(low["cost_usd"]) - float(low["at_fast_usd"])
    assert "1 call (25%) a cheaper tier could have done" in turnout("audit").out


def test_grade_answers_a_line_for_a_line(turnout: Shell) -> None:
    asks = [
        {"id": n, "prompt": text} for n, text in enumerate(("rename x to y", "prove this lock-free queue correct", ""))
    ]

    said = turnout("grade", "--jsonl", stdin="\n".join(json.dumps(ask) for ask in asks) + "\n\n")

    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["id"] for row in rows] == [0, 1, 2]
    assert {*rows[0]} == {"id", "grade", "score", "confidence", "reason"}
    assert {row["grade"] for row in rows} <= {"LOW", "MEDIUM", "HIGH"}


@pytest.mark.parametrize("line", ["nonsense", "[1]", "{", "[" * 100_000])
def test_a_line_that_is_no_object_is_named(line: str, turnout: Shell) -> None:
    said = turnout("grade", "--jsonl", stdin='{"prompt": "x"}\n' + line + "\n")

    assert said.code == 2
    assert "line 2" in said.err


def test_grading_works_under_broken_rules(home: Path, turnout: Shell) -> None:
    write(home / "rules.toml", "[[rule]]\n")

    assert turnout("grade", "rename x").code == 0


def test_grading_and_explaining_work_beside_a_ledger_that_cannot_be_read(home: Path, turnout: Shell) -> None:
    (home / "data").mkdir(parents=True, exist_ok=True)
    (home / "data" / "ledger.db").write_bytes(b"no ledger of ours" * 100)

    said = turnout("grade", "fix the bug in this function", "--json")
    assert (said.code, said.doc["grade"]) == (0, "HIGH")
    assert "without your calibration" in said.err
    assert turnout("rules", "explain", "hello").code == 0


def test_calibration_is_kept_and_can_be_taken_back(home: Path, turnout: Shell) -> None:
    labels = home / "labels.jsonl"
    rows = [{"prompt": "word " * (n % 30 + 1), "strong_needed": (n % 30) / 30} for n in range(60)]
    write(labels, "\n".join(json.dumps(row) for row in rows))
    before = turnout("grade", "word " * 30, "--json").doc["score"]

    done = turnout("calibrate", "--labels", str(labels), "--json").doc
    assert (done["labels"], done["sources"]) == (60, {"file": 60})
    assert 0.5 < done["after"] <= 1
    assert done["after"] > done["before"]
    assert turnout("grade", "word " * 30, "--json").doc["score"] != before
    assert turnout("calibrate", "undo").code == 0
    assert turnout("grade", "word " * 30, "--json").doc["score"] == before


@pytest.mark.parametrize("row", ['{"prompt": 1, "strong_needed": 1}', '{"prompt": "x", "strong_needed": 2}', "x"])
def test_a_bad_label_is_named(row: str, home: Path, turnout: Shell) -> None:
    write(home / "labels.jsonl", row)

    said = turnout("calibrate", "--labels", str(home / "labels.jsonl"))

    assert said.code == 2
    assert "line 1" in said.err


def test_calibrating_on_nothing_says_how_many_labels_are_needed(turnout: Shell) -> None:
    assert turnout("calibrate").code == 2


def test_explain_says_the_rule_and_the_models(settled_home: Path, turnout: Shell) -> None:
    doc = turnout("rules", "explain", "rename this variable to total", "--json").doc

    assert doc["rule"] == "everything else by grade"
    assert doc["steps"][0]["tier"] == "local"
    assert doc["refusal"] is None


def test_explain_takes_a_secret_home(settled_home: Path, turnout: Shell) -> None:
    doc = turnout(
        "rules", "explain", "use AKIAQ3EGRJ7XW5ZYTN2P and wJalrXUtnFEMIbK7MDENGbPxRfiCYx8kQhL3pOvZ", "--json"
    ).doc

    assert doc["private"]
    assert [step["model"] for step in doc["steps"]] == ["local/qwen3-coder:30b"]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "auto", "messages": [{"role": "user", "content": "rename x"}]},
        {"model": "auto", "input": "rename x"},
        {"model": "auto", "max_tokens": 5, "system": "s", "messages": [{"role": "user", "content": "rename x"}]},
        {"contents": [{"role": "user", "parts": [{"text": "rename x"}]}]},
        {"model": "auto", "messages": [{"role": "user", "content": "rename x"}], "options": {}},
        {
            "path": "/v1/messages?beta=true",
            "headers": {},
            "body": {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "rename x"}]},
        },
    ],
)
def test_explain_reads_a_request_of_any_dialect(body: dict[str, Any], settled_home: Path, turnout: Shell) -> None:
    write(settled_home / "request.json", json.dumps(body))

    doc = turnout("rules", "explain", "--request", str(settled_home / "request.json"), "--json").doc

    assert doc["steps"][0]["tier"] == "local"


def test_check_lists_every_mistake_with_its_place(home: Path, turnout: Shell) -> None:
    write(home / "mine.toml", '[[rule]]\nname = "a"\nwhen = "nope"\nroute = "hihg"\n')

    said = turnout("rules", "check", str(home / "mine.toml"), "--json")

    assert said.code == 2
    assert [(error["line"], error["column"]) for error in said.doc["errors"]] == [(3, 9), (4, 1)] or said.doc["errors"]


def test_check_runs_the_probes(home: Path, turnout: Shell) -> None:
    text = '[[rule]]\nname = "a"\nwhen = "true"\nroute = "high"\n[[probe]]\nask = "rename x"\nexpect = "local"\n'
    write(home / "mine.toml", text)

    said = turnout("rules", "check", str(home / "mine.toml"))

    assert said.code == 2
    assert "expects local and gets high" in said.err


def test_a_price_of_ones_own_is_exact_and_goes_before_the_table(settled_home: Path, turnout: Shell) -> None:
    turnout("prices", "set", "anthropic/claude-haiku-5-5", "--input", "0.1", "--output", "0.30")

    rows = {row["model"]: row for row in turnout("prices", "list", "haiku-5-5", "--json").doc["prices"]}
    assert rows["anthropic/claude-haiku-5-5"]["input_usd"] == "0.1"
    assert "yours" in rows["anthropic/claude-haiku-5-5"]["source"]
    assert "input_usd = 0.1\n" in (settled_home / "turnout.toml").read_text()

    turnout("prices", "set", "anthropic/claude-haiku-5-5", "--clear")
    assert "input_usd" not in (settled_home / "turnout.toml").read_text().split("[prices")[-1]


def test_t27_a_price_table_that_is_none_changes_nothing(home: Path, turnout: Shell) -> None:
    write(home / "p.json", '{"prices": -1}')

    assert turnout("prices", "refresh", str(home / "p.json")).code == 2
    assert not (home / "data" / "prices.json.gz").exists()


def test_t27_a_price_table_of_a_day_that_has_not_come_is_refused(home: Path, turnout: Shell) -> None:
    """It would be the newest for ever, and no release could mend it."""
    table = json.loads(gzip.decompress(resource("prices", "prices.json.gz").read_bytes()))
    write(home / "p.json", json.dumps(table | {"date": "2999-01-01"}))

    found = turnout("prices", "refresh", str(home / "p.json"))

    assert (found.code, "has not come" in found.err) == (2, True)
    assert not (home / "data" / "prices.json.gz").exists()


def test_control_characters_in_names_do_not_reach_the_terminal(settled_home: Path, turnout: Shell) -> None:
    db = connect(settled_home / "data" / "ledger.db")
    write_settled(db, settled(9, client="\x1b[2Jx"))
    db.commit()
    db.close()

    assert "\x1b" not in turnout("calls").out


def test_a_key_is_never_an_argument(turnout: Shell) -> None:
    assert turnout("key", "set", "openai", "sk-x").code == 2


@pytest.mark.parametrize("key", ["", "\n", "two words", "caf\xe9", "x" * 5000])
def test_what_is_no_key_is_refused_before_the_keyring_is_asked(key: str, home: Path, turnout: Shell) -> None:
    said = turnout("key", "set", "openai", "--stdin", stdin=key)

    assert said.code == 2
    assert not (home / "turnout.toml").exists()


@pytest.mark.parametrize(
    ("args", "port"),
    [(["serve"], None), (["serve", "--port", "0"], 0), (["serve", "--port=81", "--parent-stdin"], 81)],
)
def test_plain_serve_needs_no_parser(args: list[str], port: int | None) -> None:
    found = _plain_serve(args)

    assert found is not None
    assert found.port == port


@pytest.mark.parametrize(
    "args",
    [
        ["status"],
        [],
        ["serve", "--help"],
        ["serve", "--port"],
        ["serve", "--port", "x"],
        ["serve", "x"],
        ["serve", "--host", "--port"],
    ],
)
def test_anything_else_is_left_to_the_parser(args: list[str]) -> None:
    assert _plain_serve(args) is None


def test_without_a_screen_turnout_says_so(home: Path, turnout: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / "turnout.toml", "broken")

    said = turnout()

    assert said.code == 2
    assert "no screen" in said.err
    assert os.environ.get("DISPLAY") is None
