"""The form of an answer, in the words that each vendor has for it and takes."""

import pytest
from tests.support.script import Doc
from tests.unit.wire.telling import ANTHROPIC, ASK, CHAT, FUNCTIONS, GEMINI, OLLAMA, chat, names, told


def test_a_schema_is_closed_and_pruned_for_anthropic() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"P": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}}}},
        "type": "object",
        "properties": {
            "p": {"$ref": "#/$defs/P"},
            "when": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1},
            "either": {"oneOf": [{"type": "string"}, {"type": "null"}], "description": "or nothing"},
            "both": {"type": ["object", "null"], "properties": {}},
            "untyped": {"properties": {}},
        },
        "required": ["p"],
        "additionalProperties": True,
    }
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}

    doc, dropped = told(CHAT, chat(response_format=form), ANTHROPIC)

    assert doc["output_config"]["format"]["schema"] == {
        "$defs": {
            "P": {
                "type": "object",
                "properties": {"n": {"type": "integer", "description": "{minimum: 1, maximum: 9}"}},
                "additionalProperties": False,
            }
        },
        "type": "object",
        "properties": {
            "p": {"$ref": "#/$defs/P"},
            "when": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string", "description": "{minLength: 2}"}, "minItems": 1},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "or nothing"},
            "both": {"type": ["object", "null"], "properties": {}, "additionalProperties": False},
            "untyped": {"type": "object", "properties": {}, "additionalProperties": False},
        },
        "required": ["p"],
        "additionalProperties": False,
    }
    assert set(dropped) == {f"response_format.schema.{key}" for key in ("minimum", "maximum", "minLength")}


def test_an_anthropic_clients_own_schema_is_not_touched() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    for place in (
        {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
        {"output_format": {"schema": schema}},
    ):
        body = {"model": "m", "max_tokens": 9, "messages": [ASK], **place}

        doc, dropped = told(ANTHROPIC, body, ANTHROPIC)

        assert doc["output_config"]["format"]["schema"] == schema
        assert dropped == ()


def gemini(**config: object) -> Doc:
    return {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": config}


def test_geminis_own_types_are_json_schemas_elsewhere() -> None:
    schema = {"type": "OBJECT", "properties": {"type": {"type": "STRING", "enum": ["A"], "nullable": True}}}

    doc, _ = told(GEMINI, gemini(responseSchema=schema, responseMimeType="application/json"), OLLAMA)

    assert doc["format"] == {
        "type": "object",
        "properties": {"type": {"type": ["string", "null"], "enum": ["A", None]}},
    }


def test_an_answer_that_is_to_be_one_word_of_an_enum_is_named_where_nobody_can_say_it() -> None:
    schema = {"type": "STRING", "enum": ["A", "B"]}
    body = gemini(responseMimeType="text/x.enum", responseSchema=schema)

    assert set(told(GEMINI, body, CHAT)[1]) == {"generationConfig.responseMimeType", "generationConfig.responseSchema"}
    assert told(GEMINI, body, GEMINI)[0]["generationConfig"] == body["generationConfig"]


@pytest.mark.parametrize(("model", "kept"), [("gemini-2.5-pro", False), ("gemini-3-pro", True)])
def test_an_older_gemini_gets_the_tools_and_not_the_form_of_the_answer(model: str, kept: bool) -> None:
    doc, dropped = told(CHAT, chat(tools=FUNCTIONS, response_format={"type": "json_object"}), GEMINI, model)

    assert names(GEMINI, doc) == ("a", "b", "c")
    assert ("generationConfig" in doc) is kept
    assert dropped == (() if kept else ("response_format",))


def test_a_function_without_parameters_has_a_schema_that_openai_takes() -> None:
    tools = [{"name": "f", "input_schema": {"type": "object"}}]

    doc, _ = told(ANTHROPIC, {"model": "m", "max_tokens": 9, "messages": [ASK], "tools": tools}, CHAT)

    assert doc["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
