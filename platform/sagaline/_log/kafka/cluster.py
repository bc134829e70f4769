"""The cluster under one namespace: whether it answers, what it is asked, and what the log knows of its topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sagaline._log.inspection import Inspection, QueueFacts
from sagaline._log.kafka.inspection import inspect, queues
from sagaline._log.kafka.settings import FRAMING_BYTES, KafkaSettings
from sagaline._log.kafka.topics import KafkaTopics
from sagaline._log.topics import TopicPlan
from sagaline._model.limits import RECORD_LIMIT
from sagaline.errors import ConfigurationError, LogUnavailable

_CONNECT_TIMEOUT_S = 8.0


class NamespaceFacts(NamedTuple):
    """What the port tells of a namespace; these are of one that is not opened yet."""

    partitions: int = 0
    identity: str = ""
    tombstones_kept_s: float = 0.0
    record_limit: int = RECORD_LIMIT


class KafkaCluster:
    """Administration of one namespace. Calls block, and raise LogUnavailable when no broker answers."""

    def __init__(self, settings: KafkaSettings, default_partitions: int) -> None:
        self._settings, self._default_partitions = settings, default_partitions
        self.admin: AdminClient | None = None
        """The client, once a broker has answered."""

    def open(self, create: bool) -> NamespaceFacts:
        """Checks the topics; with ``create``, those that are missing are made. Raises TopicMismatch."""
        topics = self._topics()
        if not create:
            topics.require_all()
        plans = topics.plan(None, None, self._default_partitions)
        topics.refuse_problems(plans)
        if create:
            topics.apply([plan for plan in plans if plan.action == "create"])
        partitions, identity = topics.describe_history()
        tombstones_kept_s, largest_batch = topics.history_limits()
        record_limit = max(1, min(RECORD_LIMIT, largest_batch - FRAMING_BYTES))
        return NamespaceFacts(partitions, identity, tombstones_kept_s, record_limit)

    def plan(self, partitions: int | None, replication: int | None, queues: Sequence[str]) -> list[TopicPlan]:
        """What ``apply`` would do, without doing it."""
        return self._topics().plan(partitions, replication, queues=queues)

    def queues(self) -> list[QueueFacts]:
        """The task queues of the namespace, how far they are done, and who works them."""
        return queues(self._connected(), self._settings.namespace)

    def make_queue(self, queue: str) -> None:
        """Makes the topics of a task queue that are missing. Raises TopicMismatch."""
        self._topics().make_queue(queue)

    def apply(self, plans: Sequence[TopicPlan]) -> None:
        """Creates topics and corrects settings as planned."""
        self._topics().apply(plans)

    def inspect(self) -> Inspection:
        """What there is."""
        return inspect(self._connected(), self._settings.namespace)

    def close(self) -> None:
        """Disconnects."""
        self.admin = None

    def _topics(self) -> KafkaTopics:
        return KafkaTopics(self._connected(), self._settings.namespace)

    def _connected(self) -> AdminClient:
        brokers = self._settings.brokers
        try:
            admin = self.admin or AdminClient(self._settings.common())
        except KafkaException as error:
            raise ConfigurationError(
                f"Expected settings that librdkafka takes for {brokers} but {error.args[0].str()}: "
                f"see SAGALINE_KAFKA_... in the environment, and the file of ?config=FILE."
            ) from error
        try:
            admin.list_topics(timeout=_CONNECT_TIMEOUT_S)
        except KafkaException as error:
            raise LogUnavailable(
                f"Expected a Kafka broker at {brokers} but none answered within "
                f"{_CONNECT_TIMEOUT_S:g} s ({error.args[0].str()}). Check the address and that the broker runs."
            ) from error
        self.admin = admin
        return admin
