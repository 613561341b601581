"""A body that goes on from an earlier one is read as if it were the first."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.shared import shared as reference
from tests.unit.wire.captures import captures
from tests.unit.wire.samples import REQUESTS, TALKS

from turnout.calls.units import Dialect, Json
from turnout.errors import BadRequestError
from turnout.wire import resumed
from turnout.wire.codec import codec
from turnout.wire.dialect import Target
from turnout.wire.fields import load_plain
from turnout.wire.newest import Newest
from turnout.wire.resumed import MessageList

NAMES = {Dialect.OPENAI_RESPONSES: "input", Dialect.GEMINI: "contents"}
LONG = "a long text of a long history. " * 20
Doc = dict[str, Json]


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Newest[resumed.History]:
    histories = Newest[resumed.History](4_000_000)
    monkeypatch.setattr(resumed, "_KEPT", histories)
    return histories


def talk(count: int, *, model: str = "m", **more: Json) -> Doc:
    messages: list[Json] = [{"role": "user", "content": f"{n} {LONG}"} for n in range(count)]
    return {"model": model, "messages": messages, **more}


def loaded(doc: Json, dialect: Dialect = Dialect.OPENAI_CHAT) -> tuple[Json, bool]:
    """Checked against a reading of the whole."""
    return read(orjson.dumps(doc), dialect)


def read(body: bytes, dialect: Dialect = Dialect.OPENAI_CHAT) -> tuple[Json, bool]:
    found = resumed.load(body, dialect)
    assert found == load_plain(body)
    assert orjson.dumps(found[0]) == orjson.dumps(load_plain(body)[0])
    return found


def shared(found: tuple[Json, bool]) -> int:
    """How many of a body's messages were read before."""
    assert isinstance(found[0], dict)
    messages = found[0]["messages"]
    return len(messages.history.messages) if isinstance(messages, MessageList) else 0


def test_only_the_end_of_a_conversation_is_read_again() -> None:
    assert shared(loaded(talk(20))) == 16
    first, second = loaded(talk(21))[0], loaded(talk(22))[0]
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    one, other = first["messages"], second["messages"]
    assert isinstance(one, list)
    assert isinstance(other, list)

    assert all(a is b for a, b in zip(one[:16], other[:16], strict=True))
    assert not any(a is b for a, b in zip(one[16:], other[16:], strict=False))


def test_a_history_grows_with_its_conversation() -> None:
    grown = [shared(loaded(talk(count))) for count in range(10, 40)]

    assert grown[:3] == [0, 0, 8]
    assert grown[-1] >= 40 - resumed.FRESH - resumed.STEP
    assert grown == sorted(grown)


