"""Fixtures for all tests: the one Kafka broker, and logs on every implementation."""

from __future__ import annotations

import importlib
import os
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from kafka_broker import Broker, start_broker
from long_first import long_first
from off_loop import refused

for _lazy in ("_log.memory.log", "_log.sqlite.log", "_log.kafka.log", "_store.directory"):
    importlib.import_module(f"sagaline.{_lazy}")  # compiled before there are threads: CPython 3.11 fails by chance then

settings.register_profile(
    "any machine",
    settings.default,
    deadline=None,
    suppress_health_check={*settings.default.suppress_health_check, HealthCheck.too_slow},
)
settings.load_profile("any machine")  # a machine that is busy with other things draws and runs examples slowly


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A real Kafka broker: one that is named, one in a container, or a JVM process."""
    found = start_broker()
    yield found
    found.close()


@pytest.fixture
def kafka_url(broker: Broker) -> str:
    """A log on Kafka in a namespace of its own."""
    return f"kafka://{broker.address}/t{uuid.uuid4().hex[:10]}?partitions=2"


@pytest.fixture(autouse=True)
def no_blobs_on_a_loop() -> Iterator[None]:
    """Fault 15: whatever a test does, the store of blobs is called in threads."""
    refused.clear()
    yield
    assert not refused


@pytest.fixture(params=["memory", "sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def log_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A log on each implementation in turn."""
    name = f"t{uuid.uuid4().hex[:10]}"
    if request.param == "memory":
        return f"memory://{name}?partitions=2"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'log.db'}?partitions=2"
    url: str = request.getfixturevalue("kafka_url")
    return url


@pytest.fixture
def seed() -> int:
    """Random, printed with a failing test; set SAGALINE_SEED to repeat it."""
    found = int(os.environ.get("SAGALINE_SEED") or uuid.uuid4().int % 10**9)
    print(f"SAGALINE_SEED={found}")
    return found


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Whoever asks for the broker is marked: ``-m "not kafka"`` is shared out, the rest has the machine for itself.

    Then, of those that are left, each worker begins with its part of the long ones: at the end they would run alone.
    """
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)
    yield
    items[:] = long_first(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
