"""Who may come in, asked over raw sockets: the threats of a web page, another user, another machine, a broken client."""

import gzip
import itertools
import json
import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout, received, status_of
from tests.support.scene import four_vendors

BODY = json.dumps({"model": "openai/scripted", "messages": [{"role": "user", "content": "Say hello."}]}).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
POST = b"POST /v1/chat/completions HTTP/1.1\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("door")
    with Turnout(home, settings=four_vendors(scripted.url), rules=BY_MODEL) as running:
        yield running


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


# --- T01: DNS rebinding ---


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_t01_our_own_names_come_in(turnout: Turnout, host: str) -> None:
    raw = turnout.raw(good(turnout, host=f"{host}:{turnout.port}".encode()))

    assert status_of(raw) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:99999",
        "127.0.0.1:0{port}",
        "127.0.0.1:+{port}",
        "localhost.:{port}",
        "x.localhost:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "0x7f.1:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "0.0.0.0:{port}",
        "127.0.0.1.nip.io:{port}",
        "a@localhost:{port}",
        "localhost:{port}@evil.com",
        "localhost:{port}, evil.com",
        "localhost:{port} evil.com",
        "localhost:{port}/",
        "[::1",
        "::1:{port}",
        "",
        ":{port}",
    ],
)
def test_t01_any_other_host_is_refused_before_routing(turnout: Turnout, scripted: Engine, host: str) -> None:
    before = len(scripted.calls)

    raw = turnout.raw(good(turnout, host=host.format(port=turnout.port).encode()))

    assert status_of(raw) == 403
    assert b"127.0.0.1" in raw
    assert len(scripted.calls) == before


def test_t01_two_hosts_none_and_another_authority_are_refused(turnout: Turnout, scripted: Engine) -> None:
    own = b"Host: 127.0.0.1:%d\r\n" % turnout.port
    rest = head(turnout).removeprefix(own) + LENGTH + b"\r\n" + BODY
    before = len(scripted.calls)

    assert status_of(turnout.raw(POST + own + own + rest)) in (400, 403)
    assert status_of(turnout.raw(POST + rest)) in (400, 403)
    other = b"POST http://evil.example/v1/chat/completions HTTP/1.1\r\n"
    assert status_of(turnout.raw(other + own + rest)) == 403
    assert len(scripted.calls) == before


@pytest.mark.parametrize(
    "path",
    [
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/../v1/chat/completions",
        "/v1/chat/completions;a=b",
        "/v1/chat/completions/",
        "/V1/chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/chat/completions%00",
        "/healthz/../v1/chat/completions",
        "/c/short/v1/chat/completions",
        "/c//v1/chat/completions",
    ],
)
def test_t01b_an_odd_path_never_reaches_a_route(turnout: Turnout, scripted: Engine, path: str) -> None:
    before = len(scripted.calls)

    raw = turnout.raw(b"POST " + path.encode() + b" HTTP/1.1\r\n" + head(turnout) + LENGTH + b"\r\n" + BODY)

    assert status_of(raw) == 404
    assert len(scripted.calls) == before


# --- T02 to T04: web pages ---


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:5173",
        "vscode-webview://abc",
        "http://127.0.0.1",
        "http://127.0.0.1:{port}",
        "",
    ],
)
def test_t02_no_page_of_any_origin_comes_in(turnout: Turnout, scripted: Engine, origin: str) -> None:
    before = len(scripted.calls)
    said = origin.format(port=turnout.port).encode()

    raw = turnout.raw(POST + head(turnout) + b"Origin: " + said + b"\r\n" + LENGTH + b"\r\n" + BODY)

    assert status_of(raw) == 403
    assert b"access-control" not in raw.lower()
    assert len(scripted.calls) == before


def test_t02_a_listed_origin_comes_in_and_no_other(tmp_path: Path, scripted: Engine) -> None:
    listed = four_vendors(scripted.url, extra='[server]\nallowed_origins = ["http://localhost:5173"]\n')
    with Turnout(tmp_path, settings=listed, rules=BY_MODEL) as turnout:
        fine = POST + head(turnout) + b"Origin: http://localhost:5173\r\n" + LENGTH + b"\r\n" + BODY

        assert status_of(turnout.raw(fine)) == 200
        assert status_of(turnout.raw(fine.replace(b":5173", b":5174"))) == 403


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain; a=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json-patch+json",
    ],
)
def test_t03_a_form_or_beacon_is_no_call(turnout: Turnout, scripted: Engine, kind: str) -> None:
    before = len(scripted.calls)

    raw = turnout.raw(good(turnout, kind=kind.encode()))

    assert status_of(raw) == 415
    assert b"application/json" in raw
    assert len(scripted.calls) == before


def test_t03_a_body_without_a_type_is_read_from_a_program_but_not_from_a_page(turnout: Turnout) -> None:
    plain = good(turnout, kind=b"")
    from_page = plain.replace(b"Connection: close", b"Sec-Fetch-Site: same-origin\r\nConnection: close")

    assert status_of(turnout.raw(plain)) == 200
    assert status_of(turnout.raw(from_page)) == 415


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site"])
def test_t03_fetch_metadata_of_another_site_is_refused(turnout: Turnout, scripted: Engine, site: str) -> None:
    before = len(scripted.calls)

    raw = turnout.raw(POST + head(turnout) + b"Sec-Fetch-Site: " + site.encode() + b"\r\n" + LENGTH + b"\r\n" + BODY)

    assert status_of(raw) == 403
    assert len(scripted.calls) == before


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/", "/healthz", "/_control/v1/status", "/api/chat"])
def test_t04_a_preflight_allows_nothing(turnout: Turnout, path: str) -> None:
    raw = turnout.raw(
        b"OPTIONS " + path.encode() + b" HTTP/1.1\r\n" + head(turnout, kind=b"") + b"Origin: https://evil.example\r\n"
        b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n"
        b"Access-Control-Request-Local-Network: true\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
    )

    assert status_of(raw) in (403, 405)
    assert b"access-control-allow" not in raw.lower()


