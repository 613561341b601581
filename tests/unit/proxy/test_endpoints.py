import pytest

from turnout.calls.units import Dialect
from turnout.errors import NotFoundError
from turnout.proxy.door.endpoints import Endpoint, asked, usual


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/messages", "/v1/messages"),
        ("/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/responses", "/v1/responses"),
        ("/responses/input_tokens", "/v1/responses/input_tokens"),
        ("/models", "/v1/models"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/api/chat", "/api/chat"),
        ("/v1/v1beta/models/auto:generateContent", "/v1beta/models/auto:generateContent"),
        ("/v1/messages", "/v1/messages"),
        ("/api/chat", "/api/chat"),
        ("/", "/"),
    ],
)
def test_a_base_url_with_or_without_its_version_comes_to_the_same(path: str, meant: str) -> None:
    assert usual(path) == meant


@pytest.mark.parametrize(
    "path", ["/chat", "/v1/_control/v1/status", "/v1/metrics", "/healthz/messages", "/api/messages"]
)
def test_nothing_else_is_guessed(path: str) -> None:
    with pytest.raises(NotFoundError):
        asked("POST", usual(path))


def test_the_meant_path_is_served() -> None:
    assert (asked("POST", usual("/messages")).endpoint, asked("POST", usual("/messages")).dialect) == (
        Endpoint.CALL,
        Dialect.ANTHROPIC,
    )
