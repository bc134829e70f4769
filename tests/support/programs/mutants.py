"""The runtime, or the program, made non-deterministic on purpose, one way at a time: each has to be noticed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from unittest import mock

from script import fetch

from programs.interpret import Interpreter
from sagaline._runtime.loop import DeterministicLoop, WorkflowTask
from sagaline._runtime.run import RunInfo


def sets_by_address() -> None:
    """asyncio's sets as they are, of tasks that are hashed by their address."""
    for module in (asyncio.tasks, asyncio.taskgroups):
        vars(module).pop("set")
    mock.patch.object(WorkflowTask, "__hash__", object.__hash__).start()


def coroutines_by_address() -> None:
    """asyncio's sets as they are: ``as_completed`` starts coroutines in the order of their addresses."""
    vars(asyncio.tasks).pop("set")


def time_of_the_machine() -> None:
    """The loop's time goes on by itself."""
    mock.patch.object(DeterministicLoop, "time", property(lambda loop: time.time)).start()


def chance_of_the_machine() -> None:
    """The run's generator is seeded by the machine."""
    mock.patch.object(RunInfo, "random", property(lambda run: random.Random())).start()


def strings_in_a_set() -> None:
    """The program goes through a set of strings: one order in this process, another one in the next."""

    async def do_names(interpreter: Interpreter) -> None:
        for name in {task.get_name() for task in asyncio.all_tasks()} | {"a", "b", "c"}:
            interpreter.note(await fetch(name))

    mock.patch.object(Interpreter, "do_names", do_names).start()


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        sets_by_address,
        coroutines_by_address,
        time_of_the_machine,
        chance_of_the_machine,
        strings_in_a_set,
    )
}
