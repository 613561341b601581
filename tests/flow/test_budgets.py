"""Budgets in every unit and scope, as the user sees them: what is left falls call by call and is the same after a restart."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.units import Status

DOWN = """
[[rule]]
name = "as asked"
when = "true"
route = "asked"
on_failure = ["next", "down"]
"""
UP = DOWN.replace('"asked"', '"local"').replace('"down"', '"up"')
Row = dict[str, Any]


def budget(scope: str, limit: str, per: str = "day", name: str = "cap") -> str:
    return f'\n[[budget]]\nname = "{name}"\nscope = {{ {scope} }}\n{limit}\nper = "{per}"\non_exceed = "refuse"\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    with Engine() as one, Turnout(tmp_path_factory.mktemp("shared"), settings=four_vendors(one.url)) as found:
        yield found


def lines(turnout: Turnout) -> list[Row]:
    found: list[Row] = json.loads(turnout.cli("budget", "list", "--json"))["budgets"]
    return found


def left(turnout: Turnout) -> dict[str, tuple[str, str]]:
    """Key -> (used, left)."""
    return {line["key"]: (line["used"], line["left"]) for line in turnout.control.budgets()}


def test_credits_left_fall_call_by_call_by_what_each_cost(engine: Engine, serve: Serve) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100)))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', "credits = 100"))
    shown = [turnout.chat(model="openai/scripted", max_tokens=1_000).header("x-turnout-credit-usd") for _ in range(3)]
    # 1,000 tokens in at $2 and 100 out at $8 a million are $0.0028 a call.
    assert shown == ["0.9972", "0.9944", "0.9916"]
    (line,) = lines(turnout)
    assert (line["used"], line["held"], line["left"]) == ("0.0084", "0", "0.9916")
    assert turnout.control.status().credit_usd == "0.9916"
    assert line["renews_at"].endswith("Z")


def test_metrics_tell_what_a_budget_has_used_and_may_use(engine: Engine, serve: Serve) -> None:
    """So that an alert can be set on their ratio."""
    engine.say(Script(tokens=Tokens(1_000, 100)))
    rules = BY_MODEL + budget('client = "each"', "usd = 1.5") + budget('client = "each"', "calls = 9", name="calls")
    turnout = serve(settings=four_vendors(engine.url), rules=rules)
    turnout.row(turnout.chat(model="openai/scripted", max_tokens=1_000))
    turnout.cli("budget", "credit", "cap", "--add", "0.25")
    token = json.loads((turnout.home / "run" / "runtime.json").read_text())["control_token"]
    told = turnout.ask("GET", "/metrics", token=token).text.splitlines()
    figures = [line.partition("{")[0] + " " + line.split()[-1] for line in told if line.startswith("turnout_budget_")]
    assert figures == ["turnout_budget_used_usd 0.002800000", "turnout_budget_limit_usd 1.750000000"]


def test_budgets_and_their_credit_are_told_in_lines(engine: Engine, serve: Serve) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100)))
    rules = (
        BY_MODEL + budget('client = "each"', "usd = 1.00") + budget('project = "each"', "tokens = 9000", name="much")
    )
    turnout = serve(settings=four_vendors(engine.url), rules=rules)
    turnout.row(turnout.chat(model="openai/scripted", max_tokens=1_000, headers={"x-turnout-project": "engine"}))

    listed = turnout.cli("budget", "list").splitlines()[1:]
    raised = turnout.cli("budget", "credit", "client:tester", "--add", "0.50").splitlines()

    assert [line.split()[:7] for line in listed] == [
        ["cap", "client", "tester", "day", "$0.0028", "$0.00", "$1.00"],
        ["much", "project", "engine", "day", "1100", "0", "7900"],
    ]
    assert "engine 100%" in listed[0]
    assert raised[0] == "$0.50 added to client:tester."
    assert raised[1].endswith(": $1.50 left")


@pytest.mark.parametrize(
    ("limit", "admitted"),
    [("credits = 2.5", 3), ("calls = 3", 3), ("tokens = 3500", 3)],
    ids=["credits", "calls", "tokens"],
)
def test_i02_in_every_unit_the_worst_case_of_calls_under_way_counts(
    engine: Engine, serve: Serve, limit: str, admitted: int
) -> None:
    engine.say(Script(tokens=Tokens(20, 1_000), hold=True))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', limit))
    assert turnout.token
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(turnout.chat, f"Say {n}.", model="openai/scripted", max_tokens=1_000) for n in range(8)]
        engine.wait_calls(admitted)
        turned_away = as_completed(sent, timeout=30)
        for _ in range(8 - admitted):
            assert next(turned_away).result().status == 400
        # Killed with calls under way: they are charged as held, in tokens and calls too.
        turnout.process.send_signal(signal.SIGKILL)
        turnout.process.wait(20)
        engine.release()
    assert len(engine.calls) == admitted
    with Turnout(turnout.home) as again:
        refused = again.chat("Once more.", model="openai/scripted", max_tokens=1_000, token=turnout.token)
    assert (refused.status, refused.header("x-turnout-refusal")) == (400, "turnout_budget")
    assert len(engine.calls) == admitted


@pytest.mark.parametrize(
    ("scope", "headers", "other"),
    [
        ('project = "each"', {"x-turnout-project": "apollo"}, {"x-turnout-project": "gemini"}),
        ('session = "each"', {"x-session-id": "one"}, {"x-session-id": "two"}),
        (
            'session_tree = "each"',
            {"x-session-id": "child", "x-parent-session-id": "top"},
            {"x-session-id": "other"},
        ),
    ],
    ids=["project", "session", "session_tree"],
)
@pytest.mark.parametrize("per", ["minute", "hour", "day", "week", "month", "session", "ever"])
def test_each_of_a_scope_has_a_budget_of_its_own(
    shared: Turnout, per: str, scope: str, headers: dict[str, str], other: dict[str, str]
) -> None:
    name = f"{per} {scope}".replace('"', "")
    again(shared, BY_MODEL + budget(scope, "calls = 1", per, name))
    statuses = [shared.chat(model="openai/scripted", headers=one).status for one in (headers, headers, other, other)]
    if per == "minute" and statuses.count(400) == 1:
        pytest.skip("a minute went by in between")
    assert statuses == [200, 400, 200, 400]


@pytest.mark.parametrize("scope", ["developer", "department", "client", "all", "tier", "model"])
def test_all_of_a_scope_share_its_budget(shared: Turnout, scope: str) -> None:
    again(shared, BY_MODEL + budget(f'{scope} = "each"', "calls = 2", name=f"shared {scope}"))
    statuses = [
        shared.chat(
            model="openai/scripted", headers={"x-session-id": f"{scope}{n}", "x-turnout-project": f"p{n}"}
        ).status
        for n in range(3)
    ]
    assert statuses == [200, 200, 400]


def test_a_session_tree_has_one_window_for_all_its_subagents(shared: Turnout) -> None:
    again(shared, BY_MODEL + budget('session_tree = "each"', "calls = 2", "session", "tree"))
    family = [
        {"x-session-id": "boss"},
        {"x-session-id": "worker-1", "x-parent-session-id": "boss"},
        {"x-session-id": "worker-2", "x-parent-session-id": "boss"},
    ]
    assert [shared.chat(model="openai/scripted", headers=one).status for one in family] == [200, 200, 400]


def test_a_project_whose_name_looks_like_a_key_has_its_budget_kept(engine: Engine, serve: Serve) -> None:
    """The name comes from a header; the bucket's key is read again at the next start."""
    engine.say(Script(tokens=Tokens(20, 1_000)))
    named = {"x-turnout-project": "p|tokens|day|2026"}
    rules = BY_MODEL + budget('project = "each"', "usd = 0.016")
    turnout = serve(settings=four_vendors(engine.url), rules=rules)
    assert turnout.chat(model="openai/scripted", max_tokens=1_000, headers=named).status == 200
    before = left(turnout)
    turnout.stop()
    with Turnout(turnout.home) as restarted:
        assert left(restarted) == before
        refused = restarted.chat(model="openai/scripted", max_tokens=1_000, headers=named, token=turnout.token)
    assert refused.status == 400


