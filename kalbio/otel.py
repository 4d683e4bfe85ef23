"""Spans and metrics for OpenTelemetry, of every client that is told to make them. It needs the extra `otel`.

Names and attributes are those of the semantic conventions for HTTP clients, so that dashboards know them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kalbio._core.constants import PORTS
from kalbio._core.http.request_events import RequestEvent
from kalbio._extras import require_otel
from kalbio._version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider
else:
    MeterProvider = TracerProvider = Any  # for those who resolve annotations where OpenTelemetry is not installed

__all__ = ["OpenTelemetry"]

# What the conventions advise for this histogram, in seconds.
_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


class OpenTelemetry:
    """Makes a span of each attempt of a request, and counts it in the histogram `http.client.request.duration`.

    Give it to a client, or to several, as `on_request`. The span is a child of the one that your program is in. A
    second attempt is another span beside the first, with `http.request.resend_count`. Nothing is added to what is sent.

    Args:
        tracer_provider: makes the spans; by default the one that OpenTelemetry is set up with.
        meter_provider: has the histogram; by default the one that OpenTelemetry is set up with.

    Example:
        >>> client = KaleidoscopeClient(on_request=OpenTelemetry())
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        require_otel()
        from opentelemetry import metrics, trace

        self._kind = trace.SpanKind.CLIENT
        self._error = trace.StatusCode.ERROR
        self._tracer = trace.get_tracer("kalbio", __version__, tracer_provider)
        self._durations = metrics.get_meter("kalbio", __version__, meter_provider).create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )

    def __call__(self, event: RequestEvent) -> None:
        """Make the span of an attempt that is over, and count it."""
        ended = time.time_ns()
        seconds = event.milliseconds / 1000
        url = urlsplit(event.url)
        counted: dict[str, Any] = {
            "http.request.method": event.method,
            "server.address": url.hostname,
            "server.port": url.port or PORTS.get(url.scheme),
            "url.scheme": url.scheme,
            "url.template": event.route,
            "http.response.status_code": event.status,
            "error.type": f"{event.status}" if (event.status or 0) >= 400 else event.error,
        }
        counted = {name: value for name, value in counted.items() if value is not None}
        shown: dict[str, Any] = {
            "url.full": event.url,
            "http.request.resend_count": event.attempt - 1 or None,
            "http.request.body.size": event.bytes_sent,
            "http.response.body.size": event.bytes_received,
            "kalbio.operation": event.operation,
            "kalbio.request_id": event.request_id,
        }
        span = self._tracer.start_span(
            event.method if event.route is None else f"{event.method} {event.route}",
            kind=self._kind,
            attributes={**counted, **{name: value for name, value in shown.items() if value is not None}},
            start_time=ended - round(seconds * 1e9),
        )
        if event.error is not None:
            span.set_status(self._error, None if event.status else event.error)
        span.end(ended)
        self._durations.record(seconds, counted)
