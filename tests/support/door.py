"""Requests as raw bytes, good but for what a test changes in them."""

import json

from tests.support.proxy import Turnout

BODY = json.dumps({"model": "openai/scripted", "messages": [{"role": "user", "content": "Say hello."}]}).encode()


LENGTH = b"Content-Length: %d\r\n" % len(BODY)


POST = b"POST /v1/chat/completions HTTP/1.1\r\n"


CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


def head(turnout: Turnout, *, host: bytes | None = None, kind: bytes = b"application/json", token: str = "-") -> bytes:
    """The headers of a good request, but for its length."""
    lines = b"Host: " + (host if host is not None else b"127.0.0.1:%d" % turnout.port) + b"\r\n"
    secret = turnout.token if token == "-" else token
    if secret:
        lines += b"Authorization: Bearer " + secret.encode() + b"\r\n"
    return lines + (b"Content-Type: " + kind + b"\r\n" if kind else b"") + b"Connection: close\r\n"


def good(turnout: Turnout, **given: object) -> bytes:
    return POST + head(turnout, **given) + LENGTH + b"\r\n" + BODY  # type: ignore[arg-type]  # as `head` takes them


def answers(raw: bytes) -> int:
    """How many status lines there are."""
    return sum(raw.count(b"HTTP/1.1 %d" % digit) for digit in range(1, 6))
