"""What `turnout budget list --json` says of a bucket."""

from turnout.cli.budgets import amounts

ROW: dict[str, object] = {"unit": "usd", "used": "1.5", "held": "0.25", "left": "3.25", "limit": "5"}


def test_dollars_stand_under_keys_that_end_in_usd() -> None:
    assert amounts(ROW) == ROW | {"used_usd": "1.5", "held_usd": "0.25", "left_usd": "3.25", "limit_usd": "5"}


def test_a_budget_of_calls_has_no_dollars() -> None:
    row = ROW | {"unit": "calls"}
    assert amounts(row) == row
