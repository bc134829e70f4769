"""Threads that outlive what they raise, and what they hand to the loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest
from harness import eventually

from sagaline._log import threads
from sagaline._log.threads import Mailbox, StepThread, tell_all

ARBITRARY = [RuntimeError("odd"), MemoryError(), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), OSError(5, "io")]


@pytest.mark.parametrize("error", ARBITRARY, ids=lambda error: type(error).__name__)
async def test_a_step_that_raises_is_not_the_last_one(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    steps: list[int] = []
    seen: list[BaseException] = []
    ended = threading.Event()

    def step() -> None:
        steps.append(len(steps))
        if len(steps) == 2:
            raise error
        thread.stopped.wait(0.001)

    def on_error(raised: BaseException) -> None:
        seen.append(raised)
        raise ValueError("and recovering fails too")

    thread = StepThread("sagaline-test", step, on_error, ended.set)
    thread.start()
    await eventually(lambda: len(steps) > 5)
    thread.stop()
    assert await asyncio.to_thread(thread.join, 5)
    assert seen == [error]
    assert ended.is_set()
    assert "it goes on after a pause" in caplog.text
    assert "and recovering fails too" in caplog.text


async def test_pauses_grow_and_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    ended = threading.Event()

    def step() -> None:
        raise RuntimeError("always")

    thread = StepThread("sagaline-test", step, lambda error: None, ended.set)

    def wait(pause_s: float) -> bool:
        waits.append(pause_s)
        if len(waits) == 10:
            thread.stop()
        return True

    monkeypatch.setattr(thread.stopped, "wait", wait)
    thread.start()
    await eventually(ended.is_set)
    assert waits[:3] == [0.05, 0.1, 0.2]
    assert waits[-1] == threads._PAUSE_MAX_S


async def test_a_callback_that_raises_does_not_keep_the_others_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[tuple[str, str | None]] = []

    def broken(error: str | None) -> None:
        raise RuntimeError("callback")

    mailbox: Mailbox[Any] = Mailbox(asyncio.get_running_loop(), tell_all)
    mailbox.put((lambda error: heard.append(("first", error)), None))
    mailbox.put((broken, None))
    mailbox.put((lambda error: heard.append(("last", error)), "failed"))
    await asyncio.to_thread(mailbox.flush)
    await eventually(lambda: len(heard) == 2)
    assert heard == [("first", None), ("last", "failed")]
    assert "callback" in caplog.text


async def test_a_mailbox_delivers_again_after_its_callback_has_raised() -> None:
    """Whatever was in the batch is the callback's to lose; what comes later is not."""
    loop, heard, unhandled = asyncio.get_running_loop(), list[int](), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: unhandled.append(context))

    def deliver(items: list[int]) -> None:
        heard.extend(items)
        if 1 in items:
            raise RuntimeError("callback")

    mailbox: Mailbox[int] = Mailbox(loop, deliver)
    for number in (1, 2):
        mailbox.put(number)
        await asyncio.to_thread(mailbox.flush)
        await eventually(lambda: number in heard)  # noqa: B023
    assert len(unhandled) == 1


async def test_no_item_is_lost_between_a_thread_and_the_loop() -> None:
    """The list is swapped while threads add to it: an item that goes into the old list is an answer that never comes."""
    heard: list[int] = []
    mailbox: Mailbox[int] = Mailbox(asyncio.get_running_loop(), heard.extend)

    def fill(start: int) -> None:
        for number in range(start, start + 20_000):
            mailbox.put(number)
            mailbox.flush()

    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        await asyncio.gather(*(asyncio.to_thread(fill, start) for start in (0, 20_000, 40_000)))
    finally:
        sys.setswitchinterval(switch_s)
    await eventually(lambda: len(heard) == 60_000)
    assert sorted(heard) == list(range(60_000))
