"""Renders docs/metrics.md from the catalogue: python tests/support/metric_docs.py"""

from __future__ import annotations

from pathlib import Path

from sagaline.telemetry.catalogue import HISTOGRAM, METRICS
from sagaline.telemetry.numbers import NAMES

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
_INTRO = f"""# Metrics

Generated from `sagaline/telemetry/catalogue.py` by `make docs`; a test keeps it current.

    pip install 'sagaline[metrics]'
    sagaline worker my_sagas.py --metrics-port 9100        # GET /metrics; nothing else is answered

In a program: `WorkerOptions(metrics_port=9100)`; 0 is any port that is free, `Worker.metrics_port` says which. With
`--processes 4` each process has a port of its own, from that one on. `--metrics-host` is the address, by default all.

- A worker tells of what it has done itself: add up over workers. Numbers begin at 0 with the process. What is as of now
  (parked and open runs) is of the partitions that it owns; a new owner finds it in their rows, parked runs first.
- Something is counted when its record is durable. What a worker had decided when it died, and was not told that it is,
  nobody counts: for the exact number read the [topic of outcomes](sagas.md#what-becomes-of-sagas).
- Labels are names of workflows and activities, the first {NAMES} of each; others are "other". No id is a label.

Alert when a person is needed:

```yaml
groups:
  - name: sagaline
    rules:
      - alert: SagaParked
        # over two minutes: while a partition changes hands nobody tells of its parked runs
        expr: max by (namespace, workflow) (max_over_time(sagaline_runs_parked[2m])) > 0
        for: 10m
        annotations:
          summary: "Runs of {{{{ $labels.workflow }}}} in {{{{ $labels.namespace }}}} wait for a person"
          action: "sagaline runs parked, then sagaline saga ledger ID"
```

| metric | type | labels | means |
|---|---|---|---|
"""


def render() -> str:
    """The page."""
    rows: list[str] = []
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in ("namespace", *metric.labels))
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.doc} |")
    buckets = ["", "Buckets, in seconds:", ""]
    for metric in METRICS:
        if metric.kind == HISTOGRAM:
            buckets.append(f"- `{metric.name}`: {', '.join(f'{bound:g}' for bound in metric.buckets)}")
    return _INTRO + "\n".join(rows + buckets) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
