"""The money transfer on real PostgreSQL: two attempts at once, and servers and workers that are killed on the way.

``make chaos-banks`` is the long one, on Kafka.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from chaos_banks import Banks
from nemesis import WorkerProcess
from postgres_process import PostgresProcess

from sagaline import Client
from sagaline._log import open_log
from sagaline_sagas.money_transfer import Bank, InsufficientFunds, UndoneBefore, audit
from sagaline_sagas.money_transfer.database import open_database

WAVE = 20


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresProcess]:
    server = PostgresProcess()
    server.start()
    yield server
    server.close()


@pytest.fixture
def bank(server: PostgresProcess) -> Iterator[Bank]:
    database = open_database(server.url)
    bank = Bank("north", database)
    bank.create_tables()
    bank.open("ann", 1_000)
    yield bank
    with database.transaction() as execute:
        execute("DROP TABLE account, movement")


def test_attempts_at_once_book_once(bank: Bank) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: bank.book("run/1", "rent", "ann", -300), range(8)))
    assert bank.accounts() == {"ann": 700}


def test_an_undo_that_races_with_its_step_leaves_nothing(bank: Bank) -> None:
    def step(number: int) -> None:
        try:
            bank.book(f"run/{number}", "rent", "ann", -10)
        except UndoneBefore:
            pass

    with ThreadPoolExecutor(8) as threads:
        for number in range(25):
            every = [threads.submit(step, number) for _ in range(2)]
            every += [threads.submit(bank.undo, f"run/{number}", "rent", "ann") for _ in range(2)]
            for one in every:
                one.result()
    assert bank.accounts() == {"ann": 1_000}
    assert audit([bank], set(), {"rent"}) == []


def test_no_more_is_taken_than_there_is_whoever_else_takes(bank: Bank) -> None:
    def take(number: int) -> int:
        try:
            bank.book(f"run/{number}", f"rent-{number}", "ann", -300)
        except InsufficientFunds:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(8))) == 3
    assert bank.accounts() == {"ann": 100}


async def test_money_is_conserved_while_workers_and_databases_are_killed(tmp_path: Path, seed: int) -> None:
    """Waves of transfers; each time some of a wave have ended, something is killed. All of it is repaired and ends."""
    url = f"sqlite:///{tmp_path / 'log.db'}?partitions=2"
    log = open_log(url)
    await log.open()  # makes the namespace
    await log.close()
    banks = Banks(random.Random(seed), longest_s=1.0)
    worker = WorkerProcess("worker", url, tmp_path, banks)

    async def kill_worker() -> None:
        worker.kill()
        worker.start()

    faults = dict(banks.faults())
    kills = [
        kill_worker,
        faults["both banks' PostgreSQL killed at once"],
        faults["customers leave while their transfers are under way"],
    ]
    try:
        await asyncio.to_thread(banks.prepare, WAVE * len(kills))
        worker.start()
        async with await Client.connect(url) as client:
            clerk = asyncio.create_task(banks.work(client))
            placed: list[asyncio.Task[None]] = []
            for number, kill in enumerate(kills):
                wave = [asyncio.create_task(banks.place(client, number * WAVE + transfer)) for transfer in range(WAVE)]
                placed += wave
                await asyncio.wait(wave, return_when=asyncio.FIRST_COMPLETED)
                await kill()
            await asyncio.gather(*placed)
            await banks.audit(client)
            clerk.cancel()
            await asyncio.gather(clerk, return_exceptions=True)
        print(banks.figures())
        assert banks.violations == [], (tmp_path / "worker.log").read_text()[-3000:]
    finally:
        worker.kill()
        banks.close()
