"""Forms of a request that one vendor has, or takes, and another has not."""

import base64
import json

import pytest
from tests.support.script import Doc
from tests.unit.wire.telling import ANTHROPIC, ASK, CHAT, FUNCTIONS, GEMINI, OLLAMA, RESPONSES, chat, names, told

from turnout.calls.units import Dialect

SHOWN = {CHAT: ("a", "b"), ANTHROPIC: ("a", "b"), OLLAMA: ("a", "b"), GEMINI: ("a", "b", "c")}


# --- which tools may be called ---

CHOICES: dict[str, tuple[Dialect, Doc]] = {
    "chat": (
        CHAT,
        chat(
            tools=FUNCTIONS,
            tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": FUNCTIONS[:2]}},
        ),
    ),
    "responses": (
        RESPONSES,
        {
            "model": "m",
            "input": "hi",
            "tools": [{"type": "function", "name": name} for name in "abc"],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": name} for name in "ab"],
            },
        },
    ),
    "gemini": (
        GEMINI,
        {
            "contents": [{"parts": [{"text": "hi"}]}],
            "tools": [{"functionDeclarations": [{"name": name} for name in "abc"]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}},
        },
    ),
}


@pytest.mark.parametrize("engine", SHOWN)
@pytest.mark.parametrize("way", CHOICES)
def test_of_the_tools_only_those_that_may_be_called_are_shown_or_named(way: str, engine: Dialect) -> None:
    client, body = CHOICES[way]
    if client is engine:
        return
    doc, _ = told(client, body, engine)

    assert names(engine, doc) == SHOWN[engine]
    forced = {
        CHAT: doc.get("tool_choice") == "required",
        ANTHROPIC: doc.get("tool_choice") == {"type": "any"},
        GEMINI: doc.get("toolConfig") == CHOICES["gemini"][1]["toolConfig"],
        OLLAMA: "tool_choice" not in doc,
    }
    assert forced[engine]


@pytest.mark.parametrize("way", CHOICES)
def test_a_choice_of_several_tools_is_itself_again_in_its_own_dialect(way: str) -> None:
    client, body = CHOICES[way]

    doc, dropped = told(client, body, client)

    key = "toolConfig" if client is GEMINI else "tool_choice"
    assert doc[key] == body[key]
    assert dropped == ()


def test_tools_that_may_be_called_but_need_not_are_not_forced() -> None:
    body = {**CHOICES["responses"][1]}
    body["tool_choice"] = {**body["tool_choice"], "mode": "auto"}

    assert "tool_choice" not in told(RESPONSES, body, CHAT)[0]
    assert told(RESPONSES, body, ANTHROPIC)[0]["tool_choice"] == {"type": "auto"}
    config = told(RESPONSES, body, GEMINI)[0]["toolConfig"]["functionCallingConfig"]
    assert config == {"mode": "VALIDATED", "allowedFunctionNames": ["a", "b"]}


def test_a_forced_server_tool_that_the_engine_lacks_forces_no_other() -> None:
    tools = [{"type": "web_search"}, {"type": "function", "name": "a"}]
    body = {"model": "m", "input": "hi", "tools": tools, "tool_choice": {"type": "web_search"}}

    doc, dropped = told(RESPONSES, body, CHAT)

    assert "tool_choice" not in doc
    assert dropped == ("tools.web_search",)


# --- files ---


def test_a_text_file_is_read_by_every_engine() -> None:
    words = base64.b64encode("grüße".encode()).decode()
    file = {"type": "file", "file": {"filename": "a.txt", "file_data": f"data:text/plain;base64,{words}"}}
    asked = chat(messages=[{"role": "user", "content": [file, {"type": "text", "text": "q"}]}])
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "grüße"}}
    claude = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [document]}]}

    block = told(CHAT, asked, ANTHROPIC)[0]["messages"][0]["content"][0]
    assert block == {"title": "a.txt", **document}
    assert told(CHAT, asked, OLLAMA)[0]["messages"] == [{"role": "user", "content": "grüße\nq"}]
    assert told(ANTHROPIC, claude, CHAT)[0]["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "grüße"}]}
    ]
    part = told(ANTHROPIC, claude, GEMINI)[0]["contents"][0]["parts"][0]
    assert part == {"inlineData": {"mimeType": "text/plain", "data": words}}
    assert told(ANTHROPIC, claude, ANTHROPIC)[0]["messages"][0]["content"] == [document]


