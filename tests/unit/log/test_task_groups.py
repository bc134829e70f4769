"""Groups that work a queue: who has which partitions, and where the next one goes on; on memory, sqlite and Kafka."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from functools import partial

import pytest
from harness import eventually, eventually_async

from sagaline._log import Committed, Log, QueueFacts, Record, open_log
from sagaline._log.task_groups import TaskGroupMember
from sagaline._model.keys import partition_of
from sagaline._model.tasks import cancel_topic, task_topic


class Worker:
    """Remembers what it is told. ``leaves`` is committed for what is revoked."""

    def __init__(self, log: Log, queue: str, member_id: str | None = None) -> None:
        self.positions: dict[int, Committed] = {}
        self.leaves: dict[int, Committed] = {}
        self.error: Exception | None = None
        self.membership = log.queues.join(queue, member_id, self)

    def on_assigned(self, positions: dict[int, Committed]) -> None:
        self.positions |= positions

    def on_revoked(self, partitions: Sequence[int]) -> None:
        self.membership.commit({number: self.leaves[number] for number in partitions if number in self.leaves})
        for number in partitions:
            self.positions.pop(number, None)

    def on_failed(self, error: Exception) -> None:
        self.error = error


@pytest.fixture
async def queue(log: Log) -> str:
    name = f"q-{uuid.uuid4().hex[:8]}"
    await log.queues.make(name)
    return name


async def test_members_of_a_queue_share_its_partitions_beside_the_workers(log: Log, queue: str) -> None:
    first = Worker(log, queue)
    await eventually(lambda: first.positions == {0: Committed(0, ""), 1: Committed(0, "")})
    second = Worker(log, queue, "with-an-id")
    await eventually(lambda: len(first.positions) == len(second.positions) == 1)
    assert first.positions.keys() | second.positions.keys() == {0, 1}
    assert await log.members() == []
    await first.membership.close()
    await eventually(lambda: len(second.positions) == 2)
    await second.membership.close()
    assert first.error is second.error is None


async def test_a_queue_says_how_far_it_is_done_and_who_works_it(log: Log, queue: str) -> None:
    for number in range(2):
        log.publish(task_topic(queue), number, b"k", b"a task")

    async def facts() -> list[QueueFacts]:
        return [one for one in await log.queues.facts() if one.queue == queue]

    async def worked_by(count: int) -> bool:
        return [len(one.members or ()) for one in await facts()] == [count]

    worker = Worker(log, queue, "with-an-id")
    await eventually(lambda: len(worker.positions) == 2)
    worker.membership.commit({1: Committed(1, "")})

    async def committed() -> bool:
        return await facts() == [QueueFacts(queue, {1: 1}, ("with-an-id",))]

    await eventually_async(committed)
    await worker.membership.close()
    await eventually_async(partial(worked_by, 0))


async def test_what_is_committed_is_where_the_next_member_goes_on(log: Log, queue: str) -> None:
    first = Worker(log, queue)
    await eventually(lambda: len(first.positions) == 2)
    first.membership.commit({0: Committed(5, ""), 1: Committed(1, "x")})
    first.membership.commit({0: Committed(7, "a" * 4_000)})
    await first.membership.close()
    second = Worker(log, queue)
    await eventually(lambda: second.positions == {0: Committed(7, "a" * 4_000), 1: Committed(1, "x")})
    await second.membership.close()
    other = f"{queue}-2"
    await log.queues.make(other)
    third = Worker(log, other)
    await eventually(lambda: third.positions == {0: Committed(0, ""), 1: Committed(0, "")})
    await third.membership.close()


async def test_what_is_committed_while_a_partition_is_taken_away_counts(log: Log, queue: str) -> None:
    """Kafka's group may have given it on by then: what was committed before counts there."""
    first = Worker(log, queue)
    await eventually(lambda: len(first.positions) == 2)
    first.leaves = {0: Committed(3, ""), 1: Committed(4, "")}
    first.membership.commit(first.leaves)
    second = Worker(log, queue)
    await eventually(lambda: len(second.positions) == 1)
    ((number, position),) = second.positions.items()
    assert position == first.leaves[number]
    await second.membership.close()
    await first.membership.close()


async def test_a_task_goes_to_the_partition_of_its_key_and_makes_its_topic(log: Log) -> None:
    """Nobody has made the queue, as when code names it in a call."""
    queue = f"q-{uuid.uuid4().hex[:8]}"
    done: list[str | None] = []
    for number in range(20):
        log.publish(task_topic(queue), None, b"run/%d/1" % number, b"task", done.append)
    log.publish(cancel_topic(queue), 0, b"run/1/1", b"cancel", done.append)
    await eventually(lambda: len(done) == 21)
    assert done == [None] * 21
    records: list[Record] = []
    reader = log.reader(records.extend)
    for partition in range(log.partitions):
        reader.add(task_topic(queue), partition, 0)
    reader.add(cancel_topic(queue), 0, 0)
    await eventually(lambda: len(records) == 21)
    for record in records:
        expected = partition_of((record.key or b"").decode(), log.partitions)
        assert record.partition == (expected if record.value == b"task" else 0)
    await reader.close()


async def test_topics_of_queues_are_planned_and_found(log: Log, log_url: str) -> None:
    queue = f"q-{uuid.uuid4().hex[:8]}"
    other = open_log(log_url)
    wanted = {plan.topic: plan for plan in await other.plan_topics(None, None, [queue])}
    assert wanted[task_topic(queue)].partitions in (0, log.partitions)
    await log.queues.make(queue)
    done: list[str | None] = []
    log.publish(task_topic(queue), None, b"k", b"v", done.append)
    await eventually(lambda: done)
    plans = {plan.topic: plan for plan in await log.plan_topics(None, None)}
    assert plans[task_topic(queue)].action == plans[cancel_topic(queue)].action == "nothing"
    assert plans[task_topic(queue)].partitions == log.partitions
    assert plans[cancel_topic(queue)].partitions == 1
    await other.close()


class Broken:
    """Positions that cannot be read or written at first."""

    def __init__(self) -> None:
        self.failures = 2
        self.known = {0: Committed(2, "")}

    async def read(self, partitions: Sequence[int]) -> dict[int, Committed]:
        self._fail()
        return dict(self.known)

    async def write(self, positions: dict[int, Committed]) -> None:
        self._fail()
        self.known |= positions

    def _fail(self) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise OSError("no disk")


async def test_positions_that_cannot_be_read_or_written_are_tried_again(log: Log) -> None:
    positions = Broken()
    heard: dict[int, Committed] = {}

    class Listener:
        def on_assigned(self, positions: dict[int, Committed]) -> None:
            heard.update(positions)

        def on_revoked(self, partitions: Sequence[int]) -> None: ...

        def on_failed(self, error: Exception) -> None: ...

    member = TaskGroupMember(positions, Listener(), asyncio.get_running_loop())
    member.membership = log.join(f"m-{uuid.uuid4().hex[:8]}", member)
    await eventually(lambda: heard == {0: Committed(2, ""), 1: Committed(0, "")})
    positions.failures = 2
    member.commit({0: Committed(9, "")})
    await member.close()
    assert positions.known[0] == Committed(9, "")
