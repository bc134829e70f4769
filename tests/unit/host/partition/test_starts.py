"""A start whose workflow id is known: joined, refused or replaced, with the inputs compared as they were meant."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sealing import encrypted
from virtual_host import VirtualHost, eventually, options_of, registry_of, virtual_host
from virtual_time import virtual

from sagaline import ApplicationError, workflow
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.messages import Messages
from sagaline._host.partition.starting import Starting
from sagaline._log import DEADLETTERS, HISTORY
from sagaline._model.events import RunStarted
from sagaline._model.ids import run_id_of
from sagaline._model.records import CancelRun, History, Refusals, Reply, StartRun
from sagaline._payloads import Sealer
from sagaline._payloads.places import input_of


@workflow
async def naps(number: int) -> int:
    await asyncio.sleep(1_000)
    return number


@workflow
async def quick(number: int) -> int:
    return number


@workflow
class Till:
    def __init__(self) -> None:
        self.total = 0

    @workflow.update
    def add(self, number: int) -> int:
        self.total += number
        return self.total

    @add.validator
    def check(self, number: int) -> None:
        if number < 0:
            raise ApplicationError("only upwards", type="Negative")

    @workflow.run
    async def run(self) -> None:
        await asyncio.sleep(1_000)


REGISTRY = registry_of([naps, quick, Till.run], [])


def ask(world: VirtualHost, fn: Any, number: int, **fields: Any) -> str:
    return world.start(fn, "w", number, reply_when="accepted", **fields)


async def answered(world: VirtualHost, *asked: str) -> list[Reply]:
    return [await world.answer(request_id) for request_id in asked]


@virtual
async def test_an_open_run_of_the_id() -> None:
    async with virtual_host(REGISTRY, options_of()) as world:
        first, same, other_input, other_name, existing, fails = await answered(
            world,
            ask(world, naps, 1),
            ask(world, naps, 1),
            ask(world, naps, 2),
            ask(world, quick, 1),
            ask(world, quick, 2, id_conflict="use_existing"),
            ask(world, naps, 1, id_conflict="fail"),
        )
        assert {first.run_id, same.run_id, existing.run_id} == {first.run_id}
        for refused in (other_input, other_name, fails):
            assert refused.failure is not None
            assert (refused.kind, refused.failure.type) == ("refused", "IdInUse")
        assert other_name.failure is not None
        assert all(f"{name!r}" in other_name.failure.message for name in ("naps", "quick"))


@virtual
async def test_a_closed_run_of_the_id() -> None:
    async with virtual_host(REGISTRY, options_of()) as world:
        (first,) = await answered(world, ask(world, quick, 1))
        await eventually(lambda: world.host.live[0].rows.durable.run("w").closed)
        same, other, rejected, failed = await answered(
            world,
            ask(world, quick, 1),
            ask(world, quick, 2),
            ask(world, quick, 1, id_reuse="reject"),
            ask(world, quick, 1, id_reuse="if_failed"),
        )
        assert same.run_id == failed.run_id == first.run_id
        assert [reply.failure.type for reply in (other, rejected) if reply.failure] == ["IdUsed", "IdUsed"]
        (again,) = await answered(world, ask(world, quick, 2, id_reuse="allow"))
        assert again.run_id != first.run_id


@virtual
async def test_a_repeated_request_is_answered_with_the_run_it_began_whatever_came_after() -> None:
    async with virtual_host(REGISTRY, options_of()) as world:
        (first,) = await answered(world, ask(world, naps, 1, request_id="first"))
        (second,) = await answered(world, ask(world, naps, 2, id_conflict="terminate_existing"))
        assert second.run_id != first.run_id
        ask(world, naps, 1, request_id="first")
        await eventually(lambda: len(world.answers("first")) == 2)
        assert {reply.run_id for reply in world.answers("first")} == {first.run_id}


@virtual
async def test_sealed_inputs_are_compared_opened() -> None:
    """The same input is other bytes each time that it is encrypted."""
    sealer = Sealer(encrypted(allow_plain=True, key=b"k" * 32))

    def sealed(request_id: str, number: int) -> dict[str, Any]:
        place = input_of(run_id_of(StartRun(request_id, "w", "naps", b"")))
        payload = naps.definition.signature.encode_input((number,), {})
        return {"request_id": request_id, "input": sealer.seal(place, payload)}

    async with virtual_host(REGISTRY, options_of(payloads=sealer)) as world:
        first, same, other = await answered(
            world,
            ask(world, naps, 1, **sealed("first", 1)),
            ask(world, naps, 1, **sealed("same", 1)),
            ask(world, naps, 1, **sealed("other", 2)),
        )
        assert same.run_id == first.run_id
        assert other.kind == "refused"


@pytest.mark.parametrize("lost_between", [False, True], ids=["in one go", "lost between the two records"])
def test_a_run_is_replaced_in_two_records_of_one_command(lost_between: bool) -> None:
    @virtual
    async def check() -> None:
        begin, lost = Starting._begin, []

        def begin_or_lose(self: Starting, request: Any, events: Any) -> None:
            if request.id_conflict == "terminate_existing" and lost_between and not lost:
                lost.append(request)
                self._recorder._pipeline.guard.lose(Lost(Kind.ENGINE, "between the two records"))
            else:
                begin(self, request, events)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Starting, "_begin", begin_or_lose)
            async with virtual_host(REGISTRY, options_of()) as world:
                waits = world.start(naps, "w", 1)
                await eventually(lambda: world.host.live and world.host.live[0].rows.durable.run("w"))
                (replaced,) = await answered(world, ask(world, naps, 2, id_conflict="terminate_existing"))
                ended = await world.answer(waits)
                assert (ended.kind, ended.status) == ("closed", "terminated")
                assert replaced.run_id != ended.run_id
                records = [record for record in world.records(HISTORY, 0) if isinstance(record, History)]
                assert [(record.run_id == replaced.run_id, record.commands_position) for record in records] == [
                    (False, 1),
                    (False, 1),
                    (True, 2),
                ]
                assert world.claims() == [1 + len(lost)]
                assert not world.records(DEADLETTERS, 0)

    check()


@pytest.mark.parametrize("number", [5, -5], ids=["accepted", "refused"])
@pytest.mark.parametrize("lost_between", [False, True], ids=["in one go", "lost between the two records"])
def test_an_update_with_a_start_is_a_second_record_of_one_command(number: int, lost_between: bool) -> None:
    @virtual
    async def check() -> None:
        update, lost = Messages.update_with, []

        def update_or_lose(self: Messages, request: Any, run_id: str) -> None:
            if lost_between and not lost:
                lost.append(request)
                self._guard.lose(Lost(Kind.ENGINE, "between the two records"))
            update(self, request, run_id)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Messages, "update_with", update_or_lose)
            async with virtual_host(REGISTRY, options_of()) as world:
                update_of = {"update": "add", "update_id": "u", "update_input": b"[%d]" % number}
                asked = world.start(Till.run, "w", reply_when="completed", **update_of)
                reply = await world.answer(asked)
                assert reply.run_id == run_id_of(StartRun(asked, "w", "Till", b""))
                assert reply.kind == ("updated" if number > 0 else "refused")
                records = [one for one in world.records(HISTORY, 0) if isinstance(one, History | Refusals)]
                assert [one.commands_position for one in records] == [0, 1]
                first, second = records
                assert isinstance(first, History)
                assert isinstance(first.events[0], RunStarted)
                assert isinstance(second, History if number > 0 else Refusals)
                await asyncio.sleep(100)
                assert world.answers(asked) == [reply], "the update alone answers"
                assert world.claims() == [1 + len(lost)]
                assert not world.records(DEADLETTERS, 0)

    check()


@virtual
async def test_a_child_that_comes_with_what_stops_it_does_not_begin() -> None:
    """The two were read at once, the wrong way round."""
    async with virtual_host(REGISTRY, options_of()) as world:
        parent = {"parent_id": "p", "parent_run_id": "p-run", "parent_step": 1}
        stop = CancelRun("child/p-run/1/close", "w", "the parent has ended", "client", 0)
        world.command("w", stop)
        asked = ask(world, naps, 1, request_id="child/p-run/1", **parent)
        for request_id, reason in ((stop.request_id, "WorkflowNotFound"), (asked, "ParentEnded")):
            reply = await world.answer(request_id)
            assert reply.failure is not None
            assert reply.failure.type == reason
