"""What `connect --print` shows: ours, and nothing of what its owner wrote."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.connect import jsonc
from turnout.connect.clients import CLIENTS
from turnout.connect.edits import JsonEdit
from turnout.connect.shown import added

OURS = JsonEdit(((("provider", "turnout"), {"url": "http://127.0.0.1:7717/v1", "key": "tn-canary"}),))
SECRET = "sk-very-secret"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"provider":{{"corp":{{"key":"{SECRET}","url":"https://corp.example"}}}},"theme":"dark"}}',
        f'{{"theme": "dark", "provider": {{"corp": {{"key": "{SECRET}"}}}}}}',
        f'{{\n  "provider": {{\n    "corp": {{"key": "{SECRET}"}}\n  }}\n}}\n',
        f'{{\n  "key": "{SECRET}"\n}}\n',
        f'{{"key": "{SECRET}"}}',
        f'{{"provider": {{"turnout": {{"key": "{SECRET}", "url": "http://127.0.0.1:7717/v1"}}}}}}',
    ],
)
def test_a_key_of_the_users_own_is_never_on_the_screen(text: str) -> None:
    shown = "\n".join(added(text, OURS.done(text)))

    assert SECRET not in shown
    assert "corp" not in shown
    assert "tn-canary" in shown


def test_on_one_line_what_is_ours_stands_between_gaps() -> None:
    text = f'{{"theme":"dark","provider":{{"corp":{{"key":"{SECRET}"}}}},"last":1}}'

    assert added(text, JsonEdit(((("provider", "mine"), 1),)).done(text)) == ['…, "mine": 1…']


def test_a_new_file_is_shown_whole() -> None:
    assert added("", "a: 1\nb:\n  - 2\n") == ["a: 1", "b:", "  - 2"]


def test_a_line_that_only_got_a_comma_is_not_shown() -> None:
    text = f'{{\n  "key": "{SECRET}"\n}}\n'

    assert added(text, JsonEdit(((("mine",), 1),)).done(text)) == ['  "mine": 1']


leaves = st.one_of(st.text(alphabet="abcxyz-", min_size=4, max_size=12), st.integers(1_000, 9_999))
documents = st.dictionaries(
    st.text(alphabet="abcdef", min_size=3, max_size=6),
    st.recursive(
        leaves, lambda inner: st.dictionaries(st.text(alphabet="ghijkl", min_size=3, max_size=6), inner, max_size=3)
    ),
    max_size=5,
)


def words(value: object) -> set[str]:
    if isinstance(value, dict):
        return {str(key) for key in value} | {word for inner in value.values() for word in words(inner)}
    return {str(value)}


@given(documents, st.booleans(), st.sampled_from([one.name for one in CLIENTS.values()]))
def test_nothing_of_any_document_is_shown(document: dict[str, object], lines: bool, name: str) -> None:
    text = json.dumps(document, indent=2 if lines else None)
    after = jsonc.put(jsonc.put(text, ("zzz", name), "OURS-1"), ("yyy",), ["OURS-2", {"OURS-3": True}])

    shown = "\n".join(added(text, after))

    assert all(f"OURS-{number}" in shown for number in (1, 2, 3))
    assert not {word for word in words(document) if f'"{word}"' in shown}
