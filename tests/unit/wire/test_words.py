"""Whatever part a text stands in, it is seen: counted before the call, and looked through for secrets."""

import base64

import pytest
from tests.support.script import Doc

from turnout.calls.outline import Outline
from turnout.calls.units import Dialect
from turnout.routing.secrets import SecretScanner
from turnout.wire.codec import codec
from turnout.wire.words import text_of_file, texts_in

WORDS = "the words that matter"
ENCODED = base64.b64encode(WORDS.encode()).decode()
FILE = f"data:text/plain;base64,{ENCODED}"
SAID = {"type": "text", "text": WORDS}
RESULT = {"type": "search_result", "source": "here", "title": "a title", "content": [SAID]}
BLOCKS: list[Doc] = [
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": WORDS}},
    {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": ENCODED}},
    {"type": "document", "source": {"type": "content", "content": [SAID]}},
    {"type": "document", "context": WORDS, "source": {"type": "url", "url": "https://example.com/a.pdf"}},
    {"type": "tool_result", "tool_use_id": "t", "content": [RESULT]},
    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "document", "source": {"type": "text", "data": WORDS}}]},
    {"type": "mcp_tool_result", "tool_use_id": "t", "content": [SAID]},
    {"type": "server_tool_use", "id": "t", "name": "web_search", "input": {"query": WORDS}},
    {"type": "bash_code_execution_tool_result", "tool_use_id": "t", "content": {"stdout": WORDS, "stderr": ""}},
    RESULT,
]  # fmt: skip
CHAT: list[Doc] = [
    {"role": "user", "content": [{"type": "file", "file": {"filename": "a.txt", "file_data": FILE}}]},
    {"role": "assistant", "content": None, "refusal": WORDS},
    {"role": "assistant", "content": "", "reasoning_content": WORDS},
    {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": WORDS}},
    {"role": "assistant", "tool_calls": [{"id": "t", "type": "custom", "custom": {"name": "f", "input": WORDS}}]},
]
ITEMS: list[Doc] = [
    {"type": "message", "role": "user", "content": [{"type": "input_file", "filename": "a.txt", "file_data": FILE}]},
    {"type": "local_shell_call", "call_id": "t", "action": {"type": "exec", "command": ["echo", WORDS]}},
    {"type": "shell_call_output", "call_id": "t", "output": [{"stdout": WORDS, "stderr": ""}]},
    {"type": "apply_patch_call", "call_id": "t", "operation": {"type": "update_file", "diff": WORDS}},
    {"type": "mcp_call", "name": "f", "arguments": "{}", "output": WORDS},
    {"type": "file_search_call", "queries": ["q"], "results": [{"text": WORDS}]},
    {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": WORDS}]},
]
PARTS: list[Doc] = [
    {"inlineData": {"mimeType": "text/plain", "data": ENCODED}},
    {"executableCode": {"language": "PYTHON", "code": WORDS}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": WORDS}},
]
SCHEMA = {"type": "object", "description": WORDS}
SAYS: Doc = {"messages": [{"role": "user", "content": "x"}]}
BESIDE: list[tuple[Dialect, Doc]] = [
    (Dialect.OPENAI_CHAT, SAYS | {"prediction": {"type": "content", "content": WORDS}}),
    (Dialect.OPENAI_CHAT, SAYS | {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}),
    (Dialect.OPENAI_RESPONSES, {"input": "x", "prompt": {"id": "pmpt_1", "variables": {"file": WORDS}}}),
    (Dialect.OPENAI_RESPONSES, {"input": "x", "text": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    (Dialect.ANTHROPIC, SAYS | {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    (Dialect.ANTHROPIC, SAYS | {"output_format": {"type": "json_schema", "schema": SCHEMA}}),
    (Dialect.GEMINI, {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"responseSchema": SCHEMA}}),
]
"""Beside the messages."""
THOUGHT = {"role": "assistant", "content": "", "thinking": WORDS}
BODIES: list[tuple[Dialect, Doc]] = [
    *((Dialect.ANTHROPIC, {"messages": [{"role": "user", "content": [block]}]}) for block in BLOCKS),
    *((Dialect.OPENAI_CHAT, {"messages": [{"role": "user", "content": "x"}, message]}) for message in CHAT),
    *((Dialect.OPENAI_RESPONSES, {"input": [item]}) for item in ITEMS),
    *((Dialect.GEMINI, {"contents": [{"role": "user", "parts": [part]}]}) for part in PARTS),
    (Dialect.OLLAMA_CHAT, {"messages": [{"role": "user", "content": "x"}, THOUGHT]}),
    *BESIDE,
]


KEY = "ghp_" + "a1B2" * 9
HALVES = [{"type": "text", "text": KEY[:15]}, {"type": "text", "text": KEY[15:]}]
AT: list[Doc] = [
    {"name": KEY, "content": "x", "role": "user"},
    {"role": "user", "content": HALVES},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"https://example.com/a.png?t={KEY}"}}]},
    {
        "role": "user",
        "content": [{"type": "file", "file": {"filename": KEY, "file_data": "data:image/png;base64,AAAA"}}],
    },
    {"role": "user", "content": [{"type": "file", "file": {"file_data": f"data:text/plain,{KEY}"}}]},
    {"role": "tool", "tool_call_id": KEY, "content": "x"},
    {"role": "assistant", "tool_calls": [{"id": "t", "function": {"name": KEY, "arguments": "{}"}}]},
]
ASIDE: list[tuple[Dialect, Doc]] = [
    *((Dialect.OPENAI_CHAT, {"messages": [{"role": "user", "content": "x"}, message]}) for message in AT),
    *(
        (Dialect.OPENAI_CHAT, SAYS | more)
        for more in ({"user": KEY}, {"stop": [KEY]}, {"metadata": {KEY: "x"}}, {"vendors_own": {"deep": [KEY]}})
    ),
    (Dialect.OPENAI_CHAT, SAYS | {"metadata": {"password": "Kq7-Zk9!vRw"}}),
    (Dialect.OPENAI_COMPLETIONS, {"prompt": "x", "stop": KEY}),
    (Dialect.OPENAI_RESPONSES, {"input": "x", "metadata": {"a": KEY}}),
    (Dialect.OPENAI_RESPONSES, {"input": [{"type": "function_call_output", "call_id": KEY, "output": "x"}]}),
    (Dialect.ANTHROPIC, SAYS | {"stop_sequences": [KEY]}),
    (Dialect.ANTHROPIC, SAYS | {"system": [{"type": "text", "text": "x", "citations": KEY}]}),
    (Dialect.ANTHROPIC, {"messages": [{"role": "user", "content": HALVES}]}),
    (
        Dialect.ANTHROPIC,
        {"messages": [{"role": "user", "content": [{"type": "document", "title": KEY, "source": {}}]}]},
    ),
    (Dialect.GEMINI, {"contents": [{"parts": [{"text": "x"}]}], "generation_config": {"stop_sequences": [KEY]}}),
    (Dialect.GEMINI, {"contents": [{"parts": [{"text": KEY[:9]}, {"text": KEY[9:]}]}]}),
    (Dialect.GEMINI, {"contents": [{"parts": [{"file_data": {"file_uri": f"https://example.com/?t={KEY}"}}]}]}),
    (Dialect.OLLAMA_CHAT, SAYS | {"format": {"description": KEY}}),
    (Dialect.OLLAMA_GENERATE, {"prompt": "x", "template": KEY}),
    (Dialect.OLLAMA_EMBED, {"input": "x", "vendors_own": KEY}),
    (Dialect.OPENAI_EMBEDDINGS, {"input": "x", "user": KEY}),
]
"""Nothing of it is counted."""


def outlined(dialect: Dialect, body: Doc) -> Outline:
    return codec(dialect).outline({"model": "m", "max_tokens": 9, **body}, path_model="m")


@pytest.mark.parametrize(("dialect", "body"), BODIES)
def test_every_text_of_a_request_is_seen(dialect: Dialect, body: Doc) -> None:
    assert WORDS in "\n".join(outlined(dialect, body).texts)


@pytest.mark.parametrize(("dialect", "body"), ASIDE)
def test_what_is_not_counted_is_looked_through_for_secrets(dialect: Dialect, body: Doc) -> None:
    outline = outlined(dialect, body)

    assert SecretScanner().scan(outline.said).found
    assert not SecretScanner().scan(outline.texts).found


@pytest.mark.parametrize(
    ("dialect", "offered"),
    [
        (Dialect.ANTHROPIC, {"mcp_servers": [{"type": "url", "url": "https://m.example", "authorization_token": KEY}]}),
        (
            Dialect.OPENAI_RESPONSES,
            {"tools": [{"type": "mcp", "server_url": "https://m.example", "authorization": KEY}]},
        ),
        (
            Dialect.OPENAI_RESPONSES,
            {
                "tools": [
                    {"type": "mcp", "server_url": "https://m.example", "headers": {"Authorization": f"Bearer {KEY}"}}
                ]
            },
        ),
    ],
)
def test_a_key_that_is_handed_to_the_vendor_for_a_server_keeps_nothing_home(dialect: Dialect, offered: Doc) -> None:
    body = offered | ({"input": "hi"} if dialect is Dialect.OPENAI_RESPONSES else SAYS)

    assert not SecretScanner().scan(outlined(dialect, body).said).found


@pytest.mark.parametrize("dialect", [Dialect.OPENAI_CHAT, Dialect.ANTHROPIC])
def test_a_plain_request_has_nothing_beside_its_texts(dialect: Dialect) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 99}}
    body = {
        "messages": [{"role": "user", "content": WORDS}, {"role": "user", "content": [SAID, image]}],
        "stream": True,
    }

    assert outlined(dialect, body).beside == ()


