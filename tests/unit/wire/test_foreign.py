"""A conversation that another engine had a part in is one that the client's own vendor takes, and else untouched."""

import json

import pytest
from tests.support.script import Doc
from tests.unit.wire.captures import Capture, captures
from tests.unit.wire.test_streams import CONTEXT, heard, joined, told

from turnout.calls.reply import Ended, Event, StopReason, TextDelta, ThinkingDelta, ThinkingSealed
from turnout.calls.units import Dialect, Family
from turnout.wire.codec import codec
from turnout.wire.dialect import Target
from turnout.wire.foreign import SEAL, settled

ASK = {"role": "user", "content": "hi"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}]}
ON = {"type": "enabled", "budget_tokens": 2_000}


def thought(signature: str) -> Doc:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


def sent(dialect: Dialect, doc: Doc, model: str = "m", *, checks: bool = False) -> tuple[Doc, tuple[str, ...]]:
    raw = json.dumps(doc).encode()
    body, parsed, gone = settled(dialect, raw, doc, model, checks=checks)
    if doc.get("messages") != []:  # else it is refused
        seen = codec(dialect).outline(doc, path_model=model, stream=False)
        assert settled(dialect, raw, doc, model, checks=checks, alien=seen.alien) == (body, parsed, gone)
    assert json.loads(body) == parsed
    if not gone and parsed == doc:
        assert body == raw
    return parsed, gone


def claude(*blocks: Doc, **more: object) -> Doc:
    return {"messages": [ASK, {"role": "assistant", "content": list(blocks)}, RESULT], "thinking": ON, **more}


def test_thinking_that_we_sealed_goes_and_with_it_thinking_in_the_midst_of_a_turn() -> None:
    edits = {"edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}]}

    doc, gone = sent(Dialect.ANTHROPIC, claude(thought(SEAL), USE, context_management=edits))

    assert doc["messages"] == [ASK, {"role": "assistant", "content": [USE]}, RESULT]
    assert doc["thinking"] == {"type": "disabled"}
    assert doc["context_management"] == {"edits": [{"type": "clear_tool_uses_20250919"}]}
    assert gone == ("thinking", "reasoning")


def test_thinking_goes_on_where_a_new_turn_begins() -> None:
    doc = claude(thought(SEAL), {"type": "text", "text": "A"})
    doc["messages"][2] = {"role": "user", "content": "and now?"}

    settled_doc, gone = sent(Dialect.ANTHROPIC, doc)

    assert settled_doc["thinking"] == ON
    assert gone == ("thinking",)


def test_a_turn_of_thinking_alone_goes_whole() -> None:
    doc, _ = sent(Dialect.ANTHROPIC, claude(thought(SEAL)))

    assert doc["messages"] == [ASK, RESULT]


@pytest.mark.parametrize("checks", [False, True])
def test_what_the_vendor_signed_itself_passes_untouched(checks: bool) -> None:
    doc = claude(thought("c2ln"), USE)

    assert sent(Dialect.ANTHROPIC, doc, checks=checks) == (doc, ())


def test_only_the_vendor_itself_minds_thinking_without_a_signature() -> None:
    doc = claude(thought(""), USE)

    assert sent(Dialect.ANTHROPIC, doc) == (doc, ())
    assert sent(Dialect.ANTHROPIC, doc, checks=True)[1] == ("thinking", "reasoning")
    assert sent(Dialect.ANTHROPIC, claude(USE), checks=True)[0]["thinking"] == {"type": "disabled"}


def test_reasoning_items_that_were_written_here_do_not_reach_openai() -> None:
    ours = {"type": "reasoning", "id": "rs_01a215a07292c399d1000002_0", "summary": []}
    theirs = {"type": "reasoning", "id": "rs_68a5", "summary": [], "encrypted_content": "ZW5j"}

    doc, gone = sent(Dialect.OPENAI_RESPONSES, {"input": [ASK, ours, theirs]})

    assert doc["input"] == [ASK, theirs]
    assert gone == ("thinking",)


@pytest.mark.parametrize(("model", "signed"), [("gemini-3-pro", True), ("gemini-2.5-pro", False)])
def test_calls_without_a_signature_are_marked_for_gemini(model: str, signed: bool) -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    own = {"role": "model", "parts": [{**call, "thoughtSignature": "c2ln"}, call]}
    contents = [{"role": "user", "parts": [{"text": "hi"}]}, own, {"role": "model", "parts": [call, call]}]

    doc, gone = sent(Dialect.GEMINI, {"contents": contents}, model)

    marked = {**call, "thoughtSignature": "skip_thought_signature_validator"} if signed else call
    assert doc["contents"] == [*contents[:2], {"role": "model", "parts": [marked, call]}]
    assert gone == ()


@pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture.name)
def test_no_captured_request_is_changed(capture: Capture) -> None:
    assert isinstance(capture.body, dict)

    assert sent(capture.dialect, capture.body, "gemini-2.5-pro") == (capture.body, ())


def test_thinking_of_another_vendor_is_sealed_and_the_seal_says_nothing() -> None:
    events: list[Event] = [ThinkingDelta("hm"), TextDelta("A"), Ended(StopReason.END)]

    raw = told(Dialect.ANTHROPIC, events)
    whole = json.loads(codec(Dialect.ANTHROPIC).write_reply(events, CONTEXT))

    assert f'"signature_delta","signature":"{SEAL}"'.encode() in raw
    assert whole["content"][0] == thought(SEAL)
    assert not [one for one in joined(heard(Dialect.ANTHROPIC, raw)) if isinstance(one, ThinkingSealed)]
    request: Doc = {
        "model": "m",
        "max_tokens": 9,
        "messages": [ASK, {"role": "assistant", "content": whole["content"]}],
    }
    assert codec(Dialect.ANTHROPIC).outline(request).sealed_by is None


def test_thinking_of_anthropics_own_keeps_its_signature() -> None:
    raw = told(Dialect.ANTHROPIC, [ThinkingDelta("hm"), ThinkingSealed("c2ln", Family.ANTHROPIC), TextDelta("A")])

    assert raw.count(b"signature_delta") == 1
    assert SEAL.encode() not in raw


def test_the_mark_of_another_models_call_binds_no_conversation_to_gemini() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    for mark, family in (("skip_thought_signature_validator", None), ("c2ln", Family.GEMINI)):
        parts: list[Doc] = [{**call, "thoughtSignature": mark}]
        doc: Doc = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": parts}]}

        assert codec(Dialect.GEMINI).outline(doc, path_model="m").sealed_by is family
        again = codec(Dialect.GEMINI).write_request(
            codec(Dialect.GEMINI).read_request(doc, path_model="m"), Target(model="gemini-3-pro")
        )
        assert json.loads(again.body)["contents"] == doc["contents"]
