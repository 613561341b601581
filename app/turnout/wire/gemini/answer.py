"""A Gemini answer as a whole body, and its usage and finish reasons."""

from collections.abc import Iterable

from turnout.calls.reply import Event, StopReason, ToolBegan
from turnout.calls.units import Family, Json, Tokens
from turnout.calls.usage import Usage
from turnout.wire.blocks import gathered
from turnout.wire.dialect import ReplyContext
from turnout.wire.fields import arguments, dump, said_ints
from turnout.wire.parts import flat_name

STOPS = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.FILTER,
    "RECITATION": StopReason.FILTER,
    "BLOCKLIST": StopReason.FILTER,
    "PROHIBITED_CONTENT": StopReason.FILTER,
    "SPII": StopReason.FILTER,
    "IMAGE_SAFETY": StopReason.FILTER,
}
FINISHES = {StopReason.LENGTH: "MAX_TOKENS", StopReason.FILTER: "SAFETY"}


def usage_of(doc: Json) -> Usage:
    """What only the total has is thinking that is not told apart; it is billed as output."""
    prompt, cached, by_tools, output, reasoning, total = said_ints(
        doc,
        "promptTokenCount",
        "cachedContentTokenCount",
        "toolUsePromptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
    )
    prompt += max(0, by_tools)
    if reasoning >= 0:
        reasoning += max(0, total - prompt - output - reasoning)
    if 0 <= cached <= prompt:
        prompt -= cached
    return Usage(Tokens(prompt), Tokens(cached), output=Tokens(output), reasoning=Tokens(reasoning))


def usage_json(usage: Usage) -> dict[str, Json]:
    doc: dict[str, Json] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.prompt + usage.produced,
    }
    if usage.cache_read:
        doc["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        doc["thoughtsTokenCount"] = usage.reasoning
    return doc


def count_reply(tokens: int) -> bytes:
    """What countTokens answers."""
    return dump({"totalTokens": tokens})


def chunk_json(
    context: ReplyContext, model: str, parts: list[Json], finish: str, usage: Usage | None
) -> dict[str, Json]:
    candidate: dict[str, Json] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    doc: dict[str, Json] = {"candidates": [candidate], "modelVersion": model, "responseId": context.call_id}
    if usage is not None:
        doc["usageMetadata"] = usage_json(usage)
    return doc


def call_part(began: ToolBegan, given: str) -> Json:
    call: dict[str, Json] = {"name": flat_name(began.namespace, began.name), "args": arguments(given), "id": began.id}
    one: dict[str, Json] = {"functionCall": call}
    if began.sealed:
        one["thoughtSignature"] = began.sealed
    return one


def write(events: Iterable[Event], context: ReplyContext) -> bytes:
    whole = gathered(events, Family.GEMINI)
    parts: list[Json] = []
    for block in whole.blocks:
        if block.kind != "tool":
            one: dict[str, Json] = {"text": block.text}
            if block.kind == "thinking":
                one["thought"] = True
            if block.sealed:
                one["thoughtSignature"] = block.sealed
            parts.append(one)
    parts += [call_part(began, given) for began, given in whole.calls()]
    model, finish = whole.began.model or context.model, FINISHES.get(whole.ended.reason, "STOP")
    return dump(chunk_json(context, model, parts, finish, whole.usage.usage))