def test_a_text_file_in_a_tool_result_reaches_ollama() -> None:
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "inside"}}
    messages = [
        ASK,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "see"}, document],
                }
            ],
        },
    ]

    doc, dropped = told(ANTHROPIC, {"model": "m", "max_tokens": 9, "messages": messages}, OLLAMA)

    assert doc["messages"][-1] == {"role": "tool", "content": "see\ninside", "tool_name": "f"}
    assert dropped == ()


UPLOADS: dict[str, tuple[Dialect, Doc]] = {
    "chat": (
        CHAT,
        chat(
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "file", "file": {"file_id": "file-1"}}, {"type": "text", "text": "q"}],
                }
            ]
        ),
    ),
    "responses": (
        RESPONSES,
        {
            "model": "m",
            "input": [
                {
                    "role": "user",
                    "content": [{"type": "input_image", "file_id": "file-1"}, {"type": "input_text", "text": "q"}],
                }
            ],
        },
    ),
    "messages": (
        ANTHROPIC,
        {
            "model": "m",
            "max_tokens": 9,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "file", "file_id": "file-1"}},
                        {"type": "text", "text": "q"},
                    ],
                }
            ],
        },
    ),
    "gemini": (
        GEMINI,
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {
                            "fileData": {
                                "mimeType": "application/pdf",
                                "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/file-1",
                            }
                        },
                        {"text": "q"},
                    ],
                }
            ]
        },
    ),
}


@pytest.mark.parametrize("way", UPLOADS)
def test_an_upload_is_named_to_the_vendor_that_keeps_it_and_to_no_other(way: str) -> None:
    client, body = UPLOADS[way]
    families = {CHAT: "openai", RESPONSES: "openai", ANTHROPIC: "anthropic", GEMINI: "gemini"}

    for engine in (CHAT, ANTHROPIC, GEMINI):
        doc, dropped = told(client, body, engine)
        if client is engine:
            assert "file-1" in json.dumps(doc)
        elif families[client] != families[engine]:
            assert "file-1" not in json.dumps(doc)
            assert dropped == ("content.file_id",)


def test_an_address_goes_where_addresses_are_taken() -> None:
    part = {"type": "input_file", "file_url": "https://example.org/a.pdf"}
    body = {"model": "m", "input": [{"role": "user", "content": [part]}]}

    assert told(RESPONSES, body, CHAT)[1] == ("content.file_url",)
    assert told(RESPONSES, body, ANTHROPIC)[0]["messages"][0]["content"][0]["source"] == {
        "type": "url",
        "url": "https://example.org/a.pdf",
    }
    file = told(RESPONSES, body, GEMINI)[0]["contents"][0]["parts"][0]["fileData"]
    assert file == {"mimeType": "application/pdf", "fileUri": "https://example.org/a.pdf"}


def test_what_an_endpoint_does_anyway_is_not_named_as_dropped() -> None:
    raw = {"model": "m", "prompt": "<|fim_prefix|>x", "raw": True, "stream": False}
    old = {"model": "m", "prompt": "x"}

    assert told(Dialect.OLLAMA_GENERATE, raw, Dialect.OPENAI_COMPLETIONS)[1] == ()
    assert told(Dialect.OLLAMA_EMBED, old, Dialect.OPENAI_EMBEDDINGS)[1] == ()


# --- tool ids ---


def test_calls_without_ids_are_answered_by_their_results() -> None:
    messages = [
        ASK,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "one"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "two"},
    ]

    doc, _ = told(CHAT, chat(messages=messages), ANTHROPIC)

    blocks = [block for message in doc["messages"][1:] for block in message["content"]]
    assert [block["id"] for block in blocks[::2]] == [block["tool_use_id"] for block in blocks[1::2]]
    assert blocks[0]["id"] != blocks[2]["id"]


def test_an_id_used_in_every_turn_is_told_to_anthropic_once() -> None:
    messages: list[Doc] = [ASK]
    for words in ("one", "two", "three"):
        call = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_0", "content": words},
        ]

    doc, _ = told(CHAT, chat(messages=messages), ANTHROPIC)

    blocks = [block for message in doc["messages"][1:] for block in message["content"]]
    assert [block["id"] for block in blocks[::2]] == ["call_0", "call_0_2", "call_0_3"]
    assert [(b["tool_use_id"], b["content"][0]["text"]) for b in blocks[1::2]] == [
        ("call_0", "one"),
        ("call_0_2", "two"),
        ("call_0_3", "three"),
    ]


