"""The log port: topics of partitions of records, appends that are acknowledged in order, and membership.

All callbacks run on the event loop of the thread that opened the log, a batch at a time. The port knows
nothing of workflows: claims, epochs and contiguity are the host's, the same on every implementation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from sagaline._log.inspection import Inspection, QueueFacts
from sagaline._log.topics import TopicPlan


class Record(NamedTuple):
    """A record as it stands on a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Ack(NamedTuple):
    """The fate of an append. With ``error`` set it is ambiguous: the record may be there or not."""

    token: Any
    offset: int
    error: str | None


class Appender(Protocol):
    """Pipelined appends to the history topic."""

    def append(self, partition: int, key: bytes, value: bytes | None, token: Any) -> None:
        """Sends a record; None as its value is a tombstone.

        Contract: what lands of the appends to one partition is a prefix of the calls, in order. After one that did
        not land nothing does: a later record says that inputs were consumed whose record is missing.
        """
        ...

    def close(self) -> None:
        """Gives up what is not acknowledged: it may still land."""
        ...


class Reader(Protocol):
    """Tails partitions from given offsets; batches go to the sink."""

    def add(self, topic: str, partition: int, offset: int) -> None:
        """Reads this partition too."""
        ...

    def remove(self, topic: str, partition: int) -> None:
        """Reads it no more. Batches on their way may still hold its records."""
        ...

    def pause(self) -> None:
        """Delivers nothing until ``resume``: backpressure."""
        ...

    def resume(self) -> None:
        """Delivers again."""
        ...

    async def close(self) -> None:
        """Stops reading."""
        ...


class MembershipListener(Protocol):
    """Who hears of ownership. It is a hint: only a claim in the log decides."""

    def on_assigned(self, partitions: Sequence[int]) -> None:
        """These partitions are this member's now."""
        ...

    def on_revoked(self, partitions: Sequence[int]) -> None:
        """These partitions are not this member's any more."""
        ...

    def on_failed(self, error: Exception) -> None:
        """Membership is lost for good, e.g. because another process uses the same id."""
        ...


class Membership(Protocol):
    """One member of the group that shares the partitions."""

    def report(self, positions: dict[int, int]) -> None:
        """Publishes positions in the commands topic for lag monitors; nothing else reads them."""
        ...

    def released(self, partition: int) -> None:
        """The host has let go of a revoked partition."""
        ...

    def suspend(self) -> None:
        """Leaves the group until ``resume``, so that others take over: for a worker whose event loop stands still.

        Contract: may be called from any thread, and again. The listener hears ``on_revoked`` when its loop goes on.
        Nothing is waited for: until the host has heard of it, it may still write, which its lost claim makes invalid.
        """
        ...

    def resume(self) -> None:
        """Joins again after ``suspend``; from any thread."""
        ...

    async def close(self) -> None:
        """Leaves the group."""
        ...


class Committed(NamedTuple):
    """How far a partition of a task topic is done: all below ``offset``, and what ``metadata`` says of those behind."""

    offset: int
    metadata: str


class TaskListener(Protocol):
    """Who hears which partitions of a task topic a worker of the queue has."""

    def on_assigned(self, positions: dict[int, Committed]) -> None:
        """These partitions are this member's now, as far as they are done; 0 and "" when nobody has committed."""
        ...

    def on_revoked(self, partitions: Sequence[int]) -> None:
        """These are not any more. What is committed while this is called still counts, if the group allows it."""
        ...

    def on_failed(self, error: Exception) -> None:
        """Membership is lost for good, e.g. because another process uses the same id."""
        ...


class TaskMembership(Protocol):
    """A member of the group that works a queue. Partitions change hands at any time: what is done may be done again."""

    def commit(self, positions: dict[int, Committed]) -> None:
        """How far these partitions are done; it is written soon, the newest of each. The metadata is text of at most
        4,000 bytes."""
        ...

    def suspend(self) -> None:
        """Leaves the group until ``resume``, as a ``Membership`` does; from any thread."""
        ...

    def resume(self) -> None:
        """Joins again after ``suspend``; from any thread."""
        ...

    async def close(self) -> None:
        """Leaves the group, when what was committed is written."""
        ...


class TaskQueues(Protocol):
    """The task queues of a namespace."""

    async def make(self, queue: str) -> None:
        """Makes the topics of a queue that are missing. Raises LogUnavailable, TopicMismatch."""
        ...

    async def facts(self) -> list[QueueFacts]:
        """Those that have ever been used, for ``sagaline doctor``. Raises LogUnavailable."""
        ...

    def join(self, queue: str, member_id: str | None, listener: TaskListener) -> TaskMembership:
        """Joins the group that works a queue. Without an id a member that is gone is forgotten at once when it leaves;
        one that has an id, and comes again, has its partitions back. Contract: the queue's topics are there."""
        ...


class Log(Protocol):
    """The topics of one namespace."""

    @property
    def namespace(self) -> str:
        """Prefix of the topics."""
        ...

    @property
    def partitions(self) -> int:
        """Partition count of commands, results and history; known once opened."""
        ...

    @property
    def identity(self) -> str:
        """Changes when the history topic is another one, even of the same name; known once opened."""
        ...

    @property
    def tombstones_kept_s(self) -> float:
        """Seconds for which a tombstone of history surely stays; a store that is older has to be rebuilt."""
        ...

    @property
    def record_limit(self) -> int:
        """Bytes of key, value and headers that a record may have; known once opened.

        Contract: an append of more fails, and its appender with it, as every append behind one that did not land. A
        publish of more is an error to its ``on_done``.
        """
        ...

    async def open(self, create: bool = True) -> None:
        """Connects and checks the topics. Raises LogUnavailable, TopicMismatch.

        ``create`` makes missing topics with the right settings: for workers. Without it, for clients, a namespace that
        is not there is NamespaceNotFound, and nothing is made or left behind.
        """
        ...

    async def close(self) -> None:
        """Disconnects."""
        ...

    async def plan_topics(
        self, partitions: int | None, replication: int | None, queues: Sequence[str] = ()
    ) -> list[TopicPlan]:
        """What ``apply_topics`` would do, without doing it. ``queues``: task queues beside those that are there."""
        ...

    async def apply_topics(self, plans: Sequence[TopicPlan]) -> None:
        """Creates topics and corrects settings as planned."""
        ...

    async def inspect(self) -> Inspection:
        """What there is, for ``sagaline doctor``; the log need not be open. Raises LogUnavailable."""
        ...

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset that is there, and the next to be written."""
        ...

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        """The records from ``start`` up to, not including, ``end``, in batches."""
        ...

    def appender(self, on_acks: Callable[[list[Ack]], None]) -> Appender:
        """A writer of history. One that has failed is closed and another one is made."""
        ...

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        """Sends a record to any topic; without a partition, to that of the key. ``on_done`` gets an error or None.

        Contract: never raises, and calls ``on_done`` once, from the loop. The topics of a task queue are made when they
        are first used.
        """
        ...

    def reader(self, sink: Callable[[list[Record]], None]) -> Reader:
        """Tails partitions."""
        ...

    async def members(self) -> list[str]:
        """Static ids of the workers that are in the group. Raises LogUnavailable."""
        ...

    def join(self, member_id: str, listener: MembershipListener) -> Membership:
        """Joins the group that shares the partitions, under a static id."""
        ...

    @property
    def queues(self) -> TaskQueues:
        """The task queues; once opened."""
        ...
