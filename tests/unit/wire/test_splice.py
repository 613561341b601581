"""Bodies and streams changed in place: one value moves, every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.calls.units import Dialect, Json
from turnout.errors import BadRequestError
from turnout.wire.limit import with_limit, with_window
from turnout.wire.splice import UsageStrip, with_include_usage, with_member, with_model

BODY = (
    b'\n { "b" : [1,  2.50, {"model": "auto"}],\t"model" :  "auto", "caf\\u00e9": "\\u2028 \\"model\\": \\"auto\\"",'
    b' "x_unknown": {"a": 1, "a": 2}, "n": 1e2 }  '
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("model"), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_only_the_models_name_changes_in_a_body() -> None:
    """I21."""
    changed = with_model(BODY, json.loads(BODY), "small")

    assert changed == BODY.replace(b'"model" :  "auto"', b'"model" :  "small"')


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"messages": []}', b'{"model":"m","messages": []}'),
        (b" {}", b' {"model":"m"}'),
        (b'{"model": null, "a": 1}', b'{"model": "m", "a": 1}'),
        (b'{"model":["a", {"b": "]"}],"a":1}', b'{"model":"m","a":1}'),
        (b'{"mod\\u0065l": "x", "deep": {"model": "x"}}', b'{"mod\\u0065l": "m", "deep": {"model": "x"}}'),
        (b'{"a": "model", "model": "x"}', b'{"a": "model", "model": "m"}'),
        (b'{"a": ["model", "x"], "model": "x", "b": "\\\\"}', b'{"a": ["model", "x"], "model": "m", "b": "\\\\"}'),
    ],
)
def test_the_name_lands_at_the_top_wherever_it_stood(body: bytes, wanted: bytes) -> None:
    assert with_model(body, json.loads(body), "m") == wanted


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "a", "messages": [], "model": "b"}',
        b'{"model":"a","messages":[],"model":"b"}',
        b'{"model":"b","model":"b"}',
        b'{"mod\\u0065l":"a","messages":[],"model":"b"}',
    ],
)
def test_two_models_in_one_body_are_refused_by_their_path(body: bytes) -> None:
    for new in ("b", "c"):
        with pytest.raises(BadRequestError) as refused:
            with_model(body, json.loads(body), new)
        assert refused.value.path == "model"


def test_a_body_full_of_models_is_read_once() -> None:
    """Each candidate used to cost a parse of the whole body: these 40,000 took an hour of the event loop."""
    body = b'{"messages": [' + b",".join([b'{"model": "auto"}'] * 40_000) + b'], "model": "auto"}'

    changed = with_model(body, json.loads(body), "small")

    assert changed == body[:-6] + b'small"}'


@given(st.dictionaries(st.text(max_size=8), plain, max_size=6), st.sampled_from([None, 0, 2]), st.booleans(), plain)
@settings(max_examples=150, deadline=None)
def test_any_member_of_any_body_can_be_set(
    doc: dict[str, Any], indent: int | None, ascii_only: bool, value: Any
) -> None:
    body = json.dumps(doc, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    for key in [*doc, "model", "stream_options"]:
        changed = with_member(body, doc, key, json.dumps(value).encode())
        assert json.loads(changed) == {**doc, key: value}
        assert len(changed) >= len(json.dumps(value))


@given(st.dictionaries(st.text(max_size=8), plain, max_size=6), st.integers(0, 6), st.text(max_size=8))
@settings(max_examples=150, deadline=None)
def test_in_a_body_without_white_space_only_the_models_bytes_change(doc: dict[str, Any], place: int, new: str) -> None:
    items = [(key, value) for key, value in doc.items() if key != "model"]
    items.insert(place, ("model", "auto"))
    body, wanted = (
        json.dumps({**dict(items), "model": name}, separators=(",", ":"), ensure_ascii=False).encode()
        for name in ("auto", new)
    )

    assert with_model(body, json.loads(body), new) == wanted
    assert with_model(body, json.loads(body), new, plain=True) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"a": 1}', b'{"stream_options":{"include_usage":true},"a": 1}'),
        (
            b'{ "stream_options" : {"x_more": 1,  "include_usage" : false}, "a":  1}',
            b'{ "stream_options" : {"x_more":1,"include_usage":true}, "a":  1}',
        ),
        (b'{"stream_options": null, "a":  1}', b'{"stream_options": {"include_usage":true}, "a":  1}'),
    ],
)
def test_asking_for_usage_touches_the_stream_options_alone(body: bytes, wanted: bytes) -> None:
    assert with_include_usage(body, json.loads(body)) == wanted


@pytest.mark.parametrize(
    ("dialect", "body", "wanted"),
    [
        (Dialect.OPENAI_CHAT, {"max_tokens": 900, "z": 1}, {"max_tokens": 50, "z": 1}),
        (Dialect.OPENAI_CHAT, {"max_completion_tokens": 900}, {"max_completion_tokens": 50}),
        (
            Dialect.OPENAI_CHAT,
            {"max_tokens": 9, "max_completion_tokens": 9},
            {"max_tokens": 50, "max_completion_tokens": 50},
        ),
        (Dialect.OPENAI_CHAT, {"a": {"max_tokens": 3}}, {"max_completion_tokens": 50, "a": {"max_tokens": 3}}),
        (Dialect.OPENAI_RESPONSES, {"max_output_tokens": 900}, {"max_output_tokens": 50}),
        (Dialect.OPENAI_COMPLETIONS, {}, {"max_tokens": 50}),
        (Dialect.ANTHROPIC, {"max_tokens": 900, "mcp_servers": []}, {"max_tokens": 50, "mcp_servers": []}),
        (Dialect.GEMINI, {"generationConfig": {"topK": 1}}, {"generationConfig": {"topK": 1, "maxOutputTokens": 50}}),
        (
            Dialect.GEMINI,
            {"generation_config": {"max_output_tokens": 9}},
            {"generation_config": {"max_output_tokens": 50}},
        ),
        (Dialect.OLLAMA_CHAT, {"options": {"num_ctx": 7}}, {"options": {"num_ctx": 7, "num_predict": 50}}),
        (Dialect.OPENAI_EMBEDDINGS, {"input": "a"}, {"input": "a"}),
    ],
)
def test_a_clamp_sets_the_limit_and_nothing_else(
    dialect: Dialect, body: dict[str, Any], wanted: dict[str, Any]
) -> None:
    changed, dropped = with_limit(dialect, json.dumps(body).encode(), body, 50, legacy=False)

    assert json.loads(changed) == wanted
    assert dropped == ()


@pytest.mark.parametrize(
    ("dialect", "body", "wanted"),
    [
        (
            Dialect.GEMINI,
            b'{"generationConfig" : { "topP":0.10, "x":1e2}}',
            b'{"generationConfig" : {"maxOutputTokens":50, "topP":0.10, "x":1e2}}',
        ),
        (
            Dialect.GEMINI,
            b'{"generationConfig":{"maxOutputTokens": 9 ,"y":[]}}',
            b'{"generationConfig":{"maxOutputTokens": 50 ,"y":[]}}',
        ),
        (
            Dialect.GEMINI,
            b'{"generationConfig":{"thinkingConfig": {"thinkingBudget":4000},  "a":1.0}}',
            b'{"generationConfig":{"maxOutputTokens":50,"thinkingConfig": {"thinkingBudget":0},  "a":1.0}}',
        ),
        (Dialect.GEMINI, b'{"a":1, "generationConfig":null}', b'{"a":1, "generationConfig":{"maxOutputTokens":50}}'),
        (
            Dialect.OLLAMA_CHAT,
            b'{"options": {"num_predict": -1, "seed": 1.0}}',
            b'{"options": {"num_predict": 50, "seed": 1.0}}',
        ),
        (Dialect.OLLAMA_GENERATE, b'{"options":{}}', b'{"options":{"num_predict":50}}'),
        (Dialect.OPENAI_CHAT, b'{ "z": 1.50}', b'{"max_completion_tokens":50, "z": 1.50}'),
    ],
)
def test_a_clamp_leaves_every_other_byte(dialect: Dialect, body: bytes, wanted: bytes) -> None:
    assert with_limit(dialect, body, json.loads(body), 50, legacy=False) == (wanted, ())


@pytest.mark.parametrize(
    ("limit", "thinking", "dropped"),
    [
        (40_000, {"type": "enabled", "budget_tokens": 31_999, "display": "x"}, ()),
        (8_000, {"type": "enabled", "budget_tokens": 6_976, "display": "x"}, ()),
        (1_500, {"type": "enabled", "budget_tokens": 1_024, "display": "x"}, ()),
        (900, {"type": "disabled"}, ("thinking",)),
    ],
)
def test_a_clamp_keeps_the_thinking_budget_below_it(
    limit: int, thinking: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    body: dict[str, Json] = {
        "thinking": {"type": "enabled", "budget_tokens": 31_999, "display": "x"},
        "max_tokens": 64_000,
    }

    changed, told = with_limit(Dialect.ANTHROPIC, json.dumps(body).encode(), body, limit, legacy=True)

    assert json.loads(changed) == {"thinking": thinking, "max_tokens": limit}
    assert told == dropped


def test_a_window_is_added_beside_the_clients_own_options() -> None:
    body = b'{"model":"m", "options": {"seed": 1}, "shift": true}'

    assert with_window(body, json.loads(body), 16_384) == (
        b'{"truncate":false,"model":"m", "options": {"num_ctx":16384,"seed": 1}, "shift": true}'
    )


# --- usage that we asked for ---

ASKED = (
    b': keep-alive\n\ndata: {"id":"1","choices":[{"index":0,"delta":{"content":"a \\"usage\\":null b"}}],"usage":null}\n\n'
    b'event: x\r\nid: 7\r\ndata: {"choices": [{"delta": {"content": "\\u00e9"}}] , "usage" : null, "x_groq":{"usage":{"a":1}}}\r\n\r\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"d":{"x":[1,"}"]}},"z":1}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
)
LEFT = (
    b': keep-alive\n\ndata: {"id":"1","choices":[{"index":0,"delta":{"content":"a \\"usage\\":null b"}}]}\n\n'
    b'event: x\r\nid: 7\r\ndata: {"choices": [{"delta": {"content": "\\u00e9"}}] , "x_groq":{"usage":{"a":1}}}\r\n\r\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"z":1}\n\n'
    b"data: [DONE]\n\n"
)


def test_usage_that_was_not_asked_for_is_taken_out_wherever_the_stream_is_cut() -> None:
    for cut in range(len(ASKED) + 1):
        strip = UsageStrip()
        assert strip.feed(ASKED[:cut]) + strip.feed(ASKED[cut:]) + strip.end() == LEFT, cut


@pytest.mark.parametrize("ends", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("behind", [b"", b',"obfuscation":"aB3"', b',"obfuscation":"a\\u0042"', b',"service_tier":null'])
def test_a_usage_that_is_null_in_every_chunk_is_taken_out_whatever_stands_behind_it(ends: bytes, behind: bytes) -> None:
    one = b'data: {"choices":[{"delta":{"content":"\\"usage\\":null}"}}]%b%b}' + ends
    asked, left = (one % (usage, behind) for usage in (b',"usage":null', b""))

    for count in (1, 3):
        strip = UsageStrip()
        assert strip.feed(asked * count) + strip.end() == left * count


def test_usage_is_taken_out_of_a_stream_that_comes_byte_by_byte() -> None:
    strip = UsageStrip()

    assert b"".join(strip.feed(ASKED[i : i + 1]) for i in range(len(ASKED))) + strip.end() == LEFT


@pytest.mark.parametrize(
    "event", [b'data: {"usage"\n\n', b"event: usage\n\n", b'data: ["usage"]\n\n', b'data: {"usage":{}}']
)
def test_an_event_that_cannot_be_read_goes_through_as_it_is(event: bytes) -> None:
    strip = UsageStrip()

    assert strip.feed(event) + strip.end() == event
