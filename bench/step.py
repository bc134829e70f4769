"""What the loop of workflows costs: an activation, a replay, a run in memory; and what looking at its calls adds.

JSON lines, each the best of several rounds in processor time (the machine's noise only adds), with its aim.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

import psutil

from sagaline import activity, workflow
from sagaline._host import forbidden
from sagaline._model import events as e
from sagaline._model.events import Event
from sagaline._model.records import History
from sagaline._runtime import watching
from sagaline._runtime.definitions import Registry
from sagaline._runtime.flags import CURRENT
from sagaline._runtime.instance import Instance
from sagaline._runtime.replaying import replay
from sagaline._runtime.run import RunInfo
from sagaline._runtime.setup import Setup

_ROUNDS = 7
_STEPS = 2_000
_RUNS = 5_000


@activity
async def fetch(name: str) -> str:
    return name


@workflow
async def steps(count: int) -> int:
    total = 0
    for number in range(count):
        total += len(await fetch(str(number)))
    return total


SETUP = Setup(Registry([steps.definition], [fetch.definition]))


def instance(run_id: str = "r") -> Instance:
    """A run that has not begun."""
    return Instance(RunInfo(steps.definition, "w", run_id, CURRENT), SETUP)


def started(count: int) -> Event:
    """The run's first event."""
    return e.RunStarted("steps", b"[%d]" % count, "q", "", 0, "")


def activation() -> float:
    """Microseconds of an activation that is given a result and asks for an activity."""
    run = instance()
    run.activate([started(_STEPS)], 1_000)
    jobs = [[e.ActivityCompleted(step, 1, b'"ok"')] for step in range(1, _STEPS)]
    began = time.process_time()
    for at_ms, job in enumerate(jobs, 1_001):
        run.activate(job, at_ms)
    took = time.process_time() - began
    run.evict()
    return took / len(jobs) * 1e6


def history() -> list[History]:
    """Eight events: the start, three activities and their results, the end."""
    run = instance()
    records: list[History] = []
    jobs: list[Event] = [started(3), *(e.ActivityCompleted(step, 1, b'"ok"') for step in (1, 2, 3))]
    first = 1
    for at_ms, job in enumerate(jobs, 1_000):
        events = (job, *run.activate([job], at_ms))
        records.append(History(0, at_ms, "w", "r", first, 0, 0, 0, () if records else CURRENT, False, events))
        first += len(events)
    if first != 9:
        raise AssertionError(f"Expected a history of 8 events but it has {first - 1}.")
    return records


def replays() -> float:
    """Replays of it a second."""
    records = history()
    began = time.process_time()
    for _ in range(_STEPS):
        replay(SETUP, records)
    return _STEPS / (time.process_time() - began)


def cached() -> float:
    """KiB of a run in memory that waits for an activity."""
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    runs = [instance(str(number)) for number in range(_RUNS)]
    for run in runs:
        run.activate([started(3)], 1_000)
    grown = float(process.memory_info().rss - before)
    for run in runs:
        run.evict()
    return grown / _RUNS / 1_024


def line(name: str, value: float, aim: str, met: bool | None = None) -> None:
    """Prints one."""
    entry: dict[str, Any] = {"what": name, "value": round(value, 2), "aim": aim}
    print(json.dumps(entry if met is None else entry | {"met": met}), flush=True)


def best(measure: Callable[[], float], pick: Callable[..., float]) -> float:
    """The least disturbed of the rounds."""
    return float(pick([measure() for _ in range(_ROUNDS)]))


def main() -> None:
    """All of it."""
    memory = cached()  # first, before the heap has holes
    line("KiB a cached run", memory, "at most 12", memory <= 12)
    plain = best(activation, min)
    line("us an activation, the user's code included", plain, "at most 15", plain <= 15)
    speed = best(replays, max)
    line("replays a second of a history of 8 events", speed, "at least 20,000", speed >= 20_000)
    forbidden.watch(SETUP.registry)
    watching.profile_for("steps")
    watched = best(activation, min)
    line("us that looking at calls adds to an activation", watched - plain, "at most 3", watched - plain <= 3)
    if watching.profile is not None:
        watching.count_anew()
        first = best(_first_activations, min)
        line("us that it adds to the first activations of a workflow (Python 3.11)", first - plain, "none")


def _first_activations() -> float:
    watching.count_anew()
    run = instance()
    run.activate([started(_STEPS)], 1_000)
    began = time.process_time()
    for step in range(1, watching.FIRST - 1):
        run.activate([e.ActivityCompleted(step, 1, b'"ok"')], 1_000 + step)
    took = time.process_time() - began
    run.evict()
    return took / (watching.FIRST - 2) * 1e6


if __name__ == "__main__":
    main()
