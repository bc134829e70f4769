"""The topics of a namespace and the settings that the engine relies on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sagaline._model.tasks import CANCELS, TASKS, cancel_topic, task_topic

COMMANDS = "commands"
RESULTS = "results"
HISTORY = "history"
REPLIES = "replies"
DEADLETTERS = "deadletters"
OUTCOMES = "outcomes"

NOT_MADE_HERE = (
    "Check the log's URL. Clients never make a namespace: start a worker on it, or run `sagaline topics apply`."
)
NAMES_SHOWN = 20
"""Namespaces that a message lists at most."""

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True)
class TopicSpec:
    """One topic. ``required`` settings are refused when they differ; ``defaults`` are for creation."""

    name: str
    doc: str
    required: dict[str, str]
    defaults: dict[str, str] = field(default_factory=dict[str, str])
    partitions: int = 0
    """0: as many as the namespace has."""


@dataclass(frozen=True)
class TopicPlan:
    """What is to be done about a topic: create, alter, nothing, or refuse with the reasons in ``problems``."""

    topic: str
    action: str
    partitions: int
    replication: int
    changes: dict[str, str]
    problems: tuple[str, ...] = ()


TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(COMMANDS, "requests to runs", {"cleanup.policy": "delete"}, {"retention.ms": str(7 * _DAY_MS)}),
    TopicSpec(RESULTS, "activity results", {"cleanup.policy": "delete"}, {"retention.ms": str(7 * _DAY_MS)}),
    TopicSpec(
        HISTORY,
        "the truth: what every run has done",
        {"cleanup.policy": "compact"},
        {"delete.retention.ms": str(7 * _DAY_MS), "segment.ms": str(_DAY_MS)},
    ),
    TopicSpec(REPLIES, "answers to clients", {"cleanup.policy": "delete"}, {"retention.ms": str(_HOUR_MS)}),
    TopicSpec(DEADLETTERS, "what could not be read", {"cleanup.policy": "delete"}, {"retention.ms": str(30 * _DAY_MS)}),
    TopicSpec(OUTCOMES, "how sagas have ended", {"cleanup.policy": "delete"}, {"retention.ms": str(30 * _DAY_MS)}),
)
KEYED = (COMMANDS, RESULTS, HISTORY)
"""Topics whose partition count is the same and never changes: a workflow id's partition depends on it."""


def is_of_queue(topic: str) -> bool:
    """Whether a topic is one of those of a task queue."""
    return topic.startswith((TASKS, CANCELS))


def queue_of(topic: str) -> str:
    """The queue that a topic is of."""
    return topic.partition(".")[2]


def queue_topics(queue: str) -> tuple[TopicSpec, ...]:
    """The topics of a task queue. What was cancelled is known for longer than a task can wait."""
    tasks, cancels = {"retention.ms": str(7 * _DAY_MS)}, {"retention.ms": str(8 * _DAY_MS)}
    return (
        TopicSpec(task_topic(queue), "attempts for the workers of a queue", {"cleanup.policy": "delete"}, tasks),
        TopicSpec(cancel_topic(queue), "attempts that are to stop", {"cleanup.policy": "delete"}, cancels, 1),
    )


def queue_specs(topics: Iterable[str], queues: Iterable[str]) -> list[TopicSpec]:
    """The topics of the task queues that some topics are of, and of others."""
    names = {queue_of(topic) for topic in topics if is_of_queue(topic)} | set(queues)
    return [spec for queue in sorted(names) for spec in queue_topics(queue)]
