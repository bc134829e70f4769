"""The face of activities: what the decorators make, and what they refuse at decoration, with the place."""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from test_names import without_address

from sagaline import ConfigurationError, Retry, SagalineError, activity, saga, workflow
from sagaline._model.limits import DURATION_MS
from sagaline._runtime.definitions import Registry

HERE = "test_activity.py:"


@activity
async def reserve(order: str) -> str:
    return order


class Payments:
    def __init__(self, pool: str) -> None:
        self.pool = pool

    @activity(timeout="5s")
    async def charge(self, order: str, *, cents: int = 1) -> str:
        return f"{self.pool}: {order} {cents}"

    @charge.compensation
    def refund(self, order: str, cents: int, payment: str | None) -> str:
        return f"{self.pool}: {order} is back"

    @staticmethod
    @activity
    def rate(country: str) -> int:
        return len(country)


# Compensations


def test_options_before_the_compensation_is_declared_do_not_lose_it() -> None:
    @activity
    async def ship(order: str) -> str:
        return order

    patient = ship.options(timeout="5m")
    patience = patient.options(retry=Retry(attempts=2))

    @ship.compensation
    async def unship(order: str) -> None: ...

    for variant in (ship, patient, patience, ship.options(timeout="1s")):
        assert variant.definition.compensation is unship.definition
    assert set(Registry([], [patience.definition]).activities) == {"ship", "unship"}
    assert patience.definition.options.timeout_ms == 300_000


def test_a_second_compensation_is_refused_with_both_places() -> None:
    @activity
    async def ship(order: str) -> str:
        return order

    @ship.compensation
    async def unship(order: str) -> None: ...

    with pytest.raises(ConfigurationError, match=rf"one compensation of ship but .*{HERE}\d+ and .*{HERE}\d+ both"):

        @ship.options(timeout="5m").compensation
        async def another(order: str) -> None: ...


