"""The appender of a namespace: all of its partitions share one, until it is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from sagaline._host.options import HostOptions
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.pipeline import Pending, Pipeline
from sagaline._log import Ack, Appender, Log


class Owner(Protocol):
    """A partition that appends."""

    guard: Guard

    def uses(self, appender: Appender) -> bool:
        """True when it appends through ``appender``."""
        ...


class Producer:
    """Routes acknowledgements to pipelines and claims. ``live`` are the partitions that append."""

    def __init__(
        self, log: Log, options: HostOptions, live: Callable[[], Iterable[Owner]], on_acked: Callable[[], None]
    ) -> None:
        self._log, self._options, self._live, self._on_acked = log, options, live, on_acked
        self._claims: dict[asyncio.Future[Ack], None] = {}  # in order
        self.appender: Appender = log.appender(self._on_acks)

    async def claim(self, number: int, key: bytes, value: bytes) -> Ack:
        """Appends a claim and waits for its fate. One that is in doubt puts the appender in doubt."""
        done: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._claims[done] = None
        appender, limit_s = self.appender, self._options.append_timeout_s
        try:
            appender.append(number, key, value, done)
            async with asyncio.timeout(limit_s):
                ack = await done
        except TimeoutError:
            ack = Ack(done, -1, f"no acknowledgement within {limit_s:g} s")
        finally:
            del self._claims[done]
        if ack.error is not None:
            self.renew(appender)
        return ack

    def renew(self, doubtful: Appender) -> None:
        """Gives an appender up, once, with everything that still waits for it."""
        if doubtful is not self.appender:
            return
        self.appender = self._log.appender(self._on_acks)
        for claim in self._claims:
            if not claim.done():
                claim.set_result(Ack(claim, -1, "its producer was given up"))
        for partition in self._live():
            if partition.uses(doubtful):
                partition.guard.lose(Lost(Kind.PRODUCER, "its producer was given up"))
        doubtful.close()

    def _on_acks(self, acks: list[Ack]) -> None:
        by_pipeline: dict[Pipeline, list[Ack]] = {}
        for ack in acks:
            token = ack.token
            if isinstance(token, Pending):
                by_pipeline.setdefault(token.owner, []).append(ack)
            elif token in self._claims and not token.done():
                token.set_result(ack)
        for pipeline, of_pipeline in by_pipeline.items():
            pipeline.guard.run(pipeline.on_acks, of_pipeline)
        self._on_acked()

    def close(self) -> None:
        """Gives up what is not acknowledged."""
        self.appender.close()
