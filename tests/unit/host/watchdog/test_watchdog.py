"""The watchdog: what it names, gives up and takes up again, and what it leaves alone."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest
from harness import eventually

from sagaline._host.watchdog.marks import Marks
from sagaline._host.watchdog.running import Running
from sagaline._host.watchdog.watchdog import StallBounds, Watchdog, Watched
from sagaline._runtime.interrupt import Interrupted


class Group:
    """Counts what the watchdog does to the membership."""

    def __init__(self, *failing: str) -> None:
        """The first call of those named in ``failing`` raises."""
        self.calls: list[str] = []
        self._failing = set(failing)

    def suspend(self) -> None:
        self._call("suspend")

    def resume(self) -> None:
        self._call("resume")

    def _call(self, name: str) -> None:
        if name in self._failing:
            self._failing.remove(name)
            raise RuntimeError("injected")
        self.calls.append(name)


def watch(marks: Marks, group: Group, bounds: StallBounds) -> tuple[Watchdog, Running]:
    running = Running()
    watched = Watched(asyncio.get_running_loop(), running, marks, group.suspend, group.resume)
    made = Watchdog(watched, bounds, None)
    made.start()
    return made, running


def block(running: Running, until: object) -> None:
    """Blocks the loop in code of run "r"; it swallows interrupts."""
    running.enter("w", "r")
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        try:
            while not until() and time.monotonic() < ends_at:  # type: ignore[operator]
                time.sleep(0.005)
            break
        except Interrupted:
            pass
    running.leave()


async def test_a_loop_that_stands_still_is_named_interrupted_given_up_and_taken_up_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sagaline.watchdog")
    marks, group = Marks(tmp_path / "marks"), Group()
    watchdog, running = watch(marks, group, StallBounds(0.1, 0.2, 0.5))
    try:
        await asyncio.sleep(0)
        block(running, lambda: group.calls)
        assert group.calls == ["suspend"]
        assert "block" in running.interrupted
        await eventually(lambda: group.calls == ["suspend", "resume"])
        await eventually(lambda: watchdog.stalled_s == 0)
    finally:
        watchdog.stop()
    said = caplog.text
    assert "stood still" in said
    assert "the workflow code of 'w' (run r)" in said
    assert "test_watchdog.py" in said
    assert "goes on" in said
    mark = Marks(tmp_path / "marks").find("r")
    assert mark is not None
    assert (mark.workflow_id, mark.activity) == ("w", "")
    assert "in block" in mark.stack


async def test_many_short_turns_are_no_stall_of_any_of_them(caplog: pytest.LogCaptureFixture) -> None:
    """A large batch of good runs keeps the loop busy: none of them is to blame."""
    group = Group()
    watchdog, running = watch(Marks(), group, StallBounds(0.1, 0.2, 0.4))
    try:
        await asyncio.sleep(0)
        ends_at = time.monotonic() + 1.5
        while time.monotonic() < ends_at:
            running.enter("w", "r")
            time.sleep(0.001)
            running.leave()
        assert running.interrupted == ""
        assert group.calls == []
    finally:
        watchdog.stop()


async def test_at_a_breakpoint_nothing_is_interrupted_or_given_up() -> None:
    group = Group()
    watchdog, running = watch(Marks(), group, StallBounds(0.1, 0.2, 0.4))
    namespace: dict[str, object] = {}
    exec(compile("def look(wait):\n    wait()", "/usr/lib/python3/bdb.py", "exec"), namespace)
    try:
        await asyncio.sleep(0)
        running.enter("w", "r")
        namespace["look"](lambda: time.sleep(1))  # type: ignore[operator]
        running.leave()
        assert running.interrupted == ""
        assert group.calls == []
    finally:
        watchdog.stop()


def test_a_loop_that_is_closed_or_does_not_run_is_not_watched() -> None:
    async def start() -> Watchdog:
        return watch(Marks(), group, StallBounds(0.05, 0.1, 0.2))[0]

    group = Group()
    loop = asyncio.new_event_loop()
    watchdog = loop.run_until_complete(start())
    time.sleep(0.5)  # it does not run
    assert group.calls == []
    loop.close()
    watchdog._thread.join(20)
    assert not watchdog._thread.is_alive()
    watchdog.stop()


async def test_a_membership_that_raises_is_told_again(tmp_path: Path) -> None:
    group = Group("suspend", "resume")
    watchdog, running = watch(Marks(tmp_path / "marks"), group, StallBounds(0.1, 0.2, 0.3))
    try:
        await asyncio.sleep(0)
        block(running, lambda: group.calls)
        await eventually(lambda: group.calls == ["suspend", "resume"])
    finally:
        watchdog.stop()
