"""A log of the format of 2026-11-24, replayed by the code of today: the same state, and code that can go on from it."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import golden_sagas as golden
import pytest

from sagaline._engine.meta import Meta
from sagaline._engine.overlay import Overlay
from sagaline._engine.state import State
from sagaline._engine.tables.runs import RunView
from sagaline._host.recovery.restore import Restore
from sagaline._log import HISTORY, Record
from sagaline._model.codec import decode
from sagaline._model.records import PARKED, History, Reply
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.definitions import Registry
from sagaline._runtime.replaying import replay
from sagaline._runtime.setup import Setup
from sagaline._store import Identity, Store, open_stores

FOLDER = Path(__file__).parent / "format-1"
PARTITIONS = range(3)


def golden_file(name: str) -> Any:
    return json.loads(gzip.decompress((FOLDER / name).read_bytes()))


def records_of(partition: int) -> list[Record]:
    rows = golden_file("log.json.gz")[partition]
    return [
        Record(HISTORY, partition, at, base64.b64decode(key), None if value is None else base64.b64decode(value))
        for at, key, value in rows
    ]


def fail(record: Record, cause: str) -> None:
    raise AssertionError(f"unreadable {record}: {cause}")


def run_as_data(run: RunView) -> dict[str, Any]:
    failure = run.failure
    return {
        "run_id": run.run_id,
        "workflow": run.workflow,
        "request_id": run.request_id,
        "status": run.status,
        "result": None if run.result is None else run.result.decode(),
        "failure": None if failure is None else [failure.type, failure.message, failure.kind],
        "next_event_id": run.next_event_id,
        "open_steps": run.open_steps,
        "cancel_requested": run.cancel_requested,
        "more": run.more,
        "started_at": run.started_at,
        "last_at": run.last_at,
        "closed_at": run.closed_at,
    }


def semantic(state: State, store: Store, meta: Meta) -> dict[str, Any]:
    """What the rows say, in the words of ``generate.py.txt``."""
    runs = {run.workflow_id: run for _, run in state.runs.all()}
    closed = [(name, run) for name in state.closed.workflows() for run in state.closed.runs(name)]
    refused = [key[2:].decode() for key, _ in store.scan(b"q/")]
    refusals = {request_id: state.refusal(request_id) for request_id in refused}
    outbox = []
    for message in state.outbox.messages():
        reply = decode(message.row.value)
        assert isinstance(reply, Reply)
        row = message.row
        outbox.append(
            [*message.number, row.topic, row.partition, row.key.decode(), reply.request_id, reply.kind, reply.status]
        )
    remnants = [remnant.run_id for remnant in state.remnants.runs()]
    kept = [*(run.run_id for run in runs.values()), *remnants]
    history: dict[str, list[int]] = {}
    for run_id in kept:
        history[run_id] = [int(key.split(b"/")[-2]) for key in state.history.keys("", run_id)]
    return {
        "meta": [meta.next_offset, meta.epoch, meta.commands_position, meta.results_position, meta.released],
        "runs": {name: run_as_data(run) for name, run in runs.items()},
        "activities": [
            [
                row.workflow_id,
                row.scheduled.step,
                row.scheduled.activity,
                row.attempt,
                row.retry_at,
                row.cancel_requested,
            ]
            for _, row in ((activity.run_id, activity.row) for activity in state.activities.all())
        ],
        "timers": [[due.due_at, due.run_id, due.step, due.workflow_id] for _, due in state.timers.behind(b"")],
        "outbox": outbox,
        "refusals": {
            name: [refusal.workflow_id, refusal.failure.type] for name, refusal in refusals.items() if refusal
        },
        "positions": [list(record) for record in state.positions.all()],
        "refusal_records": [[epoch, number] for _, epoch, number in state.refusals.records()],
        "invalid": [key.decode() for key in state.invalid.keys()],
        "remnants": remnants,
        "closed": [[name, run.closed_at, run.workflow_id, run.offset] for name, run in closed],
        "history": history,
    }


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("kind", ["memory", "rocksdb"])
def test_the_state_is_what_the_code_of_that_day_made_of_it(kind: str, partition: int, tmp_path: Path) -> None:
    """Compared after every fifth record."""
    expected = {int(offset): state for offset, state in golden_file("states.json.gz")[partition].items()}
    stores = open_stores(tmp_path if kind == "rocksdb" else None)
    store = stores.open(partition, Identity("a", "a", 1))
    restore = Restore(store, fail)
    batch: list[Record] = []
    for record in records_of(partition):
        batch.append(record)
        if record.offset not in expected:
            continue
        restore.apply(batch)
        batch = []
        state = State(Overlay(store), restore.meta)
        found = semantic(state, store, restore.meta)
        want = expected[record.offset]
        found["closed"].sort(), want["closed"].sort()
        assert found == want, f"after offset {record.offset}"
    assert not batch
    store.close()
    stores.close()


def test_the_golden_log_holds_what_it_is_for() -> None:
    states = [list(prefixes.values())[-1] for prefixes in golden_file("states.json.gz")]
    everything = [state for prefixes in golden_file("states.json.gz") for state in prefixes.values()]
    statuses = {run["status"] for state in states for run in state["runs"].values()}
    assert statuses >= {"completed", "failed", "compensated", "cancelled", "terminated", "parked", "running"}
    assert any(step[3] > 1 and step[4] for state in states for step in state["activities"]), "an activity in retry"
    assert all(state["refusals"] and state["invalid"] and state["positions"] and state["timers"] for state in states)
    assert any(state["outbox"] for state in everything)
    assert any(value is None for rows in golden_file("log.json.gz") for _, _, value in rows), "tombstones"


@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_code_of_open_runs_goes_on_where_the_log_ends(partition: int) -> None:
    """Replay follows every history of the log; a run that is not parked owes and waits for nothing more."""
    registry = Registry(
        [workflow.definition for workflow in golden.WORKFLOWS],
        [activity.definition for activity in golden.ACTIVITIES],
    )
    setup = Setup(registry)
    store = open_stores(None).open(partition, Identity("a", "a", 1))
    restore = Restore(store, fail)
    restore.apply(records_of(partition))
    state = State(Overlay(store), restore.meta)
    replayed = 0
    for _, run in state.runs.all():
        records = [decode(value) for value in state.history.records(run.run_id)]
        history = [record for record in records if isinstance(record, History)]
        assert len(history) == len(records)
        if run.status == PARKED:
            with pytest.raises(WorkflowBug, match="has no attribute 'attribute'"):
                replay_parked(setup, history)
        else:
            found = replay(setup, history)
            assert not found.pending
            assert not found.unwritten
            if run.closed and run.status != "terminated":
                assert found.instance.finished
            found.instance.evict()
        replayed += 1
    assert replayed > 15


def replay_parked(setup: Setup, history: list[History]) -> None:
    """The bug shows again when its activation does."""
    found = replay(setup, history)
    assert found.pending, "what the parked run has not handled"
    try:
        found.instance.activate(found.pending, history[-1].at)
    finally:
        found.instance.evict()
