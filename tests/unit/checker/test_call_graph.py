"""What a workflow calls is found as deep as it goes, through everything that gives a function another name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagaline.checker import Report

Check = Callable[..., Report]
UTIL = """
from datetime import datetime

def stamp():
    return datetime.now()
"""


def paths(report: Report) -> list[str]:
    assert all(finding.code == "SGL101" for finding in report.findings), report.findings
    return [" -> ".join(finding.path) for finding in report.findings]


def test_a_call_is_followed_through_modules_with_the_path_and_the_place(check_code: Check) -> None:
    report = check_code(
        main="""
        from sagaline import workflow
        from helper import price

        @workflow
        async def order():
            return price()
        """,
        helper="""
        import util as tools

        def price():
            return tools.stamp()
        """,
        util=UTIL,
    )
    (finding,) = report.findings
    assert finding.path == ("order", "helper.price", "util.stamp")
    assert str(finding.place) == "util.py:5:12"
    assert "datetime.datetime.now" in finding.what
    assert "workflow.now()" in finding.fix


@pytest.mark.parametrize(
    "decorated",
    [
        "from sagaline import workflow\n@workflow",
        "from sagaline import workflow\n@workflow(name='other')",
        "from sagaline import saga as undone\n@undone",
        "import sagaline\n@sagaline.saga()",
        "import sagaline as s\n@s.workflow",
        "from sagaline.workflow import workflow\n@workflow",
        "from base import durable\n@durable",
        "from base import *\n@workflow",
    ],
)
def test_workflows_are_known_by_their_decorator_under_any_name(check_code: Check, decorated: str) -> None:
    report = check_code(
        main=f"import time\n{decorated}\nasync def order():\n    return time.time()\n",
        base="from sagaline import workflow\ndurable = workflow(name='durable')\n",
    )
    assert report.workflows == 1
    assert paths(report) == ["order"]


def test_what_no_workflow_calls_is_nobodys_business(check_code: Check) -> None:
    report = check_code(
        main="""
        import time
        from sagaline import activity, workflow

        @activity
        def charge():
            return time.time()

        @charge.compensation
        def refund():
            return time.time()

        class Payments:
            @activity
            def pay(self):
                return time.time()

        def unused():
            return time.time()

        @workflow
        async def order():
            await charge()
            await Payments.pay()
            return await charge.options(timeout="1s")()
        """
    )
    assert report.findings == []


def test_a_step_may_be_made_without_a_decorator(check_code: Check) -> None:
    report = check_code(
        main="""
        import time
        from sagaline import activity, workflow

        def charge_card():
            return time.time()

        step = activity(timeout="1s")
        charge = step(charge_card)
        pay = activity(charge_card)

        @step
        def refund():
            return time.time()

        @workflow
        async def order():
            await refund()
            await pay()
            await charge()
        """
    )
    assert report.findings == []


def test_a_workflow_that_runs_inline_is_part_of_the_caller(check_code: Check) -> None:
    report = check_code(
        main="""
        from sagaline import workflow
        from parts import part

        @workflow
        async def order():
            return await part.inline()
        """,
        parts="import time\nfrom sagaline import workflow\n@workflow\nasync def part():\n    return time.time()",
    )
    assert paths(report) == ["order -> parts.part"]


def test_handlers_of_a_class_are_workflow_code(check_code: Check) -> None:
    report = check_code(
        main="""
        import time
        from sagaline import workflow

        @workflow
        class Order:
            @workflow.init
            def __init__(self):
                self.at = time.time()

            @workflow.run
            async def run(self):
                return self.helper()

            @workflow.signal(name="other")
            def approve(self):
                return time.monotonic()

            @workflow.update
            async def change(self): ...

            @change.validator
            def check(self):
                return time.time_ns()

            def helper(self):
                return time.perf_counter()

            def unused(self):
                return time.time()
        """
    )
    expected = ["Order.__init__", "Order.approve", "Order.check", "Order.run -> Order.helper"]
    assert sorted(paths(report)) == expected


def test_packages_relative_imports_and_circles(check_code: Check) -> None:
    report = check_code(
        targets=("shop",),
        shop____init="from .flows.order import order",
        shop__flows____init="",
        shop__flows__order="""
        from __future__ import annotations
        from typing import TYPE_CHECKING
        from sagaline import workflow
        from .. import tools
        from ..tools import clock as c
        if TYPE_CHECKING:
            from ..models import Order

        @workflow
        async def order(order: Order):
            order.touch()
            tools.clock.stamp()
            return c.again()
        """,
        shop__tools____init="from ..models import Order",
        shop__tools__clock="""
        from shop.flows.order import order
        import time

        def stamp():
            return again()

        def again():
            stamp()
            return time.time()
        """,
        shop__models="""
        import time
        from shop.tools.clock import stamp

        class Order:
            def touch(self):
                return time.time()
        """,
    )
    assert sorted(paths(report)) == ["order -> clock.again", "order -> models.Order.touch"]


def test_folders_without_init_are_packages_too(check_code: Check) -> None:
    report = check_code(
        main="""
        import tools.clock
        from tools import clock
        from sagaline import workflow

        @workflow
        async def order():
            return tools.clock.stamp()

        @workflow
        async def other():
            return clock.later()
        """,
        tools__clock="import time\ndef stamp():\n    return time.time()\ndef later():\n    return time.time()",
    )
    assert sorted(paths(report)) == ["order -> clock.stamp", "other -> clock.later"]
