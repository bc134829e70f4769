"""Runs a program live as the engine would, in an order drawn from a seed, and rebuilds it at every activation."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
from script import ACTIVITIES

from programs.answering import Answering
from programs.generate import Body
from programs.interpret import Refusal, plain, undoing
from programs.lives import V1, V2, Deployed, Outside, child
from programs.world import NOTHING, World
from sagaline._model import events as e
from sagaline._model.events import Command, Event
from sagaline._model.failure import Failure
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry, WorkflowDefinition
from sagaline._runtime.flags import CURRENT
from sagaline._runtime.instance import Instance
from sagaline._runtime.messages.looking import NOT_BEGUN
from sagaline._runtime.patches import markers_of
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Setup

ANSWERING: WorkflowDefinition = Answering.run.definition
SETUP = Setup(Registry([plain.definition, undoing.definition, ANSWERING, child.definition], ACTIVITIES))
_ACTIVATIONS = 60
_RUNS = 3
_ADDRESSES = re.compile(b"cancel scope [0-9a-f]+|0x[0-9a-f]+")
Activation = tuple[Sequence[Event], int, Sequence[Command]]


class Divergence(Exception):
    """Replay has asked for something else."""


@dataclass
class Run:
    """One run of a chain: its code, its world, and what it has done."""

    definition: WorkflowDefinition
    world: World
    changes: tuple[int, int]
    """Before which activations the second and the third version of the code are deployed."""
    history: list[Activation] = field(default_factory=list)

    def version(self) -> int:
        """Of the code that the next activation has."""
        return V1 + sum(len(self.history) >= change for change in self.changes)

    def rebuilt(self) -> Instance:
        """An instance of today's code from history. Raises Divergence."""
        Deployed.version = self.version()
        instance = Instance(RunInfo(self.definition, "w", "r", CURRENT), SETUP)
        try:
            self._replay(instance)
        except BaseException:
            instance.evict()
            raise
        return instance

    def _replay(self, instance: Instance) -> None:
        for number, (jobs, at_ms, commands) in enumerate(self.history, 1):
            instance.note_patches(markers_of(commands))
            again = _comparable(instance.replay(jobs, at_ms, commands)[0])
            if again != commands:
                raise Divergence(f"activation {number}: live {commands}, replayed {again} by version {self.version()}")

    def activate(self, live: Instance, jobs: Sequence[Event]) -> str:
        """One activation, live and of a rebuilt instance; returns what it was parked for. Raises Divergence."""
        Outside.activations = len(self.history) + 1
        world, rebuilt = self.world, self.rebuilt()
        try:
            commands, bug = _activate(live, jobs, world.now_ms)
            again, same_bug = _activate(rebuilt, jobs, world.now_ms)
            if (commands, bug) != (again, same_bug):
                number = len(self.history) + 1
                raise Divergence(f"activation {number}: live {commands} {bug}, rebuilt {again} {same_bug}")
            if not bug and (seen := self.query(live)) != (other := self.query(rebuilt)):
                raise Divergence(f"after activation {len(self.history) + 1}: live shows {seen}, rebuilt {other}")
        finally:
            rebuilt.evict()
        self.history.append((jobs, world.now_ms, commands))
        world.note(commands)
        return bug

    def messages(self, live: Instance) -> list[Event]:
        """What its handlers get next. Validators ask the live instance alone, and must leave nothing behind."""
        handlers = self.definition.handlers
        if not handlers.updates:
            return []
        accepted: list[Event] = []
        for message in self.world.next_messages():
            handler = handlers.update("perform")
            if isinstance(message, e.UpdateAccepted) and handler is not None and handler.validator is not None:
                args, _ = handler.arguments("perform", message.input)
                if not _agrees(live, handler.validator, args):
                    continue
            accepted.append(message)
        return accepted

    def query(self, instance: Instance) -> object:
        """What a query shows, of code that answers any and has not ended."""
        handler = self.definition.handlers.query("seen")
        return None if handler is None or instance.finished else instance.look("seen", handler.fn)


def run(body: Body, seed: int) -> int:
    """Runs it to its end, over the runs that it continues as; returns a checksum of its history. Raises Divergence."""
    draw = random.Random(seed)
    definition = draw.choice([plain.definition, plain.definition, undoing.definition, ANSWERING])
    jobs: Sequence[Event] = [e.RunStarted(definition.name, msgspec.json.encode([body]), "q", "", 0, "")]
    told: list[object] = []
    given = NOTHING
    for _ in range(_RUNS):
        first = draw.choice([0, 0, 1, 2, 4])
        later = 2**31 if first else draw.choice([0, 1, 3, 2**31])  # runs of the first version are over by the third
        world = World(draw, given=given)
        one = Run(definition, world, (first, later))
        try:
            _live(one, jobs)
        finally:
            Deployed.version = V2
        told.append((one.history, world.end))
        if not world.continued:
            break
        jobs, given = world.continued, world.given
    return zlib.crc32(repr(told).encode())


def _live(one: Run, jobs: Sequence[Event]) -> None:
    world = one.world
    live, version = one.rebuilt(), one.version()
    try:
        while jobs and not world.end and len(one.history) < _ACTIVATIONS:
            if one.version() != version:  # a deployment: no instance outlives it
                live.evict()
                live, version = one.rebuilt(), one.version()
            world.end = one.activate(live, jobs) or world.end
            world.now_ms += world.draw.randrange(3)
            if not world.end:
                jobs = [*world.next_jobs(), *one.messages(live)]
    finally:
        live.evict()


def _agrees(live: Instance, validator: Callable[..., object], args: Sequence[object]) -> bool:
    try:
        return live.look("perform", lambda receiver: validator(receiver, *args)) is not NOT_BEGUN
    except Refusal:
        return False


def _activate(instance: Instance, jobs: Sequence[Event], at_ms: int) -> tuple[list[Command], str]:
    try:
        return _comparable(instance.activate(jobs, at_ms)), ""
    except WorkflowBug as bug:
        return [], f"{bug.reason}: {bug.failure.type}"


def _comparable(commands: Sequence[Command]) -> list[Command]:
    """Without the addresses that anyio writes into its cancellations, which may be the cause of any failure, and without
    what versions of the code say differently of the same patch."""
    comparable: list[Command] = []
    for command in commands:
        if isinstance(command, e.PatchMarked):
            command = e.PatchMarked(command.patch)
        elif (failure := getattr(command, "failure", None)) is not None:
            plain = _ADDRESSES.sub(b"", msgspec.json.encode(failure))
            command = msgspec.structs.replace(command, failure=msgspec.json.decode(plain, type=Failure))
        comparable.append(command)
    return comparable
