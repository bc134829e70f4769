"""Fails a saga at each of its steps in turn, in every way, and checks after each that an invariant holds."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sagaline._runtime.activities import ActivityInfo
from sagaline._runtime.checks import shown
from sagaline._runtime.definitions import ActivityDefinition
from sagaline.client import HistoryEvent, RunHandle, Status
from sagaline.errors import ApplicationError, ConfigurationError, RunError
from sagaline.testing.environment import Environment
from sagaline.testing.stand_ins import Fault

Way = Literal["error", "lost", "cancel"]
WAYS: tuple[Way, ...] = get_args(Way)
_STEPS = 1_000


class MadeToFail(ApplicationError):
    """What a step raises in the way ``error``."""

    retryable = False


@dataclass(frozen=True)
class Trial:
    """One run, and how it was made to fail at ``step``, a call of ``activity``.

    ``way`` is "error": the step raised and had no effect; "lost": it had its effect at each attempt and its answers
    were lost; "cancel": the run was cancelled when the step had had its effect.
    """

    activity: str
    step: int
    way: Way
    run: RunHandle[Any]
    status: Status

    def __str__(self) -> str:
        return f"{self.way} at step {self.step} ({self.activity}): the run is {self.status}"


async def fail_after_each_step(
    env: Environment,
    begin: Callable[[], Awaitable[RunHandle[Any]]],
    check: Callable[[Trial], Awaitable[None] | None],
    *,
    ways: Sequence[Way] = WAYS,
) -> list[Trial]:
    """Runs the saga once undisturbed, then once for each of its steps and each way, and calls ``check`` after each.

    Arguments:
        begin: starts a run, each time under another id: ``lambda: env.start(fulfil_order, order)``. It may put the
            world into its first state before: each run has to go the same way up to its failure.
        check: asserts what has to hold, such as books that balance; the trial is a note on what it raises.
        ways: how a step fails; by default all.

    Raises RunError when the undisturbed run does not complete, Stuck when a run cannot end (a parked one too).
    """
    if not ways or not set(ways) <= set(WAYS):
        raise ConfigurationError(f"Expected ways to be some of {', '.join(WAYS)} but got {shown(ways)}.")
    undisturbed = await begin()
    await undisturbed.result()
    runs = {undisturbed.run_id}
    trials: list[Trial] = []
    for event in _steps(await undisturbed.history()):
        definition = env.parts.definition(event.details["activity"])
        for way in ways:
            trial = await _fail(env, begin, definition, event.details["step"], way, runs)
            trials.append(trial)
            try:
                checked = check(trial)
                if inspect.isawaitable(checked):
                    await checked
            except BaseException as error:
                error.add_note(f"in the trial: {trial}\n{await env.history(trial.run)}")
                raise
    return trials


def _steps(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    calls = [event for event in events if event.type == "activity scheduled" and not event.details.get("compensates")]
    if not 1 <= len(calls) <= _STEPS:
        raise ConfigurationError(f"Expected a run of 1 to {_STEPS} activities but it has {len(calls)}.")
    return calls


async def _fail(
    env: Environment,
    begin: Callable[[], Awaitable[RunHandle[Any]]],
    definition: ActivityDefinition,
    step: int,
    way: Way,
    runs: set[str],
) -> Trial:
    reached: list[int] = []

    def hits(info: ActivityInfo) -> bool:
        meant = info.step == step and info.run_id not in runs
        reached.extend((info.attempt,) if meant else ())
        return meant

    async def cancel(info: ActivityInfo) -> None:
        await env.client.handle(info.workflow_id, info.run_id).cancel("made to stop by the test")

    faults: dict[Way, Fault] = {
        "error": Fault("error", MadeToFail(f"made to fail at step {step}"), hits),
        "lost": Fault("lost", hits=hits),
        "cancel": Fault("then", hits=hits, then=cancel),
    }
    env.parts.add_fault(definition, faults[way])
    try:
        run = await begin()
        try:
            await run.result()
        except RunError:
            pass
        status = (await run.describe()).status
    finally:
        env.parts.remove_fault(definition, faults[way])
    if not reached:
        raise AssertionError(
            f"Expected each run to come to step {step} ({definition.name}), as the undisturbed one did, but "
            f"{run.workflow_id!r} has not: begin() has to put the world into its first state.\n{await env.history(run)}"
        )
    runs.add(run.run_id)
    return Trial(definition.name, step, way, run, status)
