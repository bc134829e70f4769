"""What cannot be read goes to the dead-letter topic byte for byte, with its cause and origin; the partition goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sagaline._log import DEADLETTERS, Log, Record
from sagaline._model.codec import encode
from sagaline._model.records import DeadLetter

_log = logging.getLogger("sagaline.deadletters")


def send_to_dead_letters(
    log: Log, record: Record, cause: str, clock: Callable[[], int], on_done: Callable[[str | None], None] | None = None
) -> None:
    """Publishes a dead letter. Headers carry the origin as Avro and, as plain text, by Kafka Connect's names."""
    topic = f"{log.namespace}.{record.topic}"
    _log.error("Dead letter: %s[%d]@%d: %s", topic, record.partition, record.offset, cause)
    origin = DeadLetter(topic, record.partition, record.offset, cause, clock())
    headers = {
        "sagaline-dead-letter": encode(origin),
        "__connect.errors.topic": topic.encode(),
        "__connect.errors.partition": str(record.partition).encode(),
        "__connect.errors.offset": str(record.offset).encode(),
        "__connect.errors.exception.message": cause.encode(),
    }
    log.publish(DEADLETTERS, record.partition, record.key or b"", record.value, on_done, headers)
