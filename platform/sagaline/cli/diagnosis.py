"""What is wrong with a namespace, and what to do about it. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sagaline._log import COMMANDS, HISTORY, KEYED, RESULTS, Inspection, TopicFacts, TopicPlan
from sagaline._model.limits import RECORD_LIMIT
from sagaline.client import RunSummary

ERROR, WARNING = "error", "warning"
_DAY_MS = 86_400_000
_LAG = 10_000
_SKEW_MS = 5_000
_PRODUCER_MS = 600_000
_WAITS_S = 120.0
TOPIC_RIGHTS = ("READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")
GROUP_RIGHTS = ("READ", "DESCRIBE")


@dataclass(frozen=True)
class Finding:
    """``what`` is wrong with the ``subjects``, and the ``remedy``. An error puts data or progress at risk.

    ``details`` says of each subject what differs between them, or is empty.
    """

    code: str
    severity: str
    subjects: tuple[str, ...]
    what: str
    remedy: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartitionFacts:
    """A partition as its logs tell. None where the newest records of history do not say."""

    number: int
    owner: str | None
    claimed_at: int | None
    commands_position: int | None
    commands_begin: int
    commands_end: int
    newest_at_ms: int | None

    @property
    def lag(self) -> int | None:
        """Commands that wait."""
        return None if self.commands_position is None else max(0, self.commands_end - self.commands_position)


@dataclass(frozen=True)
class QueueLag:
    """A task queue: tasks that wait or are at work, since when the oldest was sent, and how many workers it has; None
    where this user may not see it."""

    queue: str
    waiting: int
    oldest_at_ms: int | None
    workers: int | None


@dataclass(frozen=True)
class Facts:
    """All that was found out. ``parked`` is None when nobody could be asked, ``silence`` says why."""

    inspection: Inspection
    plans: list[TopicPlan]
    partitions: list[PartitionFacts]
    parked: list[RunSummary] | None = None
    silence: str = ""
    retention_waits: dict[int, float] | None = None
    """Partitions that closed runs of others are kept for, and for how many seconds; None when nobody could be asked."""
    queues: tuple[QueueLag, ...] = ()


def diagnose(facts: Facts, now_ms: int) -> list[Finding]:
    """Every finding, errors first."""
    inspection, plans, partitions = facts.inspection, facts.plans, facts.partitions
    findings = [Finding("log", ERROR, (inspection.kind,), what, "see the message") for what in inspection.problems]
    findings += _missing(inspection)
    findings += _plans(plans)
    if inspection.brokers:
        for topic in inspection.topics.values():
            findings += _replication(topic, inspection.brokers)
            findings += _settings(topic)
            findings += _rights(topic.name, topic.allowed, TOPIC_RIGHTS)
        findings += _rights("the group of workers", inspection.group_allowed, GROUP_RIGHTS)
        findings += _broker(inspection.broker_settings)
    findings += _ownership(inspection, partitions)
    for partition in partitions:
        findings += _partition(partition, now_ms)
    for queue in facts.queues:
        findings += _queue(queue, now_ms)
    findings += _parked(facts)
    findings += _retention(facts.retention_waits or {})
    return sorted(_grouped(findings), key=lambda finding: finding.severity != ERROR)


def _grouped(findings: list[Finding]) -> list[Finding]:
    """What is the same of several topics or partitions is one finding with their list."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.code, finding.severity, finding.what, finding.remedy), []).append(finding)
    return [
        replace(
            group[0],
            subjects=tuple(subject for finding in group for subject in finding.subjects),
            details=tuple(detail for finding in group for detail in finding.details),
        )
        for group in groups.values()
    ]


def _missing(inspection: Inspection) -> Iterator[Finding]:
    for name in inspection.missing:
        yield Finding("topic-missing", ERROR, (name,), "the topic is not there", "sagaline topics apply --log URL")


def _plans(plans: list[TopicPlan]) -> Iterator[Finding]:
    for plan in plans:
        for problem in plan.problems:
            yield Finding("topic-unfit", ERROR, (plan.topic,), problem, "see the message; data may be involved")
        if plan.action == "alter":
            for name, value in plan.changes.items():
                what = f"{name} is not {value}, which the engine relies on"
                yield Finding("topic-setting", ERROR, (plan.topic,), what, "sagaline topics apply --log URL")


