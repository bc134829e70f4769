"""Where the money is afterwards, for each way a transfer can go."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from sagaline import RunError, RunHandle, Status, activity
from sagaline.testing import Environment, Trial, fail_after_each_step
from sagaline.testing.plugin import MakeEnvironment

from .. import Account, AccountClosed, Bank, Transfer, audit, bank_named, credit, debit, take_back, transfer_money

ANN, BOB = Account(bank="north", id="ann"), Account(bank="south", id="bob")


@pytest.fixture
def banks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bank, Bank]]:
    bank_named.cache_clear()
    for name in ("NORTH", "SOUTH"):
        monkeypatch.setenv(f"BANK_{name}", f"sqlite:///{tmp_path / name}.db")
    north, south = bank_named("north"), bank_named("south")
    for bank in (north, south):
        bank.create_tables()
    north.open("ann", 1_000)
    south.open("bob", 50)
    yield north, south
    bank_named.cache_clear()


@pytest.fixture
def env(sagaline_env: MakeEnvironment) -> Environment:
    return sagaline_env(workflows=[transfer_money], activities=[debit, credit])


def to_bob(cents: int, id: str = "rent") -> Transfer:
    return Transfer(id=id, source=ANN, target=BOB, cents=cents)


async def test_money_goes_from_bank_to_bank(env: Environment, banks: tuple[Bank, Bank]) -> None:
    async with env:
        await env.execute(transfer_money, to_bob(300))
    assert [bank.accounts() for bank in banks] == [{"ann": 700}, {"bob": 350}]
    assert audit(banks, completed={"rent"}, undone=set()) == []


async def test_no_more_than_there_is(env: Environment, banks: tuple[Bank, Bank]) -> None:
    async with env:
        with pytest.raises(RunError, match=r"InsufficientFunds: ann has 10.00, 10.01 were asked for"):
            await env.execute(transfer_money, to_bob(1_001))
    assert audit(banks, completed=set(), undone={"rent"}) == []


async def test_what_cannot_be_credited_goes_back(env: Environment, banks: tuple[Bank, Bank]) -> None:
    banks[1].set_closed("bob")
    async with env:
        handle = await env.start(transfer_money, to_bob(300))
        with pytest.raises(RunError, match="AccountClosed: bob"):
            await handle.result()
        assert (await handle.describe()).status == Status.COMPENSATED
    assert banks[0].accounts() == {"ann": 1_000}
    assert audit(banks, completed=set(), undone={"rent"}) == []


async def test_wherever_it_fails_the_money_is_conserved(env: Environment, banks: tuple[Bank, Bank]) -> None:
    ids = (f"transfer-{number}" for number in count())
    completed, undone = set[str](), set[str]()

    async def begin(transfer: Transfer) -> RunHandle[None]:
        transfer = transfer.model_copy(update={"id": next(ids)})
        return await env.client.start(transfer_money, transfer, id=transfer.id)

    def check(trial: Trial) -> None:
        (completed if trial.completed else undone).add(trial.run.workflow_id)
        assert audit(banks, completed, undone) == []

    async with env:
        trials = await fail_after_each_step(begin, to_bob(10), check, env=env)
        assert {trial.activity for trial in trials} == {"", "debit", "credit"}


async def test_an_answer_that_is_lost_books_nothing_twice(env: Environment, banks: tuple[Bank, Bank]) -> None:
    async with env:
        env.lose_result(debit)  # each time: the transfer is given up, and what was booked is found by its key
        with pytest.raises(RunError):
            await env.execute(transfer_money, to_bob(300))
        assert len(env.calls(debit)) == 5
    assert [line.cents for line in banks[0].movements()] == [1_000, -300, 300]
    assert audit(banks, completed=set(), undone={"rent"}) == []


def test_what_comes_after_its_undo_does_nothing(banks: tuple[Bank, Bank]) -> None:
    north, _ = banks
    north.undo("run/1", "rent", "ann")
    with pytest.raises(Exception, match="rent was undone at north"):
        north.book("run/1", "rent", "ann", -300)
    north.undo("run/1", "rent", "ann")
    assert north.accounts() == {"ann": 1_000}
    assert audit(banks, completed=set(), undone={"rent"}) == []


def test_what_is_refused_leaves_its_key_free(banks: tuple[Bank, Bank]) -> None:
    north, _ = banks
    north.set_closed("ann")
    with pytest.raises(AccountClosed):
        north.book("run/1", "rent", "ann", -300)
    north.set_closed("ann", closed=False)
    north.book("run/1", "rent", "ann", -300)
    assert north.accounts() == {"ann": 700}


@pytest.mark.parametrize("action", ["retry", "edit", "done", "skip"])
async def test_a_refund_to_an_account_that_is_closed_waits_for_a_person(
    env: Environment, banks: tuple[Bank, Bank], action: str
) -> None:
    north, south = banks
    north.open("suspense", 0)
    south.set_closed("bob")

    def debit_and_leave(transfer: Transfer) -> None:
        north.book(activity.info().idempotency_key, transfer.id, "ann", -transfer.cents)
        north.set_closed("ann")

    async with env:
        env.stand_in(debit, debit_and_leave)
        handle = await env.start(transfer_money, to_bob(300))
        await env.advance("1s")
        assert (await handle.describe()).status == Status.PARKED
        (entry,) = (await handle.saga.ledger()).parked
        assert entry.undo_failure is not None
        assert (entry.activity, entry.undo_failure.type) == ("debit", "AccountClosed")
        match action:
            case "retry":
                north.set_closed("ann", closed=False)
                await handle.saga.retry(reason="ann has an account again", by="bea")
            case "edit":
                elsewhere = to_bob(300).model_copy(update={"source": Account(bank="north", id="suspense")})
                await handle.saga.edit(None, elsewhere.model_dump(), reason="nobody knows where ann is", by="bea")
            case _:
                north.undo(env.calls(debit)[0].info.idempotency_key, "rent", "suspense")
                say = handle.saga.done if action == "done" else handle.saga.skip
                await say(reason="booked on suspense by hand", by="bea")
        with pytest.raises(RunError, match="AccountClosed: bob"):
            await handle.result()
        (repaired,) = (await handle.saga.ledger()).entries[0].repairs
        assert (repaired.action, repaired.by) == (action, "bea")
    assert north.accounts() == ({"ann": 1_000, "suspense": 0} if action == "retry" else {"ann": 700, "suspense": 300})
    assert audit(banks, completed=set(), undone={"rent"}) == []


async def test_money_that_is_spent_is_not_taken_back(env: Environment, banks: tuple[Bank, Bank]) -> None:
    """The customer cancels when the credit is done and its answer on its way; and the target spends it at once."""
    _, south = banks
    async with env:
        env.lose_result(credit, attempts=[1])
        handle = await env.start(transfer_money, to_bob(300))
        await env.advance("1ms")
        south.book("shop", "shopping", "bob", -350)
        await handle.cancel("thought better of it")
        await env.advance("10s")
        (entry,) = (await handle.saga.ledger()).parked
        assert entry.compensation == take_back.name
        south.book("wages", "wages", "bob", 300)
        await handle.saga.retry(reason="bob has been paid")
        with pytest.raises(RunError):
            await handle.result()


def test_the_audit_notices_when_money_is_missing(banks: tuple[Bank, Bank]) -> None:
    north, south = banks
    north.book("run/1", "rent", "ann", -300)
    assert audit(banks, set(), set()) == [
        "1050 cents were paid in, but 750 are on the accounts",
        "rent has not ended, but [-300] stand",
    ]
    assert "rent was undone, but [-300] stand" in audit(banks, set(), {"rent"})
    assert "rent completed, but [-300] stand" in audit(banks, {"rent"}, set())
    south.book("run/2", "rent", "bob", 300)
    assert audit(banks, {"rent"}, set()) == []
