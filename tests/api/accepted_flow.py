"""Right uses of limits: both type checkers take them."""

from __future__ import annotations

from sagaline import Key, Rate, activity, saga, workflow


@activity(concurrency=Key("customer", limit=1), rate=Rate("100/s", key="customer", burst=5))
async def charge(customer: str, cents: int) -> str:
    return customer


@activity(concurrency=[8, Key("customer", limit=2, total=10), Key.of("bank", limit=3)], rate=("9/s", Rate("1/s")))
async def several(customer: str) -> None: ...


@workflow(concurrency=Key("customer", limit=5), rate=Rate("1/s"))
async def whole_run(customer: str) -> str:
    await several(customer)
    return await charge.options(concurrency=[], rate=Rate("5/m"))(customer, 100)


@saga(concurrency=[Key("customer", limit=5), Key.of("bank", limit=9)])
async def whole_saga(customer: str) -> str:
    return await charge(customer, 5)
