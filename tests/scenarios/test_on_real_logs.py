"""The scenarios on SQLite and Kafka in three modes, with workers that are killed: ``make scenarios`` kills them after
every record, here it is after two of each history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked_workers import Death
from kafka_broker import Broker
from real_logs import Bench, Nurseries, Urls, kafka_urls, sqlite_url

from sagaline._log import Ack
from sagaline._model.codec import encode
from sagaline._model.events import RunResumed
from sagaline._model.records import Claim, History
from scenarios import ALL, SEED, some_records

NUMBERS = sorted({one.number for one in ALL.values()})
pytestmark = pytest.mark.timeout(1_800)  # there to end what hangs


@pytest.fixture(scope="module")
def nurseries() -> Iterator[Nurseries]:
    with Nurseries() as opened:
        yield opened


async def play(number: int, nurseries: Nurseries, urls: Urls, folder: Path) -> None:
    """All of one number, at the same time."""
    print(f"SAGALINE_SEED={SEED}")
    bench = Bench(nurseries, urls, folder)
    wanted = [one for one in ALL.values() if one.number == number and not one.is_large]
    results = await asyncio.gather(*(bench.modes(one, lambda records: some_records(records, 2)) for one in wanted))
    failures = [failure for modes in results for result in modes for failure in result.failures]
    assert not failures, "\n".join(failures)
    assert all({result.mode for result in modes} == {"normal", "cache of zero", "killed"} for modes in results)
    assert sum(result.kills for modes in results for result in modes) >= len(wanted)


@pytest.mark.parametrize("number", NUMBERS)
async def test_on_sqlite(number: int, nurseries: Nurseries, tmp_path: Path) -> None:
    await play(number, nurseries, sqlite_url, tmp_path)


@pytest.mark.parametrize("number", NUMBERS)
async def test_on_kafka(number: int, nurseries: Nurseries, broker: Broker, tmp_path: Path) -> None:
    await play(number, nurseries, kafka_urls(broker.address), tmp_path)


async def test_what_differs_is_named(nurseries: Nurseries, tmp_path: Path) -> None:
    """A worker that comes after a kill makes another version's history of it: were that asked for, it would fail."""
    expects_v1 = ALL["v1 then v2"]._replace(check=ALL["v1 then v1"].check)
    normal, _, crashed = await Bench(nurseries, sqlite_url, tmp_path).modes(expects_v1, lambda _: [1])
    assert not normal.failures
    (failure,) = crashed.failures
    assert failure.startswith("v1 then v2, killed after record 1")
    assert "as version 1 alone" in failure


def test_a_worker_dies_at_its_record_and_sends_nothing_behind_it() -> None:
    died: list[str] = []
    death = Death(2, lambda: died.append("here"))
    history = encode(History(0, 1, "w", "r", 1, 0, 0, 0, (), False, (RunResumed("worker"),)))
    values = [encode(Claim("worker", "", 0)), history, None, history, history, None]
    tokens = [f"append {number}" for number in range(len(values))]
    leave = [token for token, value in zip(tokens, values, strict=True) if death.lets_leave(value, token)]
    assert leave == tokens[:4]
    for token in leave:
        assert not died
        death.landed(Ack(token, 0, None))
    assert died == ["here"]
