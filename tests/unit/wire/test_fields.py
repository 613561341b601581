"""What is taken for JSON: how deep, at any length; and what is known to be plainly written."""

import json

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


def test_a_long_body_is_known_to_be_plain_when_it_is() -> None:
    doc = {"model": "a", "messages": [{"role": "user", "content": "Größe\n" * 2_000}], "n": 1.5}
    body = json.dumps(doc, separators=(",", ":"), ensure_ascii=False).encode()

    assert fields.load_plain(body) == (doc, True)
    assert fields.load_plain(json.dumps(doc).encode()) == (doc, False)
    assert fields.load_plain(body.replace(b'{"model":"a",', b'{"model":"b","model":"a",')) == (doc, False)
    assert fields.load_plain(body.replace(b"1.5", b"1.50")) == (doc, False)
    assert fields.load_plain(body + b" ") == (doc, False)
    assert fields.load_plain(b'{"a":1}') == ({"a": 1}, False)
