"""What takes the place of a compensation that has failed for good."""

from __future__ import annotations

from typing import Any

import pytest
from script import Script, fetch, names

from sagaline import ConfigurationError, activity, saga
from sagaline._runtime.definitions import Registry
from sagaline._runtime.setup import Setup


def test_a_fallback_takes_the_place_of_a_compensation_that_failed_for_good() -> None:
    @activity
    async def book(name: str) -> str:
        return name

    @book.compensation
    async def unbook(name: str, booked: str | None) -> None: ...

    @unbook.fallback
    async def call_them(name: str, booked: str | None) -> None: ...

    @saga
    async def trip() -> None:
        await book("a")
        await fetch("b")

    setup = Setup(Registry([trip.definition], [book.definition, fetch.definition]))
    script = Script(trip, setup=setup)
    script.done(1)
    assert names(script.fails(2)) == ["unbook"]
    assert script.commands[0].compensation == "call_them"  # type: ignore[union-attr]
    assert script.commands[0].limits is None, "when it has failed for good its fallback is called"  # type: ignore[union-attr]
    assert names(script.fails(3)) == ["call_them"]
    assert script.commands[0].input == b'["a","ok"]'  # type: ignore[union-attr]
    assert script.commands[0].limits.on_exhausted == "park"  # type: ignore[union-attr]
    assert names(script.done(4, b"null")) == ["RunFailed"]
    script.check_replay()


def test_a_fallback_has_to_fit() -> None:
    @activity
    async def book(name: str) -> str:
        return name

    @book.compensation
    async def unbook(name: str, booked: str | None) -> None: ...

    def declare() -> Any:
        @unbook.fallback
        async def call_them(name: str) -> None: ...

        return call_them

    with pytest.raises(ConfigurationError, match="take the 2 arguments of"):
        declare()
    with pytest.raises(ConfigurationError, match="a compensation"):
        book.fallback(unbook.definition.fn)
