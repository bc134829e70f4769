"""librdkafka's settings for each kind of client. The reasons: docs/decisions/0006-kafka-settings.md."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from sagaline._log.kafka.security import security_settings
from sagaline._log.urls import LogUrl
from sagaline._model.limits import RECORD_LIMIT

_log = logging.getLogger("sagaline.kafka")
_log.addFilter(lambda record: "enable.gapless.guarantee" not in record.getMessage())  # "experimental", every time
FRAMING_BYTES = 10_000
"""What Kafka's own framing of a record may add."""


class KafkaSettings:
    """The settings of one namespace's clients. Raises ConfigurationError."""

    def __init__(self, url: LogUrl) -> None:
        self.namespace, self.brokers = url.namespace, url.place
        self._security = security_settings(url.options.get("config"))

    def topic(self, name: str) -> str:
        """Full name of one of the namespace's topics."""
        return f"{self.namespace}.{name}"

    def common(self, **more: Any) -> dict[str, Any]:
        """What all clients share."""
        return {
            "bootstrap.servers": self.brokers,
            "client.id": f"sagaline-{self.namespace}",
            "socket.nagle.disable": True,
            "reconnect.backoff.max.ms": 2000,
            "broker.address.family": "v4" if self.brokers.startswith("127.") else "any",
            "logger": _log,
            **self._security,
            **more,
        }

    def _consumer(self, group: str, **more: Any) -> dict[str, Any]:
        """A consumer that commits nothing of itself, and never makes a topic by asking for it."""
        return self.common(
            **{
                "group.id": f"{self.namespace}.{group}",
                "allow.auto.create.topics": False,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                **more,
            }
        )

    def bounds(self) -> dict[str, Any]:
        """A consumer that looks up offsets."""
        return self._consumer("bounds")

    def restore(self) -> dict[str, Any]:
        """A consumer that reads a range."""
        return self._consumer("restore")

    def reader(self) -> dict[str, Any]:
        """A consumer that tails partitions."""
        return self._consumer(
            f"reader-{uuid.uuid4().hex}",
            **{
                "fetch.wait.max.ms": 100,
                "fetch.queue.backoff.ms": 1,
                "queued.max.messages.kbytes": 16_384,
            },
        )

    def member(self, member_id: str) -> dict[str, Any]:
        """A consumer that is in the group and fetches nothing."""
        return self._consumer(
            "workers",
            **{
                "group.instance.id": member_id,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1500,
                "queued.max.messages.kbytes": 64,
            },
        )

    def task_member(self, topic: str, member_id: str | None) -> dict[str, Any]:
        """The same in the group that works a queue. One without an id is forgotten when it leaves."""
        config = self.member("") | {"group.id": f"{self.namespace}.{topic}"}
        if member_id is None:
            del config["group.instance.id"]
            return config
        return config | {"group.instance.id": member_id}

    def publisher(self) -> dict[str, Any]:
        """A producer: idempotent, acknowledged by all replicas; batches are made here, not by lingering."""
        return self.common(
            **{
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 0,
                "delivery.timeout.ms": 120_000,
                "message.max.bytes": RECORD_LIMIT + FRAMING_BYTES,
                "queue.buffering.max.messages": 1_000_000,
                "partitioner": "murmur2_random",
            }
        )

    def appender(self) -> dict[str, Any]:
        """The producer of history: it leaves no gap, and no record times out by itself (decision 0012)."""
        return self.publisher() | {"enable.gapless.guarantee": True, "delivery.timeout.ms": 0}
