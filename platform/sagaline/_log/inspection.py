"""What a log can tell about itself, for ``sagaline doctor``: facts, no judgement."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TopicFacts:
    """A topic as it is. ``settings`` are its effective ones; partitions are listed by number."""

    name: str
    partitions: int
    replication: int
    settings: dict[str, str]
    offline: tuple[int, ...] = ()
    under_replicated: tuple[int, ...] = ()
    allowed: frozenset[str] | None = None
    """Operations that this user may do on it; None where nobody is asked for rights."""


@dataclass(frozen=True)
class MemberFacts:
    """A worker in the group, and the partitions that membership gives it."""

    member_id: str
    host: str
    partitions: tuple[int, ...]


@dataclass(frozen=True)
class QueueFacts:
    """A task queue: how far each partition of its tasks is done, and who works it. ``members`` is None where this user
    may not see them."""

    queue: str
    committed: dict[int, int]
    members: tuple[str, ...] | None


@dataclass(frozen=True)
class Inspection:
    """``brokers`` is 0 where there is no cluster. ``problems`` are what the log itself finds wrong."""

    kind: str
    brokers: int
    topics: dict[str, TopicFacts]
    missing: tuple[str, ...] = ()
    broker_settings: dict[str, str] = field(default_factory=dict[str, str])
    members: tuple[MemberFacts, ...] | None = None
    group_allowed: frozenset[str] | None = None
    problems: tuple[str, ...] = ()
