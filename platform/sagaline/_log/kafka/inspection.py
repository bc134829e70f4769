"""Asks a Kafka cluster about the topics, settings and group of a namespace. Changes nothing."""

from __future__ import annotations

from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicCollection, TopicPartition

# pyright: reportPrivateImportUsage=false
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from sagaline._log.inspection import Inspection, MemberFacts, QueueFacts, TopicFacts
from sagaline._log.topics import COMMANDS, TOPICS, queue_of, queue_specs
from sagaline._model.tasks import TASKS
from sagaline.errors import LogUnavailable

_TIMEOUT_S = 20.0
_NOT_ALLOWED = (KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED)


def inspect(admin: AdminClient, namespace: str) -> Inspection:
    """The facts of a namespace. Raises LogUnavailable."""
    asked: Any = admin  # its own annotations are partial
    try:
        cluster = asked.list_topics(timeout=_TIMEOUT_S)
        prefix = f"{namespace}."
        there = [name.removeprefix(prefix) for name in cluster.topics if name.startswith(prefix)]
        topics = {
            spec.name: cluster.topics[f"{namespace}.{spec.name}"]
            for spec in (*TOPICS, *queue_specs(there, ()))
            if f"{namespace}.{spec.name}" in cluster.topics and cluster.topics[f"{namespace}.{spec.name}"].error is None
        }
        allowed = _allowed(asked, [f"{namespace}.{name}" for name in topics])
        group = _group(asked, namespace)
        resources = {name: ConfigResource(ResourceType.TOPIC, f"{namespace}.{name}") for name in topics}
        broker = ConfigResource(ResourceType.BROKER, str(min(cluster.brokers)))
        settings = _settings(asked, [*resources.values(), broker])
        return Inspection(
            "kafka",
            len(cluster.brokers),
            {
                name: _topic(name, metadata, settings[resources[name]], allowed[f"{namespace}.{name}"])
                for name, metadata in topics.items()
            },
            tuple(spec.name for spec in TOPICS if spec.name not in topics),
            settings[broker],
            _members(group),
            _names(group.authorized_operations),
        )
    except KafkaException as error:
        raise LogUnavailable(f"Expected the cluster to answer but {error.args[0].str()}.") from error


def queues(admin: AdminClient, namespace: str) -> list[QueueFacts]:
    """Its task queues. Raises LogUnavailable."""
    asked: Any = admin
    try:
        topics = asked.list_topics(timeout=_TIMEOUT_S).topics
        prefix = f"{namespace}."
        names = sorted(name for name in topics if name.startswith(f"{prefix}{TASKS}"))
        return [_queue(asked, name, topics[name], queue_of(name.removeprefix(prefix))) for name in names]
    except KafkaException as error:
        raise LogUnavailable(f"Expected the task queues but {error.args[0].str()}.") from error


def _queue(admin: Any, topic: str, metadata: Any, queue: str) -> QueueFacts:
    """The group that works a queue has the name of its topic."""
    places = [TopicPartition(topic, number) for number in metadata.partitions]
    try:
        committed = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic, places)])[topic]
        found = committed.result(timeout=_TIMEOUT_S).topic_partitions
        offsets = {place.partition: place.offset for place in found if place.offset >= 0}
        members = _members(admin.describe_consumer_groups([topic])[topic].result(timeout=_TIMEOUT_S))
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return QueueFacts(queue, {}, ())  # nobody has ever worked it
        if error.args[0].code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise
        return QueueFacts(queue, {}, None)
    return QueueFacts(queue, offsets, tuple(member.member_id for member in members))


def member_ids(admin: AdminClient, namespace: str) -> list[str]:
    """Static ids of the workers in the group. Raises LogUnavailable."""
    try:
        return [member.member_id for member in _members(_group(admin, namespace))]
    except KafkaException as error:
        raise LogUnavailable(f"Expected the group's members but {error.args[0].str()}.") from error


def _settings(admin: Any, resources: list[ConfigResource]) -> dict[ConfigResource, dict[str, str]]:
    """Effective settings; none for what this user may not see (the brokers', with a namespace's rights)."""
    futures = admin.describe_configs(resources)
    settings: dict[ConfigResource, dict[str, str]] = {}
    for resource in resources:
        entries: dict[str, Any] = {}
        try:
            entries = futures[resource].result(timeout=_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() not in _NOT_ALLOWED:
                raise
        settings[resource] = {name: entry.value or "" for name, entry in entries.items()}
    return settings


def _allowed(admin: Any, names: list[str]) -> dict[str, frozenset[str] | None]:
    """By topic: what this user may do."""
    if not names:
        return {}
    futures = admin.describe_topics(TopicCollection(names), include_authorized_operations=True)
    topics = {name: future.result(timeout=_TIMEOUT_S) for name, future in futures.items()}
    return {name: _names(topic.authorized_operations) for name, topic in topics.items()}


def _names(operations: Any) -> frozenset[str] | None:
    return None if operations is None else frozenset(operation.name for operation in operations)


def _topic(name: str, metadata: Any, settings: dict[str, str], allowed: frozenset[str] | None) -> TopicFacts:
    partitions = metadata.partitions.values()
    return TopicFacts(
        name,
        len(metadata.partitions),
        min(len(partition.replicas) for partition in partitions),
        settings,
        tuple(partition.id for partition in partitions if partition.leader < 0),
        tuple(partition.id for partition in partitions if len(partition.isrs) < len(partition.replicas)),
        allowed,
    )


def _group(admin: Any, namespace: str) -> Any:
    name = f"{namespace}.workers"
    futures = admin.describe_consumer_groups([name], include_authorized_operations=True)
    return futures[name].result(timeout=_TIMEOUT_S)


def _members(group: Any) -> tuple[MemberFacts, ...]:
    return tuple(
        MemberFacts(
            member.group_instance_id or member.member_id,
            member.host,
            _partitions(member.assignment.topic_partitions),
        )
        for member in group.members
    )


def _partitions(places: Any) -> tuple[int, ...]:
    return tuple(sorted(place.partition for place in places if place.topic.endswith(COMMANDS)))
