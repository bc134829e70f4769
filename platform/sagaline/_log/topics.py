"""The topics of a namespace and the settings that the engine relies on."""

from __future__ import annotations

from dataclasses import dataclass, field

COMMANDS = "commands"
RESULTS = "results"
HISTORY = "history"
REPLIES = "replies"
DEADLETTERS = "deadletters"

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
)
KEYED = (COMMANDS, RESULTS, HISTORY)
"""Topics whose partition count is the same and never changes: a workflow id's partition depends on it."""