TURN: list[Doc] = [
    ASK,
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": f"toolu_{n}", "name": "f", "input": {}} for n in (1, 2)],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}],
            },
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": "two"},
        ],
    },
]


def test_gemini_hears_all_results_before_the_images_in_them() -> None:
    doc, _ = told(ANTHROPIC, {"model": "m", "max_tokens": 9, "messages": TURN}, GEMINI)

    assert [next(iter(part)) for part in doc["contents"][2]["parts"]] == [
        "functionResponse",
        "functionResponse",
        "inlineData",
    ]


def test_what_geminis_tool_found_reaches_others_with_its_images_and_errors() -> None:
    results = [
        {
            "name": "f",
            "response": {"output": "one"},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
        },
        {"name": "f", "response": {"error": "ENOENT"}},
    ]
    call = {"functionCall": {"name": "f", "args": {}}}
    contents = [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [call, call]},
        {"role": "user", "parts": [{"functionResponse": one} for one in results]},
    ]

    blocks = told(GEMINI, {"contents": contents}, ANTHROPIC)[0]["messages"][2]["content"]

    assert [part["type"] for part in blocks[0]["content"]] == ["text", "image"]
    assert (blocks[1]["content"], blocks[1]["is_error"]) == ([{"type": "text", "text": "ENOENT"}], True)


@pytest.mark.parametrize(
    ("model", "signed"), [("gemini-3-pro-preview", True), ("gemini-3.1-flash", True), ("gemini-2.5-pro", False)]
)
def test_a_call_that_another_model_made_is_marked_as_such_where_gemini_wants_a_signature(
    model: str, signed: bool
) -> None:
    doc, _ = told(ANTHROPIC, {"model": "m", "max_tokens": 9, "messages": TURN}, GEMINI, model)

    calls = [part.get("thoughtSignature", "") for part in doc["contents"][1]["parts"]]
    assert calls == ["skip_thought_signature_validator" if signed else "", ""]


def test_a_signature_of_geminis_own_is_left_alone() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    contents = [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{**call, "thoughtSignature": "c2ln"}, call]},
    ]

    doc, _ = told(GEMINI, {"contents": contents}, GEMINI, "gemini-3-pro")

    assert doc["contents"] == contents


# --- thinking and sampling ---


def test_gemini_shows_no_thoughts_that_it_may_not_have() -> None:
    doc, _ = told(CHAT, chat(reasoning_effort="minimal"), GEMINI)

    assert doc["generationConfig"]["thinkingConfig"] == {"includeThoughts": False, "thinkingBudget": 0}


def test_thinking_that_cannot_be_switched_off_is_named() -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [ASK], "thinking": {"type": "disabled"}}

    assert told(ANTHROPIC, body, CHAT)[1] == ("thinking",)
    assert told(ANTHROPIC, body, OLLAMA) == (
        {
            "model": "m",
            "messages": [ASK],
            "options": {"num_predict": 9},
            "think": False,
            "stream": False,
            "truncate": False,
            "shift": False,
        },
        (),
    )


def test_an_effort_that_openai_has_no_word_for_is_its_highest() -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [ASK], "output_config": {"effort": "max"}}

    doc, dropped = told(ANTHROPIC, body, CHAT)

    assert (doc["reasoning_effort"], dropped) == ("high", ("reasoning above high",))
    assert told(CHAT, chat(reasoning_effort="xhigh"), CHAT)[0]["reasoning_effort"] == "xhigh"


def test_anthropic_is_sent_one_of_temperature_and_top_p_and_no_blank_stop() -> None:
    doc, dropped = told(CHAT, chat(temperature=0.2, top_p=0.9, stop=["\n", "END"]), ANTHROPIC)

    assert (doc["temperature"], "top_p" in doc, doc["stop_sequences"]) == (0.2, False, ["END"])
    assert dropped == ("top_p", "stop (white space)")
    assert told(CHAT, chat(top_p=0.9), ANTHROPIC)[0]["top_p"] == 0.9
