"""Texts and lists without a bound, made by users or written by other programs: one claim, and good runs finish."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import Retry, activity, workflow
from sagaline._log import DEADLETTERS, HISTORY, REPLIES, RESULTS
from sagaline._model import limits
from sagaline._model.codec import encode
from sagaline._model.failure import Failure
from sagaline._model.records import (
    ActivityResult,
    CancelRun,
    History,
    ReadRun,
    Refusals,
    Reply,
    StartRun,
    TerminateRun,
)


@activity(retry=Retry(attempts=2, first_interval="10ms"))
async def fails_with(size: int) -> str:
    raise RuntimeError("x" * size)


@activity(timeout="1h")
async def waits() -> str:
    await asyncio.sleep(3_000)
    return ""


@workflow
async def calls(size: int) -> str:
    return await fails_with(size)


@workflow
async def parks(size: int) -> None:
    raise LookupError("y" * size)


@workflow
async def open_run() -> str:
    return await waits()


@workflow
async def good(number: int) -> int:
    return number


REGISTRY = registry_of([calls, parks, open_run, good], [fails_with, waits])


def sizes(world: VirtualHost) -> list[int]:
    topics = (HISTORY, REPLIES, DEADLETTERS)
    records = [record for topic in topics for record in world.log._broker.records.get((topic, 0), [])]
    return [len(record.value or b"") for record in records]


async def fine(world: VirtualHost) -> None:
    """One claim, every record within the limit, and a good run finishes."""
    assert (await world.run(good, "good", 7)).result == b"7"
    assert world.claims() == [1]
    assert max(sizes(world)) <= limits.RECORD_BYTES


@virtual
async def test_an_error_text_of_five_megabytes_and_a_reason_of_two() -> None:
    async with virtual_host(REGISTRY, options_of()) as world:
        failed = await world.run(calls, "calls", 5_000_000)
        assert failed.failure is not None
        assert "more bytes were cut" in failed.failure.message
        world.start(parks, "parks", 2_000_000)
        await eventually(lambda: any(world.host.live[0].rows.durable.attention.parked()))
        await fine(world)


@pytest.mark.parametrize("kind", [CancelRun, TerminateRun])
def test_a_reason_of_half_a_megabyte_that_another_program_has_written(kind: Any) -> None:
    @virtual
    async def check() -> None:
        async with virtual_host(REGISTRY, options_of()) as world:
            asked = world.start(open_run, "open")
            await eventually(lambda: world.host.live and world.host.live[0].rows.durable.run("open"))
            world.command("open", kind("stop", "open", "x" * 500_000, "client", 0))
            ended = await world.answer(asked)
            assert ended.status == ("cancelled" if kind is CancelRun else "terminated")
            await fine(world)

    check()


@pytest.mark.parametrize("levels", [65, 3_000, 100_000])
def test_a_start_of_so_many_brackets_is_refused(levels: int) -> None:
    @virtual
    async def check() -> None:
        async with virtual_host(REGISTRY, options_of()) as world:
            data = b"[" + b"[" * levels + b"]" * levels + b"]"
            world.command("deep", StartRun("q", "deep", "good", data, "client", 0, "closed"))
            assert (await world.answer("q")).kind in ("refused", "result")
            await fine(world)

    check()


@virtual
async def test_refusals_are_split_by_bytes_and_each_is_answered() -> None:
    """500 requests in one batch, each refused with a long text."""
    async with virtual_host(REGISTRY, options_of()) as world:
        await world.host.wait_live(1)
        world.host._namespace.reader.pause()
        for number in range(500):
            name = f"{number:03}" + "unknown" * 36
            world.command("w", StartRun(f"q{number}", f"w{number}", name, b"[]", "client", 0))
            name = f"{number:03}" + '"' * 250
            world.command("w", CancelRun(f"c{number}", name, "why", "client", 0))
        world.host._namespace.reader.resume()
        asked = {f"{kind}{number}" for kind in "qc" for number in range(500)}
        await eventually(lambda: len(world.records(REPLIES, 0)) >= len(asked))
        assert {reply.request_id for reply in world.records(REPLIES, 0)} == asked
        records = [record for record in world.records(HISTORY, 0) if isinstance(record, Refusals)]
        assert sum(len(record.refusals) for record in records) == 1_000
        positions = [record.commands_position for record in records]
        assert positions == sorted(positions)
        assert positions[-1] == 1_000
        await fine(world)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda long: StartRun("q", long, "good", b"[1]", "client", 0),
        lambda long: StartRun("q", "w", long, b"[1]", "client", 0),
        lambda long: CancelRun("q", long, "why", "client", 0),
        lambda long: ReadRun("q", long, "description", "client", 0),
        lambda long: StartRun(long, "w", "good", b"[1]", "client", 0),
        lambda long: StartRun("q", "w", "good", b"[1]", long, 0),
    ],
    ids=["id", "workflow", "cancel", "read", "request id", "client"],
)
def test_ids_and_names_that_fit_into_no_record_are_dead_letters_and_answered(request_of: Any) -> None:
    @virtual
    async def check() -> None:
        async with virtual_host(REGISTRY, options_of()) as world:
            request = request_of("x" * 700_000)
            world.command("w", request)
            await fine(world)
            assert len(world.log._broker.records[DEADLETTERS, 0]) == 1
            if len(request.request_id) < 10 and len(request.reply_to) < 10:
                answer = await world.answer("q")
                assert answer.kind == "refused"
                assert answer.failure is not None
                assert "Expected ids and names of at most 255 bytes but got one of 700,000" in answer.failure.message

    check()


@virtual
async def test_results_of_other_programs_are_cut_or_are_failures() -> None:
    async with virtual_host(REGISTRY, options_of()) as world:
        large = {"result": b'"' + b"x" * 900_000 + b'"'}
        deep: Any = None
        for _ in range(20):
            deep = Failure("T" * 5_000, "m" * 30_000, "application", "s" * 10_000, retryable=False, cause=deep)
        for number, outcome in enumerate([large, {"failure": deep}]):
            asked = world.start(open_run, f"open-{number}")
            await eventually(
                lambda id=f"open-{number}": world.host.live and world.host.live[0].rows.durable.run(id)  # noqa: A006
            )
            run = world.host.live[0].rows.durable.run(f"open-{number}")
            assert run is not None
            result = ActivityResult(run.workflow_id, run.run_id, 1, 1, **outcome)
            world.log._broker.write(RESULTS, 0, b"", encode(result))
            ended: Reply = await world.answer(asked)
            assert ended.status == "failed"
        await fine(world)
        history = [record for record in world.records(HISTORY, 0) if isinstance(record, History)]
        assert max(len(encode(record)) for record in history) < 200_000
