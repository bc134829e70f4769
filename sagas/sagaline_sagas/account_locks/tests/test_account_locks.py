"""Who holds an account when, and what comes of those who wait for each other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from itertools import count

import pytest

from sagaline import RunError, RunHandle, Status
from sagaline.testing import Environment, Trial, fail_after_each_step
from sagaline.testing.plugin import MakeEnvironment

from .. import Line, Receipt, Transfer, accounts, deposit, transfer, withdraw


def first_day() -> None:
    accounts.__init__()  # type: ignore[misc]  # nothing was booked, and no token seen
    for name in "abc":
        accounts.book(f"opening {name}", Line(name, 1_000, 0))


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Environment:
    first_day()
    return sagaline_env(workflows=[transfer], activities=[withdraw, deposit])


async def begin(env: Environment, source: str, target: str, cents: int = 100) -> RunHandle[Receipt]:
    what = Transfer(id=f"{source}{target}", source=source, target=target, cents=cents)
    return await env.client.start(transfer, what, id=f"{source}-{target}")


async def test_transfers_from_one_account_come_one_after_the_other(env: Environment) -> None:
    async with env:
        first, second = await begin(env, "a", "b"), await begin(env, "a", "c")
        tokens = [(await handle.result()).tokens[0] for handle in (first, second)]
        assert tokens[0] != tokens[1]
        assert [accounts.cents[name] for name in "abc"] == [800, 1_100, 1_100]


async def test_an_account_is_held_until_the_transfer_is_undone(env: Environment) -> None:
    accounts.closed.add("b")
    async with env:
        first = await begin(env, "a", "b", 1_000)
        await env.advance("10ms")
        second = await begin(env, "a", "c", 1_000)  # would be refused if it saw the account in between
        await second.result()
        assert (await first.describe()).status == Status.COMPENSATED
        assert accounts.cents == {"a": 0, "b": 1_000, "c": 2_000}


async def test_a_transfer_that_is_terminated_lets_go(env: Environment) -> None:
    async with env:
        first = await begin(env, "a", "b")
        await env.advance("10ms")
        second = await begin(env, "a", "c")
        await env.advance("10ms")
        await first.terminate("the customer is gone")
        await second.result()


async def test_of_two_opposite_transfers_one_gives_way(env: Environment) -> None:
    async with env:
        handles = [await begin(env, "a", "b"), await begin(env, "b", "a")]
        await env.advance("60s")
        ends = [(await handle.describe()).status for handle in handles]
        assert sorted(ends) == [Status.COMPENSATED, Status.COMPLETED]
        assert accounts.cents.total() == 3_000


async def test_the_bank_refuses_who_comes_with_an_old_token(env: Environment) -> None:
    async with env:
        await (await begin(env, "a", "b")).result()
        accounts.tokens["b"] = 2**60  # somebody who has held the account since
        late = await begin(env, "a", "b")
        await late.result()  # the same transfer again is the same run
        other = await begin(env, "c", "b")
        await env.advance("60s")
        found = await other.describe()
        assert found.failure is not None
        assert (found.status, found.failure.type) == (Status.COMPENSATED, "StaleToken")


async def test_wherever_a_transfer_fails_the_money_is_conserved(env: Environment) -> None:
    ids = count()

    async def begin(what: Transfer) -> RunHandle[Receipt]:
        return await env.client.start(transfer, what, id=f"transfer-{next(ids)}")

    def check(trial: Trial) -> None:
        moved = 10 if trial.completed else 0
        assert [accounts.cents[name] for name in "abc"] == [1_000 - moved, 1_000 + moved, 1_000]
        assert accounts.audit() == []

    async with env:
        what = Transfer(id="rent", source="a", target="b", cents=10)
        await fail_after_each_step(begin, what, check, env=env, before=first_day)
        assert not any(lock.held_by for lock in await env.client.locks.list())


async def test_money_is_conserved_under_contention(env: Environment) -> None:
    """Transfers in all directions at once; answers are lost, a bank is not reached, customers change their mind."""
    draw = random.Random(7)
    ends = Counter[str]()

    async def move(number: int) -> None:
        source, target = draw.sample("abc", 2)
        for attempt in count():
            what = Transfer(id=f"{number}-{attempt}", source=source, target=target, cents=draw.choice([1, 400, 900]))
            handle = await env.client.start(transfer, what, id=what.id)
            if number % 4 == 3:
                await handle.cancel("thought better of it")
            try:
                await handle.result()
                ends["done"] += 1
            except RunError as error:
                ends.update((error.status, error.failure.type))
                if error.failure.type == "DeadlockError":
                    continue
            return

    async with env:
        env.lose_result(withdraw, attempts=[1])
        env.fail(deposit, ConnectionError("no route"), attempts=[1, 2])
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(move(number))
        assert accounts.audit() == []
        assert accounts.cents.total() == 3_000
        assert {"done", "cancelled"} <= ends.keys()
        assert "StaleToken" not in ends  # nobody has lost a lock
        assert not any(lock.held_by for lock in await env.client.locks.list())
