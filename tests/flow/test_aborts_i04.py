"""A client that hangs up: one row with what was used, the cloud heard out for its usage, the local engine stopped; no hold is left (I03)."""

import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.asks import WAYS
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import BY_MODEL, Turnout
from tests.support.scene import four_vendors
from tests.support.script import Script, Tokens

from turnout.calls.units import Status

TEXT = "one two three four five six seven eight"
USED = Tokens(30, 8)
BUDGET = '\n[[budget]]\nname = "cap"\nscope = { client = "each" }\nusd = 100\nper = "day"\n'
QUICK = 'key = "none"\nfirst_byte_s = 1\nidle_s = 1\n'


@pytest.fixture(scope="module")
def running(scripted: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    settings = four_vendors(scripted.url).replace('key = "none"\n', QUICK)
    with Turnout(tmp_path_factory.mktemp("aborts"), settings=settings, rules=BY_MODEL + BUDGET) as found:
        yield found


@pytest.fixture
def engine(scripted: Engine) -> Engine:
    scripted.forget()
    scripted.choose = None
    return scripted


@pytest.fixture
def turnout(engine: Engine, running: Turnout) -> Turnout:
    return running


def asking(turnout: Turnout, way: str, vendor: str) -> bytes:
    to = WAYS[way]
    model = f"{vendor}/scripted"
    body = json.dumps(to.doc("Count.", model, True, 100)).encode()
    head = (
        f"POST {to.target(model, stream=True)} HTTP/1.1\r\nhost: 127.0.0.1:{turnout.port}\r\n"
        f"authorization: Bearer {turnout.token}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def hang_up_after(turnout: Turnout, way: str, vendor: str, mark: bytes, count: int, *, most: int = 1 << 30) -> str:
    """Reads until `mark` came so many times, or `most` bytes; then closes. The id of the call."""
    got = b""
    with turnout.connect(5) as sock:
        sock.sendall(asking(turnout, way, vendor))
        while (got.count(mark) < count or b"\r\n\r\n" not in got) and len(got) < most:
            more = sock.recv(min(4_096, most - len(got)))
            if not more:
                break
            got += more
    return got.lower().partition(b"x-turnout-call: ")[2].partition(b"\r\n")[0].decode()


@pytest.mark.parametrize("pieces", range(1, 9))
@pytest.mark.parametrize(("way", "vendor"), [("chat", "openai"), ("messages", "anthropic"), ("chat", "anthropic")])
def test_i04_an_abort_after_any_piece_leaves_one_row_with_the_clouds_own_usage(
    engine: Engine, turnout: Turnout, way: str, vendor: str, pieces: int
) -> None:
    engine.say(Script(TEXT, tokens=USED, hold_after=pieces + 2))
    before = len(turnout.rows())
    call = hang_up_after(turnout, way, vendor, b"data: ", pieces)
    engine.release()
    row = turnout.row(call)
    # Settled where the rest came before the hang-up was noticed.
    assert row.status in (Status.ABORTED, Status.SETTLED)
    assert (row.usage.prompt, row.usage.output) == (USED.prompt, USED.output)
    assert not row.estimated
    assert row.cost == USED.prompt * 2_000 + USED.output * 8_000
    assert len(turnout.rows()) == before + 1


@pytest.mark.parametrize("size", [*range(1, 400, 57), *range(400, 2_400, 311)])
def test_i04_an_abort_at_any_byte_leaves_one_row(engine: Engine, turnout: Turnout, size: int) -> None:
    engine.say(Script(TEXT, tokens=USED))
    before = len(turnout.rows())
    hang_up_after(turnout, "chat", "openai", b"[DONE]", 1, most=size)
    until = time.monotonic() + 20
    while len(rows := turnout.rows()) == before or rows[0].status is Status.HELD:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert len(rows) == before + 1
    assert rows[0].status in (Status.ABORTED, Status.SETTLED)
    # Heard out to the end, or settled from our own count: a prompt that was read is never free.
    assert rows[0].cost > 0


def test_i04_a_local_engine_is_hung_up_on_at_once(engine: Engine, turnout: Turnout) -> None:
    engine.say(Script(TEXT, hold_after=4))
    call = hang_up_after(turnout, "ollama", "ollama", b"content", 2)
    # It is still holding its answer back: only a closed connection ends this call.
    row = turnout.row(call)
    assert row.status is Status.ABORTED
    assert row.usage.output > 0
    assert row.estimated
    engine.release()


def test_i04_a_cloud_that_never_ends_is_let_go_after_the_limit_and_counted(engine: Engine, turnout: Turnout) -> None:
    engine.say(Script(TEXT, tokens=USED, hold_after=6))
    call = hang_up_after(turnout, "chat", "openai", b"data: ", 4)
    row = turnout.row(call)
    assert row.status is Status.ABORTED
    assert row.estimated
    assert 2 <= row.usage.output <= 8
    assert row.cost > 0
    engine.release()


@pytest.mark.parametrize("way", ["chat", "messages"])
def test_i04_a_cloud_that_goes_on_and_on_is_let_go_after_so_many_tokens(engine: Engine, serve: Serve, way: str) -> None:
    engine.say(Script(TEXT, endless=True, piece=4_000))
    # Ten minutes of time: only the tokens can end this.
    limits = "[server]\ndrain_s = 600\ndrain_tokens = 500\n"
    turnout = serve(settings=four_vendors(engine.url, extra=limits), rules=BY_MODEL)
    row = turnout.row(hang_up_after(turnout, way, "openai", b"data: ", 4))
    assert (row.status, row.estimated) == (Status.ABORTED, True)
    assert row.usage.output > 500


@pytest.mark.parametrize("status", [400, 429, 529])
def test_i04_what_a_cloud_refuses_after_the_client_left_costs_nothing(
    engine: Engine, turnout: Turnout, status: int
) -> None:
    engine.say(Script(status=status, hold=True))
    before = len(turnout.rows())
    with turnout.connect(5) as sock:
        sock.sendall(asking(turnout, "chat", "openai"))
        until = time.monotonic() + 10
        while not engine.calls:
            assert time.monotonic() < until, "the engine heard nothing"
            time.sleep(0.01)
    time.sleep(0.2)  # the proxy sees that the client is gone
    engine.release()
    row = turnout.settled(before + 1)[0]
    assert (row.status, row.cost, row.estimated) == (Status.ABORTED, 0, False)
    assert [one.status for one in row.attempts] == [f"status_{status}"]


def test_i03_after_every_kind_of_ending_no_hold_is_left(engine: Engine, turnout: Turnout) -> None:
    endings = [
        Script(TEXT),
        Script(status=400),
        Script(status=401),
        Script(status=429),
        Script(status=500),
        Script(cut_head=True),
        Script(TEXT, cut_after=200),
        Script(TEXT, cut_after=200, reset=True),
        Script(TEXT, hold_after=3),
        Script(hold=True),
        Script(body=b"<html>", kind="text/html"),
        Script(body=b"{", kind="application/json"),
        Script(TEXT, usage={"prompt_tokens": -1}),
        Script(TEXT, closing=False),
    ]
    before = len(turnout.rows())

    def one(number: int) -> None:
        stream = number % 2 == 0
        with contextlib.suppress(OSError):
            if number % 5 == 4:
                hang_up_after(turnout, "chat", "openai", b"data: ", number % 4)
            else:
                turnout.chat(f"Ask {number}.", model="openai/scripted", stream=stream, max_tokens=100)

    engine.choose = lambda heard: endings[heard.number % len(endings)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(4 * len(endings))))
    engine.release()
    rows = turnout.settled(before + 4 * len(endings))
    status = turnout.control.status()
    assert (status.open_holds, status.in_flight) == (0, 0)
    assert [line.held for line in status.budgets] == ["0"]
    used = sum(row.cost for row in rows)
    assert status.budgets[0].used == f"{used / 1e9:.9f}".rstrip("0").rstrip(".")
    assert len({row.id for row in rows}) == len(rows)
