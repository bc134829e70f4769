"""What stood before a partition was claimed and what happens since count once each, in whichever order they are told."""

from __future__ import annotations

import pytest

from sagaline._engine.tables.runs import run_key
from sagaline._host.hooks import Recorded, RunFacts, WaitingStep
from sagaline._model import events as e
from sagaline._model.failure import Failure
from sagaline.telemetry.metrics import Metrics, PartitionMetrics

BEGUN = e.RunStarted("pay", b"[]", "r", "", 0, "accepted")
ENDED = e.RunCompleted(b"1")
PARKED = e.ActivityParked(1, 1, Failure("Boom", "no"))


def facts(workflow_id: str, since: int = 0, *steps: WaitingStep) -> RunFacts:
    return RunFacts(workflow_id, f"run of {workflow_id}", "pay", "running", 1_000, 0, 0, since, steps)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: 10_000)


@pytest.fixture
def partition(metrics: Metrics) -> PartitionMetrics:
    return metrics.partition(0)


def tell(partition: PartitionMetrics, workflow_id: str, *events: e.Event) -> None:
    partition.recorded(Recorded(2_000, events, facts(workflow_id)))


def open_runs(metrics: Metrics) -> float:
    return sum(metrics.gauges()["sagaline_runs_open"].values())


def test_a_run_that_begins_before_the_survey_comes_to_it_is_found_by_it(
    metrics: Metrics, partition: PartitionMetrics
) -> None:
    tell(partition, "m", BEGUN)
    assert open_runs(metrics) == 0
    partition.open("pay")  # "a"
    partition.surveyed(run_key("f"))
    tell(partition, "b", BEGUN)  # behind it: the survey has passed
    tell(partition, "x", BEGUN)  # before it
    assert open_runs(metrics) == 2
    for _ in ("m", "x"):
        partition.open("pay")
    partition.surveyed(run_key("x"))
    partition.surveyed(b"")
    assert open_runs(metrics) == 4
    tell(partition, "z", BEGUN)
    assert open_runs(metrics) == 5
    for workflow_id in "abmxz":
        tell(partition, workflow_id, ENDED)
    assert open_runs(metrics) == 0


def test_a_run_that_ends_before_the_survey_comes_to_it_is_not_found(
    metrics: Metrics, partition: PartitionMetrics
) -> None:
    tell(partition, "m", ENDED)
    partition.surveyed(run_key("a"))
    tell(partition, "b", ENDED)
    partition.surveyed(b"")
    assert open_runs(metrics) == 0


def test_a_parked_run_counts_once_whoever_tells_of_it(metrics: Metrics, partition: PartitionMetrics) -> None:
    parked = facts("m", 4_000, WaitingStep("ship", 5_000), WaitingStep("release", 4_000))
    partition.recorded(Recorded(5_000, (PARKED,), parked))
    partition.parked(parked)
    gauges = metrics.gauges()
    assert gauges["sagaline_runs_parked"] == {("pay",): 1}
    assert gauges["sagaline_steps_parked"] == {("ship",): 1, ("release",): 1}
    assert gauges["sagaline_step_parked_oldest_seconds"] == {("ship",): 5.0, ("release",): 6.0}
    partition.recorded(Recorded(6_000, (), facts("m")))
    assert set(metrics.gauges()["sagaline_runs_parked"].values()) == {0}
    assert metrics.gauges()["sagaline_step_parked_oldest_seconds"] == {}


def test_what_stands_in_a_partition_goes_with_it(metrics: Metrics, partition: PartitionMetrics) -> None:
    partition.parked(facts("m", 4_000, WaitingStep("ship", 5_000)))
    partition.surveyed(b"")
    again = metrics.partition(0)  # claimed anew before the old one has let go
    partition.close()
    assert metrics.gauges()["sagaline_runs_parked"] == {}
    assert metrics.of_runs.parks == {}
    assert metrics.counts["sagaline_partitions_owned"] == {(): 1}
    again.close()
    assert metrics.counts["sagaline_partitions_owned"] == {(): 0}
