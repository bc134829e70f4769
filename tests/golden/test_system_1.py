"""Histories of the platform's own workflows, as the first version of them made them: today's code has to follow them.

A change of what they ask for goes behind ``workflow.patched`` (decision 0062). ``python tests/golden/test_system_1.py``
makes the file of a new version, beside those that there are. Events are kept by their names and fields, for no schema
of the wire is meant here: format-1 has those.
"""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flow_sagas
import msgspec
import pytest
from lock_sagas import transfer, undo, use
from schedule_sagas import WORKFLOWS, fails_once, forever, takes, totals

from sagaline import Cron, Every
from sagaline._model.events import EVENTS
from sagaline._model.records import History
from sagaline._system.registry import SYSTEM_WORKFLOWS
from sagaline.client.exported import ExportedRun, read_exported
from sagaline.testing import Environment
from sagaline.testing.replaying import Replayer

FILE = Path(__file__).parent / "system-1.json.gz"
FLOW_FILE = Path(__file__).parent / "system-2.json.gz"
"""Limits and locks."""
TYPES = {event.__name__: event for event in EVENTS}
HISTORIES: dict[str, Any] = {
    name: records
    for file in (FILE, FLOW_FILE)
    if file.exists()
    for name, records in msgspec.json.decode(gzip.decompress(file.read_bytes())).items()
}


@pytest.mark.parametrize("name", HISTORIES)
def test_todays_code_follows_it(name: str) -> None:
    Replayer(SYSTEM_WORKFLOWS).replay(_read(name, HISTORIES[name]))


def test_all_of_them_are_there() -> None:
    assert len(HISTORIES) >= 14
    kinds = {name.partition("/")[0] for name in HISTORIES}
    assert kinds == {"sagaline.schedule", "sagaline.firing", "sagaline.flow", "sagaline.lock"}


def _read(name: str, records: list[Any]) -> ExportedRun:
    workflow_id, _, run_id = name.partition("#")
    read: list[History] = []
    for at, first, flags, more, events in records:
        made = [msgspec.json.decode(msgspec.json.encode(fields), type=TYPES[kind]) for kind, fields in events]
        read.append(History(0, at, workflow_id, run_id, first, 0, 0, 0, tuple(flags), more, tuple(made)))
    return ExportedRun(workflow_id.partition("/")[0], workflow_id, run_id, tuple(read))


def _written(records: tuple[History, ...]) -> list[Any]:
    return [
        [one.at, one.first_event_id, one.flags, one.more, [[type(event).__name__, event] for event in one.events]]
        for one in records
    ]


async def _histories() -> dict[str, Any]:
    async with Environment(workflows=WORKFLOWS) as env:
        schedules = env.client.schedules
        await schedules.create("all", takes, 90, spec=Cron("*/30 * * * *"), overlap="terminate_other", jitter="5m")
        await schedules.create("one", totals, spec=Every("10m"), overlap="buffer_one")
        await schedules.create("ends", forever, spec=Every("1h"), overlap="cancel_other", run_timeout="90m")
        await schedules.create("fails", fails_once, spec=Every("1h"), pause_on_failure=True)
        await env.advance("3h")
        await schedules.pause("all", "a while")
        day = datetime(2025, 12, 31, tzinfo=UTC)
        await schedules.backfill("one", day, day + timedelta(hours=2), overlap="buffer_all")
        await schedules.trigger("all", overlap="allow_all")
        await schedules.update("ends", spec=Every("2h"), jitter="1m")
        await env.advance("1h")
        await schedules.resume("all")
        await env.advance("4h")
        await schedules.delete("ends")
        told: dict[str, Any] = {}
        firings = {"all": 3, "one": 1, "ends": 2, "fails": 1}
        for run in await env.client.runs(system=True):
            kind, _, rest = run.workflow_id.partition("/")
            schedule = rest.partition("-")[0]
            if kind == "sagaline.schedule" or (kind == "sagaline.firing" and firings[schedule] > 0):
                firings[schedule] -= kind == "sagaline.firing"
                exported = read_exported(await env.client.handle(run.workflow_id, run.run_id).export())
                told[f"{run.workflow_id}#{run.run_id}"] = _written(exported.records)
        return told


async def _flow_histories() -> dict[str, Any]:
    """Slots that come back in each way, a shared limit, a rate with a timer, a queue that is carried on; and a lock."""
    workflows = [*flow_sagas.WORKFLOWS, transfer]
    async with Environment(workflows=workflows, activities=[*flow_sagas.ACTIVITIES, use, undo]) as env:
        order = flow_sagas.Order("ann")
        first = await env.client.start(flow_sagas.waits_outside, order, id="first")
        for name in ("second", "third"):
            await env.client.start(flow_sagas.waits_outside, order, id=name)
        await env.advance("5s")
        await env.client.handle("second").cancel("by hand")
        await first.terminate("by hand")
        runs = [env.execute(flow_sagas.pays, order, how, 40) for how in ("ok", "ok", "ok")]
        runs += [env.execute(flow_sagas.now_and_then) for _ in range(4)]  # type: ignore[list-item]
        runs += [env.execute(flow_sagas.one_each, "bob", 5.0, again) for again in (1, 0, 0)]  # type: ignore[list-item]
        runs += [env.execute(flow_sagas.fairly, who, 5) for who in "abc"]  # type: ignore[list-item]
        runs += [env.execute(transfer, who, "ok", 1.0) for who in "xyz"]  # type: ignore[list-item]
        await asyncio.gather(*runs)
        await env.advance("10m")
        told: dict[str, Any] = {}
        for run in await env.client.runs(system=True):
            if run.workflow_id.startswith(("sagaline.flow/", "sagaline.lock/")):
                exported = read_exported(await env.client.handle(run.workflow_id, run.run_id).export())
                told[f"{run.workflow_id}#{run.run_id}"] = _written(exported.records)
        return told


if __name__ == "__main__":
    FLOW_FILE.write_bytes(gzip.compress(msgspec.json.encode(asyncio.run(_flow_histories())), mtime=0))
    FILE.write_bytes(gzip.compress(msgspec.json.encode(asyncio.run(_histories())), mtime=0))
