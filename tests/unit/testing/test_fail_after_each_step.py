"""A saga that is made to fail at each of its steps, in each way: after each the books are blank, or all stands."""

from __future__ import annotations

import asyncio

import pytest
from kit_sagas import ACTIVITIES, Order, books, charge, fulfil, refund, reserve, ship

from sagaline import ConfigurationError, Retry, RunHandle, Workflow, activity, saga, workflow
from sagaline.testing import Environment, InvariantBroken, Trial, fail_after_each_step
from sagaline.testing.plugin import MakeEnvironment
from sagaline.testing.trials import WAYS, Way

ORDER = Order("1")


def clear() -> None:
    books.__init__()  # type: ignore[misc]


def all_or_nothing(trial: Trial) -> None:
    stands = [len(books.reserved), len(books.charged), len(books.shipped)]
    assert stands == ([1, 1, 1] if trial.completed else [0, 0, 0])


async def test_whatever_step_fails_all_stands_or_nothing(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as env:
        trials = await fail_after_each_step(fulfil, ORDER, all_or_nothing, env=env, before=clear)
    undone: list[list[str]] = [[], ["reserve"], ["charge", "reserve"], ["ship", "charge", "reserve"]]
    ends = {"error": "compensated", "lost": "compensated", "cancel": "cancelled"}
    expected = [(0, "", None, "completed", [])]
    for step, name in enumerate(("reserve", "charge", "ship"), 1):
        steps = {1: 1, 2: 2, 3: 4}  # a sleep is between
        expected += [
            (steps[step], name, way, ends.get(way, "completed"), undone[step] if way in ends else []) for way in WAYS
        ]
    assert [(row["step"], row["activity"], row["way"], row["ended"], row["undone"]) for row in trials.rows] == expected
    assert {row["invariant"] for row in trials.rows} == {"ok"}
    assert str(trials).splitlines()[:3] == [
        "step       way       ended        undone                 invariant",
        "none                 completed    -                      ok",
        "1 reserve  error     compensated  reserve                ok",
    ]


# Sagas that are wrong in one way each


@activity(retry=Retry(attempts=1))
async def pay(order: Order) -> str:
    """Is not idempotent."""
    books.charged.add(f"{len(books.charged)}")
    return "paid"


@pay.compensation
async def pay_back(order: Order, paid: str | None) -> None:
    """Is right."""
    books.charged.clear()


@activity(retry=Retry(attempts=1))
async def withdraw(order: Order) -> str:
    """One that is undone as if it had been done, always."""
    books.charged.add("1")
    return "withdrawn"


@withdraw.compensation
async def deposit(order: Order, withdrawn: str | None) -> None:
    """Pays back, also what nobody has paid."""
    if books.charged:
        books.charged.pop()
    else:
        books.shipped.add("too much")


@activity(retry=Retry(attempts=1))
async def book(order: Order) -> str:
    """One that forgets the unknown outcome when it is undone."""
    books.charged.add("1")
    return "booked"


@book.compensation
async def unbook(order: Order, booked: str | None) -> None:
    """Does nothing without a result."""
    if booked is not None:
        books.charged.clear()


@saga
async def undoes_what_was_not_done(order: Order) -> None:
    await withdraw(order)


@saga
async def forgets_the_unknown(order: Order) -> None:
    await book(order)


@workflow
async def undoes_by_hand(order: Order) -> None:
    try:
        await ship(order)
    except Exception:
        books.shipped.clear()
        raise


@saga
async def pays_again(order: Order) -> None:
    await pay(order)


@saga
async def has_effects_itself(order: Order) -> None:
    await reserve(order)
    books.charged.add(f"{len(books.charged)}")
    await asyncio.sleep(0.1)


def nothing_unless_completed(trial: Trial) -> None:
    assert len(books.charged) <= 1, "twice"
    assert trial.completed or books.is_blank, "something is left"


@pytest.mark.parametrize(
    ("way", "code", "at", "says"),
    [
        ("error", undoes_what_was_not_done, "1 withdraw", "something is left"),
        ("lost", forgets_the_unknown, "1 book", "something is left"),
        ("cancel", undoes_by_hand, "1 ship", "something is left"),
        ("killed", pays_again, "1 pay", "twice"),
        ("replayed", has_effects_itself, "1 reserve", "twice"),
    ],
)
async def test_each_way_finds_what_is_wrong_with_one(
    sagaline_env: MakeEnvironment, way: Way, code: Workflow[[Order], None], at: str, says: str
) -> None:
    async with sagaline_env(workflows=[code], activities=[pay, withdraw, book, reserve, ship]) as env:
        with pytest.raises(InvariantBroken) as caught:
            await fail_after_each_step(code, ORDER, nothing_unless_completed, env=env, before=clear, ways=[way])
        broken = caught.value.trials.broken
        assert [f"{trial.step} {trial.activity}" for trial in broken] == [at]
        assert says in broken[0].broken
        text = str(caught.value)
        assert f"Expected the invariant to hold after each of {len(caught.value.trials)} trials but after 1" in text
        assert f"{at}  {way}" in text
        # the others do not find it; a run that is cancelled does not know the outcome either
        others = [other for other in WAYS if other != way and (way, other) != ("lost", "cancel")]
        await fail_after_each_step(code, ORDER, nothing_unless_completed, env=env, before=clear, ways=others)


# Sagas of several runs


@activity(pivot=True, retry=Retry(attempts=2))
async def hand_over(order: Order) -> None:
    """Behind it nothing is undone."""
    books.shipped.add(activity.info().idempotency_key)


@saga
async def charges(order: Order) -> None:
    await charge(order)


@saga
async def in_several_runs(order: Order) -> None:
    if order.cents == 500:
        await reserve(order)
        workflow.continue_as_new(Order(order.id, 1))
    await charges(order)
    await hand_over(order)


async def test_children_pivots_and_continued_runs_have_their_steps_in_it(sagaline_env: MakeEnvironment) -> None:
    async def begin(order: Order) -> RunHandle[None]:
        clear()
        return await env.start(in_several_runs, order)

    def reserved_as_handed_over(trial: Trial) -> None:
        assert len(books.reserved) == len(books.shipped) == trial.completed

    async with sagaline_env(workflows=[in_several_runs, charges], activities=[reserve, charge, hand_over]) as env:
        trials = await fail_after_each_step(begin, ORDER, reserved_as_handed_over, env=env)
    assert {(row["part"], row["step"], row["activity"]) for row in trials.rows if row["way"]} == {
        ("", 1, "reserve"),
        ("run 2, child 1", 1, "charge"),
        ("run 2", 2, "hand_over"),
    }
    assert {row["ended"] for row in trials.rows if row["activity"] == "hand_over"} == {
        "parked, then completed",
        "completed",
    }


async def test_what_fails_for_ever_is_told(sagaline_env: MakeEnvironment) -> None:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as env:
        env.fail(refund, ConnectionError("the bank is gone"))
        with pytest.raises(InvariantBroken, match="Expected refund to go well or to give up but ConnectionError") as it:
            await fail_after_each_step(fulfil, ORDER, all_or_nothing, env=env, before=clear, ways=["error"])
    assert [(trial.activity, trial.ended) for trial in it.value.trials.broken] == [
        ("charge", "terminated"),
        ("ship", "terminated"),
    ]


async def test_a_run_that_goes_another_way_is_told(sagaline_env: MakeEnvironment) -> None:
    begun: list[int] = []

    @saga
    async def changes(order: Order) -> None:
        await reserve(order)
        if order.cents == 1:
            await charge(order)

    async with sagaline_env(workflows=[changes], activities=[reserve, charge]) as env:

        async def begin(order: Order) -> RunHandle[None]:
            begun.append(1)
            return await env.start(changes, Order("1", len(begun)))

        with pytest.raises(InvariantBroken, match=r"Expected each run to come to step 2 \(charge\)"):
            await fail_after_each_step(begin, ORDER, lambda trial: None, env=env, ways=["error"])


async def test_ways_are_words(sagaline_env: MakeEnvironment) -> None:
    env: Environment = sagaline_env(workflows=[fulfil], activities=ACTIVITIES)
    with pytest.raises(ConfigurationError, match="Expected ways to be some of error, lost, cancel, killed, replayed"):
        await fail_after_each_step(fulfil, ORDER, all_or_nothing, env=env, ways=["no"])  # type: ignore[list-item]
