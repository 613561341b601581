"""An Anthropic answer as a whole body, and its usage and stop reasons."""

from collections.abc import Iterable

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    ForeignEvent,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ThinkingSealed,
    ToolArguments,
    ToolBegan,
    ToolEnded,
    UsageSeen,
)
from turnout.calls.units import Dialect, Family, Json, Tokens
from turnout.calls.usage import Usage, service_named
from turnout.wire.blocks import gathered
from turnout.wire.dialect import ReplyContext
from turnout.wire.fields import arguments, dump, said, said_int, said_ints, said_items, said_text, said_texts
from turnout.wire.foreign import SEAL
from turnout.wire.parts import flat_name, plain_id, split_flat_name

STOPS = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "tool_use": StopReason.TOOLS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "refusal": StopReason.FILTER,
    "pause_turn": StopReason.PAUSE,
}
REASONS = {
    StopReason.END: "end_turn",
    StopReason.LENGTH: "max_tokens",
    StopReason.TOOLS: "tool_use",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.FILTER: "refusal",
    StopReason.PAUSE: "pause_turn",
}


def usage_of(doc: Json) -> Usage:
    """Input is told apart from cache reads and writes already; only the 5m / 1h split is inside the writes, and thinking in the output."""
    prompt, read, written, output = said_ints(
        doc, "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"
    )
    hour = said_int(doc, "cache_creation", "ephemeral_1h_input_tokens")
    if 0 < hour <= written:
        written -= hour
    else:
        hour = min(hour, 0)
    thought = said_int(doc, "output_tokens_details", "thinking_tokens")
    thought = thought if 0 < thought <= output else 0
    searches = said_int(doc, "server_tool_use", "web_search_requests")
    told = Tokens(output - thought), Tokens(thought), max(0, searches)
    return Usage(Tokens(prompt), Tokens(read), Tokens(written), Tokens(hour), *told)


def usage_seen(doc: Json) -> UsageSeen:
    return UsageSeen(usage_of(doc), service=service_named(*said_texts(doc, "speed", "service_tier")))


def usage_json(usage: Usage) -> dict[str, Json]:
    return {
        "input_tokens": usage.uncached,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.produced,
    }


def read(doc: Json) -> list[Event]:
    end = ending(doc)
    if isinstance(end[0], Failed):
        return end
    found: list[Event] = [Began(said_text(doc, "id"), said_text(doc, "model"))]
    index = 0
    for block in said_items(doc, "content"):
        kind = said_text(block, "type")
        if kind == "text":
            found.append(TextDelta(said_text(block, "text")))
        elif kind == "thinking":
            found.append(ThinkingDelta(said_text(block, "thinking")))
            if said_text(block, "signature") != SEAL:
                found.append(ThinkingSealed(said_text(block, "signature"), Family.ANTHROPIC))
        elif kind == "redacted_thinking":
            found.append(ThinkingSealed(said_text(block, "data"), Family.ANTHROPIC, redacted=True))
        elif kind == "tool_use":
            namespace, name = split_flat_name(said_text(block, "name"))
            found.append(ToolBegan(index, said_text(block, "id"), name, namespace))
            found.append(ToolArguments(index, dump(arguments(said(block, "input"))).decode()))
            found.append(ToolEnded(index))
            index += 1
        else:
            found.append(ForeignEvent(Dialect.ANTHROPIC, kind, block))
    return found + end


def ending(doc: Json) -> list[Event]:
    """The answer but for its output: usage and end, else why it is no answer."""
    kind = said_text(doc, "type")
    # Ollama answers an empty message with `content: null`.
    if kind == "error" or (kind != "message" and said(doc, "content") is None):
        message = said_text(doc, "error", "message") or "the engine answered without content"
        return [Failed(message, said_text(doc, "error", "type") or "api_error")]
    usage = said(doc, "usage")
    stop, sequence = said_texts(doc, "stop_reason", "stop_sequence")
    return [usage_seen(usage), Ended(STOPS.get(stop, StopReason.END), sequence, said_text(usage, "service_tier"))]


def reason_told(reason: StopReason, *, refused: bool) -> str:
    """OpenAI tells a refusal in its text and then just stops; here it is a reason of its own."""
    return REASONS[StopReason.FILTER if refused and reason is StopReason.END else reason]


def write(events: Iterable[Event], context: ReplyContext) -> bytes:
    whole = gathered(events, Family.ANTHROPIC)
    content: list[dict[str, Json]] = []
    for block in whole.blocks:
        if block.kind in ("text", "refusal"):
            if content and content[-1]["type"] == "text":
                content[-1]["text"] = f"{content[-1]['text']}{block.text}"
            else:
                content.append({"type": "text", "text": block.text})
        elif block.kind == "thinking":
            content.append({"type": "thinking", "thinking": block.text, "signature": block.sealed or SEAL})
        elif block.kind == "redacted":
            content.append({"type": "redacted_thinking", "data": block.sealed})
        elif block.began is not None:
            content.append({**tool_use(block.began), "input": arguments(block.text)})
    refused = any(block.kind == "refusal" for block in whole.blocks)
    return dump(
        {
            "id": whole.id("msg_", f"msg_{context.call_id}"),
            "type": "message",
            "role": "assistant",
            "model": whole.began.model or context.model,
            "content": list(content),
            "stop_reason": reason_told(whole.ended.reason, refused=refused),
            "stop_sequence": whole.ended.stop_sequence or None,
            "usage": usage_json(whole.usage.usage),
        }
    )


def tool_use(began: ToolBegan) -> dict[str, Json]:
    """The block of a call, before its input."""
    return {"type": "tool_use", "id": plain_id(began.id), "name": flat_name(began.namespace, began.name), "input": {}}
