"""An Ollama answer as a whole body, its counts and stop reasons."""

from collections.abc import Iterable
from datetime import UTC, datetime

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolBegan,
    ToolEnded,
    UsageSeen,
)
from turnout.calls.units import Json, Tokens
from turnout.calls.usage import Usage
from turnout.wire.blocks import gathered
from turnout.wire.dialect import ReplyContext
from turnout.wire.fields import arguments, dump, said, said_ints, said_items, said_text
from turnout.wire.parts import flat_name, made_id, split_flat_name

STOPS = {"stop": StopReason.END, "length": StopReason.LENGTH, "load": StopReason.END, "unload": StopReason.END}


def usage_of(doc: Json) -> Usage:
    """`prompt_eval_count` counts cached tokens too, and costs nothing per token: all of it is uncached here."""
    prompt, output = said_ints(doc, "prompt_eval_count", "eval_count")
    return Usage(uncached=Tokens(prompt), output=Tokens(output))


def timed(doc: Json) -> UsageSeen:
    """Queue wait is what is left of the total: total - load - prompt_eval - eval (checked on the recorded transcripts)."""
    prompt, output, load, total = said_ints(
        doc, "prompt_eval_duration", "eval_duration", "load_duration", "total_duration"
    )
    busy = max(0, prompt) + max(0, output)
    return UsageSeen(usage_of(doc), busy / 1e9, max(0, load) / 1e9, max(0, total - load - busy) / 1e9)


def read_whole(doc: Json, key: str) -> list[Event]:
    if said(doc, "error") is not None:
        return [Failed(said_text(doc, "error") or "the engine reported an error")]
    if not isinstance(doc, dict) or (key == "message" and not isinstance(doc.get("message"), dict)):
        return [Failed(f"the engine's answer holds no {key}")]
    found: list[Event] = [Began(model=said_text(doc, "model"))]
    found += pieces_of(doc, key, 0)
    if doc.get("done") is not True:
        return [*found, Failed("the engine broke off before its last line")]
    called = any(isinstance(event, ToolBegan) for event in found)
    return [*found, timed(doc), Ended(reason_read(doc, called))]


def reason_read(doc: Json, called: bool) -> StopReason:
    return StopReason.TOOLS if called else STOPS.get(said_text(doc, "done_reason"), StopReason.END)


def pieces_of(doc: Json, key: str, calls: int) -> list[Event]:
    found: list[Event] = []
    message = said(doc, "message") if key == "message" else doc
    thought = said_text(message, "thinking")
    words = said_text(message, "content") if key == "message" else said_text(doc, "response")
    if thought:
        found.append(ThinkingDelta(thought))
    if words:
        found.append(TextDelta(words))
    for call in said_items(message, "tool_calls"):
        name = said_text(call, "function", "name")
        given = dump(arguments(said(call, "function", "arguments"))).decode()
        namespace, plain = split_flat_name(name)
        id_ = (
            said_text(call, "id")
            or said_text(call, "function", "id")
            or made_id(name, given, said_text(doc, "created_at"), calls)
        )
        if not id_.startswith("call_"):
            id_ = f"call_{id_}"
        found += [ToolBegan(calls, id_, plain, namespace), ToolArguments(calls, given), ToolEnded(calls)]
        calls += 1
    return found


def load_reply(model: str, now_s: int, *, chat: bool, unload: bool) -> bytes:
    """What answers a request without messages or prompt."""
    empty: dict[str, Json] = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
    reason = "unload" if unload else "load"
    return dump({"model": model, "created_at": created_at(now_s), **empty, "done": True, "done_reason": reason})


def created_at(now_s: int) -> str:
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def counts(seen: UsageSeen) -> dict[str, Json]:
    """Strict clients want every duration; what another engine does not tell is the time we know of, or 0."""
    busy = int(seen.busy_s * 1e9)
    return {
        "total_duration": busy,
        "load_duration": 0,
        "prompt_eval_count": seen.usage.prompt,
        "prompt_eval_duration": 0,
        "eval_count": seen.usage.produced,
        "eval_duration": busy,
    }


def write_whole(events: Iterable[Event], context: ReplyContext, *, chat: bool) -> bytes:
    whole = gathered(events)
    body: dict[str, Json] = {"model": whole.began.model or context.model, "created_at": created_at(context.now_s)}
    message: dict[str, Json] = {"role": "assistant"} if chat else {}
    message["content" if chat else "response"] = whole.words("text", "refusal")
    thoughts, calls = whole.words("thinking"), whole.calls()
    if thoughts:
        message["thinking"] = thoughts
    if calls and chat:
        message["tool_calls"] = [call_json(began, given) for began, given in calls]
    body |= {"message": message} if chat else message
    return dump({**body, "done": True, "done_reason": done_reason(whole.ended), **counts(whole.usage)})


def call_json(began: ToolBegan, given: str) -> Json:
    name = flat_name(began.namespace, began.name)
    return {"id": began.id, "function": {"index": began.index, "name": name, "arguments": arguments(given)}}


def done_reason(ended: Ended) -> str:
    return "length" if ended.reason is StopReason.LENGTH else "stop"