@pytest.mark.parametrize("dialect", TALKS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_conversation_that_goes_on_or_is_rewritten_is_read_as_it_is(dialect: Dialect, data: st.DataObject) -> None:
    resumed._KEPT = Newest(4_000_000)
    name = NAMES.get(dialect, "messages")
    base = REQUESTS[dialect]
    messages = [copy.deepcopy(one) for _ in range(8) for one in base[name]]
    for _ in range(data.draw(st.integers(2, 6))):
        change = data.draw(st.sampled_from(["grow", "rewrite", "model", "tools", "cut", "same"]))
        if change == "grow":
            messages += copy.deepcopy(data.draw(st.lists(st.sampled_from(base[name]), max_size=15)))
        elif change == "rewrite":
            messages[data.draw(st.integers(0, len(messages) - 1))] = {"role": "user", "content": data.draw(st.text())}
        elif change == "cut":
            del messages[data.draw(st.integers(9, len(messages))) :]
        elif change == "tools":
            base = {**base, "tools": base["tools"][: data.draw(st.integers(0, 1))]}
        elif change == "model":
            base = {**base, "model": data.draw(st.text(max_size=5))}
        doc = {**base, name: messages}
        if data.draw(st.booleans()):
            doc = dict(reversed(doc.items()))
        found, _ = loaded(doc, dialect)
        try:
            seen = codec(dialect).outline(found, path_model="m", stream=False)
        except BadRequestError as error:
            with pytest.raises(BadRequestError) as again:
                codec(dialect).outline(orjson.loads(orjson.dumps(doc)), path_model="m", stream=False)
            assert again.value.message == error.message
        else:
            assert seen == codec(dialect).outline(orjson.loads(orjson.dumps(doc)), path_model="m", stream=False)


@pytest.mark.parametrize(
    "end",
    [
        b'],"stream":true}',
        b'],"model":"other"}',
        b'],"messages":[{"role":"user","content":"instead"}],"stream":true}',
        b',{"role":"user","content":"x"}],"x":[1],"stream":true}',
        b',{"role":"user","content":"x"}],"x":[1],"model":"other","stream":true}',
        b',{"role":"user","content":"x"}],"messages":[{"role":"user","content":"y"}],"stream":true}',
        b',{"role":"user","content":"x"} ],"stream":true}',
        b',{"role":"user","content":"\\u0041"}],"stream":true}',
        b', {"role":"user","content":"x"}],"stream": true}',
        b',1,"two",[],{}],"stream":true}',
        b',{"role":"user","content":"x"}],"tools":[{"a":1},{"b":2}],"stream":true}',
    ],
)
def test_what_follows_a_known_history_is_read_as_it_stands(end: bytes) -> None:
    known = orjson.dumps(talk(20, stream=True))
    read(known)
    at = orjson.dumps(talk(16))[:-2]
    assert known.startswith(at)

    read(at + end)
    read(at + end)
    read(known)


@pytest.mark.parametrize("end", [b"", b"]", b"}", b"],", b",]}", b'],"stream":true', b',{"a":1}}', b"1]}", b",NaN]}"])
def test_a_body_that_breaks_off_behind_a_known_history_is_refused_as_any_other(end: bytes) -> None:
    read(orjson.dumps(talk(20, stream=True)))
    body = orjson.dumps(talk(16))[:-2] + end
    with pytest.raises(BadRequestError) as whole:
        load_plain(body)

    with pytest.raises(BadRequestError) as found:
        resumed.load(body, Dialect.OPENAI_CHAT)

    assert found.value.message == whole.value.message


@pytest.mark.parametrize("depth", [125, 126, 127])
def test_a_message_behind_a_known_history_is_held_to_the_depth_of_any_other(depth: int) -> None:
    loaded(talk(20))
    nested: Any = "x"
    for _ in range(depth):
        nested = [nested]
    doc = talk(20)
    messages = doc["messages"]
    assert isinstance(messages, list)
    body = orjson.dumps({**doc, "messages": [*messages, {"role": "user", "content": LONG * 20}]})
    body = body[:-2] + b"," + b"[" * depth + b"]" * depth + b"]}"
    try:
        whole: Json = load_plain(body)[0]
    except BadRequestError:
        with pytest.raises(BadRequestError, match="nested"):
            resumed.load(body, Dialect.OPENAI_CHAT)
    else:
        assert resumed.load(body, Dialect.OPENAI_CHAT)[0] == whole


def test_another_dialect_s_history_is_none_of_this_one() -> None:
    loaded(talk(20))

    assert shared(loaded(talk(20), Dialect.ANTHROPIC)) == 16
    assert [one.dialect for one in resumed._KEPT.newest()] == [Dialect.ANTHROPIC, Dialect.OPENAI_CHAT]


def test_histories_are_kept_within_their_bound(kept: Newest[resumed.History]) -> None:
    for client in range(200):
        doc = talk(20, user=str(client))
        messages = doc["messages"]
        assert isinstance(messages, list)
        loaded({**doc, "messages": [{"role": "user", "content": f"client {client}"}, *messages]})

    assert kept.size <= 4_000_000
    assert 10 < len(kept.newest()) < 200


def test_what_stands_behind_the_messages_counts_when_it_grows(kept: Newest[resumed.History]) -> None:
    loaded(talk(20, user="x"))
    loaded(talk(20, user="x" * 100_000))
    (known,) = kept.newest()

    assert len(known.tail) > 100_000
    assert kept.size == known.size


@pytest.mark.parametrize("dialect", TALKS)
@pytest.mark.parametrize("to", TALKS)
def test_a_translation_leaves_the_body_it_was_made_from_as_it_was(dialect: Dialect, to: Dialect) -> None:
    assert_unchanged(dialect, REQUESTS[dialect], to, "m", None)


@pytest.mark.parametrize("to", TALKS)
def test_a_translation_of_a_real_client_s_body_leaves_it_as_it_was(to: Dialect) -> None:
    reference("clients")
    for one in captures():
        if isinstance(one.body, dict) and one.body.get("messages") == []:
            continue  # a request that is refused
        assert_unchanged(one.dialect, one.body, to, one.model or "m", one.stream)


def assert_unchanged(dialect: Dialect, body: Json, to: Dialect, model: str, stream: bool | None) -> None:
    doc: Json = orjson.loads(orjson.dumps(body))
    target = Target(model="other", max_output=100, num_ctx=4_096, thinks=False, vendor_history=False)

    codec(dialect).outline(doc, path_model=model, stream=bool(stream))
    request = codec(dialect).read_request(doc, path_model=model, stream=stream)
    codec(to).write_request(request, target)

    assert orjson.dumps(doc) == orjson.dumps(body)
