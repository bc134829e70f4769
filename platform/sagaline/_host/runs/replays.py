"""Instances are rebuilt from their histories, a record at a time: of what is replayed nothing stays but the instance.

A replay that lacks payloads waits as far as it has come, and goes on from there when they are fetched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from sagaline._engine.tables.runs import RunView
from sagaline._host.options import HostOptions
from sagaline._host.runs.sealing import open_record, sealed_of
from sagaline._host.runs.watched import in_code, put_away
from sagaline._model.codec import decode
from sagaline._model.records import History
from sagaline._payloads import LoopSealer, NotResident, Sealed, blob_bytes
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.replay import Replay
from sagaline._runtime.replaying import begin
from sagaline._runtime.setup import Setup
from sagaline._runtime.undoing import UndoReplay

_WAITING = 8
"""Replays that wait for payloads at once; of more the oldest begins again."""
_AHEAD_BYTES = 8_000_000
"""Payloads that are fetched together, beyond those of the first record."""
Key = tuple[str, bool]
"""A run, and whether its instance lingers."""


class Replays:
    """``history`` gives a run's records from an event id on."""

    def __init__(self, setup: Setup, history: Callable[[str, int], Iterable[bytes]], options: HostOptions) -> None:
        self._setup, self._history, self._options = setup, history, options
        self._waiting: OrderedDict[Key, Replay | WorkflowBug] = OrderedDict()

    def rebuild(self, run: RunView, lingers: bool = False) -> Replay:
        """Replays a run's history. ``lingers``: also when the run has ended. Raises WorkflowBug, BlobsUnavailable."""
        key = (run.run_id, lingers)
        found = self._waiting.pop(key, None)
        if isinstance(found, WorkflowBug):
            raise found
        if run.undo is not None and found is not None and not isinstance(found, UndoReplay):
            self._put_away(found)  # it has waited since before
            found = None
        replay = self._go_on(key, run, found)
        in_code(self._options.running, run.workflow_id, run.run_id, partial(replay.finish, decides=True))
        return replay

    def ready(self, run: RunView, undoes: bool = False) -> Replay | None:
        """The next ``rebuild`` of the run lacks nothing: what it will give, or None for what it will raise. ``undoes``:
        it is about to be undone. Raises NotResident."""
        key = (run.run_id, False)
        found = self._waiting.pop(key, None)
        if isinstance(found, Replay) and undoes and not isinstance(found, UndoReplay):
            self._put_away(found)
            found = None
        try:
            replay = self._go_on(key, run, found if isinstance(found, Replay) else None, undoes)
        except WorkflowBug as bug:
            self._wait(key, bug)
            return None
        self._wait(key, replay)
        return replay

    def _go_on(self, key: Key, run: RunView, begun: Replay | None, undoes: bool = False) -> Replay:
        records = iter(self._history(run.run_id, 0 if begun is None else begun.next_event_id))
        for value in records:
            record = _history(value)
            try:
                opened = open_record(self._options.payloads, record)
            except NotResident:
                if begun is not None:
                    self._wait(key, begun)
                raise NotResident(self._ahead(record, records), goes_on=True) from None
            if begun is None:
                begun = begin(self._setup, opened, undoes or run.undo is not None)
                if key[1]:
                    begun.instance.linger()
            begun.weight += len(value)
            in_code(self._options.running, run.workflow_id, run.run_id, begun.feed, opened)
        if begun is None:
            raise ValueError(f"Expected a history of run {run.run_id} but there is none")
        return begun

    def _ahead(self, record: History, following: Iterator[bytes]) -> list[Sealed]:
        """What the record lacks, and the next ones, as far as it is worth it."""
        sealer = self._options.payloads
        lacked: list[Sealed] = []
        if isinstance(sealer, LoopSealer):
            lacked += sealer.missing(sealed_of(sealer, record.run_id, record.events))
            size = 0
            for value in following:
                more = sealed_of(sealer, record.run_id, _history(value).events)
                size += sum(blob_bytes(payload) for _, payload in more)
                if size > _AHEAD_BYTES:
                    break
                lacked += sealer.missing(more)
        return lacked

    def _wait(self, key: Key, begun: Replay | WorkflowBug) -> None:
        self._waiting[key] = begun
        while len(self._waiting) > _WAITING:
            self._drop(next(iter(self._waiting)))

    def _drop(self, key: Key) -> None:
        self._put_away(self._waiting.pop(key))

    def _put_away(self, begun: Replay | WorkflowBug) -> None:
        if isinstance(begun, Replay):
            put_away(self._options.running, begun.instance)

    def close(self) -> None:
        """Puts away what waits."""
        for key in list(self._waiting):
            self._drop(key)


def _history(value: bytes) -> History:
    record = decode(value)
    if not isinstance(record, History):
        raise ValueError(f"Expected a record of history but the rows have a {type(record).__name__}")
    return record
