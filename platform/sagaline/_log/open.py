"""From a URL to a log: the change from one process to many machines is this one string."""

from __future__ import annotations

from sagaline._log.port import Log
from sagaline._log.urls import parse_url
from sagaline.errors import ConfigurationError


def open_log(url: str) -> Log:
    """The log at ``url``, not connected yet. Raises ConfigurationError for a URL of no known form."""
    parsed = parse_url(url)
    if parsed.scheme == "memory":
        from sagaline._log.memory.log import MemoryLog

        return MemoryLog(parsed)
    if parsed.scheme == "sqlite":
        from sagaline._log.sqlite.log import SqliteLog

        return SqliteLog(parsed)
    try:
        from sagaline._log.kafka.log import KafkaLog
    except ModuleNotFoundError as error:
        if error.name != "confluent_kafka":
            raise
        raise ConfigurationError(
            "Expected the package confluent-kafka for a kafka:// log but it is not installed: "
            "pip install 'sagaline[kafka]'."
        ) from error
    return KafkaLog(parsed)
