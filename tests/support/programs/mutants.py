"""The runtime, or the program, made non-deterministic on purpose, one way at a time: each has to be noticed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from unittest import mock

from script import fetch

from programs import drive
from programs.answering import Answering
from programs.interpret import Interpreter
from sagaline._runtime import children
from sagaline._runtime.calls import Calls
from sagaline._runtime.commands import Commands
from sagaline._runtime.instance import Instance
from sagaline._runtime.loop import DeterministicLoop, WorkflowTask
from sagaline._runtime.patches import Patches
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


def patches_without_history() -> None:
    """A run that has passed a place with the old code takes the new way there when it is replayed."""
    original = Patches.answer
    mock.patch.object(Patches, "answer", lambda self, patch, is_replaying: original(self, patch, False)).start()


def cancellations_of_children_live_alone() -> None:
    """Replay does not ask a child to stop."""
    original = children.cancel

    def cancel(calls: Calls, child: children.Child, reason: str) -> None:
        if not calls.commands.is_replaying:
            original(calls, child, reason)

    mock.patch.object(children, "cancel", cancel).start()


def side_effects_in_replay() -> None:
    """Replay calls side effects again."""
    mock.patch.object(Commands, "recorded_effect", return_value=None).start()


def validators_that_leave_something() -> None:
    """A validator notes that it was asked: replay asks none."""
    original = drive._agrees

    def agrees(live: Instance, validator: Callable[..., object], args: Sequence[object]) -> bool:
        def noting(receiver: Answering, *arguments: object) -> object:
            receiver.interpreter.note("asked")
            return validator(receiver, *arguments)

        return original(live, noting, args)

    mock.patch.object(drive, "_agrees", agrees).start()


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        sets_by_address,
        coroutines_by_address,
        time_of_the_machine,
        chance_of_the_machine,
        strings_in_a_set,
        patches_without_history,
        cancellations_of_children_live_alone,
        validators_that_leave_something,
        side_effects_in_replay,
    )
}
