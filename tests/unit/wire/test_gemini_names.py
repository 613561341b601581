"""Gemini's API takes snake_case as well as camelCase; what is the user's own keeps its names."""

import pytest

from turnout.calls.units import Json
from turnout.wire.gemini.codec import Gemini
from turnout.wire.gemini.names import camel

SCHEMA: Json = {"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]}


def test_a_tool_declared_in_snake_case_keeps_its_parameters() -> None:
    declared: Json = {"name": "read_note", "description": "Reads.", "parameters_json_schema": SCHEMA}
    doc: Json = {"contents": [{"parts": [{"text": "hi"}]}], "tools": [{"functionDeclarations": [declared]}]}

    tool = Gemini().read_request(doc, path_model="m").tools[0]

    assert tool.schema == SCHEMA  # type: ignore[union-attr]  # a Tool, as declared


def test_a_request_means_the_same_in_both_spellings() -> None:
    snake: Json = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "read it"}, {"inline_data": {"mime_type": "image/png", "data": "AA=="}}],
            },
            {"role": "model", "parts": [{"function_call": {"name": "r", "args": {"file_path": "a"}}}]},
            {"role": "user", "parts": [{"function_response": {"name": "r", "response": {"the_text": "x"}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "r", "parameters": SCHEMA}]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["r"]}},
        "generation_config": {"max_output_tokens": 9, "top_p": 0.5, "thinking_config": {"thinking_budget": 0}},
    }
    written: Json = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "read it"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "r", "args": {"file_path": "a"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "r", "response": {"the_text": "x"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "r", "parameters": SCHEMA}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["r"]}},
        "generationConfig": {"maxOutputTokens": 9, "topP": 0.5, "thinkingConfig": {"thinkingBudget": 0}},
    }
    reader = Gemini()

    assert reader.read_request(snake, path_model="m") == reader.read_request(written, path_model="m")
    assert (
        reader.outline(snake, path_model="m").last_tool_calls == reader.outline(written, path_model="m").last_tool_calls
    )
    assert reader.outline(snake, path_model="m").images == 1


@pytest.mark.parametrize("doc", [{}, {"contents": [{"parts": [{"text": "a_b"}]}], "tools": [{"googleSearch": {}}]}])
def test_what_is_in_camel_case_already_is_not_copied(doc: dict[str, Json]) -> None:
    assert camel(doc) is doc


def test_a_field_in_both_spellings_is_the_camel_case_one() -> None:
    assert camel({"topK": 1, "top_k": 2}) == {"topK": 1}
    assert camel({"top_k": 2, "topK": 1}) == {"topK": 1}
