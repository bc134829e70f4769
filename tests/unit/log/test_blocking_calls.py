"""A log's blocking calls have threads of their own: what users do with asyncio's does not hold them up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from harness import eventually
from log_members import Member

from sagaline._log import COMMANDS, HISTORY, Ack, Record, open_log
from sagaline._log.pool import BlockingCalls


@pytest.fixture
async def hung_threads() -> AsyncIterator[None]:
    """Every thread of asyncio's shared pool is in a call that does not come back."""
    released, entered = threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        entered.release()
        released.wait(120)

    calls = [asyncio.ensure_future(asyncio.to_thread(hang)) for _ in range(64)]
    await eventually(lambda: entered.acquire(blocking=False))
    yield
    released.set()
    await asyncio.gather(*calls)


async def test_a_log_is_opened_read_and_closed_while_users_calls_hang(hung_threads: None, log_url: str) -> None:
    async with asyncio.timeout(60):
        log = open_log(log_url)
        await log.open()
        acks: list[Ack] = []
        appender = log.appender(acks.extend)
        appender.append(0, b"k", b"v", 1)
        await eventually(lambda: acks)
        assert await log.bounds(HISTORY, 0) == (0, 1)
        assert [record.value async for batch in log.read(HISTORY, 0, 0, 1) for record in batch] == [b"v"]
        seen: list[Record] = []
        reader = log.reader(seen.extend)
        reader.add(COMMANDS, 0, 0)
        log.publish(COMMANDS, 0, b"k", b"v")
        await eventually(lambda: seen)
        member = Member(log, "worker-a")
        await eventually(lambda: member.owned)
        assert await log.members() == ["worker-a"]
        await log.inspect()
        await log.plan_topics(None, None)
        await member.membership.close()
        await reader.close()
        appender.close()
        await log.close()


async def test_they_may_be_made_again_after_closing() -> None:
    calls = BlockingCalls(2, "sagaline-test")
    first = await calls.run(lambda: threading.current_thread().name)
    calls.close()
    calls.close()
    assert await calls.run(lambda: threading.current_thread().name) == first == "sagaline-test-1"
    with pytest.raises(ZeroDivisionError):
        await calls.run(lambda: 1 // 0)
    calls.close()