def test_a_call_that_fell_back_is_charged_to_the_tier_that_served_it_also_after_a_restart(
    engine: Engine, serve: Serve
) -> None:
    rules = DOWN + budget('tier = "each"', "usd = 1.00") + budget('model = "each"', "calls = 10", name="by model")
    turnout = serve(settings=four_vendors(engine.url), rules=rules)
    engine.say(Script(status=503).once(), Script(tokens=Tokens(1_000, 100)))
    answer = turnout.chat(model="openai/scripted", max_tokens=1_000)
    assert answer.status == 200
    row = turnout.row(answer)
    assert [one.status for one in row.attempts] == ["status_503", "ok"]
    used = {line["key"].split("|")[1]: line["used"] for line in lines(turnout)}
    assert used == {"tier=fast": "0.0028", "model=anthropic/scripted": "1"}
    before = left(turnout)
    turnout.stop()
    with Turnout(turnout.home) as restarted:
        assert left(restarted) == before


def test_credit_for_a_client_that_there_is_not_is_added_and_said_to_wait(engine: Engine, serve: Serve) -> None:
    engine.say(Script(tokens=Tokens(1_000, 100)))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', "usd = 1.00"))
    assert turnout.token
    right, wrong = (add_credit(turnout, f"client:{name}") for name in ("tester", "tesster"))

    assert right.stderr == ""
    assert "tesster|usd|day" in wrong.stdout
    assert wrong.stderr.count("\n") == 1
    assert "no client goes by 'tesster' yet" in wrong.stderr
    assert "Did you mean tester?" in wrong.stderr
    to_come = turnout.add_client("tesster")
    turnout.stop()
    with Turnout(turnout.home) as again:
        assert add_credit(again, "client:tesster").stderr == ""
        answer = again.chat(model="openai/scripted", max_tokens=1_000, token=to_come)
        assert answer.header("x-turnout-credit-usd") == "1.9972"


