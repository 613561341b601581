"""What a call is booked as: the parts that need no engine."""

from collections.abc import Sequence

import pytest

from turnout.calls.units import Dialect, Nanos, Tokens
from turnout.calls.usage import Price, Usage, cost
from turnout.proxy.booking import Progress, at_price, seen_text
from turnout.proxy.exchange import Seen
from turnout.proxy.money.settling import Settled

PAID = Price(2_000_000, 0, 0, 0, 8_000_000, 8_000_000)
OTHER = Price(4_000_000, 0, 0, 0, 16_000_000, 16_000_000)
USED = Usage(Tokens(1_000), output=Tokens(100))


def progress(price: Price | None, usage: Usage = USED) -> Progress:
    made = Progress()
    made.usage, made.price = usage, price
    made.settled = Settled(USED, cost(USED, PAID), cost(USED, PAID))
    return made


def test_at_the_price_that_was_paid_a_call_costs_what_it_did() -> None:
    assert at_price(PAID, progress(PAID)) == cost(USED, PAID)


def test_at_another_price_what_was_used_is_reckoned_anew() -> None:
    assert at_price(OTHER, progress(PAID)) == cost(USED, OTHER)


def test_after_two_attempts_another_model_is_reckoned_for_the_answer_alone() -> None:
    """It would not have failed first: a local engine's timeout made the dear model twice as dear, and the saving with it."""
    assert at_price(OTHER, progress(None, USED + USED)) == cost(USED, OTHER)


def test_what_was_never_billed_would_have_cost_nothing() -> None:
    assert at_price(PAID, Progress()) == 0


def test_every_call_begins_with_values_of_its_own() -> None:
    one, other = Progress(), Progress()
    one.spent, one.held, one.charged = Nanos(5), True, ("key",)
    assert (other.spent, other.held, other.charged, other.attempts, other.row) == (0, False, (), (), None)


def seen(dialect: Dialect, raw: Sequence[bytes]) -> Seen:
    made = Seen(raw=list(raw))
    made.dialect = dialect
    return made


def test_the_text_of_a_whole_answer_is_read_out_of_its_bytes() -> None:
    body = (
        b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}]}'
    )
    assert seen_text(seen(Dialect.OPENAI_CHAT, [body]), streamed=False) == "Hello."


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (
            Dialect.OPENAI_CHAT,
            b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "One."}, "finish_reason": "stop"},'
            b'{"index": 1, "message": {"role": "assistant", "content": "Two."}, "finish_reason": "stop"}]}',
        ),
        (
            Dialect.GEMINI,
            b'{"candidates": [{"content": {"role": "model", "parts": [{"text": "One."}]}, "finishReason": "STOP"},'
            b'{"content": {"role": "model", "parts": [{"text": "Two."}]}, "finishReason": "STOP", "index": 1}]}',
        ),
    ],
)
def test_of_several_answers_at_once_all_are_counted(dialect: Dialect, body: bytes) -> None:
    """A provider that tells no usage bills them all."""
    assert seen_text(seen(dialect, [body]), streamed=False) == "One.Two."


def test_the_text_of_a_stream_is_read_wherever_its_bytes_were_cut() -> None:
    line = b'data: {"choices": [{"index": 0, "delta": {"content": "Hello."}, "finish_reason": null}]}\n\n'
    assert seen_text(seen(Dialect.OPENAI_CHAT, [line[:30], line[30:]]), streamed=True) == "Hello."


def test_an_answer_that_cannot_be_read_has_no_text() -> None:
    assert seen_text(seen(Dialect.OPENAI_CHAT, [b"<html>"]), streamed=False) == ""


class Unread(Sequence[bytes]):
    """Bytes that must not be touched."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, at: object) -> bytes:  # type: ignore[override]  # whatever is asked for
        raise AssertionError("the vectors were read")


@pytest.mark.parametrize("dialect", [Dialect.OPENAI_EMBEDDINGS, Dialect.OLLAMA_EMBED])
def test_vectors_are_not_read_for_words(dialect: Dialect) -> None:
    vectors = Seen()
    vectors.dialect, vectors.raw = dialect, Unread()  # type: ignore[assignment]
    assert seen_text(vectors, streamed=False) == ""
