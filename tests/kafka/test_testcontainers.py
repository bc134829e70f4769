"""The testcontainers way to a broker, for real: with the official image, or one made here and now."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from kafka_container import DockerEngine, KafkaContainer, engine_problem, make_image

from sagaline._log import HISTORY, open_log

pytestmark = pytest.mark.kafka
IMAGE = "sagaline-test-kafka:local"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Docker engine: the machine's, or one of our own."""
    if engine_problem() is None:
        yield os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        return
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        pytest.skip(f"{engine_problem()}; and dockerd is not here to be started by root")
    own = DockerEngine()
    monkeypatch.setenv("DOCKER_HOST", own.host)
    try:
        deadline = time.monotonic() + 30
        while engine_problem() is not None:
            if own.ended() is not None or time.monotonic() > deadline:
                pytest.skip(f"no Docker engine can be had: {own.ended() or engine_problem()}")
            time.sleep(0.1)
        yield own.host
    finally:
        own.close()


async def test_a_broker_in_a_container_serves_a_log(engine: str) -> None:
    image = os.environ.get("SAGALINE_TEST_KAFKA_IMAGE")
    if image is None:
        make_image(IMAGE, engine)
    broker = KafkaContainer(image or IMAGE)
    try:
        broker.start()
        log = open_log(f"kafka://{broker.address}/container?partitions=2")
        await log.open()
        assert log.partitions == 2
        assert await log.bounds(HISTORY, 0) == (0, 0)
        await log.close()
    finally:
        broker.close()
        engine_problem()  # collects what docker's client has left
