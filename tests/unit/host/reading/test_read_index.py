"""The proof behind an answer, and that nothing a look-up does ends it."""

from __future__ import annotations

import asyncio

import pytest
from virtual_time import virtual

from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Lost
from sagaline._host.reading.read_index import ReadIndex


class Room:
    """A read index over a history that ends at ``end``; ``seen`` is how far the owner has come."""

    def __init__(self) -> None:
        self.end = self.seen = 0
        self.look_ups = 0
        self.troubles: list[BaseException] = []
        self.hangs = False
        self.answered: list[str] = []
        self.lost: list[Lost] = []
        self.index = ReadIndex[str](self.end_offset, lambda: self.seen, self.answered.append, Guard(self.lost.append))

    async def end_offset(self) -> int:
        self.look_ups += 1
        await asyncio.sleep(0.01)
        if self.hangs:
            await asyncio.Event().wait()
        if self.troubles:
            raise self.troubles.pop()
        return self.end


@virtual
async def test_an_append_behind_it_proves_a_read() -> None:
    room = Room()
    room.index.ask("a", 3, idle=False)
    room.index.ask("b", 5, idle=False)
    room.index.proven(2, idle=False)
    assert room.answered == []
    room.index.proven(3, idle=False)
    assert room.answered == ["a"]
    assert list(room.index) == ["b"]
    room.index.proven(4, idle=True)  # the fifth append does not come: look instead
    await asyncio.sleep(1)
    assert room.answered == ["a", "b"]
    assert room.look_ups == 1


@virtual
async def test_reads_of_an_idle_partition_share_a_look_up() -> None:
    room = Room()
    for number in range(100):
        room.index.ask(str(number), 1, idle=True)
    await asyncio.sleep(1)
    assert len(room.answered) == 100
    assert room.look_ups == 1


@virtual
async def test_a_read_that_comes_during_a_look_up_has_one_of_its_own() -> None:
    room = Room()
    room.index.ask("a", 1, idle=True)
    await asyncio.sleep(0.005)
    room.index.ask("b", 1, idle=True)
    await asyncio.sleep(0.007)
    assert room.answered == ["a"]
    await asyncio.sleep(1)
    assert room.answered == ["a", "b"]
    assert room.look_ups == 2


@virtual
async def test_nobody_is_answered_before_all_that_is_written_is_seen() -> None:
    room = Room()
    room.end = 7
    room.index.ask("a", 1, idle=True)
    await asyncio.sleep(1)
    assert room.answered == []
    room.seen = 7
    room.index.proven(0, idle=True)
    assert room.answered == ["a"]


@pytest.mark.parametrize("error", [OSError("disk"), RuntimeError("a bug"), KeyError("anything"), TimeoutError()])
@virtual
async def test_whatever_a_look_up_raises_reads_go_on(error: Exception) -> None:
    """Fault 7: after one OSError no read of an idle partition was answered again."""
    room = Room()
    room.troubles = [error] * 3
    room.index.ask("a", 1, idle=True)
    await asyncio.sleep(0.1)
    room.index.ask("b", 1, idle=True)
    assert list(room.index) == ["b", "a"] or list(room.index) == ["a", "b"]
    await asyncio.sleep(60)
    assert sorted(room.answered) == ["a", "b"]
    assert room.look_ups == 4
    room.index.ask("c", 1, idle=True)
    await asyncio.sleep(1)
    assert room.answered[-1] == "c"
    assert not room.lost


@virtual
async def test_a_look_up_that_hangs_is_given_up() -> None:
    room = Room()
    room.hangs = True
    room.index.ask("a", 1, idle=True)
    await asyncio.sleep(10)
    room.hangs = False
    await asyncio.sleep(120)
    assert room.answered == ["a"]


@virtual
async def test_a_closed_index_answers_nobody() -> None:
    room = Room()
    room.index.ask("a", 1, idle=True)
    room.index.ask("b", 1, idle=False)
    room.index.close()
    room.index.proven(10, idle=True)
    await asyncio.sleep(60)
    assert room.answered == []
