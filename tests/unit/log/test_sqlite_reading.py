"""Reading the embedded log takes a few megabytes at a time, whatever the size of its records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import eventually

from sagaline._log import COMMANDS, Log, Record, open_log
from sagaline._log.sqlite.connection import BATCH_BYTES

LARGE = 800_000
COUNT = 30
PARTITIONS = 3


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    opened = open_log(f"sqlite:///{tmp_path / 'log.db'}?partitions={PARTITIONS}")
    await opened.open()
    done: list[str | None] = []
    for partition in range(PARTITIONS):
        for number in range(COUNT):
            opened.publish(COMMANDS, partition, b"k", b"%d" % number + bytes(LARGE), done.append)
    await eventually(lambda: len(done) == PARTITIONS * COUNT)
    yield opened
    await opened.close()


def size(records: list[Record]) -> int:
    return sum(len(record.value or b"") for record in records)


async def test_a_range_comes_in_batches_of_a_few_megabytes(log: Log) -> None:
    batches = [batch async for batch in log.read(COMMANDS, 0, 0, COUNT)]
    assert [record.offset for batch in batches for record in batch] == list(range(COUNT))
    assert max(size(batch) for batch in batches) <= BATCH_BYTES + LARGE + 10


async def test_a_tail_gives_every_partition_its_turn(log: Log) -> None:
    batches: list[list[Record]] = []
    reader = log.reader(batches.append)
    reader.pause()
    for partition in range(PARTITIONS):
        reader.add(COMMANDS, partition, 0)
    reader.resume()
    await eventually(lambda: sum(map(len, batches)) == PARTITIONS * COUNT)
    assert max(size(batch) for batch in batches) <= PARTITIONS * (BATCH_BYTES + LARGE + 10)
    for partition in range(PARTITIONS):
        offsets = [record.offset for batch in batches for record in batch if record.partition == partition]
        assert offsets == list(range(COUNT))
    await reader.close()
