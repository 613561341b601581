"""`turnout export`: its forms, and that nothing in them can run (T21)."""

import csv
import io
import json
import re
import stat
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cli.shell import Shell
from tests.unit.ledger.made import AT_MS

from turnout.cli.exporting import disarmed


def test_t21_an_export_cannot_run_in_a_spreadsheet(settled_home: Path, turnout: Shell) -> None:
    out = settled_home / "out.csv"

    assert turnout("export", "csv", "-o", str(out), "--json").doc["rows"] == 4

    rows = {row["id"][-1]: row for row in csv.DictReader(out.open(encoding="utf-8"))}
    assert rows["2"]["client"] == "'+cmd"
    assert rows["2"]["project"].startswith("'=HYPERLINK")
    assert rows["4"]["session"] == "'=1+1"
    assert rows["1"]["cost_usd"] == "0.04"
    assert (rows["1"]["unpriced"], rows["1"]["disputed"]) == ("false", "false")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@given(st.text(st.sampled_from("=+-@＝;\t\r\nx'\""), max_size=8) | st.text(max_size=8))
def test_t21_no_cell_begins_a_formula(text: str) -> None:
    """Nor what stands behind a semicolon: where commas are decimal a spreadsheet takes those for the ends of cells."""
    for cell in re.split("[;\t\r\n]", disarmed(text)):
        assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


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
