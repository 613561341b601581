"""A chat answer as a whole body, and its usage and finish reasons."""

from collections.abc import Iterable

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    RefusalDelta,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolArguments,
    ToolBegan,
    UsageSeen,
)
from turnout.calls.units import Json, Tokens
from turnout.calls.usage import Usage
from turnout.wire.blocks import gathered
from turnout.wire.dialect import ReplyContext
from turnout.wire.fields import counted, dump, said, said_int, said_ints, said_items, said_text, said_texts
from turnout.wire.parts import flat_name, made_id, split_flat_name

STOPS = {
    "stop": StopReason.END,
    "length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOLS,
    "function_call": StopReason.TOOLS,
    "content_filter": StopReason.FILTER,
}
FINISHES = {
    StopReason.END: "stop",
    StopReason.LENGTH: "length",
    StopReason.TOOLS: "tool_calls",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.FILTER: "content_filter",
    StopReason.PAUSE: "stop",
}


_NO_MESSAGE = "the answer holds no choices[0].message"


def usage_of(doc: Json) -> Usage:
    """Disjoint buckets: cached tokens are inside `prompt_tokens`, and reasoning inside `completion_tokens` where the total says so.

    xAI's and Gemini's thinking is beside the completion: only `total_tokens` has it, and it is billed as output.
    """
    if type(doc) is not dict:
        return Usage()
    prompt, output = counted(doc.get("prompt_tokens")), counted(doc.get("completion_tokens"))
    # A lone total says nothing of what is in it.
    beyond = counted(doc.get("total_tokens")) - prompt - output if prompt and "completion_tokens" in doc else 0
    inside, made = doc.get("prompt_tokens_details"), doc.get("completion_tokens_details")
    cached = written = reasoning = searches = 0
    if inside is not None:
        cached, written = said_ints(inside, "cached_tokens", "cache_write_tokens")
    elif len(doc) > 3:
        # Moonshot's and Databricks' places for it.
        cached = said_int(doc, "cached_tokens") or said_int(doc, "cache_read_input_tokens")
    if (cached or written) and min(cached, written, prompt) >= 0 and cached + written <= prompt:
        prompt -= cached + written
    if made is not None:
        reasoning = said_int(made, "reasoning_tokens")
    if "citation_tokens" in doc:
        # Perplexity's deep research bills both beside the completion, and its total has neither.
        beyond += said_int(doc, "reasoning_tokens")
        output += said_int(doc, "citation_tokens")
        searches = max(0, said_int(doc, "num_search_queries"))
    if beyond > 0:
        reasoning = max(reasoning, beyond)
    elif 0 <= reasoning <= output:
        output -= reasoning
    return Usage(
        Tokens(prompt), Tokens(cached), Tokens(written), Tokens(0), Tokens(output), Tokens(reasoning), searches
    )


def usage_json(usage: Usage) -> dict[str, Json]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.produced,
        "total_tokens": usage.prompt + usage.produced,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def read(doc: Json) -> list[Event]:
    end = ending(doc)
    if isinstance(end[0], Failed):
        return end
    id_, model = said_texts(doc, "id", "model")
    message = said(said_items(doc, "choices")[0], "message")
    content, refusal = said(message, "content"), said_text(message, "refusal")
    words = [content] if isinstance(content, str) else [said_text(part, "text") for part in said_items(content)]
    found: list[Event] = [Began(id_, model, max(0, said_int(doc, "created"))), *thought_of(message)]
    found += [TextDelta(one) for one in words if one]
    if refusal:
        found.append(RefusalDelta(refusal))
    for index, call in enumerate(said_items(message, "tool_calls")):
        found += _whole_call(index, call, id_)
    return found + end


def ending(doc: Json) -> list[Event]:
    """The answer but for its output: usage, if it is told, and the end; else why it is no answer."""
    if type(doc) is not dict:
        return [Failed(_NO_MESSAGE)]
    choices = doc.get("choices")
    choice = choices[0] if type(choices) is list and choices else None
    message = choice.get("message") if type(choice) is dict else None
    if type(choice) is not dict or type(message) is not dict:
        told = choice is None and doc.get("error") is not None
        return [Failed(error_text(doc) if told else _NO_MESSAGE)]
    finish, usage, service = choice.get("finish_reason"), doc.get("usage"), doc.get("service_tier")
    reason = STOPS.get(finish, StopReason.END) if type(finish) is str else StopReason.END
    # Some local servers say `stop` beside tool calls; agents then end their turn.
    if reason is StopReason.END and "tool_calls" in message and said_items(message, "tool_calls"):
        reason = StopReason.TOOLS
    ended = Ended(reason, "", service if type(service) is str else "")
    return [ended] if usage is None else [UsageSeen(usage_of(usage)), ended]


def thought_of(message: Json) -> list[Event]:
    words = said_texts(message, "reasoning_content", "reasoning")
    thought = words[0] or words[1]
    return [ThinkingDelta(thought)] if thought else []


def _whole_call(index: int, call: Json, answer: str) -> list[Event]:
    custom = said(call, "custom") is not None
    function = said(call, "custom") if custom else said(call, "function")
    arguments = said(function, "input" if custom else "arguments")
    flat = said_text(function, "name")
    namespace, name = split_flat_name(flat)
    return [
        ToolBegan(index, said_text(call, "id") or made_id(flat, "", answer, index), name, namespace, custom=custom),
        ToolArguments(
            index,
            arguments if isinstance(arguments, str) else dump(arguments if arguments is not None else {}).decode(),
        ),
    ]


def error_text(doc: Json) -> str:
    error = said(doc, "error")
    if isinstance(error, str):
        return error
    return said_text(error, "message") or "the engine reported an error without a message"


def write(events: Iterable[Event], context: ReplyContext) -> bytes:
    whole = gathered(events)
    words, thoughts, calls = whole.words("text"), whole.words("thinking"), whole.calls()
    message: dict[str, Json] = {
        "role": "assistant",
        "content": words if words or not calls else None,
        "refusal": whole.words("refusal") or None,
    }
    if thoughts:
        message["reasoning_content"] = thoughts
    if calls:
        message["tool_calls"] = [_call(began, given) for began, given in calls]
    finish = FINISHES[whole.ended.reason]
    return dump(
        {
            "id": whole.id("chatcmpl", f"chatcmpl-{context.call_id}"),
            "object": "chat.completion",
            "created": whole.began.created_s or context.now_s,
            "model": whole.began.model or context.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": usage_json(whole.usage.usage),
        }
    )


def _call(began: ToolBegan, given: str) -> Json:
    if began.custom:
        return {"id": began.id, "type": "custom", "custom": {"name": began.name, "input": given}}
    name = flat_name(began.namespace, began.name)
    return {"id": began.id, "type": "function", "function": {"name": name, "arguments": given or "{}"}}
