"""``async with saga():`` where it cannot be."""

from __future__ import annotations

import pytest
from script import Script, store

from sagaline import saga, workflow
from sagaline._runtime.bugs import WorkflowBug


def test_options_of_a_workflow_are_not_for_a_part() -> None:
    @workflow
    async def order() -> None:
        async with saga(name="x"):
            pass

    with pytest.raises(WorkflowBug, match="at @saga alone"):
        Script(order)


async def test_outside_of_a_workflow_it_is_just_a_block() -> None:
    async with saga() as scope:
        assert await store("a") == "a"
    with pytest.raises(Exception, match="outside"):
        scope.savepoint()
