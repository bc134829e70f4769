"""The metrics' names follow Prometheus' conventions, and their page is what the code says."""

from __future__ import annotations

from metric_docs import PAGE, render

from sagaline.telemetry.catalogue import COUNTER, HISTOGRAM, METRICS


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == render(), "run `make docs`"


def test_names_follow_the_conventions() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("sagaline_")
        assert metric.name.endswith("_total") == (metric.kind == COUNTER)
        assert bool(metric.buckets) == (metric.kind == HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))
        if metric.kind == HISTOGRAM:
            assert metric.name.endswith("_seconds")
        assert not {"workflow_id", "run_id", "id"} & set(metric.labels), "labels are bounded"
