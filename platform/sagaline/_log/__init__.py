"""The log port and its implementations: memory, sqlite, kafka. The only importer of confluent_kafka."""

from __future__ import annotations

from sagaline._log.open import open_log
from sagaline._log.port import Ack, Appender, Log, Membership, MembershipListener, Reader, Record
from sagaline._log.topics import COMMANDS, DEADLETTERS, HISTORY, REPLIES, RESULTS, TOPICS, TopicPlan

__all__ = [
    "COMMANDS",
    "DEADLETTERS",
    "HISTORY",
    "REPLIES",
    "RESULTS",
    "TOPICS",
    "Ack",
    "Appender",
    "Log",
    "Membership",
    "MembershipListener",
    "Reader",
    "Record",
    "TopicPlan",
    "open_log",
]
