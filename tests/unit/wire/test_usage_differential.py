"""What an engine reports, read by us and by genai-prices' own readers of each vendor's answers: the same tokens in every bucket."""

from typing import Any

import pytest
from genai_prices.data import providers

from turnout.calls.units import Json
from turnout.calls.usage import Usage
from turnout.wire.anthropic.answer import usage_of as anthropic
from turnout.wire.gemini.answer import usage_of as gemini
from turnout.wire.openai_chat.answer import usage_of as chat
from turnout.wire.openai_responses.answer import usage_of as responses
from turnout.wire.openai_responses.answer import used_by

CACHED = {"prompt_tokens_details": {"cached_tokens": 300}}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 40}}
CHATS: tuple[dict[str, Any], ...] = (
    {"prompt_tokens": 1_000, "completion_tokens": 90, "total_tokens": 1_090},
    {"prompt_tokens": 1_000, "completion_tokens": 90, "total_tokens": 1_090, **CACHED, **THOUGHT},
)
BESIDE = {"prompt_tokens": 1_000, "completion_tokens": 90, "total_tokens": 1_130, **CACHED, **THOUGHT}
"""Its thinking is no part of the completion."""
RESEARCH = {
    "prompt_tokens": 33,
    "completion_tokens": 700,
    "total_tokens": 733,
    "citation_tokens": 200,
    "reasoning_tokens": 7_000,
    "num_search_queries": 18,
}
INPUT = {"input_tokens_details": {"cached_tokens": 7}, "output_tokens_details": {"reasoning_tokens": 4}}
RESPONSES: tuple[dict[str, Any], ...] = (
    {"input_tokens": 10, "output_tokens": 9},
    {"input_tokens": 10, "output_tokens": 9, **INPUT},
)
WRITTEN = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 60}
MESSAGES: tuple[dict[str, Any], ...] = (
    {"input_tokens": 10, "output_tokens": 9},
    {"input_tokens": 10, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 160, "output_tokens": 9},
    {"input_tokens": 1, "cache_creation_input_tokens": 160, "cache_creation": WRITTEN, "output_tokens": 9},
    {"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 8}},
    {"input_tokens": 1, "output_tokens": 9, "server_tool_use": {"web_search_requests": 3}},
)
CONTENT = {"promptTokenCount": 90, "cachedContentTokenCount": 40, "candidatesTokenCount": 5}
GEMINI: tuple[dict[str, Any], ...] = (
    CONTENT | {"totalTokenCount": 95},
    CONTENT | {"thoughtsTokenCount": 700, "toolUsePromptTokenCount": 11, "totalTokenCount": 806},
)
FLAVORS: dict[str, tuple[Any, tuple[dict[str, Any], ...]]] = {
    "chat": (chat, CHATS),
    "responses": (responses, RESPONSES),
    "anthropic": (anthropic, MESSAGES),
}
OWN: dict[tuple[str, str], tuple[Any, tuple[dict[str, Any], ...]]] = {
    ("anthropic", "default"): (anthropic, MESSAGES),
    ("google", "default"): (gemini, GEMINI),
    ("x-ai", "chat"): (chat, (BESIDE,)),
    ("perplexity", "default"): (chat, (RESEARCH,)),
    ("perplexity", "responses"): (responses, RESPONSES[:1]),
    ("databricks", "chat"): (chat, (*CHATS[:1], CHATS[0] | {"cache_read_input_tokens": 200})),
    ("anthropic", "chat"): (chat, (*CHATS[:1], CHATS[0] | {"cached_tokens": 200})),
    ("modal", "chat"): (chat, CHATS[:1]),
    ("baseten", "anthropic"): (anthropic, MESSAGES[:1]),
}


def _cases() -> list[tuple[Any, Any, Any, dict[str, Any]]]:
    """(provider, its reader, ours, an answer)"""
    found: list[Any] = []
    for provider in providers:
        for theirs in provider.extractors or ():
            ours, answers = FLAVORS.get(theirs.api_flavor, (None, ()))
            if (provider.id, theirs.api_flavor) in OWN:
                ours, answers = OWN[provider.id, theirs.api_flavor]
            found += [(provider, theirs, ours, {theirs.root: usage}) for usage in answers]
    return found


@pytest.mark.parametrize(("provider", "theirs", "ours", "answer"), _cases(), ids=lambda one: getattr(one, "id", None))
def test_usage_is_what_genai_prices_reads_in_it(provider: Any, theirs: Any, ours: Any, answer: dict[str, Any]) -> None:
    _, expected = provider.extract_usage({"model": "m", **answer}, api_flavor=theirs.api_flavor)
    found: Usage = ours(next(iter(answer.values())))
    buckets = {
        "cache_read_tokens": found.cache_read,
        "cache_write_tokens": found.cache_write_5m + found.cache_write_1h,
        "cache_write_1h_tokens": found.cache_write_1h,
        "output_reasoning_tokens": found.reasoning,
        "web_searches": found.searches,
    }

    assert (found.prompt, found.produced) == (expected.input_tokens, expected.output_tokens)
    # Buckets that a reader of theirs does not look for cost there what the rest does.
    told = [name for name in buckets if name in {one.dest for one in theirs.mappings}]
    assert [getattr(expected, name) or 0 for name in told] == [buckets[name] for name in told]


def test_thinking_that_only_the_total_has_is_billed_as_output() -> None:
    """Gemini's own endpoint for OpenAI's clients: 20 in, 198 out, and 405 that nothing else tells."""
    assert chat({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}).reasoning == 405
    assert gemini({"promptTokenCount": 20, "candidatesTokenCount": 198, "totalTokenCount": 623}).reasoning == 405


def test_searches_of_openais_own_tool_are_told_by_the_items_of_the_answer() -> None:
    output: list[Json] = [
        {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "gauges"}},
        {
            "type": "web_search_call",
            "status": "completed",
            "action": {"type": "open_page", "url": "https://example.com"},
        },
        {"type": "message", "content": []},
    ]
    assert used_by({"usage": {"input_tokens": 9, "output_tokens": 8}, "output": output}).searches == 1
