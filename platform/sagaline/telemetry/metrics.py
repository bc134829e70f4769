"""What a worker counts: it listens to the hooks of its host. Numbers begin with the process; what is as of now (open
and parked runs) is found in the rows of each partition that it claims, so a parked run shows after a restart too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sagaline._engine.tables.runs import run_key
from sagaline._host.activities.attempts import Attempt
from sagaline._host.activities.outcomes import Outcome
from sagaline._host.hooks import Recorded, RunFacts
from sagaline._model import events as e
from sagaline._model.failure import CANCELLED, TIMEOUT, Failure
from sagaline._model.records import CONTINUED
from sagaline.telemetry import catalogue
from sagaline.telemetry.catalogue import HISTOGRAM, METRICS, Metric
from sagaline.telemetry.numbers import Counts, Durations, Histograms, Labels, Names

_ENDS = frozenset(
    {e.RunCompleted, e.RunFailed, e.RunCancelled, e.RunTerminated, e.RunReplaced, e.RunContinued, e.RunReset}
)
_ENDED_BY = {TIMEOUT: "timed_out", CANCELLED: "cancelled"}


class _OfAttempts(NamedTuple):
    ended: Counts
    retries: Counts
    took: Histograms
    waited: Durations


class OfRuns(NamedTuple):
    """The numbers to which all partitions add."""

    started: Counts
    ended: Counts
    sagas: Counts
    saga_ends: Counts
    parks: Counts
    repairs: Counts
    took: Histograms
    undoing_took: Histograms


class Metrics:
    """All numbers of one worker. ``clock``: milliseconds since 1970. ``queue``: the task queue that it works, or ""."""

    def __init__(self, clock: Callable[[], int], queue: str = "") -> None:
        self._clock = clock
        self.counts: dict[str, Counts] = {one.name: Counts() for one in METRICS if one.kind != HISTOGRAM}
        self.histograms: dict[str, Histograms] = {
            one.name: Histograms(one.buckets) for one in METRICS if one.kind == HISTOGRAM
        }
        self.workflows, self.activities = Names(), Names()
        self._partitions: dict[int, PartitionMetrics] = {}
        self._attempts = _OfAttempts(
            self.of(catalogue.ATTEMPTS),
            self.of(catalogue.RETRIES),
            self.histograms[catalogue.ATTEMPT_SECONDS.name],
            self.histograms[catalogue.WAIT_SECONDS.name][(queue,)],
        )
        self.of_runs = OfRuns(
            self.of(catalogue.RUNS_STARTED),
            self.of(catalogue.RUNS_ENDED),
            self.of(catalogue.SAGAS_STARTED),
            self.of(catalogue.SAGAS_ENDED),
            self.of(catalogue.PARKS),
            self.of(catalogue.REPAIRS),
            self.histograms[catalogue.RUN_SECONDS.name],
            self.histograms[catalogue.COMPENSATE_SECONDS.name],
        )

    def of(self, metric: Metric) -> Counts:
        """The numbers of a counter or a gauge."""
        return self.counts[metric.name]

    def partition(self, number: int) -> PartitionMetrics:
        """A partition is claimed."""
        self._partitions[number] = claimed = PartitionMetrics(self, lambda one: self._let_go(number, one))
        self.of(catalogue.PARTITIONS)[()] = len(self._partitions)
        return claimed

    def _let_go(self, number: int, closed: PartitionMetrics) -> None:
        if self._partitions.get(number) is closed:
            del self._partitions[number]
        self.of(catalogue.PARTITIONS)[()] = len(self._partitions)

    def attempt_began(self, attempt: Attempt, waited_s: float) -> None:
        """An attempt begins."""
        row = attempt.row
        if row.attempt > 1:
            self._attempts.retries[self.activities[row.scheduled.activity], _kind(attempt)] += 1
        if row.queued is not None:
            waited_s = max(0.0, (self._clock() - row.queued.at) / 1_000)
        self._attempts.waited.add(waited_s)

    def attempt_ended(self, attempt: Attempt, outcome: Outcome, took_s: float) -> None:
        """An attempt has come to this."""
        if type(outcome) is bytes:
            said = "completed"
        else:
            said = _ENDED_BY.get(outcome.kind, "failed") if isinstance(outcome, Failure) else "deferred"
        scheduled, ended = attempt.row.scheduled, self._attempts
        activity = self.activities[scheduled.activity]
        ended.ended[activity, "step" if scheduled.compensates is None else "compensation", said] += 1
        ended.took[(activity,)].add(took_s)

    def gauges(self) -> dict[str, Mapping[Labels, float]]:
        """What is as of now, by metric. Called from another thread."""
        open_runs, parked, steps, oldest = Counts(), Counts(), Counts(), dict[Labels, float]()
        now = self._clock()
        for partition in list(self._partitions.values()):
            for workflow, count in list(partition.open_runs.items()):
                open_runs[workflow] += count
            for workflow, count in list(partition.parked_runs.items()):
                parked[workflow] += count
            for activity, count in list(partition.parked_steps.items()):
                steps[activity] += count
            for activity, since in list(partition.oldest().items()):
                oldest[activity] = max(oldest.get(activity, 0.0), (now - since) / 1_000)
        return {
            catalogue.RUNS_OPEN.name: open_runs,
            catalogue.RUNS_PARKED.name: parked,
            catalogue.STEPS_PARKED.name: steps,
            catalogue.OLDEST_PARKED.name: oldest,
        }


def _kind(attempt: Attempt) -> str:
    return "step" if attempt.row.scheduled.compensates is None else "compensation"


class PartitionMetrics:
    """Of one claimed partition: what it tells goes to all numbers, what stands in it goes when it goes."""

    def __init__(self, metrics: Metrics, on_close: Callable[[PartitionMetrics], None]) -> None:
        self._on_close = on_close
        self._workflows, self._activities = metrics.workflows, metrics.activities
        self._of_runs = metrics.of_runs
        self.open_runs, self.parked_runs, self.parked_steps = Counts(), Counts(), Counts()
        self._standing: dict[str, RunFacts] = {}  # parked runs
        self._surveyed: bytes | None = b""  # open runs up to this key are counted; None: all

    # What happens

    def recorded(self, recorded: Recorded) -> None:
        """A record is durable."""
        facts = recorded.facts
        workflow = self._workflows[facts.workflow]
        for event in recorded.events:
            kind = type(event)
            if isinstance(event, e.RunStarted):
                self._on_start(facts, workflow, event)
            elif kind in _ENDS:
                self._on_end(facts, workflow, recorded.at, kind)
            elif kind is e.SagaBegan:
                if facts.saga_began_at == recorded.at:
                    self._of_runs.sagas[(workflow,)] += 1
            elif kind is e.RunParked or kind is e.ActivityParked:
                self._of_runs.parks[(workflow,)] += 1
            elif isinstance(event, e.ActivityRepaired):
                self._of_runs.repairs[workflow, event.action] += 1
        if facts.parked_at or self._standing:
            self._stand(facts)

    def _on_start(self, facts: RunFacts, workflow: str, started: e.RunStarted) -> None:
        self._of_runs.started[(workflow,)] += 1
        if started.outcomes is not None and not started.continued_from:
            self._of_runs.sagas[(workflow,)] += 1
        self._count_open(facts, workflow, 1)

    def _on_end(self, facts: RunFacts, workflow: str, at: int, kind: type[e.Event]) -> None:
        self._of_runs.ended[workflow, CONTINUED if kind is e.RunContinued else facts.status] += 1
        self._of_runs.took[(workflow,)].add(max(0, at - facts.started_at) / 1_000)
        self._count_open(facts, workflow, -1)
        if facts.saga_began_at and kind is not e.RunContinued and kind is not e.RunReset:
            self._of_runs.saga_ends[workflow, facts.status] += 1
            if facts.rollback_at:
                self._of_runs.undoing_took[(workflow,)].add(max(0, at - facts.rollback_at) / 1_000)

    def _count_open(self, facts: RunFacts, workflow: str, change: int) -> None:
        """One that the survey has yet to come to is counted there, as it stands then."""
        if self._surveyed is None or run_key(facts.workflow_id) <= self._surveyed:
            self.open_runs[(workflow,)] += change

    # What stands

    def parked(self, facts: RunFacts) -> None:
        """A run that waits for a person as of now."""
        self._stand(facts)

    def _stand(self, facts: RunFacts) -> None:
        before = self._standing.pop(facts.run_id, None)
        if before is not None:
            self._count_parked(before, -1)
        if facts.parked_at:
            self._standing[facts.run_id] = facts
            self._count_parked(facts, 1)

    def _count_parked(self, facts: RunFacts, change: int) -> None:
        self.parked_runs[(self._workflows[facts.workflow],)] += change
        for step in facts.waiting:
            self.parked_steps[(self._activities[step.activity],)] += change

    def oldest(self) -> dict[Labels, int]:
        """Since when the oldest of the parked steps waits, by activity. Called from another thread."""
        since: dict[Labels, int] = {}
        for facts in list(self._standing.values()):
            for step in facts.waiting:
                labels = (self._activities[step.activity],)
                since[labels] = min(since.get(labels, step.since), step.since)
        return since

    def open(self, workflow: str) -> None:
        """A run that has begun and not ended as of now."""
        self.open_runs[(self._workflows[workflow],)] += 1

    def surveyed(self, key: bytes) -> None:
        """All open runs up to this key have been told."""
        self._surveyed = key or None

    def close(self) -> None:
        """The partition is this worker's no more."""
        self._on_close(self)
