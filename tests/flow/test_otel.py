"""A real `turnout serve` with a collector in its settings: what was asked and answered never leaves by that way."""

from pathlib import Path

import pytest
from tests.support.collector import Collector
from tests.support.engine import Engine
from tests.support.proxy import BY_MODEL, Turnout, two_tiers
from tests.support.script import Script

pytest.importorskip("opentelemetry.sdk", reason="extra otel")


def test_t09_calls_are_told_to_the_collector_without_a_word_of_them(tmp_path: Path) -> None:
    collector = Collector()
    with Engine() as engine:
        engine.say(Script(text="canary-answer"))
        extra = f'[otel]\nendpoint = "{collector.url}"\n'
        with Turnout(tmp_path / "home", settings=two_tiers(engine.url, extra=extra), rules=BY_MODEL) as turnout:
            turnout.row(turnout.chat("canary-ask", model="cloud/scripted"))
    sent = b"".join(body for _, body in collector.got)
    collector.close()
    assert {path for path, _ in collector.got} == {"/v1/traces", "/v1/metrics"}
    assert b"gen_ai.client.token.usage" in sent
    assert b"canary" not in sent