@pytest.mark.parametrize(("kind", "images"), [("text/plain", 0), ("application/json", 1), ("application/pdf", 1)])
def test_a_text_file_goes_to_engines_that_see_no_images_too(kind: str, images: int) -> None:
    block = {"type": "document", "source": {"type": "base64", "media_type": kind, "data": ENCODED}}
    outline = outlined(Dialect.ANTHROPIC, {"messages": [{"role": "user", "content": [block]}]})

    assert (outline.images, WORDS in outline.texts) == (images, kind != "application/pdf")


@pytest.mark.parametrize(("characters", "images"), [(400, 1), (640_000, 17), (20_000_000, 100)])
def test_a_pdf_counts_by_what_its_pages_may_be(characters: int, images: int) -> None:
    part = {
        "type": "file",
        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + "A" * characters},
    }
    outline = outlined(Dialect.OPENAI_CHAT, {"messages": [{"role": "user", "content": [part]}]})

    assert outline.images == images


@pytest.mark.parametrize(
    "item",
    [
        {"type": "computer_call_output", "call_id": "t", "output": {"type": "computer_screenshot", "image_url": "u"}},
        {"type": "function_call_output", "call_id": "t", "output": [{"type": "input_image", "image_url": "u"}]},
    ],
)
def test_an_image_that_a_tool_gave_is_an_image(item: Doc) -> None:
    assert outlined(Dialect.OPENAI_RESPONSES, {"input": [item]}).images == 1


