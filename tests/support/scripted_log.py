"""A log that does what a test says: what fails, what raises, and when publishing is acknowledged."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple


class Published(NamedTuple):
    """A record that was handed over."""

    topic: str
    partition: int | None
    key: bytes
    value: bytes | None
    headers: dict[str, bytes]


class ScriptedLog:
    """The parts of the log port that host's rooms use. ``fate`` of a record: None, an error's text, or what is raised;
    with ``held`` nothing is acknowledged before ``release``."""

    namespace = "scripted"

    def __init__(self) -> None:
        self.published: list[Published] = []
        self.landed: list[Published] = []
        self.fate: Callable[[Published], str | Exception | None] = lambda record: None
        self.end = 0
        self.look_ups: list[Exception | None] = []  # what the next look-ups raise
        self.held = False
        self._waiting: deque[tuple[Published, Callable[[str | None], None] | None]] = deque()

    def publish(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        on_done: Callable[[str | None], None] | None = None,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        record = Published(topic, partition, key, value, headers or {})
        self.published.append(record)
        fate = self.fate(record)
        if isinstance(fate, Exception):
            raise fate
        if fate is not None:
            if on_done is not None:
                asyncio.get_running_loop().call_soon(on_done, fate)
            return
        self._waiting.append((record, on_done))
        if not self.held:
            asyncio.get_running_loop().call_soon(self.release)

    def release(self, count: int = 1_000_000) -> None:
        """Acknowledges the oldest that wait."""
        for _ in range(min(count, len(self._waiting))):
            record, on_done = self._waiting.popleft()
            self.landed.append(record)
            if on_done is not None:
                on_done(None)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        await asyncio.sleep(0)
        error = self.look_ups.pop(0) if self.look_ups else None
        if error is not None:
            raise error
        return 0, self.end

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"this log has no {name}")