def _replication(topic: TopicFacts, brokers: int) -> Iterator[Finding]:
    if topic.offline:
        what = f"partitions {_shown(topic.offline)} have no leader"
        yield Finding("partition-offline", ERROR, (topic.name,), what, "bring the brokers of its replicas back")
    if topic.under_replicated:
        what = f"partitions {_shown(topic.under_replicated)} have fewer replicas in sync than they should"
        yield Finding("under-replicated", WARNING, (topic.name,), what, "look for a broker that is down or behind")
    if topic.replication < min(3, brokers):
        what = f"{topic.replication} replicas on {brokers} brokers: a lost broker is lost data"
        yield Finding("replication", ERROR, (topic.name,), what, "raise it to 3 with kafka-reassign-partitions")
    elif brokers < 3:
        what = f"{topic.replication} replicas, for there are {brokers} brokers: a lost disk is lost data"
        yield Finding("few-brokers", WARNING, (topic.name,), what, "three brokers or more for production")
    insync = int(topic.settings.get("min.insync.replicas", "1"))
    if topic.replication >= 3 and insync < 2:
        what = f"min.insync.replicas is {insync}: one replica alone may acknowledge"
        yield Finding("min-insync", ERROR, (topic.name,), what, "set it to 2 (kafka-configs --alter)")
    if 1 < topic.replication <= insync:
        what = f"min.insync.replicas is {insync} of {topic.replication}: one broker down stops all writes"
        yield Finding("min-insync", WARNING, (topic.name,), what, f"set it to {topic.replication - 1}")
    if topic.settings.get("unclean.leader.election.enable") == "true":
        what = "unclean leader elections are allowed: acknowledged records may vanish"
        yield Finding("unclean-election", ERROR, (topic.name,), what, "set unclean.leader.election.enable=false")


def _settings(topic: TopicFacts) -> Iterator[Finding]:
    limit = int(topic.settings.get("max.message.bytes", RECORD_LIMIT))
    if limit < RECORD_LIMIT + 10_000:
        what = f"max.message.bytes is {limit} but records may have {RECORD_LIMIT} bytes"
        yield Finding("record-limit", ERROR, (topic.name,), what, "set it to 1048588 or more")
    if topic.name == HISTORY and int(topic.settings.get("delete.retention.ms", _DAY_MS)) < _DAY_MS:
        what = f"tombstones stay for {topic.settings['delete.retention.ms']} ms: a worker that was away is rebuilt"
        yield Finding("tombstones-short", WARNING, (topic.name,), what, "set delete.retention.ms to some days")
    kept = int(topic.settings.get("retention.ms", "-1"))
    if topic.name in (COMMANDS, RESULTS) and 0 <= kept < _DAY_MS:
        what = f"retention.ms is {kept}: inputs are lost when no worker reads for so long"
        yield Finding("inputs-short", WARNING, (topic.name,), what, "set retention.ms to some days")


def _rights(subject: str, allowed: frozenset[str] | None, needed: tuple[str, ...]) -> Iterator[Finding]:
    if allowed is not None and (missing := [name for name in needed if name not in allowed]):
        what = f"this user may not {', '.join(missing)}"
        yield Finding("acl-missing", ERROR, (subject,), what, "give it the rights that docs/operations.md lists")


def _broker(settings: dict[str, str]) -> Iterator[Finding]:
    if settings and "producer.id.expiration.ms" not in settings:
        what = "they are older than Kafka 3.4: how long tombstones and producers are remembered is not as relied on"
        yield Finding("broker-old", ERROR, ("brokers",), what, "upgrade them; 4.0 or later is what the tests run on")
    expiry = int(settings.get("producer.id.expiration.ms", _PRODUCER_MS))
    if expiry < _PRODUCER_MS:
        what = f"producer.id.expiration.ms is {expiry}: a late retry of a producer may be written twice"
        yield Finding("producer-expiry", ERROR, ("brokers",), what, "set it to the default, one day")


