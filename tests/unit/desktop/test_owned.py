"""What the window says of owned hardware, as values."""

from pathlib import Path
from typing import Any

import pytest

from turnout.desktop.models.owned import change, entry, machines, patterns, wrong
from turnout.settings.files import edit_settings, parse_settings

USD = 1_000_000_000
TOLD: dict[str, Any] = {
    "models": "local/*",
    "calls": 10,
    "tokens": 11_000_000,
    "busy_ms": 36_000_000,
    "utilisation": 0.013889,
    "energy_usd": "0.96",
    "hardware_usd": "65.7084",
    "hardware_month_usd": "66.6667",
    "cloud_model": "openai/gpt-5-mini",
    "cloud_usd": "4.5",
    "tokens_a_month": 11_160_417,
    "break_even_tokens_a_month": 207_156_000,
}
SETTINGS = """\
# mine
[providers.local]
dialect = "ollama"
base_url = "http://127.0.0.1:1"
key = "none"
sovereign = true

[prices."local/*"]
watts = 320                           # measured at the wall
usd_per_kwh = 0.3
"""


def test_hardware_utilisation_and_the_break_even_point_are_said() -> None:
    (one,) = machines({"owned": [TOLD]})
    assert one.cost == round(66.6684 * USD)
    assert one.verdict == ("does not pay yet", "warn")
    assert one.hardware_said == "$66.67 a month, busy or not"
    assert one.utilisation_said == "10 h 0 min of work"
    assert one.cloud_said == "owning cost $62.17 more"
    assert one.even_said == "11.2M of 207M tokens a month"
    assert one.share == pytest.approx(0.0539, rel=1e-2)


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"cloud_usd": "70"}, ("pays", "good")),
        ({"break_even_tokens_a_month": None}, ("never pays", "bad")),
        ({"calls": 0}, ("idle", "quiet")),
        ({"cloud_model": None}, ("nothing to compare with", "quiet")),
    ],
)
def test_whether_it_pays_is_one_word(changed: dict[str, Any], verdict: tuple[str, str]) -> None:
    (one,) = machines({"owned": [TOLD | changed]})
    assert one.verdict == verdict
    assert one.compared is (verdict[1] != "quiet")


def test_electricity_alone_has_nothing_to_pay_off() -> None:
    (one,) = machines(
        {"owned": [TOLD | {"hardware_usd": "0", "hardware_month_usd": "0", "break_even_tokens_a_month": None}]}
    )
    assert one.verdict == ("pays", "good")
    assert (one.hardware_said, one.even_said) == ("not said", "no purchase to pay off")


def test_nothing_owned_and_nonsense_are_no_machines() -> None:
    assert machines({}) == machines({"owned": ["nonsense"]}) == []


def test_costs_can_be_said_for_each_engine_inside_the_walls_and_what_is_said_comes_first() -> None:
    settings = parse_settings(SETTINGS.replace("local/*", "local/big-*"), "turnout.toml")
    assert patterns(settings) == ["local/big-*", "local/*"]
    assert entry(settings, "local/big-*") == ["320", "0.3", "", ""]
    assert entry(settings, "local/*") == ["", "", "", ""]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["320", "0.30", "2400", "36"], ""),
        (["320", "0.30", "", ""], ""),
        (["", "", "2400", "36"], ""),
        (["320", "", "", ""], "Electricity needs both"),
        (["", "", "2400", ""], "A purchase needs both"),
        (["", "", "", ""], "Say what it draws"),
        (["-1", "0.30", "", ""], "Write plain numbers"),
        (["1e3", "0.30", "", ""], "Write plain numbers"),
        (["nan", "0.30", "", ""], "Write plain numbers"),
        (["9" * 13, "0.30", "", ""], "Write plain numbers"),
    ],
)
def test_figures_as_typed_are_checked_before_they_are_written(values: list[str], said: str) -> None:
    assert wrong(values).startswith(said)
    assert bool(wrong(values)) is bool(said)


def test_the_file_keeps_its_comments_and_an_emptied_figure_leaves_it(tmp_path: Path) -> None:
    file = tmp_path / "turnout.toml"
    file.write_text(SETTINGS)
    file.chmod(0o600)
    settings = edit_settings(file, lambda doc: change(doc, "local/*", ["350", "0.3", "2400", "36"]))
    assert entry(settings, "local/*") == ["350", "0.3", "2400", "36"]
    assert file.read_text().startswith("# mine\n")
    assert "watts = 350                           # measured at the wall" in file.read_text()
    settings = edit_settings(file, lambda doc: change(doc, "local/*", ["", "", "2400", "36"]))
    assert entry(settings, "local/*") == ["", "", "2400", "36"]
    fresh = tmp_path / "fresh.toml"
    fresh.write_text(SETTINGS.partition("[prices")[0])
    fresh.chmod(0o600)
    assert entry(edit_settings(fresh, lambda doc: change(doc, "local/*", ["1", "2", "", ""])), "local/*") == [
        "1",
        "2",
        "",
        "",
    ]
