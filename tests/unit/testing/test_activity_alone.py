"""An activity alone: ``activity.info()``, its types, its thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from kit_sagas import Order, charge, release, reserve

from sagaline import ForwardStep, InvalidInput, InvalidOutput, activity
from sagaline.testing import ActivityEnvironment


@activity
def where(order: Order) -> tuple[str, int, str]:
    info = activity.info()
    return threading.current_thread().name, info.attempt, info.idempotency_key


@activity
async def wrong(order: Order) -> int:
    return order.id  # type: ignore[return-value]


class Payments:
    @activity
    async def pay(self, order: Order) -> int:
        return order.cents


async def test_it_is_called_as_a_worker_calls_it() -> None:
    thread, attempt, key = await ActivityEnvironment(attempt=3).run(where, Order("1"))
    assert thread != threading.current_thread().name
    assert (attempt, key) == (3, "00000000000000000000000000000001/1")
    assert (await ActivityEnvironment(idempotency_key="mine").run(where, Order("1")))[2] == "mine"
    assert await ActivityEnvironment().run(reserve, Order("7")) == "reservation-7"
    assert await ActivityEnvironment().run(charge, order=Order("7", 3)) == 3
    assert await ActivityEnvironment().run(Payments().pay, Order("7", 3)) == 3


async def test_a_compensation_knows_its_step() -> None:
    step = ForwardStep("key", "unknown")
    assert await ActivityEnvironment(compensates=step).run(release, Order("1"), None) is None


async def test_types_are_those_of_the_way_through_the_log() -> None:
    with pytest.raises(InvalidOutput, match="Expected wrong to return int but it returned '1'"):
        await ActivityEnvironment().run(wrong, Order("1"))

    @dataclass
    class Other:
        id: str

    with pytest.raises(InvalidInput, match="Expected the input of reserve but order"):
        await ActivityEnvironment().run(reserve, Other("1"))  # type: ignore[arg-type]
