"""Runs a saga once for each of its steps and each way to fail, and checks after each that an invariant holds."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar, cast

from sagaline._runtime.activities import ActivityInfo
from sagaline._runtime.checks import shown
from sagaline._runtime.definitions import ActivityDefinition
from sagaline.client import RunHandle, Status
from sagaline.errors import ApplicationError, ConfigurationError, RunError
from sagaline.testing.clock import Stuck
from sagaline.testing.environment import Environment
from sagaline.testing.history import History
from sagaline.testing.run_trees import Branch, Part, await_children, place_of, repair, tree_of, undone_in
from sagaline.testing.stand_ins import Fault
from sagaline.testing.trials import WAYS, InvariantBroken, Trial, Trials, Way
from sagaline.workflow import Workflow

I = TypeVar("I")  # noqa: E741
Invariant = Callable[[Trial], Awaitable[None] | None]
_STEPS = 1_000
_REPAIRS = 100
_FAILED_ATTEMPTS = 10
"""So many attempts of a step fail at least, if it has as many: one whose policy has no end goes well then."""
_MOST_ATTEMPTS = 200
"""A step that is attempted more often than that, on a clock that does not wait, is so for ever."""
_ENDLESS = "a step of it is attempted for ever"
_LOOK_S = 0.05


class MadeToFail(ApplicationError):
    """What a step raises in the way ``error``."""

    retryable = False


class _Target(NamedTuple):
    """The step that is to fail, and how."""

    definition: ActivityDefinition
    part: Part
    step: int
    way: Way


async def fail_after_each_step(
    saga: Workflow[[I], Any] | Callable[[I], Awaitable[RunHandle[Any]]],
    input: I,
    invariant: Invariant,
    *,
    env: Environment,
    before: Callable[[], object] | None = None,
    ways: Sequence[Way] = WAYS,
) -> Trials:
    """Runs a saga undisturbed, then once for each of its steps and each way to fail, and asks ``invariant`` each time.

    Steps of its children and of the runs that it continues as are among them. A step that is parked is let work then,
    and retried, so that each run comes to an end.

    Arguments:
        saga: a saga of one argument; or a function that starts a run of it, each time under another id:
            ``lambda order: env.client.start(fulfil, order, id=new_id(), signal=...)``.
        input: what it is given.
        invariant: asserts what has to hold when the run has ended, such as books that balance; all of it stands when
            ``trial.completed``, else nothing.
        env: the environment that the saga is run in, open.
        before: puts the world into its first state; called, and awaited if it can be, before each run: each has to go
            the same way up to its failure.
        ways: how a step fails; by default all.

    Returns all trials, in the order in which they were made: step by step, each in the order of ``ways``. Raises
    InvariantBroken when the invariant has raised, or a trial did not come to its end; ConfigurationError;
    RunError and Stuck when the undisturbed run does not complete.
    """
    if not ways or not set(ways) <= set(WAYS):
        raise ConfigurationError(f"Expected ways to be some of {', '.join(WAYS)} but got {shown(ways)}.")
    return await _Trials(env, saga, input, before, invariant).make(ways)


class _Trials:
    """The trials of one saga."""

    def __init__(self, env: Environment, saga: Any, input: Any, before: Any, invariant: Invariant) -> None:
        self._env, self._saga, self._input, self._before, self._invariant = env, saga, input, before, invariant
        self._roots: set[str] = set()
        """Runs of earlier trials."""
        self._workflow = ""

    async def make(self, ways: Sequence[Way]) -> Trials:
        env = self._env
        run = await self._begin()
        await run.result()
        tree = await tree_of(env.client, run)
        await await_children(tree)
        self._workflow = (await run.describe()).workflow
        trials = [await self._checked(Trial(None, "", 0, "", run, Status.COMPLETED, undone_in(tree)))]
        self._roots.add(run.run_id)
        for target in self._targets(tree, ways):
            trial = await self._fail(target)
            trials.append(trial if trial.broken else await self._checked(trial))
            self._roots.add(trial.run.run_id)
        made = Trials(tuple(trials))
        if made.broken:
            raise InvariantBroken(made, str(await self._history(made.broken[0].run)))
        return made

    def _targets(self, tree: Sequence[Branch], ways: Sequence[Way]) -> list[_Target]:
        steps = [(branch.part, step, name) for branch in tree for step, name in branch.steps]
        if not 1 <= len(steps) <= _STEPS:
            raise ConfigurationError(f"Expected a run of 1 to {_STEPS} activities but it has {len(steps)}.")
        definition = self._env.parts.definition
        return [_Target(definition(name), part, step, way) for part, step, name in steps for way in ways]

    async def _begin(self) -> RunHandle[Any]:
        ready = self._before() if self._before is not None else None
        if inspect.isawaitable(ready):
            await ready
        saga: Workflow[[Any], Any] | Callable[[Any], Awaitable[RunHandle[Any]]] = self._saga
        if isinstance(saga, Workflow):
            return await self._env.start(cast("Workflow[[Any], Any]", saga), self._input)
        return await saga(self._input)

    async def _checked(self, trial: Trial) -> Trial:
        """The trial with what the invariant says of it."""
        try:
            checked = self._invariant(trial)
            if inspect.isawaitable(checked):
                await checked
        except Exception as error:
            return replace(trial, broken=f"{type(error).__name__}: {error}".removesuffix(": "))
        except BaseException as error:
            error.add_note(f"in the trial: {trial}\n{await self._history(trial.run)}")
            raise
        return trial

    async def _history(self, run: RunHandle[Any]) -> History:
        return await self._env.history(run)

    # One trial

    async def _fail(self, target: _Target) -> Trial:
        reached: list[ActivityInfo] = []
        broken, parked = "", False
        async with self._injected(target, reached):
            run = await self._begin()
            try:
                await self._result(run)
            except Stuck as stuck:
                broken = str(stuck)
        tree = await tree_of(self._env.client, run)
        if broken:
            try:
                parked = await self._repaired(run)
                broken = "" if parked else broken
            except Stuck as stuck:
                broken = str(stuck)
            tree = await tree_of(self._env.client, run)
        if not reached:
            broken = broken or (
                f"Expected each run to come to step {target.step} ({target.definition.name}), as the undisturbed one "
                f"did, but this one has not: does `before` put the world into its first state?"
            )
        last = next(branch.run for branch in reversed(tree) if branch.run.workflow_id == run.workflow_id)
        status = (await last.describe()).status
        name, part = target.definition.name, ", ".join(target.part)
        return Trial(target.way, name, target.step, part, run, status, undone_in(tree), parked, broken)

    async def _result(self, run: RunHandle[Any]) -> None:
        """Waits until the run and its children have ended, however. Raises Stuck: also when something fails for ever,
        and the run is terminated then."""
        ending = asyncio.ensure_future(self._ended(run))
        try:
            while not (await asyncio.wait([ending], timeout=_LOOK_S))[0]:
                last = self._env.parts.calls[-1]
                if last.attempt > _MOST_ATTEMPTS:
                    await run.terminate(_ENDLESS)
                    raise Stuck(f"Expected {last.activity} to go well or to give up but {last.error!r} comes for ever.")
        finally:
            ending.cancel()
        ending.result()

    async def _ended(self, run: RunHandle[Any]) -> None:
        try:
            await run.result()
        except RunError:
            pass
        await await_children(await tree_of(self._env.client, run))

    async def _repaired(self, run: RunHandle[Any]) -> bool:
        """Retries steps that wait for a person until the run has ended. False when there are none. Raises Stuck."""
        for times in range(_REPAIRS):
            if not await repair(await tree_of(self._env.client, run)):
                return times > 0
            try:
                await self._result(run)
            except Stuck:
                if times == _REPAIRS - 1:
                    raise
            else:
                return True
        return False

    @asynccontextmanager
    async def _injected(self, target: _Target, reached: list[ActivityInfo]) -> AsyncGenerator[None]:
        """The step of the run that begins inside fails; ``reached`` are its attempts that were made to."""
        parts = self._env.parts
        attempts = max(_FAILED_ATTEMPTS, target.definition.options.retry.attempts)
        most = 1 if target.way in ("killed", "replayed") else attempts

        def hits(info: ActivityInfo) -> bool:
            meant = len(reached) < most and self._is_at(target, info)
            reached.extend((info,) if meant else ())
            return meant

        killer = _Killer(self._env, lambda info: bool(reached) and not self._is_at(target, info))
        faults: dict[Way, Fault] = {
            "error": Fault("error", MadeToFail(f"made to fail at step {target.step}"), hits),
            "lost": Fault("lost", hits=hits),
            "cancel": Fault("then", hits=hits, then=self._cancel),
            "killed": Fault("then", hits=hits, then=killer.kill),
            "replayed": Fault("then", hits=hits, then=killer.kill_when_recorded),
        }
        injected = [(target.definition, faults[target.way])]
        if target.way == "replayed":
            injected = [*((definition, killer.held) for definition in parts.definitions), *injected]
        for definition, fault in injected:
            parts.add_fault(definition, fault)
        try:
            yield
        finally:
            for definition, fault in injected:
                parts.remove_fault(definition, fault)
            await killer.close()

    def _is_at(self, target: _Target, info: ActivityInfo) -> bool:
        place = place_of(info, self._env.inside.world.run)
        return (
            place is not None
            and place.root.run_id not in self._roots
            and place.root.workflow == self._workflow
            and (place.part, place.step) == (target.part, target.step)
        )

    async def _cancel(self, info: ActivityInfo) -> None:
        await self._env.client.handle(info.workflow_id, info.run_id).cancel("made to stop by the test")


class _Killer:
    """Kills the worker of an environment in the middle of an attempt, or behind it; another goes on. What is ``held``
    meanwhile, as ``behind`` says of an attempt, has not begun."""

    def __init__(self, env: Environment, behind: Callable[[ActivityInfo], bool]) -> None:
        self._env = env
        self._asked: asyncio.Future[ActivityInfo | None] = asyncio.get_running_loop().create_future()
        self._killing = asyncio.ensure_future(self._kill())  # no task of an attempt, which would end with it
        self.held = Fault("held", hits=lambda info: self._is_armed and behind(info), then=self._wait)

    @property
    def _is_armed(self) -> bool:
        return self._asked.done() and not self._killing.done()

    async def kill(self, info: ActivityInfo) -> None:
        """Kills it, and with it the attempt that calls this."""
        self._asked.set_result(None)
        await self._wait(info)

    async def kill_when_recorded(self, info: ActivityInfo) -> None:
        """Returns at once, and kills it when the attempt's outcome is on record."""
        self._asked.set_result(info)

    async def close(self) -> None:
        """Waits until the other worker goes on, if this one was to be killed."""
        if not self._asked.done():
            self._killing.cancel()
        await asyncio.wait([self._killing])
        if not self._killing.cancelled():
            self._killing.result()

    async def _kill(self) -> None:
        world = self._env.inside.world
        info = await self._asked
        async with world.clock.held():
            if info is not None:
                await world.until_recorded(info.run_id, info.step)
            await self._env.restart(kills=True)

    async def _wait(self, info: ActivityInfo) -> None:
        await asyncio.shield(self._killing)
