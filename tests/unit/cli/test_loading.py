"""What the command line finds in a user's module."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaline import ConfigurationError
from sagaline._runtime.registration import registry_of
from sagaline.cli.loading import load

MODULE = """
from sagaline import activity, saga

class Payments:
    def __init__(self, pool):
        self.pool = pool

    @activity
    async def charge(self, order: str) -> str:
        return self.pool

    @charge.compensation
    async def refund(self, order: str) -> None: ...

    @activity
    async def check(self, order: str) -> bool:
        return True

class Stripe(Payments):
    @activity(name="Payments.check")
    async def check(self, order: str) -> bool:
        return False

@activity
def ship(order: str) -> str:
    return order

charge = Payments.charge
payments = Stripe("pool")

@saga
async def pay(order: str) -> None:
    await Payments.check(order)
    await charge(order)
    await ship.options(timeout="1m")(order)
"""


async def test_functions_and_the_methods_of_objects_are_found(tmp_path: Path) -> None:
    file = tmp_path / "shop_with_methods.py"
    file.write_text(MODULE)
    loaded = load(str(file))
    assert loaded.workflow_names == ["pay"]
    registry = registry_of(loaded.workflows, loaded.activities)
    assert set(registry.activities) == {"Payments.charge", "Payments.refund", "Payments.check", "ship"}
    assert await registry.activities["Payments.charge"].fn("a") == "pool"
    assert await registry.activities["Payments.check"].fn("a") is False
    assert registry.warnings == ()


def test_a_workflow_may_be_a_class(tmp_path: Path) -> None:
    file = tmp_path / "shop_with_a_class.py"
    file.write_text(
        """
from sagaline import workflow

@workflow
async def plain() -> None: ...

@workflow(name="basket")
class Basket:
    @workflow.run
    async def run(self) -> None: ...
"""
    )
    assert load(str(file)).workflow_names == ["plain", "basket"]


def test_a_file_without_workflows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty_module.py").write_text("x = 1")
    with pytest.raises(ConfigurationError, match="but it has none"):
        load(str(tmp_path / "empty_module.py"))
