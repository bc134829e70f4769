"""Numbers in the form that Prometheus reads, over HTTP. The only importer of prometheus_client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import accumulate
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from sagaline.telemetry.catalogue import COUNTER, HISTOGRAM, METRICS, Metric
from sagaline.telemetry.metrics import Metrics

_PATH = "/metrics"
_TIMEOUT_S = 10.0


class MetricsServer:
    """Answers GET /metrics, and nothing else, from daemon threads. ``port``: 0 is any that is free."""

    def __init__(self, metrics: Metrics, namespace: str, host: str, port: int) -> None:
        """Raises OSError when the address cannot be had."""
        registry = prometheus_client.CollectorRegistry()
        registry.register(_Numbers(metrics, namespace))
        library: Any = prometheus_client  # its annotations are partial
        self._server = make_server(host, port, _only_metrics(library.make_wsgi_app(registry)), _Server, _Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="sagaline-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False


class _Handler(WSGIRequestHandler):
    timeout = _TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no event of the worker's."""


def _only_metrics(answer: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == _PATH:
            return answer(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"Expected /metrics: nothing else is here.\n"]

    return app


class _Numbers(Collector):
    """All metrics as of now, asked for by the server's threads."""

    def __init__(self, metrics: Metrics, namespace: str) -> None:
        self._metrics, self._namespace = metrics, namespace

    def collect(self) -> Iterable[Family]:
        gauges = self._metrics.gauges()
        for metric in METRICS:
            labels = ("namespace", *metric.labels)
            if metric.kind == HISTOGRAM:
                yield self._histogram(metric, labels)
                continue
            family = (CounterMetricFamily if metric.kind == COUNTER else GaugeMetricFamily)(
                metric.name, metric.doc, labels=labels
            )
            numbers = gauges.get(metric.name, self._metrics.of(metric))
            for values, number in list(numbers.items()):
                family.add_metric((self._namespace, *values), number)
            yield family

    def _histogram(self, metric: Metric, labels: tuple[str, ...]) -> HistogramMetricFamily:
        family = HistogramMetricFamily(metric.name, metric.doc, labels=labels)
        bounds = [f"{bound:g}" for bound in metric.buckets] + ["+Inf"]
        for values, durations in list(self._metrics.histograms[metric.name].items()):
            buckets = list(zip(bounds, accumulate(list(durations.counts)), strict=True))
            family.add_metric((self._namespace, *values), buckets, durations.total_s)
        return family
