"""What is taken for JSON: how deep, at any length."""

import pytest

from turnout.errors import BadRequestError
from turnout.wire import fields

PLACES = {
    "alone": ("", ""),
    "in a short body": ('{"messages": [', ', "x"]}'),
    "in a long body": ('{"messages": [', ', "' + "word " * 4_000 + '"]}'),
}


def nested(levels: int, place: str) -> bytes:
    """A body of that many levels in all, objects and arrays by turns."""
    before, behind = PLACES[place]
    levels -= 2 if before else 0
    inside = "".join('{"a":' if n % 2 else "[" for n in range(levels))
    closed = "".join("}" if n % 2 else "]" for n in reversed(range(levels)))
    return f"{before}{inside}1{closed}{behind}".encode()


@pytest.mark.parametrize("place", PLACES)
def test_as_deep_as_allowed_is_read(place: str) -> None:
    fields.load(nested(fields.DEPTH, place))
    fields.event_json(nested(fields.DEPTH, place))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("levels", [fields.DEPTH + 1, 500, 1_500])
def test_a_level_more_is_refused(place: str, levels: int) -> None:
    with pytest.raises(BadRequestError):
        fields.load(nested(levels, place))
    with pytest.raises(ValueError):
        fields.event_json(nested(levels, place))
