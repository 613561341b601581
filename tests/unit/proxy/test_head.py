"""What is kept of a head is thrown away with whatever it follows from: a door, a path, a header."""

from typing import Any

import pytest

from turnout.calls.units import Dialect
from turnout.engines.headers import HEADS, Sender
from turnout.proxy.door.guard import Door
from turnout.proxy.door.head import KEPT, Heads

DOOR = Door(7717)
HEADERS = [
    (b"host", b"127.0.0.1:7717"),
    (b"authorization", b"Bearer tn-secret-one"),
    (b"content-type", b"application/json"),
    (b"x-turnout-project", b"alpha"),
]


def scope(path: bytes = b"/v1/chat/completions", method: str = "POST", **changed: bytes) -> dict[str, Any]:
    headers = [(name, changed.get(name.decode().replace("-", "_"), value)) for name, value in HEADERS]
    path, _, query = path.partition(b"?")
    return {
        "method": method,
        "raw_target": path + (b"?" + query if query else b""),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
    }


def test_a_head_that_comes_again_is_read_once() -> None:
    heads = Heads()
    first = heads.of(scope(), DOOR)

    assert heads.of(scope(), DOOR) is first
    assert (first.refused, first.path, first.dialect, first.token, first.project) == (
        None,
        "/v1/chat/completions",
        Dialect.OPENAI_CHAT,
        "tn-secret-one",
        "alpha",
    )
    assert "authorization" not in first.names


@pytest.mark.parametrize(
    ("other", "seen"),
    [
        (scope(authorization=b"Bearer tn-other-two"), ("tn-other-two", "alpha", "/v1/chat/completions")),
        (scope(x_turnout_project=b"beta"), ("tn-secret-one", "beta", "/v1/chat/completions")),
        (scope(b"/v1/messages"), ("tn-secret-one", "alpha", "/v1/messages")),
        (scope(b"/c/tn-in-the-path/v1/messages"), ("tn-in-the-path", "alpha", "/v1/messages")),
        (scope(b"/v1/chat/completions?a=b"), ("tn-secret-one", "alpha", "/v1/chat/completions")),
        (scope(b"/v1/models", method="GET"), ("tn-secret-one", "alpha", "/v1/models")),
    ],
)
def test_a_head_that_differs_in_anything_is_read_anew(other: dict[str, Any], seen: tuple[str, str, str]) -> None:
    heads = Heads()
    first = heads.of(scope(), DOOR)

    head = heads.of(other, DOOR)

    assert head is not first
    assert (head.token, head.project, head.path) == seen
    assert heads.of(scope(), DOOR).token == "tn-secret-one"


def test_t01_another_door_asks_again_who_may_come_in() -> None:
    heads = Heads()
    named = scope(host=b"proxy.test:7717")
    open_door = Door(7717, frozenset({"proxy.test"}))

    assert heads.of(named, open_door).refused is None
    refused = heads.of(named, DOOR).refused
    assert refused is not None
    assert refused.status == 403
    assert heads.of(named, open_door).refused is None


def test_t16_a_large_head_is_not_kept() -> None:
    heads = Heads()
    large = scope(x_turnout_project=b"x" * KEPT)

    assert heads.of(large, DOOR) is not heads.of(large, DOOR)


def test_few_heads_for_engines_are_kept_for_a_sender() -> None:
    sender = Sender([])
    for number in range(5 * HEADS):
        sender.keep(number, b"%d" % number)

    assert len(sender.made) <= HEADS
    assert sender.made[5 * HEADS - 1] == b"%d" % (5 * HEADS - 1)


@pytest.mark.parametrize(
    ("sent", "project"),
    [
        ("Zürich".encode(), "Zürich"),
        ("Zürich".encode("latin-1"), "Zürich"),
        ("東京".encode(), "東京"),
        (b"alpha\x1b[31m\x7f", "alpha[31m"),
        (b"x" * 99, "x" * 64),
    ],
)
def test_a_projects_name_is_read_as_it_was_meant(sent: bytes, project: str) -> None:
    """Else a budget of that name would never see the call."""
    assert Heads().of(scope(x_turnout_project=sent), DOOR).project == project
