"""The command line without a proxy: what each command says, in text and JSON, and its exit code."""

import csv
import io
import json
import os
import stat
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.made import AT_MS, settled

from turnout.calls.record import CallRecord
from turnout.calls.units import Grade, Nanos, Tier
from turnout.cli import _plain_serve
from turnout.cli.commands import run
from turnout.cli.exporting import disarmed
from turnout.ledger.entries import write_settled
from turnout.ledger.recover import recover
from turnout.ledger.schema import connect

SETTINGS = """
[providers.anthropic]
dialect = "anthropic"
base_url = "https://api.anthropic.com"
[providers.local]
dialect = "ollama"
base_url = "http://127.0.0.1:1"
key = "none"
sovereign = true
[tiers]
high = ["anthropic/claude-opus-5-5"]
fast = ["anthropic/claude-haiku-5-5"]
local = ["local/qwen3-coder:30b"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TURNOUT_HOME of its own, and a user's home with nothing in it."""
    root = tmp_path / "turnout"
    root.mkdir(mode=0o700)
    monkeypatch.setenv("TURNOUT_HOME", str(root))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("SHELL", "/bin/bash")
    for name in ("XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "user").mkdir()
    return root


@pytest.fixture
def settled_home(home: Path) -> Path:
    """With settings, and a ledger of four calls."""
    write(home / "turnout.toml", SETTINGS)
    ledger = home / "data" / "ledger.db"
    ledger.parent.mkdir(mode=0o700)
    recover(ledger)
    db = connect(ledger)
    for record in RECORDS:
        write_settled(db, record)
    db.commit()
    db.close()
    return home


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


RECORDS: tuple[CallRecord, ...] = (
    settled(1, cost=40_000_000, grade=Grade.HIGH),
    settled(2, cost=30_000_000, grade=Grade.LOW, project='=HYPERLINK("http://evil")', client="+cmd"),
    settled(3, cost=1_000_000, grade=Grade.MEDIUM, tier=Tier.FAST),
    settled(4, cost=0, grade=None, tier=Tier.LOCAL, baseline=Nanos(0), session="=1+1"),
)


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def doc(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Shell:
    def __init__(self, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capture, self._patch = capture, patch

    def __call__(self, *args: str, stdin: str = "") -> Said:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = run(list(args))
        out, err = self._capture.readouterr()
        return Said(code, out, err)


@pytest.fixture
def turnout(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(capsys, monkeypatch)


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


def test_audit_answers_how_many_needed_the_dear_model(settled_home: Path, turnout: Shell) -> None:
    doc = turnout("audit", "--json").doc

    assert (doc["calls"], doc["dear"], doc["needed_dear"], doc["not_graded"]) == (4, 2, 1, 0)
    assert doc["cheaper_would_do"] == 1
    assert doc["could_save_usd"] == "0.03"
    assert "2 went to the dear tier; 1 of them needed it" in turnout("audit").out


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


def test_doctor_finds_what_is_wrong_and_says_how_to_mend_it(home: Path, turnout: Shell) -> None:
    write(home / "turnout.toml", "[server]\nprot = 1\n")
    write(home / "rules.toml", "[[rule]]\n")

    said = turnout("doctor", "--json")

    assert said.code == 1
    bad = {check["check"]: check for check in said.doc["checks"] if check["state"] == "bad"}
    assert {"settings", "rules"} <= set(bad)
    assert all(check["fix"] for check in bad.values())


def test_doctor_says_once_that_a_file_cannot_be_read(home: Path, turnout: Shell) -> None:
    write(home / "turnout.toml", SETTINGS + "\nprot = 1\n")

    said = turnout("doctor")

    assert said.code == 1
    assert said.out.count("unknown key") == 1


def test_doctor_finds_a_damaged_ledger(settled_home: Path, turnout: Shell) -> None:
    ledger = settled_home / "data" / "ledger.db"
    for extra in ("-wal", "-shm"):
        ledger.with_name(ledger.name + extra).unlink(missing_ok=True)
    data = bytearray(ledger.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    ledger.write_bytes(data)

    checks = turnout("doctor", "--json").doc["checks"]

    assert any(check["check"] == "ledger" and check["state"] == "bad" for check in checks)


def test_t25_doctor_finds_a_file_that_others_can_change(settled_home: Path, turnout: Shell) -> None:
    (settled_home / "rules.toml").write_text("")
    (settled_home / "rules.toml").chmod(0o666)

    assert "chmod 600" in turnout("doctor").out


def test_doctor_finds_clients_here_but_not_connected_and_changed_since(home: Path, turnout: Shell) -> None:
    user = home.parent / "user"
    (user / ".claude").mkdir()
    assert "`turnout connect claude-code`" in turnout("doctor").out

    turnout("connect", "claude-code", "--apply")
    assert "Claude Code is connected" in turnout("doctor").out

    (user / ".claude" / "settings.json").write_text("{}")
    assert "was changed or is gone" in turnout("doctor").out


def test_connect_prints_applies_and_undoes(home: Path, turnout: Shell) -> None:
    user = home.parent / "user"
    file = user / ".claude" / "settings.json"
    assert "ANTHROPIC_BASE_URL" in turnout("connect", "claude-code", "--print").out
    assert not file.exists()

    turnout("connect", "claude-code", "--apply")
    env = json.loads(file.read_text())["env"]
    assert env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:7717"
    assert [row["name"] for row in turnout("client", "list", "--json").doc["clients"]] == ["claude-code"]

    turnout("connect", "claude-code", "--undo")
    assert list(user.iterdir()) == []
    assert turnout("client", "list", "--json").doc["clients"] == []


def test_print_shows_nothing_of_a_file_on_one_line_but_ours(home: Path, turnout: Shell) -> None:
    file = home.parent / "user" / ".claude" / "settings.json"
    file.parent.mkdir()
    write(file, '{"env":{"MY_API_KEY":"sk-mine"},"model":"opus"}')

    for said in (turnout("connect", "claude-code", "--print"), turnout("connect", "claude-code", "--print", "--json")):
        assert "ANTHROPIC_BASE_URL" in said.out
        assert "sk-mine" not in said.out
        assert "MY_API_KEY" not in said.out


def test_print_shows_what_to_add_by_hand_where_a_file_cannot_be_edited(home: Path, turnout: Shell) -> None:
    file = home.parent / "user" / ".continue" / "config.yaml"
    file.parent.mkdir()
    write(file, "models: &m\n  - name: mine\nothers: *m\n")

    said = turnout("connect", "continue", "--print")

    assert said.code == 0
    assert "config.yaml" in said.err
    assert 'name: "Turnout"' in said.out


def test_doctor_finds_a_client_whose_token_is_gone_or_that_points_to_another_port(home: Path, turnout: Shell) -> None:
    turnout("connect", "claude-code", "--apply")
    turnout("client", "rotate", "claude-code")
    assert "its token is no longer valid" in turnout("doctor").out

    turnout("connect", "claude-code", "--apply")
    write(home / "turnout.toml", "[server]\nport = 7799\n" + SETTINGS)
    assert "Turnout is at http://127.0.0.1:7799" in turnout("doctor").out

    turnout("client", "remove", "claude-code")
    assert turnout("connect", "claude-code", "--undo").code == 0
    assert turnout("connect", "claude-code", "--undo").code == 1
    assert not (home.parent / "user" / ".claude").exists()


def test_connect_makes_no_token_for_a_file_it_cannot_edit(home: Path, turnout: Shell) -> None:
    file = home.parent / "user" / ".claude" / "settings.json"
    file.parent.mkdir()
    file.write_text("{broken")

    said = turnout("connect", "claude-code", "--apply")

    assert said.code == 2
    assert "settings.json" in said.err
    assert turnout("client", "list", "--json").doc["clients"] == []


def test_t21_an_export_cannot_run_in_a_spreadsheet(settled_home: Path, turnout: Shell) -> None:
    out = settled_home / "out.csv"

    assert turnout("export", "csv", "-o", str(out), "--json").doc["rows"] == 4

    rows = {row["id"][-1]: row for row in csv.DictReader(out.open(encoding="utf-8"))}
    assert rows["2"]["client"] == "'+cmd"
    assert rows["2"]["project"].startswith("'=HYPERLINK")
    assert rows["4"]["session"] == "'=1+1"
    assert rows["1"]["cost_usd"] == "0.04"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@given(st.text(max_size=8))
def test_t21_no_cell_begins_a_formula(text: str) -> None:
    assert disarmed(text)[:1] not in ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def test_a_focus_export_adds_up_to_the_ledger(settled_home: Path, turnout: Shell) -> None:
    out = settled_home / "focus.csv"
    turnout("export", "focus", "-o", str(out))

    rows = list(csv.DictReader(out.open(encoding="utf-8")))

    assert round(sum(float(row["BilledCost"]) for row in rows), 9) == 0.071
    assert {row["BillingPeriodStart"] for row in rows} == {"2026-11-01T00:00:00Z"}
    assert {row["BillingPeriodEnd"] for row in rows} == {"2026-12-01T00:00:00Z"}


def test_a_focus_export_has_decimal_quantities_whose_price_is_its_cost(settled_home: Path, turnout: Shell) -> None:
    """What focus-validator 2.0.1 found: whole numbers are no decimals, and an id of digits is no string."""
    for row in csv.DictReader(io.StringIO(turnout("export", "focus", "-o", "-").out)):
        assert "." in row["PricingQuantity"]
        assert "." in row["ConsumedQuantity"]
        assert not row["ResourceId"].isdigit()
        priced = Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"])
        assert abs(priced - Decimal(row["ListCost"])) < Decimal("0.000000002")
        assert row["PricingCurrencyEffectiveCost"] == row["EffectiveCost"] == row["BilledCost"]


def test_a_jsonl_export_is_the_rows_of_calls(settled_home: Path, turnout: Shell) -> None:
    said = turnout("export", "jsonl", "-o", "-")

    assert [json.loads(line) for line in said.out.splitlines()] == turnout("calls", "--json").doc["calls"]


def test_an_export_since_and_until_takes_what_is_between(settled_home: Path, turnout: Shell) -> None:
    until = "2026-11-24T06:00:00.003+00:00"

    assert turnout("export", "csv", "-o", "-", "--until", until).out.count("\n") == 3
    assert AT_MS == 1_795_500_000_000


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
