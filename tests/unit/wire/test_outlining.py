"""What is remembered of the newest conversations changes nothing of what is seen in a request."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire.samples import REQUESTS, TALKS

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect, Json
from turnout.wire import outlining
from turnout.wire.codec import codec
from turnout.wire.newest import Newest
from turnout.wire.outlining import Gatherer, gathered

MESSAGES = {Dialect.OPENAI_RESPONSES: "input", Dialect.GEMINI: "contents"}
ROUNDS = 5


def asked(dialect: Dialect, messages: list[Json]) -> dict[str, Json]:
    return {**REQUESTS[dialect], MESSAGES.get(dialect, "messages"): messages}


def history(dialect: Dialect) -> list[Json]:
    """A rich talk, again and again."""
    messages = REQUESTS[dialect][MESSAGES.get(dialect, "messages")]
    return [copy.deepcopy(one) for _ in range(ROUNDS) for one in messages]


def from_above(dialect: Dialect, doc: Json) -> Outline:
    return codec(dialect).outline(doc, path_model="m", stream=False)


def unremembered(dialect: Dialect, doc: Json) -> Outline:
    """The same by a proxy that was started just now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outlining, "_HISTORIES", Newest(0))
        patch.setattr(outlining, "_TOOLS", Newest(0))
        return from_above(dialect, doc)


@pytest.mark.parametrize("dialect", TALKS)
def test_a_growing_conversation_is_seen_as_if_each_call_were_the_first(dialect: Dialect) -> None:
    messages = history(dialect)

    for count in range(1, len(messages) + 1):
        doc = asked(dialect, messages[:count])
        assert from_above(dialect, doc) == unremembered(dialect, doc)


def test_of_a_history_that_was_seen_only_the_end_is_read_again() -> None:
    messages: list[Json] = [{"role": "user", "content": f"only the end of it: {n}"} for n in range(50)]
    read: list[int] = []

    def take(seen: Gatherer, message: Json, place: int) -> None:
        read.append(place)

    gathered(Dialect.OPENAI_CHAT, messages[:48], take)
    assert read == list(range(48))
    read.clear()
    gathered(Dialect.OPENAI_CHAT, messages, take)
    assert read == [44, 45, 46, 47, 48, 49]
    read.clear()
    gathered(Dialect.ANTHROPIC, messages, take)
    assert read == list(range(50))


def deepest(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all texts in a message."""
    if isinstance(value, str):
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in inner for found in deepest(one, (*path, key))]


@pytest.mark.parametrize("dialect", TALKS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_history_that_was_rewritten_is_seen_as_it_is_now(dialect: Dialect, data: st.DataObject) -> None:
    messages = history(dialect)
    from_above(dialect, asked(dialect, messages))
    place = data.draw(st.integers(0, len(messages) - 1))
    *above, last = data.draw(st.sampled_from(deepest(messages[place])))
    inner: Any = messages[place]
    for key in above:
        inner = inner[key]
    if last not in ("role", "type"):
        inner[last] = data.draw(st.text(max_size=20))
    cut = data.draw(st.integers(place + 1, len(messages)))
    doc = asked(dialect, messages[:cut])

    assert from_above(dialect, doc) == unremembered(dialect, doc)


@pytest.mark.parametrize("dialect", TALKS)
def test_other_tools_of_the_same_length_are_seen_as_they_are_now(dialect: Dialect) -> None:
    doc = copy.deepcopy(REQUESTS[dialect])
    before = from_above(dialect, doc)
    doc["tools"] = json.loads(json.dumps(doc["tools"]).replace('"read"', '"peek"'))

    after = from_above(dialect, doc)

    assert after == unremembered(dialect, doc)
    assert "read" in before.tool_names
    assert "peek" in after.tool_names


def test_the_newest_are_kept_within_their_bound() -> None:
    kept = Newest[str](1_000)

    for n in range(20):
        kept.put(n, str(n), 100)
    kept.put("too large", "x", 251)
    kept.get(10)
    kept.put("one more", "y", 100)

    assert kept.size == 1_000
    assert (kept.get(9), kept.get(10), kept.get(11), kept.get(19)) == (None, "10", None, "19")
    assert kept.get("too large") is None


def test_a_value_put_anew_takes_the_place_of_the_old() -> None:
    kept = Newest[str](1_000)
    kept.put("a", "old", 120)

    kept.put("a", "new", 20)

    assert (kept.get("a"), kept.size) == ("new", 20)


def test_what_is_remembered_stays_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = Newest[Any](1_000_000)
    monkeypatch.setattr(outlining, "_HISTORIES", histories)

    for client in range(40):
        text = f"client {client} " + "word " * 200
        messages: list[Json] = [{"role": "user", "content": f"{n} {text}"} for n in range(20)]
        from_above(Dialect.OPENAI_CHAT, asked(Dialect.OPENAI_CHAT, messages))

    assert 500_000 < histories.size <= 1_000_000
