import pytest

from turnout.cli.output import dollars


@pytest.mark.parametrize(
    ("decimal", "shown"),
    [
        ("0", "$0.00"),
        ("", "$0.00"),
        ("12.3456", "$12.35"),
        ("0.0199", "$0.0199"),
        ("0.00012345", "$0.000123"),
        ("0.00000018", "$0.000000180"),
        ("-0.0000009", "-$0.000000900"),
    ],
)
def test_what_is_not_nothing_is_not_shown_as_nothing(decimal: str, shown: str) -> None:
    assert dollars(decimal) == shown
