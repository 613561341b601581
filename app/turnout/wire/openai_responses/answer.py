"""A response object: its items, usage and status."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from turnout.calls.reply import (
    Began,
    Ended,
    Event,
    Failed,
    ForeignEvent,
    RefusalDelta,
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
from turnout.calls.usage import Usage
from turnout.wire.dialect import ReplyContext
from turnout.wire.fields import said, said_int, said_ints, said_items, said_text, said_texts
from turnout.wire.parts import flat_name, split_flat_name


def usage_of(doc: Json) -> Usage:
    prompt, output = said_ints(doc, "input_tokens", "output_tokens")
    cached, written = said_ints(said(doc, "input_tokens_details"), "cached_tokens", "cache_write_tokens")
    reasoning = said_int(doc, "output_tokens_details", "reasoning_tokens")
    if min(cached, written) >= 0 and cached + written <= prompt:
        prompt -= cached + written
    if 0 <= reasoning <= output:
        output -= reasoning
    return Usage(Tokens(prompt), Tokens(cached), Tokens(written), Tokens(0), Tokens(output), Tokens(reasoning))


def used_by(response: Json) -> Usage:
    """Of a whole response, whose usage does not tell its searches: each is an item of its output (pages that it opened are free)."""
    usage = usage_of(said(response, "usage"))
    calls = [item for item in said_items(response, "output") if said_text(item, "type") == "web_search_call"]
    searches = sum(said_text(item, "action", "type") in ("", "search") for item in calls)
    return replace(usage, searches=searches) if searches else usage


def usage_json(usage: Usage) -> dict[str, Json]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        },
        "output_tokens": usage.produced,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.produced,
    }


_CALLS = ("function_call", "custom_tool_call")


def _read_output(output: list[Json]) -> list[Event]:
    """The items of a whole response as events."""
    found: list[Event] = []
    calls = 0
    for item in output:
        kind = said_text(item, "type")
        if kind == "message":
            for part in said_items(item, "content"):
                words, refusal = said_texts(part, "text", "refusal")
                if words:
                    found.append(TextDelta(words))
                if refusal:
                    found.append(RefusalDelta(refusal))
        elif kind in _CALLS:
            found.append(call_began(calls, item))
            found += [
                ToolArguments(calls, said_text(item, "input" if kind == "custom_tool_call" else "arguments")),
                ToolEnded(calls),
            ]
            calls += 1
        elif kind == "reasoning":
            told = [*said_items(item, "summary"), *said_items(item, "content")]
            found += [
                ThinkingDelta(said_text(one, "text") if i == 0 else f"\n\n{said_text(one, 'text')}")
                for i, one in enumerate(told)
            ]
            if said_text(item, "encrypted_content"):
                found.append(
                    ThinkingSealed(said_text(item, "encrypted_content"), Family.OPENAI, id=said_text(item, "id"))
                )
        else:
            found.append(ForeignEvent(Dialect.OPENAI_RESPONSES, kind, item))
    return found


def call_began(index: int, item: Json) -> ToolBegan:
    namespace, name = split_flat_name(said_text(item, "name"))
    return ToolBegan(
        index,
        said_text(item, "call_id") or said_text(item, "id") or f"call_{index}",
        name,
        said_text(item, "namespace") or namespace,
        said_text(item, "type") == "custom_tool_call",
        said_text(item, "id"),
    )


def read(doc: Json) -> list[Event]:
    end = ending(doc)
    if isinstance(end[0], Failed):
        return end
    return [Began(said_text(doc, "id"), said_text(doc, "model")), *_read_output(said_items(doc, "output")), *end]


def ending(doc: Json) -> list[Event]:
    """The answer but for its output: usage, if it is told, and the end; else why it is no answer."""
    if said(doc, "output") is None or said(doc, "error") is not None:
        return [Failed(said_text(doc, "error", "message") or "the engine's answer holds no output")]
    usage = said(doc, "usage")
    end = ended(doc, called=any(said_text(item, "type") in _CALLS for item in said_items(doc, "output")))
    return [end] if usage is None else [UsageSeen(used_by(doc)), end]


def ended(response: Json, *, called: bool) -> Ended:
    reason = StopReason.TOOLS if called else StopReason.END
    if said_text(response, "status") == "incomplete":
        filtered = said_text(response, "incomplete_details", "reason") == "content_filter"
        reason = StopReason.FILTER if filtered else StopReason.LENGTH
    return Ended(reason, service_tier=said_text(response, "service_tier"))


@dataclass(slots=True)
class Item:
    """One output item being written; `kind` is text, thinking or tool."""

    kind: str
    id: str
    number: int
    words: list[str] = field(default_factory=list)
    began: ToolBegan | None = None
    sealed: str = ""
    refusal: bool = False

    def written(self, status: str) -> dict[str, Json]:
        words = "".join(self.words)
        if self.kind == "tool" and self.began is not None:
            custom = self.began.custom
            one: dict[str, Json] = {
                "id": self.id,
                "type": "custom_tool_call" if custom else "function_call",
                "status": status,
                "call_id": self.began.id,
                "name": self.began.name if self.began.namespace else flat_name("", self.began.name),
                "input" if custom else "arguments": words if words or custom or status != "completed" else "{}",
            }
            if self.began.namespace:
                one["namespace"] = self.began.namespace
            return one
        if self.kind == "thinking":
            summary: list[Json] = [{"type": "summary_text", "text": words}] if words else []
            item: dict[str, Json] = {"id": self.id, "type": "reasoning", "summary": summary}
            if self.sealed:
                item["encrypted_content"] = self.sealed
            return item
        content: list[Json] = [self.part()] if words else []
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": content}

    def part(self, *, empty: bool = False) -> dict[str, Json]:
        words = "" if empty else "".join(self.words)
        if self.refusal:
            return {"type": "refusal", "refusal": words}
        return {"type": "output_text", "text": words, "annotations": [], "logprobs": []}


_TIERS = ("auto", "default", "flex", "scale", "priority")
"""This vendor's own; another's (Anthropic's `standard`) is none that its clients know."""


def response_json(
    context: ReplyContext,
    id_: str,
    model: str,
    status: str,
    output: Iterable[Json],
    usage: Usage | None,
    *,
    error: Json = None,
    incomplete: Json = None,
    tier: str = "",
) -> dict[str, Json]:
    request = context.request
    return {
        "id": id_,
        "object": "response",
        "created_at": context.now_s,
        "status": status,
        "background": False,
        "error": error,
        "incomplete_details": incomplete,
        "instructions": None,
        "max_output_tokens": int(request.max_output)
        if request is not None and request.max_output is not None
        else None,
        "model": model,
        "output": list(output),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": tier if tier in _TIERS else "default",
        "store": False,
        "temperature": request.temperature if request is not None else None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": request.top_p if request is not None else None,
        "truncation": "disabled",
        "usage": usage_json(usage) if usage is not None else None,
        "user": None,
        "metadata": {},
    }