def test_two_commands_of_a_vendors_own_shell_are_two_calls_to_the_loop_guard() -> None:
    items = [{"type": "local_shell_call", "call_id": "t", "action": {"command": [one]}} for one in ("ls", "pwd")]
    first, second = outlined(Dialect.OPENAI_RESPONSES, {"input": items}).last_tool_calls

    assert first != second


def test_what_is_encoded_is_no_text() -> None:
    part: Doc = {
        "type": "x",
        "id": "1",
        "data": ENCODED,
        "encrypted_content": ENCODED,
        "url": FILE,
        "deep": [{"said": WORDS}],
    }

    assert texts_in(part) == [WORDS]
    assert [
        text_of_file(ENCODED, "text/plain"),
        text_of_file(ENCODED, "text/csv"),
        text_of_file("AAD/", "application/zip"),
    ] == [
        WORDS,
        WORDS,
        "",
    ]
    assert text_of_file(ENCODED, "application/pdf") == ""


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        (Dialect.OPENAI_RESPONSES, {"input": "and now?", "previous_response_id": "resp_1"}),
        (Dialect.OPENAI_RESPONSES, {"input": "and now?", "conversation": {"id": "conv_1"}}),
        (Dialect.GEMINI, {"contents": [{"parts": [{"text": "and now?"}]}], "cachedContent": "cachedContents/1"}),
        (Dialect.ANTHROPIC, {"messages": [{"role": "user", "content": "x"}], "mcp_servers": [{"name": "m", "url": "u"}]}),
    ],
)  # fmt: skip
def test_a_prompt_that_the_vendor_adds_to_is_told_for_its_bill_is_no_reason_to_doubt(
    dialect: Dialect, more: Doc
) -> None:
    assert outlined(dialect, more).extras == {"kept": "1"}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (base64.encodebytes(("é" + WORDS).encode()).decode(), "text/plain"),
        (base64.urlsafe_b64encode(("\u07ff?" + WORDS).encode()).decode().rstrip("="), "text/plain"),
        (base64.b64encode(("é" + WORDS).encode("latin-1")).decode(), "text/plain"),
        (base64.b64encode(WORDS.encode("utf-16")).decode(), "text/csv"),
        (ENCODED, "image/svg+xml"),
    ],
)
def test_a_text_file_is_read_however_it_is_encoded(data: str, kind: str) -> None:
    assert WORDS in text_of_file(data, kind)