# --- T05 to T07: other machines and users ---


def test_t05_only_the_loopback_listens(turnout: Turnout) -> None:
    listening = set()
    for table, form in (("/proc/net/tcp", 8), ("/proc/net/tcp6", 32)):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.rpartition(":")[2], 16) == turnout.port:
                listening.add(local[:form])

    assert listening
    assert listening <= {"0100007F", "00000000000000000000000001000000"}


def other_address() -> str:
    """This machine's address off the loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but the loopback")
        address = str(probe.getsockname()[0])
    if address.startswith("127."):
        pytest.skip("this machine has no address but the loopback")
    return address


def test_t05_from_the_machines_other_address_nobody_answers(turnout: Turnout) -> None:
    with pytest.raises(OSError):
        socket.create_connection((other_address(), turnout.port), timeout=5)


def test_t05_off_the_loopback_needs_the_flag_and_is_warned_about(tmp_path: Path, scripted: Engine) -> None:
    arguments = ("--port", "0", "--host", "0.0.0.0")
    with Turnout(tmp_path, settings=four_vendors(scripted.url), arguments=arguments) as turnout:
        assert "beyond this machine" in turnout.stderr
        assert turnout.ask("GET", "/v1/models", token="").status in (401, 403)
        assert turnout.url == f"http://127.0.0.1:{turnout.port}"
        assert json.loads(turnout.cli("status", "--json"))["running"] is True
        raw = turnout.raw(good(turnout, host=b"%s:%d" % (other_address().encode(), turnout.port)))
        assert status_of(raw) == 403
        assert b"allowed_hosts" in raw


def test_t05_an_address_that_was_named_is_answered_by_its_own_name(tmp_path: Path, scripted: Engine) -> None:
    address = other_address()
    arguments = ("--port", "0", "--host", address)
    with Turnout(tmp_path, settings=four_vendors(scripted.url), arguments=arguments) as turnout:
        assert turnout.ready["url"] == f"http://{address}:{turnout.port}"
        assert json.loads(turnout.cli("status", "--json"))["running"] is True
        made = json.loads(turnout.cli("client", "add", "far", "--json"))
        with socket.create_connection((address, turnout.port), timeout=10) as sock:
            sock.sendall(
                f"GET /v1/models HTTP/1.1\r\nHost: {address}:{turnout.port}\r\nConnection: close\r\n"
                f"Authorization: Bearer {made['token']}\r\n\r\n".encode()
            )
            assert status_of(b"".join(received(sock))) == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *itertools.product(["GET"], ["/v1/models", "/api/tags", "/api/version", "/api/ps", "/v1beta/models"]),
        *itertools.product(["GET"], ["/metrics", "/_control/v1/status", "/_control/v1/clients", "/nothing"]),
        *itertools.product(["POST"], ["/v1/chat/completions", "/v1/messages", "/api/chat", "/api/show"]),
        ("POST", "/_control/v1/shutdown"),
        ("DELETE", "/_control/v1/clients/tester"),
    ],
)
@pytest.mark.parametrize("token", ["", "tn-wrong"])
def test_t06_every_route_but_the_constant_ones_wants_a_token(
    turnout: Turnout, scripted: Engine, method: str, path: str, token: str
) -> None:
    before = len(scripted.calls)

    answer = turnout.ask(method, path, {} if method == "POST" else None, token=token)

    assert answer.status == 401
    assert len(scripted.calls) == before


@pytest.mark.parametrize(("method", "path"), [("GET", "/healthz"), ("HEAD", "/healthz"), ("GET", "/"), ("HEAD", "/")])
def test_t06_what_needs_no_token_tells_nothing(turnout: Turnout, method: str, path: str) -> None:
    answer = turnout.ask(method, path, token="")

    assert answer.status == 200
    assert answer.body in (b"", b'{"status":"ok"}', b"Ollama is running")


def test_t06_a_clients_token_does_not_open_the_control_api(turnout: Turnout) -> None:
    assert turnout.ask("GET", "/_control/v1/status").status == 401
    assert turnout.ask("GET", "/metrics").status == 401


def test_t06_every_file_is_the_owners_alone_whatever_the_umask(tmp_path: Path, scripted: Engine) -> None:
    script = 'umask 000; exec "$0" -m turnout serve --port 0'
    shell = ("sh", "-c", script, sys.executable)
    with Turnout(tmp_path, settings=four_vendors(scripted.url), rules=BY_MODEL, command=shell) as turnout:
        turnout.chat(model="openai/scripted")
        turnout.settled(1)
        made = [one for one in turnout.home.rglob("*") if one.parent != turnout.home or one.is_dir()]
        open_ = [str(one) for one in made if one.stat().st_mode & 0o077]

    assert {"ledger.db", "ledger.db-wal", "runtime.json", "turnout.log"} <= {one.name for one in made}
    assert open_ == []


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_t07_a_port_that_somebody_holds_ends_the_start_and_is_told(
    tmp_path: Path, family: socket.AddressFamily, address: str
) -> None:
    with socket.socket(family) as squatter:
        squatter.bind((address, 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        turnout = Turnout(tmp_path)

        done = subprocess.run(
            (sys.executable, "-m", "turnout", "serve", "--port", str(port)),
            env=turnout.environment(),
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )

    assert done.returncode == 1
    assert done.stdout == ""
    assert f"Port {port} on {address} cannot be taken" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert "Stop what holds it, or set another `port`" in done.stderr


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
