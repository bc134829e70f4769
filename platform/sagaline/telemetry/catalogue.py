"""The metrics: their names, what they mean, their labels. docs/metrics.md is made from this."""

from __future__ import annotations

from dataclasses import dataclass

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_LONG_S = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0)


@dataclass(frozen=True)
class Metric:
    """One metric. ``labels`` come behind ``namespace``, which all have; ``buckets`` are those of a histogram."""

    name: str
    kind: str
    doc: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


RUNS_STARTED = Metric(
    "sagaline_runs_started_total", COUNTER, "Runs that have begun, those as which others go on too.", ("workflow",)
)
RUNS_ENDED = Metric(
    "sagaline_runs_ended_total",
    COUNTER,
    "Runs that have ended, by status: completed, failed, compensated, cancelled, terminated, continued (it goes on as "
    "another run).",
    ("workflow", "status"),
)
RUN_SECONDS = Metric("sagaline_run_seconds", HISTOGRAM, "From a run's beginning to its end.", ("workflow",), _LONG_S)
RUNS_OPEN = Metric(
    "sagaline_runs_open",
    GAUGE,
    "Runs that have begun and not ended, in the partitions that this worker owns. After a takeover it grows while the "
    "rows are counted.",
    ("workflow",),
)
RUNS_PARKED = Metric(
    "sagaline_runs_parked", GAUGE, "Runs that wait for a person, or for fixed code, now.", ("workflow",)
)
PARKS = Metric(
    "sagaline_parks_total", COUNTER, "How often a run, or a step of one, has begun to wait for a person.", ("workflow",)
)
REPAIRS = Metric(
    "sagaline_repairs_total",
    COUNTER,
    "What people have done about parked steps: retry, edit, done, skip.",
    ("workflow", "action"),
)
STEPS_PARKED = Metric("sagaline_steps_parked", GAUGE, "Steps that wait for a person now.", ("activity",))
OLDEST_PARKED = Metric(
    "sagaline_step_parked_oldest_seconds", GAUGE, "For how long the oldest of those has waited.", ("activity",)
)
SAGAS_STARTED = Metric(
    "sagaline_sagas_started_total",
    COUNTER,
    "Sagas that have begun: runs of @saga, and of other workflows when their first part that is a saga begins.",
    ("workflow",),
)
SAGAS_ENDED = Metric(
    "sagaline_sagas_ended_total",
    COUNTER,
    "Sagas that have ended, by outcome: completed, compensated, failed, cancelled, terminated.",
    ("workflow", "outcome"),
)
COMPENSATE_SECONDS = Metric(
    "sagaline_saga_compensate_seconds",
    HISTOGRAM,
    "Time to compensate: from the first compensation of a rollback to the end of the saga.",
    ("workflow",),
    _LONG_S,
)
ATTEMPTS = Metric(
    "sagaline_activity_attempts_total",
    COUNTER,
    "Attempts of activities that have ended on this worker, by outcome: completed, failed, timed_out, cancelled, "
    "deferred (its outcome comes from outside). kind: step, or compensation for what undoes one.",
    ("activity", "kind", "outcome"),
)
RETRIES = Metric(
    "sagaline_activity_retries_total", COUNTER, "Those that were not the first of their step.", ("activity", "kind")
)
ATTEMPT_SECONDS = Metric(
    "sagaline_activity_attempt_seconds",
    HISTOGRAM,
    "From the beginning of an attempt to what it came to.",
    ("activity",),
    _FAST_S,
)
WAIT_SECONDS = Metric(
    "sagaline_schedule_to_start_seconds",
    HISTOGRAM,
    "How long attempts wait before they begin, by task queue; queue is empty for those that run with the workflows, "
    "which wait for a slot alone.",
    ("queue",),
    _FAST_S,
)
PARTITIONS = Metric("sagaline_partitions_owned", GAUGE, "Partitions that this worker has claimed and works on.", ())

METRICS: tuple[Metric, ...] = (
    *(SAGAS_STARTED, SAGAS_ENDED, COMPENSATE_SECONDS, RUNS_PARKED, STEPS_PARKED, OLDEST_PARKED, PARKS, REPAIRS),
    *(RUNS_STARTED, RUNS_ENDED, RUN_SECONDS, RUNS_OPEN),
    *(ATTEMPTS, RETRIES, ATTEMPT_SECONDS, WAIT_SECONDS, PARTITIONS),
)
