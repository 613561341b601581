"""Calls as OpenTelemetry GenAI metrics and spans over OTLP/HTTP: off until `[otel] endpoint` names a collector (extra `otel`).

Only what the ledger's row has: never a text, never a session, never a key. Recording puts a few numbers into memory; sending
them is the SDK's own threads' business, and a collector that does not answer costs its data, never a call.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from turnout import __version__
from turnout.calls.record import CallRecord
from turnout.calls.units import EMBED_LIKE, PROMPT_LIKE, Status
from turnout.extras import how_to_install
from turnout.ledger.rows import usd

log = logging.getLogger("turnout.otel")
INTERVAL_S = 30.0
_TIMEOUT_S = 3.0
_END_S = 4.0
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Bucket bounds as the GenAI semantic conventions advise."""
_EMBEDS = frozenset(one.value for one in EMBED_LIKE)
_COMPLETES = frozenset(one.value for one in PROMPT_LIKE)
Record = Callable[[CallRecord], None]


class Telemetry:
    """`record` every ended call; `close` sends what waits, for at most some seconds."""

    def __init__(self, endpoint: str, *, interval_s: float = INTERVAL_S) -> None:
        """Raises ImportError where the extra is not installed."""
        import requests
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        def session() -> "requests.Session":
            # No proxy from the environment, no netrc, and no redirect: only the named collector is contacted (T30, T32).
            made = requests.Session()
            made.trust_env = False
            made.max_redirects = 0
            return made

        base = endpoint.rstrip("/").removesuffix("/v1/traces").removesuffix("/v1/metrics")
        resource = Resource({"service.name": "turnout", "service.version": __version__})
        spans = OTLPSpanExporter(f"{base}/v1/traces", headers={}, timeout=_TIMEOUT_S, session=session())
        metrics = OTLPMetricExporter(f"{base}/v1/metrics", headers={}, timeout=_TIMEOUT_S, session=session())
        reader = PeriodicExportingMetricReader(metrics, export_interval_millis=interval_s * 1000)
        self._tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracing.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=interval_s * 1000))
        self._metering = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracer = self._tracing.get_tracer("turnout", __version__)
        meter = self._metering.get_meter("turnout", __version__)
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of a call.", explicit_bucket_boundaries_advisory=_TOKENS
        )
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "Length of a call.", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._first = meter.create_histogram(
            "gen_ai.server.time_to_first_token",
            "s",
            "Time to the first byte of an answer.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._cost = meter.create_counter("turnout.cost", "{USD}", "Dollars spent.")

    def record(self, row: CallRecord) -> None:
        common = attributes(row)
        self._duration.record(row.duration_ms / 1000, common)
        if row.first_byte_ms is not None:
            self._first.record(row.first_byte_ms / 1000, common)
        for kind, count in (("input", row.usage.prompt), ("output", row.usage.produced)):
            if count:
                self._tokens.record(int(count), common | {"gen_ai.token.type": kind})
        if row.cost:
            self._cost.add(row.cost / 1e9, common | {"turnout.department": row.department})
        self._span(row, common)

    def _span(self, row: CallRecord, common: dict[str, Any]) -> None:
        from opentelemetry.trace import SpanKind, StatusCode

        span = self._tracer.start_span(
            f"{common['gen_ai.operation.name']} {row.model or row.asked_model}".strip(),
            kind=SpanKind.CLIENT,
            attributes={name: value for name, value in (common | details(row)).items() if value != ""},
            start_time=row.at_ms * 1_000_000,
        )
        if row.status in (Status.FAILED, Status.REFUSED):
            span.set_status(StatusCode.ERROR, row.code)
        span.end((row.at_ms + row.duration_ms) * 1_000_000)

    def close(self) -> None:
        """Sends what waits. Gives up after some seconds: a dead collector does not keep Turnout from stopping."""
        ending = threading.Thread(target=self._end, name="telemetry-end", daemon=True)
        ending.start()
        ending.join(_END_S)

    def _end(self) -> None:
        self._tracing.shutdown()
        self._metering.shutdown(timeout_millis=_TIMEOUT_S * 1000)


def attributes(row: CallRecord) -> dict[str, Any]:
    """Of few values each: what metrics are split by."""
    operation = "embeddings" if row.dialect in _EMBEDS else "text_completion" if row.dialect in _COMPLETES else "chat"
    found: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": row.provider or "turnout",
        "gen_ai.request.model": row.asked_model,
        "gen_ai.response.model": row.model,
        "turnout.tier": row.tier.value if row.tier is not None else "none",
        "turnout.status": row.status.value,
    }
    if row.code or row.status is Status.FAILED:
        found["error.type"] = row.code or "failed"
    return found


def details(row: CallRecord) -> dict[str, Any]:
    """What a span says besides."""
    return {
        "gen_ai.usage.input_tokens": int(row.usage.prompt),
        "gen_ai.usage.output_tokens": int(row.usage.produced),
        "gen_ai.usage.cache_read.input_tokens": int(row.usage.cache_read),
        "gen_ai.usage.cache_creation.input_tokens": int(row.usage.cache_write_5m + row.usage.cache_write_1h),
        "gen_ai.usage.reasoning.output_tokens": int(row.usage.reasoning),
        "turnout.call": row.id,
        "turnout.client": row.client,
        "turnout.developer": row.developer,
        "turnout.department": row.department,
        "turnout.project": row.project,
        "turnout.rule": row.rule,
        "turnout.grade": row.grade.value if row.grade is not None else "none",
        "turnout.cost_usd": usd(row.cost),
        "turnout.baseline_usd": usd(row.baseline),
        "turnout.estimated": row.estimated,
    }


class Switch:
    """The telemetry in force; another endpoint in the settings takes its place."""

    def __init__(self, *, soon: bool = False) -> None:
        """`soon`: an endpoint will be set; calls that end before the SDK is loaded wait for it."""
        self._early: deque[CallRecord] | None = deque(maxlen=1_000) if soon else None
        self._endpoint = ""
        self._lock = threading.Lock()
        self._on: Telemetry | None = None

    def set(self, endpoint: str) -> str:
        """What is wrong; empty: nothing. Blocks while an old one is closed and the SDK is loaded: for a thread."""
        with self._lock:
            return self._set(endpoint)

    def _set(self, endpoint: str) -> str:
        if endpoint == self._endpoint:
            return ""
        old, self._on, self._endpoint = self._on, None, endpoint
        if old is not None:
            old.close()
        try:
            if endpoint:
                self._on = Telemetry(endpoint)
        except ImportError:
            return f"What sends it is not installed. {how_to_install('otel')}."
        finally:
            early, self._early = self._early or (), None
            for row in early:
                self.record(row)
        return ""

    def record(self, row: CallRecord) -> None:
        if self._early is not None:
            self._early.append(row)
        elif self._on is not None:
            try:
                self._on.record(row)
            except Exception:  # the boundary to the SDK: a call's end must not hang on it
                log.exception("call %s could not be told to the collector", row.id)
