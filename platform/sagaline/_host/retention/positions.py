"""Records of positions: at any time one that is durable says what the records that are retired have said."""

from __future__ import annotations

import asyncio

from sagaline._host.partition.recorder import Recorder
from sagaline._host.retention.tombstones import Tombstones


class DurablePositions:
    """Used by one task at a time."""

    def __init__(self, recorder: Recorder, tombstones: Tombstones) -> None:
        self._recorder, self._tombstones = recorder, tombstones
        self._durable = asyncio.Event()
        self._awaited = -1  # number of the record that is to be durable

    async def record(self) -> None:
        """Records positions and waits until they are durable; the records of positions before go."""
        self._durable.clear()
        self._awaited = self._recorder.positions()
        await self._durable.wait()
        await self._tombstones.retire_positions(self._recorder.epoch, self._awaited)

    def on_durable(self, number: int) -> None:
        """The record of positions with this number is durable."""
        if number == self._awaited:
            self._durable.set()
