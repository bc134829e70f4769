"""Reading stops while too much is under way, and finding that out costs next to nothing while it is not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from harness import eventually

from sagaline._host import backpressure as module
from sagaline._host.backpressure import Backpressure
from sagaline._host.options import HostOptions


@dataclass
class Partition:
    """``looks`` counts the looks at it."""

    appends: int = 0
    bytes_in_flight: int = 0
    looks: int = 0

    @property
    def in_flight(self) -> int:
        self.looks += 1
        return self.appends


class Reader:
    paused = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


@pytest.mark.parametrize("what", ["appends", "bytes", "attempts"])
async def test_reading_stops_at_each_bound_and_goes_on_when_half_of_it_is_done(what: str) -> None:
    partition, reader, busy = Partition(), Reader(), [False]
    pressed = Backpressure(HostOptions("w"), lambda: [partition], lambda: busy[0])
    pressed.add(reader)  # type: ignore[arg-type]

    def load(share: float) -> None:
        partition.appends = int(share * 5_000) if what == "appends" else 0
        partition.bytes_in_flight = int(share * 32_000_000) if what == "bytes" else 0
        busy[0] = what == "attempts" and share > 1

    def is_paused() -> bool:
        pressed.check()
        return reader.paused

    load(0.9)
    assert not is_paused()
    load(1.1)
    await eventually(is_paused, 20)
    load(0.6)
    assert is_paused() == (what != "attempts")  # which have their own way to say when there is room
    load(0.4)
    assert not is_paused(), "whoever is paused goes on at once"


async def test_many_batches_in_a_moment_are_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 60.0)
    partitions = [Partition() for _ in range(64)]
    pressed = Backpressure(HostOptions("w"), lambda: partitions, lambda: False)
    for _ in range(100):
        pressed.check()
    assert [partition.looks for partition in partitions] == [1] * 64
