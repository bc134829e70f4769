"""The broker of the tests, from the best source there is.

In this order: ``SAGALINE_TEST_KAFKA`` (host:port of an existing broker); a Docker engine that answers, with
testcontainers and the image named by ``SAGALINE_TEST_KAFKA_IMAGE`` or, when that name is ``official``, Apache's
own; else a JVM process from Maven Central's jars.
"""

from __future__ import annotations

import os
from typing import Protocol

from kafka_process import KafkaProcess


class Broker(Protocol):
    """What tests may do to a broker."""

    @property
    def address(self) -> str: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def start(self) -> None: ...

    def close(self) -> None: ...


class ExistingBroker:
    """Somebody else's broker: it is used and left alone."""

    def __init__(self, address: str) -> None:
        self.address = address

    def _refuse(self) -> None:
        import pytest

        pytest.skip("the broker of SAGALINE_TEST_KAFKA is not ours to stop")

    stop = kill = pause = resume = start = _refuse

    def close(self) -> None:
        pass


def start_broker() -> Broker:
    """A running broker."""
    existing = os.environ.get("SAGALINE_TEST_KAFKA")
    if existing:
        return ExistingBroker(existing)
    image = os.environ.get("SAGALINE_TEST_KAFKA_IMAGE")
    if image:
        from kafka_container import OFFICIAL_IMAGE, KafkaContainer, engine_problem

        if engine_problem() is None:
            container = KafkaContainer(OFFICIAL_IMAGE if image == "official" else image)
            container.start()
            return container
    process = KafkaProcess()
    process.start()
    return process
