"""I20: under load every call is carried out under exactly one version of settings and rules, named in its row; a bad file changes nothing."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.units import Status

CALLS = 120
FIRST = '[[rule]]\nname = "first"\nwhen = "true"\nroute = "openai/scripted"\n[[loop]]\nturns = 100000\n'
SECOND = '[[rule]]\nname = "second"\nwhen = "true"\nroute = "anthropic/scripted"\n[[loop]]\nturns = 100000\n'


def test_i20_each_call_is_decided_carried_out_and_booked_under_one_version(serve: Serve) -> None:
    """With every version the same provider names live at another engine, and the rule names another of them."""
    with Engine() as one, Engine() as two:
        for engine in (one, two):
            engine.say(Script(tokens=Tokens(100, 10), gap_s=0.002, piece=200))
        versions = [(four_vendors(one.url), FIRST, "first"), (four_vendors(two.url), SECOND, "second")]
        turnout = serve(settings=versions[0][0], rules=versions[0][1])
        assert turnout.token
        over = threading.Event()

        def reload() -> None:
            number = 0
            while not over.is_set():
                settings, rules, _ = versions[number % 2]
                (turnout.home / "turnout.toml").write_text(settings)
                (turnout.home / "rules.toml").write_text(rules)
                assert turnout.control.reload() == {"rules": "ok", "settings": "ok"}
                number += 1

        editor = threading.Thread(target=reload)
        editor.start()
        try:
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda n: turnout.chat(f"Ask {n}.", stream=n % 2 == 0), range(CALLS)))
        finally:
            over.set()
            editor.join(30)
        rows = turnout.settled(CALLS)
        assert {answer.status for answer in answers} == {200}
        assert {row.status for row in rows} == {Status.SETTLED}
        by_version: dict[str, set[tuple[str, str]]] = {}
        for row in rows:
            by_version.setdefault(row.config, set()).add((row.rule, row.provider))
        # A file can be read between the two writes, so a version may be of new settings and old rules; but each is one.
        assert all(len(found) == 1 for found in by_version.values()), by_version
        assert {found for each in by_version.values() for found in each} <= {
            ("first", "openai"),
            ("second", "anthropic"),
        }
        assert len(one.calls) + len(two.calls) == CALLS
        paths = Counter(heard.path for engine in (one, two) for heard in engine.calls)
        assert paths["/v1/chat/completions"] == sum(row.rule == "first" for row in rows)


def test_i20_a_file_that_is_mended_is_in_force_though_the_other_is_still_bad(engine: Engine, serve: Serve) -> None:
    turnout: Turnout = serve(settings=four_vendors(engine.url), rules=FIRST)
    (turnout.home / "rules.toml").write_text('[[rule]]\nwhen = "true"\nroute = "nowhere"\n')
    (turnout.home / "turnout.toml").write_text("[server]\nprot = 1\n")
    both = turnout.control.reload()
    assert ("nowhere" in str(both["rules"]), "prot" in str(both["settings"])) == (True, True)
    (turnout.home / "rules.toml").write_text(SECOND)
    half = turnout.control.reload()
    assert (half["rules"], "prot" in str(half["settings"])) == ("ok", True)
    assert turnout.row(turnout.chat()).rule == "second"


def test_i20_a_start_with_bad_rules_serves_by_the_last_good_ones(engine: Engine, serve: Serve) -> None:
    turnout: Turnout = serve(settings=four_vendors(engine.url), rules=FIRST)
    turnout.row(turnout.chat())
    turnout.stop()
    (turnout.home / "rules.toml").write_text('[[rule]]\nwhen = "true"\nroute = "nowhere"\n')
    with Turnout(turnout.home) as again:
        assert again.row(again.chat(token=turnout.token)).rule == "first"
        status = again.control.status()
        assert "nowhere" in status.rules_error
        assert any("rules.toml has a mistake" in one.title for one in status.notices)
        assert "The last good rules are in force." in again.stderr
        (again.home / "rules.toml").write_text(SECOND)
        assert again.control.reload()["rules"] == "ok"
        assert again.row(again.chat(token=turnout.token)).rule == "second"


def test_i20_a_bad_file_changes_nothing_and_says_where_it_is_bad(engine: Engine, serve: Serve) -> None:
    turnout: Turnout = serve(settings=four_vendors(engine.url), rules=FIRST)
    good = turnout.row(turnout.chat()).config
    (turnout.home / "rules.toml").write_text('[[rule]]\nwhen = "true"\nroute = "nowhere"\n[[budget]]\nusd = -1\n')
    said = str(turnout.control.reload()["rules"])
    row = turnout.row(turnout.chat("Again."))
    assert ":3:" in said or "line 3" in said
    assert (row.config, row.rule, row.status) == (good, "first", Status.SETTLED)
    assert turnout.control.status().rules_error
    (turnout.home / "rules.toml").write_text(SECOND)
    assert turnout.control.reload()["rules"] == "ok"
    assert turnout.row(turnout.chat("And again.")).rule == "second"


def test_i20_a_rules_file_that_became_empty_takes_no_budget_away(engine: Engine, serve: Serve) -> None:
    """As a save onto a full disk leaves it; also over a restart, until something is written."""
    turnout = serve(settings=four_vendors(engine.url), rules=FIRST)
    assert turnout.chat().status == 200
    (turnout.home / "rules.toml").write_text("\n")
    assert "the file is empty" in str(turnout.control.reload()["rules"])
    assert turnout.row(turnout.chat("Again.")).rule == "first"
    turnout.stop()
    with Turnout(turnout.home) as again:
        assert "a line with a comment" in again.control.status().rules_error
        assert again.row(again.chat(token=turnout.token)).rule == "first"
        (turnout.home / "rules.toml").write_text("# none\n")
        assert again.control.reload()["rules"] == "ok"
        assert again.row(again.chat("And again.", token=turnout.token)).rule != "first"
