"""Where the walk from a workflow stops, and what is left alone on the way."""

from __future__ import annotations

from collections.abc import Callable

from sagaline.checker import Report

Check = Callable[..., Report]


def paths(report: Report) -> list[str]:
    return [" -> ".join(finding.path) for finding in report.findings]


def test_a_value_of_the_module_is_of_the_process(check_code: Check) -> None:
    report = check_code(
        main="""
        import settings
        from sagaline import workflow

        @workflow
        async def order():
            return settings.STARTED
        """,
        settings="import time\nSTARTED = time.time()\nOTHER = time.time()",
    )
    assert paths(report) == ["order -> settings.STARTED"]
    assert report.findings[0].place.line == 2


def test_a_lambda_of_the_module_runs_in_the_workflow_and_what_is_around_it_does_not(check_code: Check) -> None:
    report = check_code(
        main="""
        import threading, time
        from sagaline import workflow

        CALLS = {"sleep": (lambda: time.sleep(1), time.sleep(0)), "lock": threading.Lock()}

        @workflow
        async def order(name):
            return CALLS[name][0]()
        """
    )
    assert [(finding.code, finding.place.column) for finding in report.findings] == [("SGL202", 28)]


def test_what_is_meant_is_left_alone(check_code: Check) -> None:
    report = check_code(
        main="""
        import time
        from sagaline import workflow as w

        def stamp():
            return time.time()

        @w
        async def order():
            with w.unchecked():
                began = time.perf_counter()
                stamp()
            with w.unchecked(), open("x") as file:
                file.read()
            return began
        """
    )
    assert report.findings == []


def test_a_name_of_its_own_is_not_the_librarys(check_code: Check) -> None:
    report = check_code(
        main="""
        from sagaline import workflow
        from clocks import time

        @workflow
        async def order(datetime):
            time = FakeTime()
            datetime.now()
            return time.time()

        @workflow
        async def other():
            return time.time()
        """,
        clocks="class time:\n    @staticmethod\n    def time(): ...",
    )
    assert report.findings == []