def add_credit(turnout: Turnout, scope: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (sys.executable, "-m", "turnout", "budget", "credit", scope, "--add", "0.50"),
        env=turnout.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_a_fallbacks_reason_tells_where_the_budget_ends_its_own_output(engine: Engine, serve: Serve) -> None:
    cheap = four_vendors(engine.url).replace(
        '"anthropic/*"]\ninput_usd = 2.00\noutput_usd = 8.00', '"anthropic/*"]\ninput_usd = 0.20\noutput_usd = 0.80'
    )
    turnout = serve(settings=cheap, rules=DOWN + budget('client = "each"', "usd = 0.05"))
    engine.say(Script(status=503).once(), Script(tokens=Tokens(10, 10)).once(), Script(status=503).once(), Script())
    first = turnout.chat(model="openai/scripted", max_tokens=100_000)
    second = turnout.chat(model="openai/scripted", max_tokens=20_000)

    limit = int(first.header("x-turnout-clamped"))
    assert limit > 50_000
    assert f"ends its output at {limit:,} tokens; fell back" in first.header("x-turnout-reason")
    assert turnout.row(first).reason.endswith(f"ends its output at {limit:,} tokens")
    assert second.header("x-turnout-model") == "anthropic/scripted"
    assert second.header("x-turnout-clamped") == ""
    assert "ends its output" not in second.header("x-turnout-reason") + turnout.row(second).reason


def test_a_hold_that_is_released_by_hand_frees_credit_and_its_call_is_charged_when_it_ends(
    engine: Engine, serve: Serve
) -> None:
    engine.say(Script(tokens=Tokens(20, 1_000), hold=True))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', "usd = 1.00"))
    with ThreadPoolExecutor(1) as pool:
        assert turnout.token
        sent = pool.submit(turnout.chat, model="openai/scripted", max_tokens=1_000)
        engine.wait_calls(1)
        (call,) = turnout.control.status().running
        assert lines(turnout)[0]["held"] != "0"
        turnout.cli("budget", "release", call.id)
        assert lines(turnout)[0]["held"] == "0"
        engine.release()
        row = turnout.row(sent.result(20))
    (line,) = lines(turnout)
    assert row.cost == 20 * 2_000 + 1_000 * 8_000
    assert line["used"] == "0.00804"
    before = left(turnout)
    turnout.stop()
    with Turnout(turnout.home) as restarted:
        assert left(restarted) == before


def test_a_budget_renamed_while_a_call_is_under_way_is_settled_where_it_was_held(engine: Engine, serve: Serve) -> None:
    engine.say(Script(tokens=Tokens(20, 1_000), hold=True))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', "usd = 1.00"))
    with ThreadPoolExecutor(1) as pool:
        assert turnout.token
        sent = pool.submit(turnout.chat, model="openai/scripted", max_tokens=1_000)
        engine.wait_calls(1)
        again(turnout, BY_MODEL + budget('client = "each"', "calls = 1", name="other"))
        engine.release()
        row = turnout.row(sent.result(20))
    assert [key.split("|")[0] for key in row.buckets] == ["cap"]
    assert lines(turnout) == []
    assert turnout.chat(model="openai/scripted", max_tokens=10).status == 200
    assert turnout.chat(model="openai/scripted", max_tokens=10).status == 400
    assert turnout.control.status().open_holds == 0


def test_of_two_budgets_the_one_that_refuses_is_named_and_the_other_keeps_its_credit(
    engine: Engine, serve: Serve
) -> None:
    both = budget('client = "each"', "usd = 5.00", name="wide") + budget(
        'developer = "each"', "usd = 0.001", name="narrow"
    )
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + both)
    refused = turnout.chat(model="openai/scripted", max_tokens=1_000)
    assert refused.status == 400
    assert 'Budget "narrow"' in refused.doc["error"]["message"]
    assert "renews at" in refused.doc["error"]["message"]
    assert "turnout budget credit" in refused.doc["error"]["message"]
    assert all(used == "0" for used, _ in left(turnout).values())


