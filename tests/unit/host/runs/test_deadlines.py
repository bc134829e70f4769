"""Run time-outs and delayed starts, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections import Counter

from harness import running
from virtual_host import options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import activity, saga, workflow
from sagaline._log import HISTORY
from sagaline._model import events as e
from sagaline._model.failure import TIMEOUT

done: Counter[str] = Counter()


@activity
async def book(what: str) -> str:
    done[what] += 1
    return what


@book.compensation
async def unbook(what: str, booked: str | None) -> None:
    await asyncio.sleep(30)  # longer than what is left
    done[f"undo {what}"] += 1


@saga
async def trip() -> str:
    await book("flight")
    await asyncio.sleep(3_600)
    return "never"


@workflow
async def sleeps(seconds: int) -> str:
    await asyncio.sleep(seconds)
    return "slept"


@workflow
async def goes_on(number: int) -> None:
    await asyncio.sleep(40)
    goes_on.continue_as_new(number + 1)


REGISTRY = registry_of([trip, sleeps, goes_on], [book])


@virtual
async def test_a_run_fails_at_its_deadline_and_a_saga_is_compensated_shielded_from_it() -> None:
    done.clear()
    async with virtual_host(REGISTRY, options_of()) as world:
        loop = asyncio.get_running_loop()
        began = loop.time()
        late = await world.run(sleeps, "a", 3_600, run_timeout_ms=60_000)
        assert late.failure is not None
        assert (late.status, late.failure.type, late.failure.kind) == ("failed", "RunTimeout", TIMEOUT)
        assert 59 < loop.time() - began < 70
        assert (await world.run(sleeps, "b", 10, run_timeout_ms=60_000)).status == "completed"
        undone = await world.run(trip, "c", run_timeout_ms=10_000)
        assert undone.failure is not None
        assert (undone.status, undone.failure.type) == ("compensated", "RunTimeout")
        assert done == {"flight": 1, "undo flight": 1}


@virtual
async def test_the_deadline_is_that_of_the_whole_chain_and_outlives_a_worker() -> None:
    log = None
    async with virtual_host(REGISTRY, options_of()) as world:
        request_id = world.start(goes_on, "a", 0, run_timeout_ms=100_000)
        await asyncio.sleep(60)
        log = world.log
    async with virtual_host(REGISTRY, options_of(), log=log) as world:
        late = await world.answer(request_id)
        assert late.failure is not None
        assert (late.status, late.failure.type) == ("failed", "RunTimeout")
        records = [record for record in world.records(HISTORY, 0) if hasattr(record, "events")]
        began = [event for record in records for event in record.events if isinstance(event, e.RunStarted)]
        assert len(began) == 3
        assert len({event.deadline for event in began}) == 1


@virtual
async def test_a_delayed_run_has_its_id_at_once_and_begins_in_time() -> None:
    async with virtual_host(REGISTRY, options_of()) as world:
        loop = asyncio.get_running_loop()
        began = loop.time()
        waiting = world.start(sleeps, "a", 5, delay_ms=600_000, run_timeout_ms=60_000)
        taken = await world.answer(world.start(sleeps, "a", 5, id_conflict="fail"))
        assert taken.kind == "refused"
        assert (await world.answer(waiting, 2_000)).status == "completed"
        assert 604 < loop.time() - began < 612


async def test_the_client_says_when() -> None:
    async with running("memory://deadlines?partitions=1", [sleeps]) as (_, client):
        handle = await client.start(sleeps, 3_600, id="a", run_timeout="200ms", delay=0.1)
        description = await handle.describe()
        assert {step.step for step in description.waits_for} == {0, 1}
        assert (await client.execute(sleeps, 0, id="b", delay="10ms")) == "slept"
        try:
            await handle.result(20)
        except Exception as error:
            assert "RunTimeout: The run has not ended by its deadline." in str(error)
        else:
            raise AssertionError
