"""Text to tokens: o200k as tiktoken has it, from the shipped ranks, each message once, never from the network."""

import socket
import threading
import time

import pytest

from turnout.counting.counter import NOW_LIMIT, Counter, bytes_bound, load_encoding


@pytest.fixture(scope="module")
def counter() -> Counter:
    made = Counter()
    made.warm()
    return made


@pytest.mark.parametrize(
    ("text", "tokens"),
    # The first of them are OpenAI's own examples for o200k_base.
    [
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 8),
        ("tiktoken is great!", 6),
        ("hello world", 2),
        ("<|endoftext|>", 7),
        ("", 0),
    ],
)
def test_texts_have_as_many_tokens_as_the_vendor_says(counter: Counter, text: str, tokens: int) -> None:
    assert counter.count_now((text,)) == tokens


def test_the_tokenizer_is_loaded_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("counting reached for the network")

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    assert len(load_encoding().encode_ordinary("no network at all")) == 4


def test_much_new_text_is_left_to_a_thread_and_then_known(counter: Counter) -> None:
    texts = tuple(f"message {n}: " + "word " * 2_000 for n in range(4))
    assert sum(map(len, texts)) > NOW_LIMIT
    assert counter.count_now(texts) is None
    found = counter.count_slow(texts)
    assert counter.count_now(texts) == found
    assert counter.count_now((*texts, "and one more")) == found + 3


def test_only_the_new_messages_of_a_history_are_left_to_a_thread(counter: Counter) -> None:
    history = tuple(f"step {n}: " + "word " * 2_000 for n in range(4))
    step = ("one more step",) * 2
    whole = counter.count_slow((*history, *step))
    assert counter.count_now((*history, *step)) == whole
    assert counter.count_now(history) == whole - 2 * counter.count_slow(step[:1])


def test_before_the_ranks_are_loaded_a_bound_of_the_bytes_holds() -> None:
    fresh = Counter()
    assert fresh.count_now(("hello",)) is None
    assert not fresh.ready
    assert bytes_bound(("hello world", "お誕生日")) >= 2 + 4


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "QUJD" * 60_000, "{" * 50_000, "=" * 200_000, "ab" * 99_999], ids=lambda text: text[:4]
)
def test_a_run_without_a_break_is_counted_in_bounded_time(counter: Counter, text: str) -> None:
    began = time.perf_counter()
    counter.count_slow((text,))
    assert time.perf_counter() - began < 20  # minutes, when it is merged pairwise as one piece


def test_many_threads_may_count_at_once(counter: Counter) -> None:
    texts = tuple(f"text number {n} of many" for n in range(300))
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(counter.count_slow(texts))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
