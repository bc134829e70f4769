"""What a worker is given: kinds and names are checked, and what its workflows can be seen to use is there."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

import pytest

from sagaline import ConfigurationError, Worker, activity, saga, workflow
from sagaline._runtime.registration import registry_of
from sagaline._runtime.usage import activities_used

HERE = "test_definitions.py:"


@activity
async def reserve(order: str) -> str:
    return order


@reserve.compensation
async def release(order: str) -> None: ...


@activity
def ship(order: str) -> str:
    return order


class Payments:
    @activity
    async def charge(self, order: str) -> str:
        return order

    @charge.compensation
    async def refund(self, order: str) -> None: ...


class Steps:
    """A namespace of activities and helpers."""

    shipping = staticmethod(ship)

    @staticmethod
    async def help(order: str) -> str:
        return await Steps.shipping(order)


payments = Payments()
BY_COUNTRY = {"de": ship, "fr": reserve}


async def helper(order: str) -> str:
    return await deeper(order)


async def deeper(order: str) -> str:
    return (await ship.options(timeout="5m")(order)) or await helper(order)


@workflow
async def direct(order: str) -> None:
    await reserve(order)


@saga
async def through_helpers(order: str) -> None:
    await helper(order)


@workflow
async def nested(order: str) -> None:
    async def inner() -> list[str]:
        return [await ship(order) for _ in range(2)]

    await inner()


@workflow
async def through_a_table(order: str) -> None:
    await BY_COUNTRY[order](order)


@workflow
async def methods(order: str) -> None:
    await Payments.charge(order)


@workflow
async def methods_of_an_object(order: str) -> None:
    await payments.charge(order)


@workflow
async def through_a_class(order: str) -> None:
    await Steps.help(order)


@workflow
async def through_a_workflow(order: str) -> None:
    await direct(order)


@workflow
async def idle() -> None: ...


def closure() -> Any:
    own = ship

    @workflow
    async def enclosed(order: str) -> None:
        await own(order)

    return enclosed


def through_a_module() -> Any:
    module = ModuleType("shop_steps")
    module.ship = ship  # type: ignore[attr-defined]
    sys.modules["shop_steps"] = module
    space = {"shop_steps": module, "workflow": workflow, "__name__": __name__}
    exec("@workflow\nasync def by_module(order: str) -> None:\n    await shop_steps.ship(order)", space)
    return space["by_module"]


@pytest.mark.parametrize(
    ("flow", "names"),
    [
        (direct, ["reserve"]), (through_helpers, ["ship"]), (nested, ["ship"]), (through_a_table, ["ship", "reserve"]),
        (methods, ["Payments.charge"]), (methods_of_an_object, ["Payments.charge"]), (through_a_class, ["ship"]),
        (through_a_workflow, ["reserve"]), (idle, []), (closure(), ["ship"]), (through_a_module(), ["ship"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
def test_activities_that_a_workflow_refers_to_are_seen_and_their_absence_is_told_with_the_place(
    flow: Any, names: list[str]
) -> None:
    assert [use.activity.name for use in activities_used(flow.definition.fn)] == names
    warnings = registry_of([flow], []).warnings
    assert len(warnings) == len(names)
    for name, warning in zip(names, warnings, strict=True):
        assert f"activity {name!r} (" in warning
        assert f"{HERE}" in warning
        assert f"workflow {flow.name!r} uses it at " in warning
    assert registry_of([flow], [reserve, ship, payments.charge]).warnings == ()


class Lazy:
    """As proxies of web frameworks: asked for anything outside of a request, it raises."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"outside of a request: {name}")


lazy: Any = Lazy()


@workflow
async def with_a_lazy_object(order: str) -> None:
    if lazy.ready:
        await ship(order)


def test_a_lazy_object_in_the_module_is_not_asked() -> None:
    assert [use.activity.name for use in activities_used(with_a_lazy_object.definition.fn)] == ["ship"]


def test_the_place_of_a_use_is_its_line() -> None:
    (use,) = activities_used(direct.definition.fn)
    assert use.place.endswith(f"{HERE}{direct.definition.fn.__code__.co_firstlineno + 2}")


