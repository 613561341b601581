"""The control API keeps to its own OpenAPI document, and stands whatever is sent to it (I24)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, ROOT, Answered, Turnout
from tests.support.scene import four_vendors

from turnout.control.runtime import read_runtime
from turnout.control.schema import ERROR, ROUTES, document

KINDS = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list, "null": type(None), "number": float}
CHANGING = {"/shutdown", "/compare", "/shadow", "/keys/test"}
"""They end the program, ask models, or wait for a network."""


@pytest.fixture(scope="module")
def turnout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("control")
    budget = '[[budget]]\nname = "day"\nscope = { client = "each" }\nusd = 5\nper = "day"\n'
    with Engine() as engine, Turnout(home, settings=four_vendors(engine.url), rules=BY_MODEL + budget) as running:
        assert running.chat(model="openai/scripted").status == 200
        running.settled(1)
        yield running
        assert "Traceback" not in (home / "state" / "turnout.log").read_text()


def ask(turnout: Turnout, method: str, path: str, doc: object = None) -> Answered:
    runtime = read_runtime(turnout.home / "run" / "runtime.json")
    assert runtime is not None
    body = {} if doc is None and method == "POST" else doc
    return turnout.ask(method, f"/_control/v1{path}", body, token=runtime.control_token)


def faults(schema: dict[str, Any], value: object, at: str = "$") -> list[str]:
    """Where a value is not what the schema says; of the few words that ours uses."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(
        isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in kinds
    ):
        return [f"{at}: {value!r} is no {kinds}"]
    found = []
    if isinstance(value, dict):
        found += [f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, one in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            found += faults(inner, one, f"{at}.{name}")
    if isinstance(value, list):
        found += [fault for number, one in enumerate(value) for fault in faults(schema.get("items", {}), one, f"{at}[{number}]")]
    return found


def test_i24_the_document_is_served_and_names_every_route_there_is(turnout: Turnout) -> None:
    assert ask(turnout, "GET", "/openapi.json").doc == document()
    source = (ROOT / "app" / "turnout" / "proxy" / "api" / "answers.py").read_text()
    in_code = {
        (method, tuple("{}" if not part.startswith('"') else part.strip('"') for part in parts.split(", ")))
        for method, parts in re.findall(r'case \("(\w+)", \[(.*?)\]\):', source)
    }
    in_document = {
        (method, tuple("{}" if part.startswith("{") else part for part in path.strip("/").split("/")))
        for method, path, _, _ in ROUTES
    }

    assert in_code == in_document


@pytest.mark.parametrize("path", [path for method, path, _, _ in ROUTES if method == "GET"])
def test_i24_what_is_read_is_as_the_document_says(turnout: Turnout, path: str) -> None:
    schema = next(told for method, where, _, told in ROUTES if (method, where) == ("GET", path))

    answer = ask(turnout, "GET", path)

    assert answer.status == 200
    assert faults(schema, answer.doc) == []


def test_i24_what_is_done_is_answered_as_the_document_says(turnout: Turnout) -> None:
    done = {
        ("POST", "/clients"): {"name": "one"},
        ("POST", "/clients/one/rotate"): {},
        ("DELETE", "/clients/one"): None,
        ("PUT", "/mode"): {"mode": "auto"},
        ("POST", "/pause"): {"seconds": 5},
        ("POST", "/resume"): {},
        ("POST", "/reload"): {},
        ("POST", "/budgets/credit"): {"scope": "client:tester", "usd": "1.00"},
        ("POST", "/thumbs"): {"call": "x", "up": True},
        ("POST", "/keep"): {"kind": "connect", "key": "k", "value": "v"},
    }
    for (method, path), doc in done.items():
        answer = ask(turnout, method, path, doc)
        template = path.replace("/one", "/{name}")
        schema = next(told for way, where, _, told in ROUTES if (way, where) == (method, template))

        assert answer.status == 200, f"{method} {path}: {answer.text}"
        assert faults(schema, answer.doc) == [], path


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_i24_whatever_is_sent_gets_an_error_of_the_documents_form_or_is_done(turnout: Turnout, data: st.DataObject) -> None:
    method, path, fields, told = data.draw(st.sampled_from([one for one in ROUTES if one[1] not in CHANGING]))
    known = {name: VALUES for name in fields}
    doc = data.draw(VALUES | st.fixed_dictionaries({}, optional=known))
    name = data.draw(st.text(min_size=1, max_size=12))
    filled = re.sub(r"\{\w+\}", lambda _: quote(name, safe=""), path)

    answer = ask(turnout, method, filled, doc if method != "GET" else None)

    assert answer.status in (200, 400, 404, 405, 502), f"{method} {filled} {doc!r}: {answer.text}"
    assert faults(told if answer.status == 200 else ERROR, answer.doc) == [], f"{method} {filled} {doc!r}"
