"""Who may come in, asked over raw sockets: the threats of a web page, another user, another machine (T01-T07)."""

import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.door import BODY, LENGTH, POST, good, head
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout, received, status_of
from tests.support.scene import four_vendors


@pytest.fixture(scope="module")
def turnout(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("door")
    with Turnout(home, settings=four_vendors(scripted.url), rules=BY_MODEL) as running:
        yield running


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
