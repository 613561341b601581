"""GenAI metrics and spans over OTLP, against a collector on the loopback: what is sent, and that it is never a text."""

from collections.abc import Iterator

import pytest
from tests.support.collector import Collector
from tests.unit.ledger.made import settled

from turnout.calls.units import Status
from turnout.proxy.otel import Switch, Telemetry, attributes

sdk = pytest.importorskip("opentelemetry.sdk", reason="extra otel")


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_a_call_becomes_a_span_and_the_metrics_of_the_genai_conventions(collector: Collector) -> None:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    telemetry = Telemetry(collector.url)
    telemetry.record(settled(1, cost=4_000_000))
    telemetry.record(settled(2, cost=0, status=Status.FAILED, code="turnout_engine"))
    telemetry.close()

    spans = ExportTraceServiceRequest.FromString(collector.bodies("/v1/traces")).resource_spans[0].scope_spans[0].spans
    first = {one.key: one.value for one in spans[0].attributes}
    assert [span.name for span in spans] == ["chat gpt-5", "chat gpt-5"]
    assert first["gen_ai.usage.input_tokens"].int_value == 1_010
    assert first["gen_ai.usage.output_tokens"].int_value == 70
    assert first["gen_ai.usage.cache_read.input_tokens"].int_value == 100
    assert first["gen_ai.usage.cache_creation.input_tokens"].int_value == 10
    assert first["gen_ai.usage.reasoning.output_tokens"].int_value == 20
    assert first["gen_ai.provider.name"].string_value == "openai"
    assert first["turnout.cost_usd"].string_value == "0.004"
    assert spans[0].end_time_unix_nano - spans[0].start_time_unix_nano == 900_000_000
    assert spans[1].status.code == 2
    found = ExportMetricsServiceRequest.FromString(collector.bodies("/v1/metrics"))
    names = {metric.name for metric in found.resource_metrics[0].scope_metrics[0].metrics}
    assert names == {
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.duration",
        "gen_ai.server.time_to_first_token",
        "turnout.cost",
    }


def test_t09_neither_texts_nor_sessions_nor_errors_words_are_sent(collector: Collector) -> None:
    telemetry = Telemetry(collector.url)
    telemetry.record(
        settled(1, session="canary-session", error="canary-error", note="canary-note", status=Status.FAILED)
    )
    telemetry.close()
    sent = b"".join(body for _, body in collector.got)
    assert b"gen_ai.operation.name" in sent
    assert b"canary" not in sent


def test_t30_a_redirect_of_the_collector_is_not_followed_nor_is_a_proxy_asked(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = Collector()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, elsewhere.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", elsewhere.url)
    collector.status, collector.location = 307, f"{elsewhere.url}/v1/traces"
    telemetry = Telemetry(collector.url)
    telemetry.record(settled(1))
    telemetry.close()
    assert collector.got
    assert elsewhere.got == []
    elsewhere.close()
    caplog.clear()


def test_it_is_off_until_an_endpoint_is_set_and_off_again_without(collector: Collector) -> None:
    switch = Switch()
    switch.record(settled(1))
    assert switch.set(collector.url) == ""
    switch.record(settled(2))
    switch.set("")
    sent = len(collector.got)
    switch.record(settled(3))
    assert sent >= 2
    assert len(collector.got) == sent


def test_an_endpoint_may_be_named_with_its_path(collector: Collector) -> None:
    telemetry = Telemetry(f"{collector.url}/v1/traces")
    telemetry.record(settled(1))
    telemetry.close()
    assert {path for path, _ in collector.got} == {"/v1/traces", "/v1/metrics"}


@pytest.mark.parametrize(
    ("dialect", "operation"),
    [("anthropic", "chat"), ("openai_embeddings", "embeddings"), ("ollama_generate", "text_completion")],
)
def test_operations_have_the_conventions_names(dialect: str, operation: str) -> None:
    assert attributes(settled(1, dialect=dialect))["gen_ai.operation.name"] == operation
