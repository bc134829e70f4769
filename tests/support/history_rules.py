"""The rules of the history topic, explored exhaustively at small scope with the product's own reader and keys.

Two owners of one partition, either of them a zombie at any time: what it has sent lands late, in order. Each input
starts a run (its first record consumes the position), a second record closes it; closed runs are retired by
tombstones; the broker may compact at any point and drop tombstones. After every step, and for every way the broker
may have compacted so far, a reader from an empty disk sees exactly the position and the live runs that the
uncompacted log says, and no input has been consumed twice.

The records are real ones (``encode``), their keys come from ``Rules``, and are read by ``HistoryReader``. A mutant is a
``Rules`` with one shortcut: it must fail. The rules and shortcuts are those of the design's section 4.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from compaction import compacted
from history_worlds import Log, Owner, World, consumed_twice, is_claim, records_of, shown, valid_records

from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.reader import HistoryReader
from sagaline._engine.state import State
from sagaline._log import Record
from sagaline._model.codec import decode, encode
from sagaline._model.events import RunCompleted, RunStarted
from sagaline._model.keys import claim_key, history_key, positions_key
from sagaline._model.records import Claim, History, Positions
from sagaline._store.memory import MemoryStore

IDLE_LIMIT = 3  # records that an owner may have sent and not seen acknowledged


class Scope(NamedTuple):
    """How much there is to explore."""

    inputs: int
    claims: int
    positions: int
    records: int


class Seen(NamedTuple):
    """What a reader makes of a log: how far inputs are consumed, the live runs, and what an owner has to tidy up."""

    position: int
    runs: tuple[tuple[int, bool, tuple[bytes, ...]], ...]
    invalid: tuple[bytes, ...]
    remnants: tuple[tuple[bytes, ...], ...]
    positions: tuple[tuple[int, int], ...]

    @property
    def promise(self) -> tuple[int, tuple[tuple[int, bool], ...]]:
        """What must be the same whatever has been compacted."""
        return self.position, tuple((number, closed) for number, closed, _ in self.runs)


class Rules:
    """How records are keyed and read: the product's way. Mutants change one thing."""

    retires_backwards = False
    needs_positions = True

    def claim(self, number: int) -> bytes:
        return claim_key(str(number))

    def history(self, workflow_id: str, run_id: str, first: int, epoch: int) -> bytes:
        return history_key(workflow_id, run_id, first, epoch)

    def positions(self, epoch: int, number: int) -> bytes:
        return positions_key(epoch, number)

    def reader(self, state: State) -> HistoryReader:
        return HistoryReader(state, Meta())


def run_of(number: int) -> tuple[str, str]:
    """Workflow id and run id of an input's run."""
    return f"w{number}", f"{number:032x}"


