"""What has streamed so far, estimated from what passed by."""

import pytest

from turnout.proxy.exchange import Seen
from turnout.proxy.meter import Meter


def openai(text: str) -> bytes:
    return f'data: {{"choices": [{{"delta": {{"content": "{text}"}}}}]}}\n\n'.encode()


def anthropic(text: str) -> bytes:
    return f'data: {{"type":"content_block_delta","delta":{{"type":"text_delta","text":"{text}"}}}}\n\n'.encode()


def ollama(text: str) -> bytes:
    return f'{{"model":"q","message":{{"role":"assistant","content":"{text}"}},"done":false}}\n'.encode()


@pytest.mark.parametrize("event", [openai, anthropic, ollama])
def test_the_meter_counts_what_was_said_as_it_streams(event: object) -> None:
    seen = Seen()
    meter = Meter(seen)
    assert meter.tokens() == 0
    assert callable(event)
    for n in range(1, 6):
        chunk = event("eightlet")
        seen.raw.append(chunk)
        seen.raw_size += len(chunk)
        seen.size = seen.raw_size
        assert meter.tokens() == 2 * n


def test_of_a_long_stream_the_rest_is_taken_to_be_like_its_beginning() -> None:
    chunk = openai("eightlet")
    seen = Seen(raw=[chunk] * 10, raw_size=len(chunk) * 10, size=len(chunk) * 100)
    assert Meter(seen).tokens() == 200


def test_a_translated_stream_counts_its_text() -> None:
    seen = Seen(text=["four", "four"])
    meter = Meter(seen)
    assert meter.tokens() == 2
    seen.text.append("more text.")
    assert meter.tokens() == 5
