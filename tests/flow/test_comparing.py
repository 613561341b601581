"""What another tier would have done, and cost: asked of a real proxy."""

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import two_tiers
from tests.support.script import Script

from turnout.calls.units import Status
from turnout.errors import ControlError


def test_two_tiers_are_asked_the_same_and_both_calls_are_held_settled_and_listed(engine: Engine, serve: Serve) -> None:
    with Engine() as local:
        engine.default, local.default = Script(text="int total;"), Script(text="total")
        proxy = serve(settings=two_tiers(engine.url, local.url))
        found = proxy.control.compare("rename this variable to total", ["local", "high"])
        assert [(side["tier"], side["text"]) for side in found["sides"]] == [("local", "total"), ("high", "int total;")]
        assert found["features"]
        rows = {row.id: row for row in proxy.settled(2)}
        assert set(rows) == {side["call"] for side in found["sides"]}
        for row in rows.values():
            assert (row.client, row.status, row.baseline) == ("side by side", Status.SETTLED, 0)
            assert row.overhead == row.cost


def test_a_budget_holds_a_comparison_too(engine: Engine, serve: Serve) -> None:
    rules = """
[[rule]]
name = "all"
when = "true"
route = "asked"

[[budget]]
name = "none"
scope = { client = "each" }
usd = 0.000001
per = "day"
on_exceed = "refuse"
"""
    proxy = serve(settings=two_tiers(engine.url), rules=rules)
    found = proxy.control.compare("rename this", ["high"])
    assert (found["sides"][0]["status"], found["sides"][0]["text"]) == (400, "")


def test_what_cannot_be_compared_is_said(engine: Engine, serve: Serve) -> None:
    ask = serve(settings=two_tiers(engine.url)).control.compare
    with pytest.raises(ControlError, match="nothing to ask"):
        ask(" ", ["high"])
    with pytest.raises(ControlError, match="'local' has no model"):
        ask("hello", ["local"])
    with pytest.raises(ControlError, match="'nonsense' has no model"):
        ask("hello", ["nonsense"])


def test_tokens_are_priced_at_each_tiers_first_model(engine: Engine, serve: Serve) -> None:
    with Engine() as local:
        proxy = serve(settings=two_tiers(engine.url, local.url))
        found = {row["tier"]: row for row in proxy.control.elsewhere({"uncached": 1_000_000, "output": 100_000})}
        assert found["high"] == {"tier": "high", "model": "cloud/scripted", "cost_usd": "3.5"}
        assert found["local"]["cost_usd"] == "0"
