"""Text to the pieces that BERT's uncased models read; the expected numbers are those of the published vocabulary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.proxy.plus import vocabulary
from turnout.routing.wordpiece import token_ids

WORDS = vocabulary()
NAMES = {at: word for word, at in WORDS.items()}


def pieces(text: str, limit: int = 64) -> list[str]:
    return [NAMES[at] for at in token_ids(text, WORDS, limit)[1:-1]]


def test_the_vocabulary_is_the_published_one() -> None:
    assert len(WORDS) == 30_522
    assert token_ids("Hello, world!", WORDS, 64) == [101, 7592, 1010, 2088, 999, 102]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unaffable", ["una", "##ffa", "##ble"]),
        ("naïve Café", ["naive", "cafe"]),
        ("def f(x): return x+1", ["def", "f", "(", "x", ")", ":", "return", "x", "+", "1"]),
        ("日本", ["日", "本"]),
        ("x" * 101, ["[UNK]"]),
        ("\x00\u200b \n", []),
    ],
)
def test_words_are_cut_as_the_model_was_taught(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@given(st.text(max_size=400), st.integers(3, 40))
def test_any_text_fits_the_limit(text: str, limit: int) -> None:
    found = token_ids(text, WORDS, limit)
    assert len(found) <= limit
    assert (found[0], found[-1]) == (101, 102)
