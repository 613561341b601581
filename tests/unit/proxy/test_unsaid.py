"""Errors as the ledger may keep them: without what they repeat of the prompt (T09)."""

import pytest

from turnout.proxy.attempt.unsaid import without_echo

PROMPT = "Please translate the poem of the orchid that blooms at dawn."


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Invalid value: 'the orchid that blooms at dawn' is not supported.", "Invalid value: [...] is not supported."),
        ("context length exceeded: 5000 > 4096", "context length exceeded: 5000 > 4096"),
        (PROMPT, "[...]"),
        (f"{PROMPT} {PROMPT}", "[...]"),
        ("", ""),
        ("the orchid", "the orchid"),
        ("messages.0: the poem of the orchid, twice: the poem of the orchid", "messages.0: [...] twice: [...]"),
    ],
)
def test_t09_what_an_error_repeats_of_the_prompt_is_left_out(said: str, kept: str) -> None:
    assert without_echo(said, ("You are terse.", PROMPT)) == kept


def test_a_call_without_text_keeps_its_errors_as_they_are() -> None:
    assert without_echo("the orchid that blooms at dawn", ("",)) == "the orchid that blooms at dawn"
