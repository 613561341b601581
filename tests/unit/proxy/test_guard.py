"""The guard as a pure function: what it lets in is what the router knows, and nothing makes it stumble (T01, T01b, T01c)."""

import random
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import TurnoutError
from turnout.proxy.door.endpoints import asked
from turnout.proxy.door.guard import OPEN, Door, guard, host_allowed, plain_path, split_token

DOOR = Door(7717, frozenset({"mybox", "mybox.lan:8080", "[fd00::1]"}), frozenset({"http://localhost:5173"}))
HOST = [(b"host", b"127.0.0.1:7717")]


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mybox:7717", True),
        ("MyBox:7717", True),
        ("mybox.lan:8080", True),
        ("[fd00::1]:7717", True),
        ("mybox", False),
        ("mybox:80", False),
        ("mybox.:7717", False),
        ("mybox.lan:7717", False),
        ("mybox.lan", False),
        ("x.mybox:7717", False),
        ("[::1]:7717]", False),
        ("127.0.0.1:７７１７", False),
    ],
)
def test_t01_a_listed_host_is_allowed_at_our_port_or_at_the_port_it_was_listed_with(host: str, allowed: bool) -> None:
    assert host_allowed(host, DOOR) is allowed


PARTS = st.sampled_from(
    [
        *("/", "//", "/v1", "/chat", "/completions", "/models", "/messages", "/api", "/tags", "/healthz", "/metrics"),
        *(
            "/_control",
            "/v1/status",
            "/c/tn-0123456789",
            "/..",
            "/.",
            ";a=b",
            "%2e%2e",
            "%2f",
            "%00",
            "\\",
            "?",
            "#",
            "ä",
        ),
        *("/gpt", ":generateContent", "/v1beta", "A", "%", " "),
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=6).map("".join), st.sampled_from(["GET", "POST", "HEAD", "DELETE"]))
def test_t01b_what_the_guard_judged_is_what_the_router_serves(path: str, method: str) -> None:
    raw = path.partition("?")[0].encode("utf-8")
    if guard(method, path.encode(), HOST, DOOR) is not None or plain_path(raw) is None:
        return
    token, inner = split_token(raw.decode("latin-1"))
    try:
        place = asked(method, inner)
    except TurnoutError:
        return

    # It was served, so no server in the world would read another route, or another's token, into these bytes.
    assert inner.startswith("/")
    assert not any(part in f"{inner}/" for part in ("/./", "/../", ";", "\\"))
    assert "//" not in inner
    assert unquote(inner) == inner or place.model or place.rest
    assert (method, inner) in OPEN or inner not in ("/", "/healthz")
    assert token == "" or raw.startswith(b"/c/" + token.encode())


def test_t01c_a_hundred_thousand_random_heads_are_judged_without_stumbling() -> None:
    chance = random.Random(20261125)
    names = [b"host", b"origin", b"sec-fetch-site", b"content-type", b"transfer-encoding", b"authorization", b"x", b""]
    values = [
        *(b"127.0.0.1:7717", b"localhost:7717", b"[::1]:7717", b"evil.com", b"null", b"", b":", b"]", b"[", b"[::1]"),
        *(b"application/json", b"text/plain;charset=x", b"same-site", b"CHUNKED", b"\xff\xfe", b"\0", b"a" * 300),
    ]
    targets = [b"/", b"//", b"", b"*", b"/v1/models", b"http://evil.com/", b"HTTP", b"/\xff", b"/c/x/", b"/%2e%2e/"]
    methods = ["GET", "POST", "OPTIONS", "CONNECT", "", "get", "\x00"]
    let_in = 0

    for _ in range(100_000):
        size = chance.randrange(5)
        junk = chance.randbytes(chance.randrange(12))
        head = [(chance.choice(names), chance.choice([*values, junk])) for _ in range(size)]
        refused = guard(chance.choice(methods), chance.choice([*targets, b"/" + junk]), head, DOOR)
        if refused is None:
            let_in += 1
            hosts = [value for name, value in head if name == b"host"]
            assert len(hosts) == 1
            assert hosts[0].endswith(b":7717")
            assert {value for name, value in head if name == b"origin"} <= {b"http://localhost:5173"}
        else:
            assert refused.status in (400, 403, 404, 405, 415)

    assert 100 < let_in < 50_000


@pytest.mark.parametrize("path", ["/c/tn-0123456789", "/c/tn-0123456789/"])
def test_a_token_alone_in_the_path_is_the_root(path: str) -> None:
    assert split_token(path) == ("tn-0123456789", "/")
