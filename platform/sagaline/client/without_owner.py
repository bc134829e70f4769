"""Reading without an owner: when no worker answers, the client reads a partition's history itself.

The log is the truth, and the reader is the one that workers recover with, so the answer is the same as theirs. A run
is read by the records of its own workflow id alone: a copy is as large as what is asked for, not as its partition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from sagaline._engine.chains import last_of_chain
from sagaline._engine.overlay import Overlay
from sagaline._engine.replies import outcome
from sagaline._engine.state import State
from sagaline._host.reading import answers
from sagaline._host.reading.waiters import Asker
from sagaline._host.recovery.restore import Restore
from sagaline._log import HISTORY, Log, Record
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.failure import Failure
from sagaline._model.keys import HistoryKey, NumberedKey, parse_key
from sagaline._model.records import Claim, ReadRun, Reply
from sagaline._store.memory import MemoryStore
from sagaline._store.port import Writes
from sagaline.client.events import at_ms
from sagaline.client.threads import Threads
from sagaline.errors import RequestRefused, SagalineError

_COPY_BYTES = 256_000_000


class CopyTooLarge(SagalineError):
    """There is more than a client reads into memory."""


class Copy(NamedTuple):
    """What the log says of a run, or of a partition's runs. ``owned_at`` is when a worker last claimed it."""

    state: State
    owner: str
    owned_at: datetime | None


class _BoundedStore(MemoryStore):
    """Rows in memory, up to a bound."""

    def __init__(self) -> None:
        super().__init__()
        self._size = 0

    def write(self, writes: Writes) -> None:
        for key, value in writes:
            before = self.rows.get(key)
            self._size += _size(key, value) - (0 if before is None else _size(key, before))
        if self._size > _COPY_BYTES:
            raise CopyTooLarge(
                f"Expected to read no more than {_COPY_BYTES} bytes of history without a worker but there is more: "
                f"start a worker, and ask again."
            )
        super().write(writes)


def _size(key: bytes, value: bytes | None) -> int:
    return 0 if value is None else len(key) + len(value)


async def read_copy(log: Log, threads: Threads, partition: int, workflow_id: str | None) -> Copy:
    """History of a partition as of now, up to its end: of one workflow id, or of all. Raises CopyTooLarge,
    LogUnavailable."""
    store = _BoundedStore()
    restore = Restore(store, _leave_unreadable)
    claims: list[Claim] = []
    begin, end = await log.bounds(HISTORY, partition)
    concerns = _concerns(workflow_id)
    async for batch in log.read(HISTORY, partition, begin, end):
        await threads.run(_apply, restore, batch, concerns, claims)
    claim = claims[-1] if claims else None
    state = State(Overlay(store), restore.meta, cached_runs=0)
    return Copy(state, "" if claim is None else claim.owner, None if claim is None else at_ms(claim.at))


def _apply(restore: Restore, batch: Sequence[Record], concerns: Callable[[Record], bool], claims: list[Claim]) -> None:
    records = [record for record in batch if concerns(record)]
    restore.apply(records)
    for record in reversed(records):
        if (claim := _claim(record)) is not None:
            claims[:] = [claim]
            return


def _concerns(workflow_id: str | None) -> Callable[[Record], bool]:
    """Which records matter: claims always do, for they make others valid."""

    def concerns(record: Record) -> bool:
        key = parse_key(record.key or b"")
        if isinstance(key, HistoryKey):
            return workflow_id is None or key.workflow_id == workflow_id
        return not isinstance(key, NumberedKey)

    return concerns


def _claim(record: Record) -> Claim | None:
    if not (record.key or b"").startswith(b"claim/") or record.value is None:
        return None
    try:
        decoded = decode(record.value)
    except UnreadableRecord:
        return None
    return decoded if isinstance(decoded, Claim) else None


def _leave_unreadable(record: Record, cause: str) -> None:
    """Its owner sends it to the dead letters."""


def answer(copy: Copy, request: ReadRun) -> Reply:
    """What the owner would answer. Raises RequestRefused when there is no such run."""
    asker = Asker(request.request_id, request.workflow_id, "", 0)
    state, run_id = copy.state, request.run_id
    if request.what == "runs":
        return _whole(answers.runs(asker, request, state))
    run = state.run_by_id(request.workflow_id, run_id) if run_id else state.run(request.workflow_id)
    if run is None or request.what == "result":
        run = last_of_chain(state, request.workflow_id, run_id)
    if run is None:
        which = f" with run id {run_id!r}" if run_id else ""
        message = f"Expected a run of workflow id {request.workflow_id!r}{which} but there is none."
        raise RequestRefused(Failure(answers.NOT_FOUND, message, retryable=False))
    if request.what == "history":
        return _whole(answers.history(asker, run, state, lambda: True))
    if request.what == "description":
        return answers.description(asker, run, state)
    return outcome(run, request.request_id, request.what)


def _whole(parts: answers.Parts) -> Reply:
    """An answer that is read where it is made needs no parts."""
    replies = [part for part in parts if part is not None]
    records = tuple(record for reply in replies for record in reply.records)
    return msgspec.structs.replace(replies[0], records=records, more=False)
