"""The log port and its implementations: memory, sqlite, kafka. The only importer of confluent_kafka."""

from __future__ import annotations

from sagaline._log.inspection import Inspection, MemberFacts, QueueFacts, TopicFacts
from sagaline._log.open import open_log
from sagaline._log.port import (
    Ack,
    Appender,
    Committed,
    Log,
    Membership,
    MembershipListener,
    Reader,
    Record,
    TaskListener,
    TaskMembership,
    TaskQueues,
)
from sagaline._log.topics import (
    COMMANDS,
    DEADLETTERS,
    HISTORY,
    KEYED,
    OUTCOMES,
    REPLIES,
    RESULTS,
    TOPICS,
    TopicPlan,
)

__all__ = [
    "COMMANDS",
    "DEADLETTERS",
    "HISTORY",
    "KEYED",
    "OUTCOMES",
    "REPLIES",
    "RESULTS",
    "TOPICS",
    "Ack",
    "Appender",
    "Committed",
    "Inspection",
    "Log",
    "MemberFacts",
    "Membership",
    "MembershipListener",
    "QueueFacts",
    "Reader",
    "Record",
    "TaskListener",
    "TaskMembership",
    "TaskQueues",
    "TopicFacts",
    "TopicPlan",
    "open_log",
]