class Explorer:
    """Breadth first over all interleavings. ``violation`` says what went wrong, with the log."""

    def __init__(self, rules: Rules, scope: Scope) -> None:
        self.rules, self.scope = rules, scope
        self.states = 0
        self.longest = 0
        self._seen_of: dict[tuple[tuple[int, bytes, bytes | None], ...], Seen] = {}
        self._checked: dict[Log, str] = {}

    # Reading, with the product's reader

    def read(self, records: Sequence[Record]) -> Seen:
        known = tuple((record.offset, record.key or b"", record.value) for record in records)
        found = self._seen_of.get(known)
        if found is None:
            found = self._seen_of[known] = self._read(records)
        return found

    def _read(self, records: Sequence[Record]) -> Seen:
        overlay = Overlay(MemoryStore())
        state = State(overlay, Meta(), cached_runs=0)
        reader = self.rules.reader(state)
        for record in records:
            reader.read(record.offset, record.key, record.value)
            state.drain_writes()
            state.drain_effects()
        runs = []
        for number in range(self.scope.inputs):
            workflow_id, run_id = run_of(number)
            run = state.run(workflow_id)
            if run is not None:
                runs.append((number, run.closed, tuple(state.history.keys(workflow_id, run_id))))
        remnants = tuple(tuple(state.history.keys(*one)) for one in state.remnants.runs())
        invalid = tuple(state.invalid.keys())
        return Seen(reader.meta.commands_position, tuple(runs), invalid, remnants, tuple(state.positions.all()))

    def full(self, log: Log) -> Seen:
        return self.read(records_of(log))

    # Checking

    def check(self, log: Log) -> str:
        """What is wrong with a log; empty when nothing is."""
        records = records_of(log)
        twice = consumed_twice(log)
        if twice:
            return twice
        want = self.read(records).promise
        for below in range(len(log) + 1):
            drops = [at for at in range(below) if log[at][1] is None]
            for dropped_below in {0, *(at + 1 for at in drops)}:
                got = self.read(compacted(records, below, dropped_below)).promise
                if got != want:
                    return f"compacted below {below}, tombstones below {dropped_below} gone: {got} instead of {want}"
        return ""

    # Exploring

    def explore(self) -> str:
        """Runs to the end of the scope; returns the first violation, or nothing."""
        start = World((), (Owner(), Owner()), 0)
        known = {start}
        queue = deque([start])
        while queue:
            world = queue.popleft()
            self.states += 1
            if world.log not in self._checked:
                self._checked[world.log] = self.check(world.log)
                self.longest = max(self.longest, len(world.log))
                if self._checked[world.log]:
                    return f"{self._checked[world.log]}\n{shown(world.log)}"
            if len(world.log) < self.scope.records:
                for found in self.next(world):
                    if found not in known:
                        known.add(found)
                        queue.append(found)
        return ""

    def next(self, world: World) -> Iterator[World]:
        """Every step that either owner may take."""
        for which, owner in enumerate(world.owners):
            if world.claims < self.scope.claims:
                yield self.claim(world, which)
            if owner.epoch < 0:
                continue
            if len(owner.sent) < IDLE_LIMIT:
                yield from (world.with_owner(which, found) for found in self.decide(world, owner))
            if owner.sent:
                yield self.land(world, which, owner)
            yield world.with_owner(which, Owner())  # it dies

    def claim(self, world: World, which: int) -> World:
        """A claim lands at once; its owner reads all there is up to it, and tidies up."""
        log = (*world.log, (self.rules.claim(world.claims), encode(Claim("owner", str(world.claims), 0))))
        found = self.full(log)
        tombs = [(key, None) for key in found.invalid]
        tombs += [(key, None) for keys in found.remnants for key in keys]
        owner = Owner(len(log) - 1, found.position, found.runs, tuple(tombs), 0, len(log))
        return replace(world, log=log, claims=world.claims + 1).with_owner(which, owner)

    def decide(self, world: World, owner: Owner) -> Iterator[Owner]:
        """What an owner may send next."""
        if owner.position < self.scope.inputs:
            number = owner.position
            key, value = self.record(number, 1, owner.epoch, number + 1)
            run = (number, False, (key,))
            yield owner.sends((key, value), position=number + 1, runs=(*owner.runs, run))
        for at, (number, closed, keys) in enumerate(owner.runs):
            others = owner.runs[:at] + owner.runs[at + 1 :]
            if not closed:
                key, value = self.record(number, 2, owner.epoch, owner.position)
                done = tuple(sorted((*others, (number, True, (*keys, key)))))
                yield owner.sends((key, value), runs=done)
            elif self.may_retire(world, owner):
                tombs = [(key, None) for key in keys]
                if self.rules.retires_backwards:
                    tombs.reverse()
                yield owner.sends(*tombs, runs=others)
        if owner.kept < self.scope.positions and self.rules.needs_positions:
            key = self.rules.positions(owner.epoch, owner.kept)
            value = encode(Positions(owner.epoch, 0, owner.position, 0, 0))
            yield owner.sends((key, value), kept=owner.kept + 1)

    def may_retire(self, world: World, owner: Owner) -> bool:
        """Only what is acknowledged, and when a record of positions that is acknowledged says as much."""
        if any(value is not None and isinstance(decode(value), History) for _, value in owner.sent):
            return False
        if not self.rules.needs_positions:
            return True
        return any(
            isinstance(record := decode(value), Positions) and record.commands_position >= owner.position
            for _, value in valid_records(world.log)
        )

    def record(self, number: int, first: int, epoch: int, position: int) -> tuple[bytes, bytes]:
        workflow_id, run_id = run_of(number)
        event = RunStarted("f", b"", str(number), "", 0, "") if first == 1 else RunCompleted(b"")
        record = History(epoch, 0, workflow_id, run_id, first, position, 0, 0, (), False, (event,))
        return self.rules.history(workflow_id, run_id, first, epoch), encode(record)

    def land(self, world: World, which: int, owner: Owner) -> World:
        """The oldest record that was sent lands and is acknowledged: the owner looks at what came before it."""
        key, value = owner.sent[0]
        log = (*world.log, (key, value))
        gap = world.log[owner.expected :]
        if any(is_claim(found) for _, found in gap):
            return replace(world, log=log).with_owner(which, Owner())
        before = set(self.full(world.log[: owner.expected]).invalid) if gap else set()
        tombs: list[tuple[bytes, bytes | None]] = []
        if gap:
            tombs = [(found, None) for found in self.full(log).invalid if found not in before]
        if value is not None and isinstance(decode(value), Positions):
            kept = self.full(log).positions
            tombs += [(self.rules.positions(*older), None) for older in kept[:-1]]
        sent = owner.sent[1:] + tuple(tombs)
        return replace(world, log=log).with_owner(which, replace(owner, sent=sent, expected=len(log)))
