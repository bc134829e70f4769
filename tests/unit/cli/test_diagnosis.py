"""Each fault that doctor claims to find, as facts; a good cluster has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sagaline import Failure, RunSummary, Status
from sagaline._log import TOPICS, Inspection, MemberFacts, TopicFacts, TopicPlan
from sagaline.cli.diagnosis import Facts, Finding, PartitionFacts, QueueLag, diagnose

NOW_MS = 1_764_000_000_000
GOOD_SETTINGS = {
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
    "max.message.bytes": "1048588",
    "delete.retention.ms": "604800000",
    "retention.ms": "604800000",
}
GOOD = Inspection(
    "kafka",
    3,
    {spec.name: TopicFacts(spec.name, 2, 3, GOOD_SETTINGS) for spec in TOPICS},
    (),
    {"producer.id.expiration.ms": "86400000"},
    (MemberFacts("one", "/10.0.0.1", (0,)), MemberFacts("two", "/10.0.0.2", (1,))),
)
PARTITIONS = [PartitionFacts(number, "one", 5, 100, 0, 100, NOW_MS - 1_000) for number in range(2)]


def findings(found: Inspection, partitions: list[PartitionFacts] = PARTITIONS, *plans: TopicPlan) -> list[Finding]:
    return diagnose(Facts(found, list(plans), partitions), NOW_MS)


def with_topic(name: str, settings: dict[str, str] | None = None, **changes: Any) -> Inspection:
    topic = replace(GOOD.topics[name], settings=GOOD_SETTINGS | (settings or {}), **changes)
    return replace(GOOD, topics={**GOOD.topics, name: topic})


def with_partition(**changes: Any) -> list[PartitionFacts]:
    return [replace(PARTITIONS[0], **changes), PARTITIONS[1]]


def test_a_good_cluster_has_no_findings() -> None:
    assert findings(GOOD) == []


def test_partitions_that_keep_closed_runs_of_others_are_named_when_they_are_silent_for_long() -> None:
    facts = Facts(GOOD, [], PARTITIONS, retention_waits={0: 8.5, 1: 700.0, 3: 121.0})
    (finding,) = diagnose(facts, NOW_MS)
    assert (finding.code, finding.severity) == ("retention-waits", "warning")
    assert (finding.subjects, finding.details) == (("partition 1", "partition 3"), ("for 700 s", "for 121 s"))


@pytest.mark.parametrize(
    ("code", "severity", "found", "partitions"),
    [
        ("log", "error", replace(GOOD, problems=("row 3 is damaged",)), PARTITIONS),
        ("topic-missing", "error", replace(GOOD, missing=("results",)), PARTITIONS),
        ("partition-offline", "error", with_topic("history", offline=(1,)), PARTITIONS),
        ("under-replicated", "warning", with_topic("history", under_replicated=(0, 1)), PARTITIONS),
        ("replication", "error", with_topic("commands", replication=1), PARTITIONS),
        ("few-brokers", "warning", replace(with_topic("commands", replication=2), brokers=2), PARTITIONS),
        ("min-insync", "error", with_topic("history", {"min.insync.replicas": "1"}), PARTITIONS),
        ("min-insync", "warning", with_topic("history", {"min.insync.replicas": "3"}), PARTITIONS),
        ("unclean-election", "error", with_topic("history", {"unclean.leader.election.enable": "true"}), PARTITIONS),
        ("record-limit", "error", with_topic("replies", {"max.message.bytes": "500000"}), PARTITIONS),
        ("tombstones-short", "warning", with_topic("history", {"delete.retention.ms": "1000"}), PARTITIONS),
        ("inputs-short", "warning", with_topic("commands", {"retention.ms": "60000"}), PARTITIONS),
        ("producer-expiry", "error", replace(GOOD, broker_settings={"producer.id.expiration.ms": "1"}), PARTITIONS),
        ("broker-old", "error", replace(GOOD, broker_settings={"log.dirs": "/data"}), PARTITIONS),
        ("acl-missing", "error", with_topic("history", allowed=frozenset({"READ", "DESCRIBE"})), PARTITIONS),
        ("acl-missing", "error", replace(GOOD, group_allowed=frozenset({"DESCRIBE"})), PARTITIONS),
        ("no-worker", "warning", replace(GOOD, members=()), PARTITIONS),
        ("no-worker", "error", replace(GOOD, members=()), with_partition(commands_end=101)),
        ("unowned", "error", replace(GOOD, members=GOOD.members[:1] if GOOD.members else ()), PARTITIONS),
        ("inputs-lost", "error", GOOD, with_partition(commands_begin=101, commands_end=101)),
        ("lag", "warning", GOOD, with_partition(commands_end=20_000)),
        ("clock-skew", "warning", GOOD, with_partition(newest_at_ms=NOW_MS + 60_000)),
    ],
)
def test_each_fault_is_found_with_what_to_do(
    code: str, severity: str, found: Inspection, partitions: list[PartitionFacts]
) -> None:
    shown = findings(found, partitions)
    assert (code, severity) in {(one.code, one.severity) for one in shown}
    assert all(one.remedy and one.what and one.subjects for one in shown)


def parked(workflow_id: str, type: str) -> RunSummary:
    at = datetime.fromtimestamp(0, UTC)
    return RunSummary(workflow_id, "0", "w", Status.PARKED, at, at, parked_at=at, failure=Failure(type, "why"))


def test_parked_runs_and_silence_are_findings() -> None:
    runs = [parked("a", "EngineError"), parked("b", "KeyError"), parked("c", "HistoryMismatch")]
    shown = diagnose(Facts(GOOD, [], PARTITIONS, runs), NOW_MS)
    assert [(one.code, one.severity, one.what.partition(" ")[0]) for one in shown] == [
        ("quarantined", "error", "1"),
        ("parked", "warning", "2"),
    ]
    assert "b, c" in shown[1].what
    silent = diagnose(Facts(GOOD, [], PARTITIONS, None, "nobody answers"), NOW_MS)
    assert [(one.code, one.severity) for one in silent] == [("silent-owner", "error")]


def test_what_is_allowed_is_no_finding() -> None:
    allowed = frozenset({"READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER"})
    assert findings(replace(with_topic("history", allowed=allowed), group_allowed=allowed)) == []


def test_plans_are_findings() -> None:
    refused = TopicPlan("history", "refuse", 2, 3, {}, ("cleanup.policy is delete",))
    altered = TopicPlan("commands", "alter", 2, 3, {"cleanup.policy": "delete"})
    assert [one.code for one in findings(GOOD, PARTITIONS, refused, altered)] == ["topic-unfit", "topic-setting"]


def test_errors_come_first() -> None:
    found = with_topic("history", {"delete.retention.ms": "1000"})
    shown = findings(found, with_partition(commands_begin=101, commands_end=101))
    assert [one.severity for one in shown] == ["error", "warning"]


def test_what_is_the_same_of_several_topics_is_one_finding_with_their_list() -> None:
    topics = {name: replace(topic, replication=1) for name, topic in GOOD.topics.items()}
    (finding,) = findings(replace(GOOD, topics=topics))
    assert (finding.code, finding.subjects, finding.details) == ("replication", tuple(topics), ())


def test_what_is_the_same_of_several_partitions_is_one_finding_that_says_what_differs() -> None:
    behind = [replace(partition, commands_end=20_000 + partition.number) for partition in PARTITIONS]
    (finding,) = findings(GOOD, behind)
    assert (finding.code, finding.subjects) == ("lag", ("partition 0", "partition 1"))
    assert finding.details == ("19,900", "19,901")


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (QueueLag("gpu", 0, None, 0), []),
        (QueueLag("gpu", 3, NOW_MS - 90_000, 1), []),
        (QueueLag("gpu", 3, NOW_MS - 90_000, None), []),
        (QueueLag("gpu", 3, NOW_MS - 90_000, 0), [("queue-no-worker", "error", ("3, the oldest for 90 s",))]),
        (QueueLag("gpu", 20_000, NOW_MS, 2), [("queue-lag", "warning", ("20,000, the oldest for 0 s",))]),
    ],
)
def test_a_queue_with_tasks_and_no_worker_is_found(queue: QueueLag, expected: list[Any]) -> None:
    found = diagnose(Facts(GOOD, [], PARTITIONS, queues=(queue,)), NOW_MS)
    assert [(one.code, one.severity, one.details) for one in found] == expected
    assert all(one.subjects == ("queue gpu",) for one in found)