def test_what_the_refusal_says_to_do_can_be_done(engine: Engine, serve: Serve) -> None:
    """The command in its hint, word by word, for a budget that nothing was spent under yet."""
    rules = BY_MODEL + budget('all = "each"', "usd = 0.001", "ever")
    turnout = serve(settings=four_vendors(engine.url), rules=rules)
    message = turnout.chat(model="openai/scripted", max_tokens=1_000).doc["error"]["message"]
    scope = message.partition("budget credit '")[2].partition("'")[0]
    turnout.cli("budget", "credit", scope, "--add", "1.00")
    assert turnout.chat(model="openai/scripted", max_tokens=1_000).status == 200


def test_dollars_are_not_added_to_a_budget_that_counts_calls(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', "calls = 1"))
    assert turnout.chat(model="openai/scripted").status == 200
    with pytest.raises(AssertionError, match="counts calls, not dollars"):
        turnout.cli("budget", "credit", "client:tester", "--add", "1.00")
    assert turnout.chat(model="openai/scripted").status == 400


def test_several_answers_at_once_are_all_held(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', "usd = 0.02"))
    assert turnout.chat(model="openai/scripted", max_tokens=1_000, n=2).status == 200
    assert turnout.chat(model="openai/scripted", max_tokens=1_000, n=3).status == 400


def test_a_conversation_that_the_vendor_keeps_is_held_as_long_as_it_was(engine: Engine, serve: Serve) -> None:
    engine.say(Script(tokens=Tokens(100_000, 10)))
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', "usd = 0.35"))
    asked = {
        "model": "openai/scripted",
        "input": "and now?",
        "previous_response_id": "resp_1",
        "max_output_tokens": 100,
    }
    rows = [turnout.row(turnout.ask("POST", "/v1/responses", asked)) for _ in range(2)]
    # 100,000 tokens at $2 a million were billed for three that were sent; so much does not fit a second time.
    assert (rows[0].cost, rows[0].disputed) == (200_080_000, False)
    assert rows[1].status is Status.REFUSED


def test_an_embedding_holds_no_output(engine: Engine, serve: Serve) -> None:
    turnout = serve(settings=four_vendors(engine.url), rules=BY_MODEL + budget('client = "each"', "usd = 0.001"))
    answer = turnout.ask("POST", "/v1/embeddings", {"model": "openai/scripted", "input": "one"})
    assert answer.status == 200


@pytest.mark.parametrize(("limit", "status", "used"), [(2_990, 504, "1001"), (3_100, 200, "2501")])
def test_what_a_step_that_failed_used_leaves_less_for_the_next(
    engine: Engine, serve: Serve, limit: int, status: int, used: str
) -> None:
    """1,001 tokens went to the local engine that gave nothing; the cloud's worst case are 1,001 again and 1,000 of output."""
    settings = four_vendors(engine.url).replace('key = "none"\n', 'key = "none"\nfirst_byte_s = 0.6\n')
    turnout = serve(settings=settings, rules=UP + budget('client = "each"', f"tokens = {limit}"))
    turnout.counting()
    engine.choose = lambda heard: Script(hold=heard.path.startswith("/api/"), tokens=Tokens(1_000, 500))
    answer = turnout.chat("word " * 1_000, max_tokens=1_000)
    row = turnout.row(answer)
    assert (answer.status, len(row.attempts)) == (status, 2 if status == 200 else 1)
    assert [one for one, _ in left(turnout).values()] == [used]
    engine.release()
    # Asked for the cloud's model at once the client would have paid the same; what gave no answer saved nothing.
    assert row.baseline - row.cost == 0


def test_a_call_that_never_left_for_want_of_a_key_costs_nothing(engine: Engine, serve: Serve) -> None:
    settings = four_vendors(engine.url).replace('key = "none"', 'key = "keyring"', 1)
    turnout = serve(settings=settings, rules=BY_MODEL + budget('client = "each"', "usd = 1.00"))
    answer = turnout.chat(model="openai/scripted", max_tokens=1_000)
    row = turnout.row(answer)
    assert answer.status == 400
    assert (row.status, row.cost) == (Status.FAILED, 0)
    assert engine.calls == []


def test_thresholds_are_told_once_in_a_window_also_over_a_restart(engine: Engine, serve: Serve) -> None:
    engine.say(Script(tokens=Tokens(0, 1_000)))
    rules = BY_MODEL + budget('client = "each"', "usd = 0.08")
    turnout = serve(settings=four_vendors(engine.url), rules=rules)

    def told(proxy: Turnout) -> list[str]:
        return [one.title for one in proxy.control.status().notices if one.kind == "budget" and "% of" in one.title]

    for _ in range(6):
        assert turnout.chat(model="openai/scripted", max_tokens=500).status == 200
    assert told(turnout) == ["50 % of cap used"]
    token = turnout.token
    turnout.stop()
    with Turnout(turnout.home) as restarted:
        for _ in range(2):
            assert restarted.chat(model="openai/scripted", max_tokens=500, token=token).status == 200
        assert told(restarted) == ["80 % of cap used"]
        restarted.cli("budget", "credit", "client:tester", "--add", "0.08")
        assert told(restarted) == ["80 % of cap used"]


def again(turnout: Turnout, rules: str) -> None:
    (turnout.home / "rules.toml").write_text(rules)
    assert turnout.control.reload()["rules"] == "ok"
