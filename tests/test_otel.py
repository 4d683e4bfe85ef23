"""Spans and metrics for OpenTelemetry, as its own exporters see them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from kalbio import KalbioError
from kalbio.otel import OpenTelemetry
from kalbio.testing import InProcess
from tests.conftest import Lab, World


class Collector:
    """What OpenTelemetry collects of one listener."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.listener = OpenTelemetry(self.tracers, MeterProvider([self._reader], shutdown_on_exit=False))

    @property
    def spans(self) -> tuple[Any, ...]:
        finished: tuple[Any, ...] = self._exporter.get_finished_spans()
        return finished

    def metrics(self) -> list[Any]:
        data: Any = self._reader.get_metrics_data()
        return [metric for one in data.resource_metrics for scope in one.scope_metrics for metric in scope.metrics]


def test_each_attempt_is_a_span(world: World) -> None:
    """Attempts are spans beside each other below that of the program, named and described as the conventions say."""
    seen = Collector()
    lab = Lab(world, on_request=seen.listener)
    record = world(lab.api.records.get_or_create_record({"Compound": "SBX-1"}))
    lab.fail("addRecordValue", status=429, retry_after=0)
    with seen.tracers.get_tracer("tests").start_as_current_span("load") as load:
        world(record.add_value("Potency (nM)", 5))
    first, second = [span for span in seen.spans if span.attributes.get("kalbio.operation") == "addRecordValue"]
    for span in (first, second):
        assert (span.name, span.kind) == ("POST /records/{record_id}/values", SpanKind.CLIENT)
        assert span.parent.span_id == load.get_span_context().span_id
        assert span.end_time > span.start_time
    told = dict(first.attributes)
    assert told.pop("http.request.body.size") > 0
    assert told.pop("http.response.body.size") > 0
    assert told == {
        "http.request.method": "POST",
        "http.response.status_code": 429,
        "error.type": "429",
        "server.address": "sandbox.invalid",
        "server.port": 80,
        "url.full": f"http://sandbox.invalid/records/{record.id}/values",
        "url.scheme": "http",
        "url.template": "/records/{record_id}/values",
        "kalbio.operation": "addRecordValue",
    }
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, None)
    assert second.attributes["http.request.resend_count"] == 1
    assert (second.status.status_code, "error.type" in second.attributes) == (StatusCode.UNSET, False)
    assert second.start_time >= first.start_time


def test_durations_are_counted_in_seconds() -> None:
    """The histogram of the conventions has each attempt once, under attributes of few values."""
    seen = Collector()
    with InProcess(on_request=seen.listener) as lab:
        lab.fail("listPrograms", status=503, retry_after=0)
        lab.client.programs.get_programs()
    (metric,) = seen.metrics()
    assert (metric.name, metric.unit) == ("http.client.request.duration", "s")
    points = {
        (point.attributes["url.template"], point.attributes["http.response.status_code"]): point
        for point in metric.data.data_points
    }
    assert {key: point.count for key, point in points.items()} == {
        ("/auth/oauth/token", 200): 1, ("/programs", 503): 1, ("/programs", 200): 1,
    }  # fmt: skip
    spans = {
        (span.attributes["url.template"], span.attributes["http.response.status_code"]): span for span in seen.spans
    }
    for key, point in points.items():
        assert point.sum == pytest.approx((spans[key].end_time - spans[key].start_time) / 1e9, abs=1e-6)
        assert "url.full" not in point.attributes
    assert points["/programs", 503].explicit_bounds[:3] == (0.005, 0.01, 0.025)


def test_a_request_without_an_answer_names_its_error() -> None:
    """Where no status says what went wrong, the class of the error does."""
    seen = Collector()
    with InProcess(retries=0, on_request=seen.listener) as lab:
        lab.fail("createToken", reset=True)
        with pytest.raises(KalbioError):
            lab.client.programs.get_programs()
    login, request = seen.spans
    assert login.name == "POST /auth/oauth/token"
    for span in (login, request):
        assert span.attributes["error.type"] == span.status.description == "ConnectionFailedError"
        assert "http.response.status_code" not in span.attributes
        assert (span.attributes["server.address"], span.attributes["server.port"]) == ("sandbox.invalid", 80)
