"""Whoever tries to steer a call elsewhere, and engines that are hostile: one host is ever contacted, and what it sends is bounded."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.asks import WAYS, send
from tests.support.engine import Engine
from tests.support.keyring_backend import save
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import FAMILIES, four_vendors
from tests.support.script import Script

from turnout.calls.units import Status

KEY = "sk-canary-0b7e55"
SHORT = 'key = "none"\nfirst_byte_s = 5\nidle_s = 20\ntotal_s = 3\n'


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Engine]:
    """Where nothing may ever go."""
    with Engine() as running:
        yield running
        assert running.connections == 0


@pytest.fixture(scope="module")
def turnout(scripted: Engine, elsewhere: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    home: Path = tmp_path_factory.mktemp("engine")
    settings = four_vendors(scripted.url).replace('key = "none"\n', SHORT)
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    environment = dict.fromkeys(proxies, elsewhere.url) | {"NO_PROXY": "", "OLLAMA_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    environment |= {"OPENAI_BASE_URL": elsewhere.url, "OLLAMA_HOST": elsewhere.url, "SSLKEYLOGFILE": str(home / "tls")}
    with Turnout(home, settings=settings, rules=BY_MODEL, environment=environment) as running:
        yield running


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    return scripted


# --- T10: a client that names another target ---

STEERING = (
    "api_base",
    "base_url",
    "baseUrl",
    "endpoint",
    "host",
    "proxy",
    "custom_host",
    "api_url",
    "model_list",
    "fallbacks",
)
HEADERS = (
    *(
        "x-portkey-custom-host",
        "x-portkey-provider",
        "helicone-target-url",
        "helicone-openai-api-base",
        "x-litellm-api-base",
    ),
    *(
        "x-base-url",
        "x-forwarded-host",
        "x-forwarded-for",
        "forwarded",
        "x-original-url",
        "x-rewrite-url",
        "x-upstream",
    ),
    *("proxy-authorization", "cookie", "x-real-ip", "via", "referer", "x-turnout-base-url"),
)


@pytest.mark.parametrize("way", WAYS)
def test_t10_no_field_or_header_of_a_client_leads_elsewhere(
    turnout: Turnout, engine: Engine, elsewhere: Engine, way: str
) -> None:
    for vendor in FAMILIES:
        doc = WAYS[way].doc("Say hello.", f"{vendor}/scripted", False, 100)
        doc |= dict.fromkeys(STEERING, f"{elsewhere.url}/v1") | {"api_key": KEY, "headers": {"authorization": KEY}}
        headers = dict.fromkeys(HEADERS, elsewhere.url) | {"api-key": KEY, "connection": "x-secret", "x-secret": KEY}

        answer = turnout.ask("POST", WAYS[way].target(f"{vendor}/scripted", stream=False), doc, headers=headers)

        assert answer.status in (200, 400)
    assert engine.calls
    for heard in engine.calls:
        sent = {name for name, _ in heard.headers}
        assert sent.isdisjoint({*HEADERS, "api-key", "authorization", "x-api-key", "x-goog-api-key"}), sent
        assert heard.header("host") == f"127.0.0.1:{engine.port}"
        assert turnout.token not in str(heard.headers) + heard.target


@pytest.mark.parametrize(
    "model", ["../../evil", "..", "x/../../evil", "x?key=abc", "x#f", "x:generateContent?a=b", "x y", "x\r\nhost: evil"]
)
def test_t24_a_models_name_leads_to_no_other_path_of_its_vendor(turnout: Turnout, engine: Engine, model: str) -> None:
    for way in ("chat", "gemini"):
        doc = WAYS[way].doc("Say hello.", f"gemini/{model}", False, 100)
        path = "/v1/chat/completions" if way == "chat" else f"/v1beta/models/gemini%2F{_quoted(model)}:generateContent"

        answer = turnout.ask("POST", path, doc)

        assert answer.status in (200, 400, 404)
    for heard in engine.calls:
        assert heard.path.startswith("/v1beta/models/")
        assert ".." not in heard.path
        assert heard.path.endswith(":generateContent")
        assert heard.target == heard.path


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" if chr(byte) != "." else "." for byte in text.encode())


# --- T11: redirects ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [False, True])
def test_t11_a_redirect_is_told_and_never_followed(
    turnout: Turnout, engine: Engine, elsewhere: Engine, status: int, stream: bool
) -> None:
    for vendor in FAMILIES:
        engine.say(Script(status=status, headers=(("location", f"{elsewhere.url}/v1/chat/completions"),)))

        answer = send(turnout, "chat", model=f"{vendor}/scripted", stream=stream)

        assert answer.status == 502
        assert "redirect" in answer.text
        assert answer.header("location") == ""
        row = turnout.row(answer)
        assert row.status is Status.FAILED
        assert f"redirect ({status})" in row.error


def test_t11_a_redirect_takes_no_key_along(tmp_path: Path, engine: Engine, elsewhere: Engine) -> None:
    with with_key(tmp_path, engine, {}) as turnout:
        engine.say(Script(status=307, headers=(("location", elsewhere.url),)))

        assert turnout.chat(model="openai/scripted").status == 502
        assert engine.calls[-1].header("authorization") == f"Bearer {KEY}"


def with_key(home: Path, engine: Engine, environment: dict[str, str]) -> Turnout:
    """openai wants a key, and a scripted keyring has one for this very origin."""
    import sys

    ring = home / "ring.json"
    save(ring, {("openai", engine.url): KEY})
    settings = four_vendors(engine.url).replace(
        f'base_url = "{engine.url}/v1"\nkey = "none"', f'base_url = "{engine.url}/v1"', 1
    )
    command = (sys.executable, "-m", "tests.support.ringed", "serve", "--port", "0")
    return Turnout(
        home / "home",
        settings=settings,
        rules=BY_MODEL,
        command=command,
        environment={"TURNOUT_TEST_RING": str(ring), **environment},
    )


def test_t12_rules_that_were_imported_with_a_provider_elsewhere_get_no_key(
    tmp_path: Path, engine: Engine, elsewhere: Engine
) -> None:
    with with_key(tmp_path, engine, {}) as turnout:
        assert turnout.chat(model="openai/scripted").status == 200
        file = turnout.home / "turnout.toml"
        file.write_text(
            file.read_text().replace(f'base_url = "{engine.url}/v1"', f'base_url = "{elsewhere.url}/v1"', 1)
        )
        turnout.control.reload()

        answer = turnout.chat(model="openai/scripted")

        assert answer.status == 400
        assert f"no key for openai at {elsewhere.url}" in answer.text
        log = (turnout.home / "state" / "turnout.log").read_text()
        assert f"openai moved from {engine.url} to {elsewhere.url}" in log
        assert any("Its key stays behind" in notice.text for notice in turnout.control.status().notices)


# --- T32: proxies of the environment ---


def test_t32_a_proxy_in_the_environment_is_not_used(turnout: Turnout, engine: Engine, elsewhere: Engine) -> None:
    for way in WAYS:
        assert send(turnout, way, model="ollama/scripted").status == 200
    turnout.control.reload()

    # All of this module's calls ran with six proxy variables that name it, and with base URLs that do.
    assert elsewhere.connections == 0
    assert all(KEY not in str(heard.headers) for heard in engine.heard)


# --- T18: a hostile engine ---


def rss_kb(turnout: Turnout) -> int:
    return int(psutil.Process(turnout.process.pid).memory_info().rss / 1024)


@pytest.mark.parametrize("vendor", ["openai", "ollama"])
def test_t18_a_stream_without_end_ends_here_and_is_paid_by_our_own_count(
    turnout: Turnout, engine: Engine, vendor: str
) -> None:
    engine.say(Script("word " * 20, endless=True, usage=None))
    turnout.counting()
    before, started = rss_kb(turnout), time.monotonic()

    answer = send(turnout, "chat", model=f"{vendor}/scripted", stream=True)

    assert answer.status == 200
    assert time.monotonic() - started < 20
    assert "Raise `total_s`" in answer.text
    assert rss_kb(turnout) - before < 60_000
    row = turnout.row(answer)
    assert row.status is Status.FAILED
    assert row.estimated
    assert row.usage.output > 0


HOSTILE = {
    "a body of 100 MB": Script(body=b'{"x": "' + b"a" * 100_000_000 + b'"}'),
    "a head that does not end": Script(raw=b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000),
    "a header of 400 KB": Script(raw=b"HTTP/1.1 200 OK\r\nx: " + b"a" * 400_000 + b"\r\n\r\n{}"),
    "a line of 20 MB in a stream": Script(body=b"data: " + b"a" * 20_000_000, kind="text/event-stream"),
    "a chunk of 2^60 bytes": Script(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff\r\n{}"),
    "a bomb": Script(body=b"\x1f\x8b\x08\0" + b"\0" * 1000, headers=(("content-encoding", "gzip"),)),
    "two lengths": Script(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\n{}"),
    "a status of 999": Script(raw=b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\n{}"),
    "another protocol": Script(raw=b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    "nested 100,000 deep": Script(body=b"[" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("stream", [False, True])
def test_t18_what_a_hostile_engine_sends_is_bounded_and_told(
    turnout: Turnout, engine: Engine, name: str, stream: bool
) -> None:
    before = rss_kb(turnout)
    engine.say(HOSTILE[name])

    answer = send(turnout, "messages", model="openai/scripted", stream=stream)

    assert "Traceback" not in answer.text
    assert answer.status >= 400 or b'"type":"error"' in answer.body
    assert rss_kb(turnout) - before < 150_000
    assert turnout.row(answer).status is Status.FAILED
    engine.forget()
    assert turnout.chat(model="openai/scripted").status == 200


def test_t18_single_bytes_and_junk_behind_an_answer_are_no_matter(turnout: Turnout, engine: Engine) -> None:
    engine.say(Script(piece=1).once())
    assert "message_stop" in send(turnout, "messages", model="openai/scripted", stream=True).text
    body = b'{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
    engine.say(
        Script(raw=b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\n\r\nevil" % (len(body), body))
    )

    answer = turnout.chat(model="openai/scripted")

    assert answer.status == 200
    assert b"evil" not in answer.body


# --- T28: round and round ---


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_t28_an_engine_that_is_ourselves_is_refused_or_found_out(tmp_path: Path, scripted: Engine, host: str) -> None:
    with Turnout(tmp_path / "home", settings=four_vendors(scripted.url), rules=BY_MODEL) as turnout:
        own = f'[providers.me]\ndialect = "openai"\nbase_url = "http://{host}:{turnout.port}/v1"\nkey = "none"\n'
        file = turnout.home / "turnout.toml"
        file.write_text(four_vendors(scripted.url) + own)
        turnout.control.reload()

        answer = turnout.chat(model="me/auto")

        # Its own port stands in no file when it was picked by --port 0, so the call goes out once and is turned away.
        assert answer.status in (400, 401, 403, 404, 502, 508)
        assert len(turnout.rows()) <= 2
        assert scripted.calls == [] or all(heard.doc["model"] != "auto" for heard in scripted.calls)