@pytest.mark.parametrize(
    "undo",
    [
        lambda: reserve.compensation(_def("def undo(): ...")),
        lambda: reserve.compensation(_def("def undo(order, result, more): ...")),
        lambda: reserve.compensation(_def("class X:\n def undo(self, order): ...\nundo = X.undo")),
    ],
)
def test_a_compensation_whose_parameters_do_not_fit_is_refused(undo: Callable[[], Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"Expected (X\.)?undo to (take the 1 arguments of|be a function)"):
        undo()


def test_a_compensation_has_to_take_none_for_a_result_that_nobody_knows() -> None:
    @activity
    def book(day: str) -> str:
        return day

    with pytest.raises(ConfigurationError, match=r"booking of undo \(<string>:1\) to take None .*write it as `"):
        book.compensation(_def("def undo(day: str, booking: str): ..."))
    book.compensation(_def("def undo(day: str, booking: str | None): ..."))


def test_a_compensation_may_have_more_parameters_with_defaults() -> None:
    @activity
    def book(day: str) -> str:
        return day

    book.compensation(_def("def undo(day, booking, reason='none', *, loud=False): ..."))


# Methods


async def test_a_method_of_an_object_is_an_activity_with_its_object() -> None:
    payments = Payments("pool-1")
    assert Payments.charge.name == payments.charge.name == "Payments.charge"
    assert await payments.charge("a", cents=5) == "pool-1: a 5"
    assert await payments.refund("a", 5, None) == "pool-1: a is back"
    definition = payments.charge.options(timeout="9s").definition
    assert await definition.fn("b") == "pool-1: b 1"
    assert definition.compensation is not None
    assert definition.compensation.name == "Payments.refund"
    assert definition.compensation.fn("b", 1, None) == "pool-1: b is back"
    assert [parameter.name for parameter in definition.signature.parameters] == ["order", "cents"]
    assert set(Registry([], [definition, payments.refund.definition]).activities) == {
        "Payments.charge",
        "Payments.refund",
    }
    assert Payments.rate.name == "Payments.rate"
    assert await Payments.rate("no") == 2


async def test_a_method_called_through_its_class_outside_of_a_workflow_says_so() -> None:
    with pytest.raises(SagalineError, match=r"Payments\.charge to be called on an object"):
        await Payments.charge("a")


# What is refused at decoration


def _def(text: str, name: str = "undo") -> Any:
    space: dict[str, Any] = {"__name__": __name__}
    exec(text, space)
    return space[name]


def _yields() -> Iterator[int]:
    yield 1


async def _yields_async() -> AsyncIterator[int]:
    yield 1


FUNCTIONS: list[tuple[Any, str]] = [
    (functools.partial(print, 1), "write a function that makes this call"),
    (len, "write a function that calls it"),
    (Payments("p").__init__, "on the method in its class"),
    (staticmethod(_def("def undo(): ...")), "@staticmethod above"),
    (lambda: 1, "is a lambda"),
    (_yields, "return a list"),
    (_yields_async, "return a list"),
    ("name", "options are given by name"),
    (5, "not callable"),
    (_def("class X:\n async def undo(cls): ...\nundo = X.undo"), "is a class method"),
    (_def("async def undo(*args): ..."), r"takes \*args"),
    (_def("async def undo(**more): ..."), r"takes \*more"),
]


@pytest.mark.parametrize("decorator", [activity, workflow, saga, reserve.compensation])
@pytest.mark.parametrize(("fn", "advice"), FUNCTIONS, ids=[advice for _, advice in FUNCTIONS])
def test_what_is_no_plain_function_is_refused_with_advice(decorator: Any, fn: Any, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        decorator(fn)


NO_RUN = r"Expected one method of .*Payments to have @workflow\.run"


@pytest.mark.parametrize(("decorator", "advice"), [(activity, "on the methods of"), (workflow, NO_RUN), (saga, NO_RUN)])
def test_a_class_that_is_neither_is_refused_with_advice(decorator: Any, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        decorator(Payments)


async def is_async(error: Exception) -> bool:
    return True


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "a name of 1 to 255 bytes"),
    ({"queue": ""}, "Expected queue to be 1 to 100 letters"),
    ({"queue": "a.b"}, "Expected queue to be 1 to 100 letters"),
    ({"queue": "-a"}, "Expected queue to be 1 to 100 letters"),
    ({"queue": "ä"}, "Expected queue to be 1 to 100 letters"),
    ({"queue": "q" * 101}, "Expected queue to be 1 to 100 letters"),
    ({"queue": 7}, "Expected queue to be 1 to 100 letters"),
    ({"name": " "}, "a name of 1 to 255 bytes"),
    ({"name": "x" * 256}, "a name of 1 to 255 bytes"),
    ({"name": "\ud800"}, "a name of 1 to 255 bytes"),
    ({"name": "a\nb"}, "a name of 1 to 255 bytes of printable text"),
    ({"name": 5}, "a name as text but got 5"),
    ({"timeout": "soon"}, "timeout to be seconds"),
    ({"timeout": -1}, "timeout to be above zero"),
    ({"timeout": math.nan}, "timeout to be seconds"),
    ({"timeout": math.inf}, "timeout of at most 100 years"),
    ({"timeout": DURATION_MS / 1000 + 1}, "timeout of at most 100 years"),
    ({"timeout": timedelta.max}, "timeout of at most 100 years"),
    ({"retry": 3}, r"retry to be a Retry\(...\) but got 3"),
    ({"refusals": ValueError}, "refusals to be a list of exception classes"),
    ({"refusals": ["ValueError"]}, "classes derived from Exception"),
    ({"refusals": [ValueError()]}, "classes derived from Exception"),
    ({"refusals": [SystemExit]}, "classes derived from Exception"),
    ({"refusals": [ValueError] * 101}, "at most 100"),
    ({"refusals": 5}, "refusals to be a list"),
    ({"retry_if": "yes"}, "retry_if to be an ordinary function"),
    ({"retry_if": ValueError}, "retry_if to be an ordinary function"),
    ({"retry_if": is_async}, "retry_if to be an ordinary function"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=[without_address(options)[:40] for options, _ in OPTIONS])
def test_options_that_cannot_work_are_refused_at_decoration_with_the_place(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:

        @activity(**options)
        def fn() -> None: ...

    assert HERE in str(raised.value)


@pytest.mark.parametrize("decorator", [workflow, saga])
def test_a_workflow_is_no_method(decorator: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"X\.undo \(<string>:2\) is a method"):
        decorator(_def("class X:\n async def undo(self): ...\nundo = X.undo"))


@pytest.mark.parametrize(
    "options", [{"queue": "a b"}, {"timeout": 0}, {"timeout": "x"}, {"timeout": True}, {"retry": "3"}]
)
def test_options_for_one_call_are_checked_too(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=HERE):
        reserve.options(**options)
    with pytest.raises(ConfigurationError, match=HERE):
        Payments.charge.compensation(**options)


def test_a_list_of_refusals_is_as_good_as_a_tuple() -> None:
    @activity(refusals=[ValueError])
    def fn() -> None: ...

    assert fn.definition.refusals == (ValueError,)


def test_functions_wrapped_by_another_decorator_keep_their_signature() -> None:
    def logged(fn: Any) -> Any:
        @functools.wraps(fn)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await fn(*args, **kwargs)

        return wrapper

    @activity
    @logged
    async def charge(order: str, cents: int) -> str:
        return order

    assert charge.name == "charge"
    assert [parameter.name for parameter in charge.definition.signature.parameters] == ["order", "cents"]
    assert HERE in charge.definition.place
