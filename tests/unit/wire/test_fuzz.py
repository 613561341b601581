"""Requests that are wrong somewhere: told with the JSON path of what is wrong, or taken; never anything else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire.captures import captures
from tests.unit.wire.mutations import mutated
from tests.unit.wire.samples import REQUESTS, TALKS

from turnout.calls.units import EMBED_LIKE, PROMPT_LIKE, Dialect, Json
from turnout.errors import BadRequestError
from turnout.wire import fields
from turnout.wire.codec import codec
from turnout.wire.dialect import Target

SMALL = [one for one in captures() if len(json.dumps(one.body)) < 20_000]


def served(dialect: Dialect, doc: Json, *, model: str = "m", stream: bool | None = None) -> bool:
    """Seen from above, read whole and written for every engine that can take it; False: refused, with a path."""
    try:
        body = fields.load(json.dumps(doc).encode())
    except BadRequestError:
        return False
    spoken = codec(dialect)
    if dialect in EMBED_LIKE:
        targets: tuple[Dialect, ...] = tuple(EMBED_LIKE)
    else:
        targets = (*TALKS, *PROMPT_LIKE) if dialect in PROMPT_LIKE else TALKS
    try:
        spoken.outline(body, path_model=model, stream=stream)
        request = spoken.read_request(body, path_model=model, stream=stream)
        for target in targets:
            out = codec(target).write_request(request, Target(model="m"))
            assert isinstance(json.loads(out.body), dict)
            assert all(isinstance(name, str) for name in out.dropped)
    except BadRequestError as error:
        assert error.path, error.message
        return False
    return True


@pytest.mark.parametrize("dialect", REQUESTS)
def test_the_right_request_is_served(dialect: Dialect) -> None:
    assert served(dialect, REQUESTS[dialect]) or dialect is Dialect.OPENAI_EMBEDDINGS


@pytest.mark.parametrize("dialect", REQUESTS)
@given(
    doc=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_json_is_served_or_refused(dialect: Dialect, doc: Json) -> None:
    served(dialect, doc)


def test_arguments_nested_to_the_sky_are_carried_as_text() -> None:
    """A chat's arguments are a string: 300 levels of it passed the depth check and broke the writer, a 500."""
    deep = '{"a":' * 300 + "1" + "}" * 300
    call: Json = {"id": "c", "type": "function", "function": {"name": "f", "arguments": deep}}
    messages: list[Json] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]

    assert served(Dialect.OPENAI_CHAT, {"model": "m", "messages": messages})


@pytest.mark.skipif(not SMALL, reason="reference material ../shared/clients is not beside this checkout")
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_a_captured_request_with_any_wrong_field_is_told_by_its_path(data: st.DataObject) -> None:
    capture = data.draw(st.sampled_from(SMALL))
    served(capture.dialect, mutated(data, capture.body), model=capture.model or "m", stream=capture.stream)


@pytest.mark.parametrize("dialect", REQUESTS)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_any_wrong_field_of_a_rich_request_is_told_by_its_path(dialect: Dialect, data: st.DataObject) -> None:
    served(dialect, mutated(data, REQUESTS[dialect]))