def _ownership(inspection: Inspection, partitions: list[PartitionFacts]) -> Iterator[Finding]:
    if inspection.members is None:
        return
    if not inspection.members:
        waiting = any(partition.lag for partition in partitions)
        severity = ERROR if waiting else WARNING
        what = "no worker is in the group" + (", and commands wait" if waiting else "")
        yield Finding("no-worker", severity, ("workers",), what, "start one: sagaline worker FILE --log URL")
        return
    owned = {number for member in inspection.members for number in member.partitions}
    count = max((topic.partitions for topic in inspection.topics.values() if topic.name in KEYED), default=0)
    if missing := sorted(set(range(count)) - owned):
        what = f"partitions {_shown(missing)} are nobody's"
        yield Finding("unowned", ERROR, ("workers",), what, "a rebalance may be under way: look again in ten seconds")


def _parked(facts: Facts) -> Iterator[Finding]:
    if facts.silence:
        remedy = "look at the workers' logs; restart what hangs"
        yield Finding("silent-owner", ERROR, ("workers",), facts.silence, remedy)
    broken = [run.workflow_id for run in facts.parked or () if _is_quarantined(run)]
    waiting = [run.workflow_id for run in facts.parked or () if not _is_quarantined(run)]
    if broken:
        what = f"{len(broken)} runs are quarantined, the engine failed on them: {_some(broken)}"
        remedy = "sagaline runs parked; report it; retry when it is mended"
        yield Finding("quarantined", ERROR, ("runs",), what, remedy)
    if waiting:
        what = f"{len(waiting)} runs are parked: {_some(waiting)}"
        yield Finding("parked", WARNING, ("runs",), what, "sagaline runs parked tells why, and what can be done")


def _retention(waits: dict[int, float]) -> Iterator[Finding]:
    for number, seconds in sorted(waits.items()):
        if seconds > _WAITS_S:
            what = "closed runs that it has begun, or sent messages, are kept until it says that it will not again"
            remedy = "start a worker where it has none; workers of earlier versions do not answer: upgrade them"
            yield Finding("retention-waits", WARNING, (f"partition {number}",), what, remedy, (f"for {seconds:.0f} s",))


def _is_quarantined(run: RunSummary) -> bool:
    return run.failure is not None and run.failure.type == "EngineError"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _partition(partition: PartitionFacts, now_ms: int) -> Iterator[Finding]:
    subject = (f"partition {partition.number}",)
    begin, position = partition.commands_begin, partition.commands_position
    if position is not None and position < begin:
        what = "commands were deleted before anybody read them"
        remedy = "raise retention.ms of the commands topic; ask the senders"
        yield Finding("inputs-lost", ERROR, subject, what, remedy, (f"{position} to {begin - 1}",))
    if partition.lag is not None and partition.lag > _LAG:
        remedy = "more workers, or look at what holds them up"
        yield Finding("lag", WARNING, subject, "commands wait", remedy, (f"{partition.lag:,}",))
    if partition.newest_at_ms is not None and partition.newest_at_ms > now_ms + _SKEW_MS:
        ahead = f"{(partition.newest_at_ms - now_ms) / 1_000:.0f} s"
        what = f"the clock of {partition.owner or 'its owner'} is ahead of this machine's"
        yield Finding(
            "clock-skew", WARNING, subject, what, "synchronise the clocks (NTP): timers follow them", (ahead,)
        )


def _queue(queue: QueueLag, now_ms: int) -> Iterator[Finding]:
    subject = (f"queue {queue.queue}",)
    since_s = 0 if queue.oldest_at_ms is None else max(0, (now_ms - queue.oldest_at_ms) // 1_000)
    details = (f"{queue.waiting:,}, the oldest for {since_s:,} s",)
    if queue.waiting and queue.workers == 0:
        remedy = "start one: sagaline worker FILE --queue NAME --log URL"
        yield Finding("queue-no-worker", ERROR, subject, "tasks wait, and no worker is in its group", remedy, details)
    elif queue.waiting > _LAG:
        remedy = "more workers of the queue, or look at what holds them up"
        yield Finding("queue-lag", WARNING, subject, "tasks wait", remedy, details)


def _shown(numbers: tuple[int, ...] | list[int]) -> str:
    return ", ".join(str(number) for number in numbers)
