"""Updates that begin their run over a real broker, asked by several clients at once, while the owner changes."""

from __future__ import annotations

import asyncio

import pytest
from harness import running

from sagaline import ApplicationError, Client, RequestRefused, Worker, workflow

pytestmark = pytest.mark.kafka


@workflow
class Till:
    def __init__(self) -> None:
        self.deposits: list[str] = []
        self.closed = asyncio.Event()

    @workflow.update
    def deposit(self, name: str) -> int:
        self.deposits.append(name)
        return len(self.deposits)

    @deposit.validator
    def check(self, name: str) -> None:
        if not name:
            raise ApplicationError("Expected a name.", type="NoName")

    @workflow.signal
    def close(self) -> None:
        self.closed.set()

    @workflow.run
    async def run(self) -> list[str]:
        await self.closed.wait()
        return self.deposits


async def test_each_counts_once_over_a_takeover(kafka_url: str) -> None:
    async with running(kafka_url, [Till], worker_id="first") as (first, client), await Client.connect(kafka_url) as two:
        await first._host.wait_live(2)
        tills = {number: client.with_start(Till.run, id=f"till-{number}") for number in range(6)}

        async def ask(who: Client, number: int, name: str) -> tuple[int, str, int]:
            till = who.with_start(Till.run, id=f"till-{number}")
            return number, name, await till.execute_update(Till.deposit, name, id=name, timeout="60s")

        async with Worker(kafka_url, workflows=[Till], id="second"):
            asked = [(number, f"d{place}") for number in tills for place in range(5)]
            asking = [asyncio.create_task(ask(who, *one)) for one in asked for who in (client, two)]
            await first.stop()
            answers = set(await asyncio.gather(*asking))
            assert len(answers) == len(asked), "both clients were given the same answer"
            for number, till in tills.items():
                with pytest.raises(RequestRefused) as refused:
                    await till.execute_update(Till.deposit, "", timeout="60s")
                assert (refused.value.type, refused.value.run_id) == ("NoName", till.handle.run_id)
                await till.handle.signal(Till.close, timeout="60s")
                of_run = sorted((place, name) for one, name, place in answers if one == number)
                assert await till.handle.result("60s") == [name for _, name in of_run]