def test_an_activity_of_the_same_name_without_the_compensation_that_the_workflow_expects_is_refused() -> None:
    @activity(name="reserve")
    async def stand_in(order: str) -> str:
        return order

    with pytest.raises(ConfigurationError, match=rf"'release' \(.*{HERE}\d+\) to be registered, because it undoes"):
        registry_of([direct], [stand_in])


def test_compensations_come_with_their_activities_whenever_they_are_declared() -> None:
    @activity
    async def book(day: str) -> str:
        return day

    variant = book.options(timeout="5m")

    @book.compensation
    async def unbook(day: str) -> None: ...

    assert set(registry_of([], [variant, payments.charge]).activities) == {
        *("book", "unbook", "Payments.charge", "Payments.refund")
    }


def test_two_of_one_name_are_refused_with_both_places() -> None:
    @activity(name="ship")
    def other(order: str) -> str:
        return order

    with pytest.raises(ConfigurationError, match=rf"'ship' is the name of both .*{HERE}\d+ and .*{HERE}\d+"):
        Worker("memory://names", workflows=[idle], activities=[ship, other])
    with pytest.raises(ConfigurationError, match=r"'Payments\.charge' is the name of both"):
        registry_of([], [Payments().charge, Payments().charge])
    assert len(registry_of([], [ship, ship, ship.options(timeout="1s")]).activities) == 1


@pytest.mark.parametrize(
    ("workflows", "activities", "advice"),
    [
        ([idle], [lambda: 1], r"test_definitions.py:\d+\): put @activity on it"),
        ([idle], [len], "put @activity on it"),
        ([idle], [direct], r"the workflow direct \(.*\): give it to workflows"),
        ([reserve], [], r"the activity reserve \(.*\): give it to activities"),
        ([idle], [functools.partial(ship, "x")], "write a function that makes the call"),
        ([idle], [Payments], "the class Payments: give its decorated functions, or methods of an object"),
        ([idle], [payments], "write a function"),
        ([idle], [Payments.charge], r"activities=\[Payments\(pool\).charge\]"),
        ([idle], ship, "to be a list"),
        (idle, [], "to be a list"),
        ("idle", [], "to be a list"),
        ([idle], [None], "got None"),
        ([idle], None, "to be a list"),
    ],
)  # fmt: skip
def test_what_is_no_workflow_or_activity_is_refused_with_advice(workflows: Any, activities: Any, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        Worker("memory://kinds", workflows=workflows, activities=activities)


def test_types_that_never_come_are_refused_when_the_worker_is_made() -> None:
    space: dict[str, Any] = {"activity": activity}
    exec("@activity\ndef lost(order: 'Nowhere') -> None: ...", space)
    with pytest.raises(ConfigurationError, match=r"lost \(<string>:1\) .*'Nowhere' is not defined"):
        Worker("memory://types", workflows=[idle], activities=[space["lost"]])


def test_a_compensation_whose_types_come_late_is_checked_when_the_worker_is_made() -> None:
    space: dict[str, Any] = {"activity": activity}
    exec("@activity\ndef book(day: str) -> 'Late': ...", space)
    exec("@book.compensation\ndef unbook(day: str, booking: 'Late') -> None: ...", space)
    space["Late"] = int
    with pytest.raises(ConfigurationError, match=r"booking of unbook .* to take None"):
        registry_of([], [space["book"]])


async def test_a_worker_tells_at_start_what_it_lacks(caplog: pytest.LogCaptureFixture) -> None:
    async with Worker("memory://lacks", workflows=[direct]):
        pass
    assert "Expected activity 'reserve'" in caplog.text


@pytest.mark.parametrize("decorate", [workflow, saga])
@pytest.mark.parametrize("wrong", [ValueError, ["ValueError"], [ValueError()], [KeyboardInterrupt], 5])
def test_types_that_fail_a_run_are_checked_where_they_are_given(decorate: Any, wrong: Any) -> None:
    async def pay(order: str) -> str:
        return order

    with pytest.raises(ConfigurationError, match=f"failure_exception_types of pay to be .*{HERE}"):
        decorate(failure_exception_types=wrong)(pay)
