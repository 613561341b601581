"""What a request may be, asked over raw sockets: heads and bodies made to break us or the engine behind (T13, T14, T16, T28, T31)."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.door import BODY, CHUNKS, LENGTH, POST, answers, good, head
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout, received, status_of
from tests.support.scene import four_vendors


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("door")
    with Turnout(home, settings=four_vendors(scripted.url), rules=BY_MODEL) as running:
        yield running


# --- T13: request smuggling ---

MALFORMED = {
    "both length and chunks": (LENGTH + b"Transfer-Encoding: chunked\r\n", CHUNKS),
    "both, the other way round": (b"Transfer-Encoding: chunked\r\n" + LENGTH, CHUNKS),
    "unknown transfer coding": (b"Transfer-Encoding: xchunked\r\n", CHUNKS),
    "gzip in front of chunked": (b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS),
    "identity and a length": (b"Transfer-Encoding: identity\r\n" + LENGTH, BODY),
    "chunked with a tab": (b"Transfer-Encoding:\tchunked, \r\n", CHUNKS + CHUNKS),
    "two equal lengths": (LENGTH + LENGTH, BODY),
    "two lengths": (LENGTH + b"Content-Length: 3\r\n", BODY),
    "a list of lengths": (b"Content-Length: %d, %d\r\n" % (len(BODY), len(BODY)), BODY),
    "a negative length": (b"Content-Length: -5\r\n", BODY),
    "a length with a plus": (b"Content-Length: +%d\r\n" % len(BODY), BODY),
    "a hexadecimal length": (b"Content-Length: 0x5\r\n", BODY),
    "a length past 64 bits": (b"Content-Length: 99999999999999999999999\r\n", BODY),
    "a length that is no number": (b"Content-Length: many\r\n", BODY),
    "no length": (b"", BODY),
    "space before the colon": (b"Content-Length : %d\r\n" % len(BODY), BODY),
    "an obsolete fold": (b"X-A: b\r\n c\r\n" + LENGTH, BODY),
    "a bare CR": (b"X-A: b\rc\r\n" + LENGTH, BODY),
    "a bare LF": (b"X-A: b\n" + LENGTH, BODY),
    "a NUL in a value": (b"X-A: b\0c\r\n" + LENGTH, BODY),
    "a NUL in a name": (b"X\0A: c\r\n" + LENGTH, BODY),
    "a header without a name": (b": c\r\n" + LENGTH, BODY),
    "a header without a colon": (b"garbage\r\n" + LENGTH, BODY),
    "a space in a name": (b"X A: b\r\n" + LENGTH, BODY),
    "a chunk size that is none": (b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a negative chunk size": (b"Transfer-Encoding: chunked\r\n", b"-1\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk size past 64 bits": (b"Transfer-Encoding: chunked\r\n", b"f" * 18 + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk without its end": (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%sX0\r\n\r\n" % (len(BODY), BODY)),
    "a chunk size of 0x": (b"Transfer-Encoding: chunked\r\n", b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunked in HTTP/1.0 with a length": (b"Transfer-Encoding: chunked\r\n" + LENGTH, CHUNKS),
}


SECOND = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("name", MALFORMED)
def test_t13_a_malformed_request_ends_its_connection(turnout: Turnout, scripted: Engine, name: str) -> None:
    lines, body = MALFORMED[name]
    before = len(scripted.calls)

    raw = turnout.raw(POST + head(turnout) + lines + b"\r\n" + body + SECOND)

    assert status_of(raw) == 400
    assert answers(raw) == 1
    assert orjson.loads(raw.partition(b"\r\n\r\n")[2])["error"]["message"]
    assert len(scripted.calls) == before


@pytest.mark.parametrize(
    "line",
    [
        b"POST /v1/chat/completions HTTP/9.9\r\n",
        b"post /v1/chat/completions HTTP/1.1\r\n",
        b"BREW /v1/chat/completions HTTP/1.1\r\n",
        b"POST\t/v1/chat/completions\tHTTP/1.1\r\n",
        b"POST /v1/chat/c\xc3\xb6mpletions HTTP/1.1\r\n",
        b"POST /v1/chat/\0completions HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
    ],
)
def test_t13_a_request_line_that_is_none_ends_its_connection(turnout: Turnout, scripted: Engine, line: bytes) -> None:
    before = len(scripted.calls)

    raw = turnout.raw(line + head(turnout) + LENGTH + b"\r\n" + BODY)

    assert status_of(raw) == 400
    assert answers(raw) == 1
    assert len(scripted.calls) == before


def test_t13_the_head_is_written_anew_for_the_engine(turnout: Turnout, scripted: Engine) -> None:
    odd = b"X-Odd:   a  \r\nx-odd: b\r\nConnection: close, x-odd\r\nTE: trailers\r\n"
    request = POST + head(turnout).replace(b"Connection: close\r\n", odd) + b"Transfer-Encoding: chunked\r\n\r\n"
    trailed = b"%x;ext=1\r\n%s\r\n0\r\nX-Trailer: y\r\n\r\n" % (len(BODY), BODY)

    raw = turnout.raw(request + trailed)

    heard = scripted.calls[-1]
    assert status_of(raw) == 200
    assert heard.header("content-length") == str(len(heard.body))
    assert {"connection", "te", "transfer-encoding", "x-trailer"}.isdisjoint(name for name, _ in heard.headers)


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_requests_of_either_version_and_in_a_row_are_answered(turnout: Turnout, version: bytes) -> None:
    one = (POST + head(turnout) + LENGTH + b"\r\n").replace(b"HTTP/1.1", version) + BODY
    kept = one.replace(b"Connection: close\r\n", b"")

    assert answers(turnout.raw(kept * 2 + one)) == (3 if version == b"HTTP/1.1" else 1)


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(turnout: Turnout) -> None:
    with turnout.connect(10) as sock:
        sock.sendall(POST + head(turnout) + b"Expect: 100-continue\r\n" + LENGTH + b"\r\n")
        first = sock.recv(1024)
        sock.sendall(BODY)
        rest = b"".join(received(sock))

    assert first.startswith(b"HTTP/1.1 100 Continue")
    assert b"HTTP/1.1 200 OK" in rest


@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"TLS/1.0"])
@pytest.mark.parametrize("cut", [0, 20, 150, -1])
def test_an_offer_to_speak_another_protocol_is_passed_over(
    turnout: Turnout, scripted: Engine, offer: bytes, cut: int
) -> None:
    lines = b"Upgrade: " + offer + b"\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    one = POST + head(turnout).replace(b"Connection: close", b"Connection: Upgrade, HTTP2-Settings") + lines
    request = one + LENGTH + b"\r\n" + BODY + good(turnout)

    with turnout.connect(10) as sock:
        sock.sendall(request[:cut])
        sock.sendall(request[cut:])
        raw = b"".join(received(sock))

    assert raw.count(b"HTTP/1.1 200 OK") == answers(raw) == 2
    assert {"upgrade", "http2-settings", "connection"}.isdisjoint(name for name, _ in scripted.calls[-2].headers)


@pytest.mark.parametrize(
    "lines", [b"X-Big: " + b"a" * 100_000 + b"\r\n", b"X-Many: a\r\n" * 500, b"X-Some: " + b"a" * 70_000 + b"\r\n"]
)
def test_huge_headers_are_refused(turnout: Turnout, scripted: Engine, lines: bytes) -> None:
    before = len(scripted.calls)

    raw = turnout.raw(POST + head(turnout) + lines + LENGTH + b"\r\n" + BODY)

    assert status_of(raw) == 431
    assert b"64 KB" in raw
    assert len(scripted.calls) == before


# --- T14 and T16: bodies ---


def test_t14_a_body_over_the_cap_is_refused_unread(turnout: Turnout, scripted: Engine) -> None:
    before = len(scripted.calls)

    said = turnout.raw(POST + head(turnout) + b"Content-Length: 40000000\r\n\r\n" + b"{")
    sent = turnout.ask("POST", "/v1/messages", b"[" + b" " * 40_000_000 + b"]")

    assert status_of(said) == 413
    assert b"max_body_mb" in said
    assert sent.status == 413
    assert sent.doc["type"] == "error"
    assert len(scripted.calls) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400),
        (BODY[:-1] + b',"x":' + b"[" * 129 + b"]" * 129 + b"}", 400),
        (BODY[:-1] + b',"x":' + b"[" * 100 + b"]" * 100 + b"}", 200),
        (BODY[:-1] + b',"x":NaN}', 400),
        (BODY[:-1] + b',"x":Infinity}', 400),
        (BODY[:-1] + b',"x":1e999}', 400),
        (BODY[:-1] + b',"x":' + b"9" * 5_000 + b"}", 400),
        (BODY[:-1] + b',"max_tokens":99999999999999999999}', 400),
        (BODY[:-1] + b',"temperature":0,"temperature":1}', 200),
    ],
)
def test_t14_json_that_breaks_parsers_is_told_or_served(turnout: Turnout, body: bytes, status: int) -> None:
    answer = turnout.ask("POST", "/v1/chat/completions", body)

    assert answer.status == status
    assert status == 200 or answer.doc["error"]["message"]


def test_t14_a_model_that_is_named_twice_is_told(turnout: Turnout, scripted: Engine) -> None:
    """Which of the two counts is up to each engine: what was decided and held for could be the other one."""
    before = len(scripted.calls)

    answer = turnout.ask("POST", "/v1/chat/completions", b'{"model":"anthropic/scripted",' + BODY[1:])

    assert answer.status == 400
    assert "model: stands twice" in answer.doc["error"]["message"]
    assert len(scripted.calls) == before


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("identity", bytes),
    ],
)
def test_t16_compressed_bodies_are_read(turnout: Turnout, scripted: Engine, encoding: str, pack: object) -> None:
    assert callable(pack)

    answer = turnout.ask("POST", "/v1/chat/completions", pack(BODY), headers={"content-encoding": encoding})

    assert answer.status == 200
    assert scripted.calls[-1].header("content-encoding") == ""
    assert scripted.calls[-1].doc["messages"] == [{"role": "user", "content": "Say hello."}]


def _bomb(encoding: str) -> bytes:
    megabyte = b" " * 1_000_000
    if encoding == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        return b"".join([*(packer.compress(megabyte) for _ in range(300)), packer.flush()])
    zstd = zstandard.ZstdCompressor(19).compressobj()
    return b"".join([*(zstd.compress(megabyte) for _ in range(300)), zstd.flush()])


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_t16_a_bomb_stops_at_the_cap(turnout: Turnout, encoding: str) -> None:
    before = _peak_kb(turnout)

    answer = turnout.ask("POST", "/v1/chat/completions", _bomb(encoding), headers={"content-encoding": encoding})

    assert answer.status == 413
    assert _peak_kb(turnout) - before < 200_000


def _peak_kb(turnout: Turnout) -> int:
    text = Path(f"/proc/{turnout.process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", BODY, 415),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY)), 415),
        ("gzip", BODY, 400),
        ("gzip", gzip.compress(BODY)[:-20], 400),
        ("deflate", b"\0\1\2", 400),
        ("zstd", BODY, 400),
        ("zstd", zstandard.ZstdCompressor().compress(BODY)[:-5], 400),
        ("gzip", b"", 400),
        ("zstd", b"", 400),
    ],
)
def test_t16_what_cannot_be_unpacked_is_told(turnout: Turnout, encoding: str, body: bytes, status: int) -> None:
    answer = turnout.ask("POST", "/v1/chat/completions", body, headers={"content-encoding": encoding})

    assert answer.status == status
    assert answer.doc["error"]["message"]


# --- T31, T28 ---


@pytest.mark.parametrize("path", ["create", "pull", "push", "delete", "copy", "blobs/sha256:abc", "experimental/x"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "GET"])
def test_t31_engines_are_not_managed_through_us(turnout: Turnout, scripted: Engine, path: str, method: str) -> None:
    before = len(scripted.heard)

    answer = turnout.ask(method, f"/api/{path}", {"model": "scripted", "name": "scripted"})

    assert answer.status in (404, 405)
    assert isinstance(answer.doc["error"], str)
    assert [one for one in scripted.heard[before:] if one.path == f"/api/{path}"] == []


@pytest.mark.parametrize(
    "hops", [[b"1"], [b"0", b"1"], [b"1", b"0"], [b"1, 1"], [b"-1"], [b"\xb2"], [b"no"], [b"9" * 5000]]
)
def test_t28_a_call_that_came_through_a_turnout_is_not_sent_on(
    turnout: Turnout, scripted: Engine, hops: list[bytes]
) -> None:
    before = len(scripted.calls)
    lines = b"".join(b"X-Turnout-Hop: " + hop + b"\r\n" for hop in hops)

    raw = turnout.raw(POST + head(turnout) + lines + LENGTH + b"\r\n" + BODY)

    assert status_of(raw) == 508
    assert b"Turnout itself" in raw
    assert len(scripted.calls) == before


# --- T01c: whatever comes ---

WORDS = st.sampled_from([b"host", b"origin", b"content-type", b"sec-fetch-site", b"transfer-encoding", b"x-any"])


LINE = st.binary(max_size=40).filter(lambda value: not {0, 10, 13} & set(value))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(WORDS, LINE), max_size=4), st.binary(max_size=30))
def test_t01c_no_head_makes_the_proxy_stumble(turnout: Turnout, lines: list[tuple[bytes, bytes]], path: bytes) -> None:
    target = b"/" + bytes(letter for letter in path if letter > 32)
    extra = b"".join(name + b": " + value + b"\r\n" for name, value in lines)

    raw = turnout.raw(b"POST " + target + b" HTTP/1.1\r\n" + head(turnout) + extra + LENGTH + b"\r\n" + BODY)

    assert 200 <= status_of(raw) < 500
    assert b"Traceback" not in raw
