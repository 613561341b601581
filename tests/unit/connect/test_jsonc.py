"""JSON edited as text: what is set is there, what is dropped is gone, and everybody else's bytes stay."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.calls.units import Json
from turnout.connect import jsonc
from turnout.errors import BadRequestError

ZED = """// Zed settings
{
  "theme": "One Dark", // mine
  /* fonts */
  "buffer_font_size": 15,
  "language_models": {
    "openai": {
      "version": "1", // a trailing comma follows
    },
  },
}
"""


def test_a_value_is_added_deep_inside_and_comments_stay() -> None:
    text = jsonc.put(ZED, ("language_models", "ollama", "api_url"), "http://x")

    assert jsonc.get(text, ("language_models", "ollama", "api_url")) == (True, "http://x")
    assert jsonc.drop(text, ("language_models", "ollama", "api_url")) == ZED
    for comment in ("// Zed settings", "// mine", "/* fonts */", "// a trailing comma follows"):
        assert comment in text


def test_a_value_is_replaced_in_place() -> None:
    text = jsonc.put(ZED, ("theme",), "Ayu")

    assert text == ZED.replace('"One Dark"', '"Ayu"')


@pytest.mark.parametrize("text", ["", "  \n", "\ufeff", "{}", "{ }", "{\n}\n", "// only this\n{}\n", "{/* in */}"])
def test_an_empty_file_takes_a_value(text: str) -> None:
    edited = jsonc.put(text, ("a", "b"), [1])

    assert jsonc.get(edited, ("a", "b")) == (True, [1])


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"a": 1 /* why */}',
        '{"a": 1, // why\n}',
        '{\r\n\t"a": 1\r\n}\r\n',
        '{\n    "a": {\n        "x": "}{,//"\n    }\n}',
        '{"a": [1, 2, {"b": null},], "c": -1.5e3}',
    ],
)
def test_setting_and_dropping_gives_the_same_meaning_and_comments(text: str) -> None:
    edited = jsonc.put(text, ("new",), {"k": "v"})

    assert jsonc.read(edited) == {**jsonc.read(text), "new": {"k": "v"}}  # type: ignore[dict-item]  # an object
    assert jsonc.read(jsonc.drop(edited, ("new",))) == jsonc.read(text)
    assert ("why" in edited) == ("why" in text)


def test_line_ends_and_indentation_are_the_files_own() -> None:
    edited = jsonc.put('{\r\n\t"a": 1\r\n}\r\n', ("b",), {"c": 1})

    assert edited == '{\r\n\t"a": 1,\r\n\t"b": {\r\n\t\t"c": 1\r\n\t}\r\n}\r\n'


def test_dropping_the_last_keeps_a_comment_on_the_one_before() -> None:
    assert jsonc.drop('{\n  "a": 1, // keep\n  "b": 2\n}', ("b",)) == '{\n  "a": 1 // keep\n}'


def test_dropping_the_first_leaves_the_rest() -> None:
    assert jsonc.drop('{\n  "a": 1,\n  "b": 2\n}', ("a",)) == '{\n  "b": 2\n}'


def test_dropping_what_is_not_there_changes_nothing() -> None:
    assert jsonc.drop(ZED, ("nope", "x")) == ZED


@pytest.mark.parametrize(
    "text",
    ['{"a": }', '{"a" 1}', '{"a": 1 "b": 2}', "{'a': 1}", '{"a": "x}', "[1", "{" * 500, '{"a": 1} x', '{"a": 01x}'],
)
def test_broken_json_is_told_with_its_place(text: str) -> None:
    with pytest.raises(BadRequestError, match=r"line \d+, column \d+"):
        jsonc.put(text, ("a",), 1)


def test_a_value_that_is_no_object_is_not_overwritten_from_above() -> None:
    with pytest.raises(BadRequestError, match="env is no object"):
        jsonc.put('{"env": "x"}', ("env", "A"), "1")


VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.text(max_size=4), VALUES, max_size=4),
    st.lists(st.text(max_size=4), min_size=1, max_size=3),
    VALUES,
    st.sampled_from([None, 2, "\t"]),
)
def test_put_does_what_it_says_on_any_document(
    doc: dict[str, Json], path: list[str], value: Json, indent: int | str | None
) -> None:
    text = json.dumps(doc, indent=indent)
    try:
        edited = jsonc.put(text, tuple(path), value)
    except BadRequestError:
        return

    assert json.loads(edited) == jsonc.read(edited)
    assert jsonc.get(edited, tuple(path)) == (True, value)
    json.loads(jsonc.drop(edited, tuple(path)))
