"""Who holds an account when, and what comes of those who wait for each other."""

from __future__ import annotations

import pytest

from sagaline import RunHandle, Status
from sagaline.testing import Environment
from sagaline.testing.plugin import MakeEnvironment

from .. import Receipt, Transfer, accounts, deposit, take_back, transfer, withdraw


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Environment:
    accounts.__init__()  # type: ignore[misc]  # as on the first day
    accounts.cents.update({"a": 1_000, "b": 1_000, "c": 1_000})
    return sagaline_env(workflows=[transfer], activities=[withdraw, take_back, deposit])


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
