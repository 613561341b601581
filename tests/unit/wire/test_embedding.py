"""Vectors, whatever an engine's numbers are written as."""

import pytest

from turnout.calls.units import Json
from turnout.wire.embedding import packed, vector_of


@pytest.mark.parametrize(
    ("value", "vector"),
    [
        ([0.5, -1.0], (0.5, -1.0)),
        ([0.5, -1], (0.5, -1.0)),
        ([1, 0], (1.0, 0.0)),
        ([0.5, True, None, "1", 2], (0.5, 2.0)),
        ([], ()),
        (packed([0.5, -1.0]), (0.5, -1.0)),
        ("no base64!", None),
        (None, None),
        ({"0": 0.5}, None),
    ],
)
def test_a_vector_is_its_numbers_as_floats(value: Json, vector: tuple[float, ...] | None) -> None:
    found = vector_of(value)
    assert found == vector
    assert found is None or all(type(one) is float for one in found)
