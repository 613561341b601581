"""What the tray is told, end to end: a real proxy, a real accident, the notification that comes of it."""

import time
from collections.abc import Iterator

import pytest
from tests.support.engine import Engine
from tests.support.fixtures import Serve
from tests.support.proxy import Turnout, two_tiers
from tests.support.script import Script, Tokens

from turnout.control.messages import Status
from turnout.desktop.models.news import Letter, News

ONE_CLIENT = '\n[[rule]]\nname = "as asked"\nwhen = "true"\nroute = "asked"\non_failure = ["next"]\n'


@pytest.fixture
def second() -> Iterator[Engine]:
    with Engine() as running:
        yield running


def letter(proxy: Turnout, kind: str, timeout_s: float = 20.0) -> Letter:
    """Waits for the notification of that kind, as the tray would make it of the proxy's events."""
    news, until = News(), time.monotonic() + timeout_s
    for status in proxy.control.events():
        for one in news.take(status, int(time.time() * 1000)):
            if one.kind == kind:
                return one
        assert time.monotonic() < until, f"no {kind} among {[one.title for one in status.notices]}"
    raise AssertionError("the proxy ended")


def now(proxy: Turnout) -> Status:
    return proxy.control.status()


def test_a_budgets_threshold_is_told_with_the_place_to_raise_it(serve: Serve, engine: Engine) -> None:
    rules = ONE_CLIENT + '\n[[budget]]\nname = "a day"\nscope = { client = "each" }\nusd = 0.01\nper = "day"\n'
    proxy = serve(settings=two_tiers(engine.url), rules=rules)
    engine.say(Script(tokens=Tokens(prompt=20, output=850)))
    assert proxy.chat(model="cloud/scripted", max_tokens=900).status == 200
    told = letter(proxy, "budget")
    assert told.title == "80 % of a day used"
    assert "tester" in told.text
    assert told.place == "budgets"


def test_a_stopped_loop_is_told_and_raised_from_where_it_is_told(serve: Serve, engine: Engine) -> None:
    rules = ONE_CLIENT + '\n[[loop]]\nscope = { session = "each" }\nsame_request = 2\non_exceed = "refuse"\n'
    proxy = serve(settings=two_tiers(engine.url), rules=rules)
    while (answer := proxy.chat("again", model="cloud/scripted")).status == 200:
        pass
    assert answer.header("x-turnout-refusal")
    told = letter(proxy, "loop")
    assert told.title == "tester was stopped"
    assert [one.intent for one in told.actions] == ["allow", "stop"]
    stopped = now(proxy).stopped
    assert [(one.client, one.session) for one in stopped] == [("tester", told.actions[0].argument)]
    proxy.control.session_allow(told.actions[0].argument)
    assert now(proxy).stopped == ()
    assert proxy.chat("again", model="cloud/scripted").status == 200


def test_a_fallback_is_told(serve: Serve, engine: Engine) -> None:
    proxy = serve(
        settings=two_tiers(engine.url),
        rules='[[rule]]\nname = "all"\nwhen = "true"\nroute = "high"\non_failure = ["next", "down"]\n',
    )
    engine.say(Script(status=529, error="overloaded").once(), Script())
    assert proxy.chat().status == 200
    told = letter(proxy, "fallback")
    assert told.title == "cloud failed, trying the next"
    assert told.place == "calls"


def test_a_key_that_its_provider_refuses_is_told(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=two_tiers(engine.url), rules=ONE_CLIENT)
    engine.say(Script(status=401, error="invalid x-api-key"))
    assert proxy.chat(model="cloud/scripted").status == 401
    told = letter(proxy, "key")
    assert told.title == "cloud does not accept its key"
    assert (told.place, told.urgent) == ("models", True)


def test_a_key_that_is_missing_is_told(serve: Serve, engine: Engine) -> None:
    settings = two_tiers(engine.url).replace('key = "none"', 'key = "keyring"', 1)
    proxy = serve(settings=settings, rules=ONE_CLIENT)
    assert proxy.chat(model="cloud/scripted").status != 200
    assert letter(proxy, "key").title == "cloud cannot be used"


def test_an_engine_that_goes_down_is_told_before_a_call_fails_on_it(
    serve: Serve, engine: Engine, second: Engine
) -> None:
    proxy = serve(settings=two_tiers(engine.url, second.url), rules=ONE_CLIENT)
    next(one for one in proxy.control.events() if any(e.provider == "local" and e.state == "up" for e in one.engines))
    second.stop()
    proxy.control.reload()
    told = letter(proxy, "engine")
    assert told.title == "local is down"
    assert (told.place, told.urgent) == ("models", True)
    proxy.control.reload()  # still down: no second word about it
    assert sum(one.kind == "engine" for one in now(proxy).notices) == 1


def test_an_engine_that_a_call_cannot_reach_is_told(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=two_tiers(engine.url), rules=ONE_CLIENT)
    assert proxy.token
    engine.stop()
    assert proxy.chat(model="cloud/scripted").status == 502
    assert letter(proxy, "engine").title == "cloud cannot be used"


def test_a_probe_that_fails_after_a_save_is_told_and_the_rules_hold(serve: Serve, engine: Engine) -> None:
    proxy = serve(settings=two_tiers(engine.url), rules=ONE_CLIENT)
    saved = ONE_CLIENT.replace('"asked"', '"high"') + '\n[[probe]]\nask = "hello"\nexpect = "local"\n'
    (proxy.home / "rules.toml").write_text(saved)
    assert proxy.control.reload()["rules"] == "ok"
    told = letter(proxy, "rules")
    assert told.title == "A probe of the rules fails"
    assert "expects local and gets high" in told.text
