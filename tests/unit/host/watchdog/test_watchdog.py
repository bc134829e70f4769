"""The watchdog's parts: what it names, what it interrupts and what it never does, what it leaves behind."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import eventually

from sagaline._host.watchdog import marks as marks_module
from sagaline._host.watchdog.interrupter import Interrupter
from sagaline._host.watchdog.last_words import LastWords
from sagaline._host.watchdog.marks import Mark, Marks
from sagaline._host.watchdog.running import Code, Running, read_slot
from sagaline._host.watchdog.watchdog import StallBounds, Watchdog, Watched
from sagaline._runtime.interrupt import Interrupted

FOR_EVER = r"(a+)+$", "a" * 64 + "b"


@pytest.fixture
def interrupter() -> Iterator[Interrupter]:
    made = Interrupter(Running())
    assert made.install()
    yield made
    made.remove()
    assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL


# Interrupting


def soon(interrupter: Interrupter, turn: int) -> None:
    threading.Timer(0.05, interrupter.interrupt, [turn]).start()


@pytest.mark.parametrize(
    "code",
    [lambda: [None for _ in iter(int, 1)], lambda: time.sleep(1_000)],
    ids=["loop", "sleep"],
)
def test_user_code_is_interrupted_where_it_is(interrupter: Interrupter, code: object) -> None:
    running = interrupter._running
    running.enter("w", "r")
    soon(interrupter, running.turn)
    with pytest.raises(Interrupted, match="blocked"):
        code()  # type: ignore[operator]
    running.leave()
    assert "test_watchdog.py" in running.interrupted
    running.enter("w", "next")
    assert running.interrupted == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one may hit a finaliser
def test_nothing_but_user_code_is_interrupted_however_often_it_is_tried(interrupter: Interrupter) -> None:
    """Interrupts come at any bytecode; the engine's own lines, between leave and enter, never see one."""
    running = interrupter._running
    interrupted, stop = 0, threading.Event()

    def hammer() -> None:
        while not stop.wait(0.0001):
            interrupter.interrupt(running.turn)

    thread = threading.Thread(target=hammer, daemon=True)
    thread.start()
    try:
        ends_at = time.monotonic() + 60
        while interrupted < 300 and time.monotonic() < ends_at:
            try:
                running.call("w", "r", lambda: [number * number for number in range(200)])
            except Interrupted:
                interrupted += 1
            assert running.code is None
            assert len([number * number for number in range(200)]) == 200  # the engine's own work
    finally:
        stop.set()
        thread.join()
    assert interrupted == 300


def test_an_interrupt_for_an_earlier_turn_is_dropped(interrupter: Interrupter) -> None:
    running = interrupter._running
    running.enter("w", "first")
    earlier = running.turn
    running.leave()
    running.enter("w", "second")
    interrupter.interrupt(earlier)
    running.leave()


def test_code_that_lets_no_other_thread_run_is_interrupted_by_the_kernels_timer(interrupter: Interrupter) -> None:
    running = interrupter._running
    running.enter("w", "r")
    interrupter.guard(0.2)
    with pytest.raises(Interrupted):
        re.match(*FOR_EVER)
    running.leave()


def test_time_that_other_threads_have_spent_interrupts_nobody(interrupter: Interrupter) -> None:
    running = interrupter._running
    running.enter("w", "innocent")
    interrupter.guard(0.1)
    spent = threading.Thread(target=lambda: re.match(r"(a+)+$", "a" * 22 + "b"))
    spent.start()
    spent.join()
    running.leave()


def test_a_signal_that_is_another_s_is_left_alone() -> None:
    before = signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
    try:
        assert not Interrupter(Running()).install()
        assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGVTALRM, before)


# Watching


class Group:
    """Counts what the watchdog does to the membership."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def suspend(self) -> None:
        self.calls.append("suspend")

    def resume(self) -> None:
        self.calls.append("resume")


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


# What is left behind


def mark(run_id: str, at_ms: int = 1, stack: str = "stack") -> Mark:
    return Mark("w", run_id, "", stack, at_ms)


def test_marks_survive_and_are_cleared(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks")
    marks.write(mark("b", 2, "x" * 1_000_000))
    marks.write(mark("a", 1))
    again = Marks(tmp_path / "marks")
    assert [found.run_id for found in again.all()] == ["a", "b"]
    assert all(len(found.stack) < 5_000 for found in again.all())
    again.clear("a")
    again.clear("unknown")
    assert [found.run_id for found in Marks(tmp_path / "marks").all()] == ["b"]


def test_marks_that_are_damaged_unfinished_or_too_many_do_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = Marks(tmp_path)
    for number in range(5):
        marks.write(mark(f"r{number}", number))
    (tmp_path / "damaged.json").write_bytes(b"{")
    (tmp_path / "unfinished.new").write_bytes(b"{")
    monkeypatch.setattr(marks_module, "_KEPT", 3)
    assert [found.run_id for found in Marks(tmp_path).all()] == ["r2", "r3", "r4"]
    assert "damaged.json" in caplog.text


def test_a_mark_that_cannot_be_written_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "marks").write_text("a file where a folder belongs")
    marks = Marks(tmp_path / "marks")
    marks.write(mark("r"))
    assert "could not be kept" in caplog.text
    assert Marks(None).find("r") is None
    Marks(None).write(mark("r"))


def test_the_slot_names_the_code_that_a_process_ended_in(tmp_path: Path) -> None:
    running, file = Running(), tmp_path / "running"
    assert read_slot(file) is None
    running.share(file)
    assert read_slot(file) is None
    for code in (Code("short", "r"), Code("ö" * 5_000, "r"), Code("w", "r" * 32, "ship")):
        running.enter(*code)
        found = read_slot(file)
        assert found == (code if len(code.workflow_id) < 1_000 else None)
        running.leave()
        assert read_slot(file) is None
    running.unshare()
    running.enter("w", "r")


def test_last_words_become_a_mark_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    running, last_words = Running(), LastWords(tmp_path)
    assert last_words.read() is None
    last_words.open(running)
    running.enter("w", "r")
    (tmp_path / "last-words.txt").write_text("Thread 0x1 (most recent call first): ...")  # the process ends here
    later = LastWords(tmp_path)
    found = later.read()
    assert found is not None
    assert (found.workflow_id, found.run_id) == ("w", "r")
    assert "most recent call first" in caplog.text
    later.open(Running())
    assert LastWords(tmp_path).read() is None
    later.close(Running())
    last_words.close(running)
