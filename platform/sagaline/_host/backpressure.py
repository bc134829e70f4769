"""Nothing more is read while too much is under way: a flood waits in the log, not in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import call_logged
from sagaline._log import Reader

_GO_ON_BELOW = 0.5
"""The share of a bound below which reading goes on."""
_LOOK_EVERY_S = 0.005
"""Seconds between two looks at all partitions, which each batch of records and of acknowledgements asks for. Less comes
in them than in one batch of a reader."""


class Load(Protocol):
    """What a live partition has under way."""

    @property
    def in_flight(self) -> int:
        """Appends that are not acknowledged."""
        ...

    @property
    def bytes_in_flight(self) -> int:
        """Bytes of appends, messages and answers that have not left."""
        ...


class Backpressure:
    """Pauses the readers of all namespaces of a process together: its memory is one."""

    def __init__(self, options: HostOptions, live: Callable[[], Iterable[Load]], is_busy: Callable[[], bool]) -> None:
        self._options, self._live, self._is_busy = options, live, is_busy
        self._readers: dict[Reader, bool] = {}  # whether each is paused
        self._loop, self._next_look_s = asyncio.get_running_loop(), 0.0
        self.paused = False

    def add(self, reader: Reader) -> None:
        """A reader that is paused with the others."""
        self._readers[reader] = False
        self._tell()

    def remove(self, reader: Reader) -> None:
        """Its namespace is done; it stays as it is."""
        self._readers.pop(reader, None)

    def check(self) -> None:
        """Stops reading while too much is under way, goes on when half of it is done."""
        busy = self._is_busy()
        if not busy and not self.paused:
            now_s = self._loop.time()
            if now_s < self._next_look_s:
                return
            self._next_look_s = now_s + _LOOK_EVERY_S
        appends = size = 0
        for partition in self._live():
            appends += partition.in_flight
            size += partition.bytes_in_flight
        options = self._options
        load = max(appends / options.appends_in_flight, size / options.bytes_in_flight)
        self.paused = busy or load > 1 or (self.paused and load >= _GO_ON_BELOW)
        self._tell()

    def _tell(self) -> None:
        """A reader that raises is told again at the next look."""
        for reader, is_paused in self._readers.items():
            if is_paused is not self.paused and call_logged(
                "Backpressure", reader.pause if self.paused else reader.resume
            ):
                self._readers[reader] = self.paused
