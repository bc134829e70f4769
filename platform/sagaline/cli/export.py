"""sagaline export: histories of runs as files."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import complain, print_json, set_up_logging
from sagaline.client import Client, RunSummary
from sagaline.errors import ConfigurationError

SUFFIX = ".history.json"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_NAME = 100
_AHEAD = 16


def export(
    ids: Annotated[list[str] | None, typer.Argument(help="Business ids of runs; without them, --sample.")] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    out: Annotated[
        str, typer.Option("--out", help="A folder for the files, one a run; - prints the history of one run.")
    ] = ".",
    sample: Annotated[
        int, typer.Option(min=0, help="So many runs: all that are open first, then the newest that have ended.")
    ] = 0,
    workflow: Annotated[str | None, typer.Option(help="With --sample: runs of this workflow alone.")] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Writes the histories of runs to files, for `sagaline replay`.

    A file stands for itself: JSON, readable where payloads are plain. Sealed payloads stay sealed. Works without a
    worker too.

    Example: `sagaline export order-1 --out histories`
    """
    set_up_logging(verbose=False)
    if bool(ids) == bool(sample):
        raise ConfigurationError("Expected ids of runs, or --sample with a number, and not both.")
    if run_id is not None and len(ids or ()) != 1:
        raise ConfigurationError("Expected one id with --run-id.")
    if out == "-" and len(ids or ()) != 1:
        raise ConfigurationError("Expected one id with --out -, which prints one history.")

    places = asyncio.run(_export(Link(log), ids or [], run_id, out, _Sample(sample, workflow), timeout))
    if out == "-":
        return
    if as_json:
        print_json([place._asdict() for place in places])
    else:
        complain(f"{len(places)} histories in {out}")


class _Sample(NamedTuple):
    most: int
    workflow: str | None


class _Place(NamedTuple):
    workflow_id: str
    run_id: str | None
    file: str


async def _export(
    link: Link, ids: list[str], run_id: str | None, out: str, sample: _Sample, timeout: str
) -> list[_Place]:
    async with connected(link) as client:
        chosen: list[tuple[str, str | None]] = [(workflow_id, run_id) for workflow_id in ids]
        if not ids:
            async with waiting("the owners of all partitions"):
                runs = await sampled(client, sample.most, timeout, sample.workflow)
            chosen = [(run.workflow_id, run.run_id) for run in runs]
        places: list[_Place] = []
        async for (workflow_id, run), history in histories_of(client, chosen, timeout):
            file = "" if out == "-" else _write(history, Path(out), workflow_id, run)
            if out == "-":
                sys.stdout.buffer.write(history)
            places.append(_Place(workflow_id, run, file))
        return places


async def sampled(client: Client, count: int, timeout: str, workflow: str | None) -> list[RunSummary]:
    """At most ``count`` runs: all that are open first, then the newest that have ended."""
    runs = await client.runs(workflow=workflow, timeout=timeout)
    return sorted(runs, key=lambda run: (not run.status.is_open, -run.changed_at.timestamp()))[:count]


async def histories_of(
    client: Client, chosen: Sequence[tuple[str, str | None]], timeout: str
) -> AsyncGenerator[tuple[tuple[str, str | None], bytes], None]:
    """The files of runs, in order; some are asked for ahead."""
    loop = asyncio.get_running_loop()
    rest = iter(chosen)
    asked: deque[tuple[tuple[str, str | None], asyncio.Task[bytes]]] = deque()
    try:
        while True:
            for place in islice(rest, _AHEAD - len(asked)):
                asked.append((place, loop.create_task(client.handle(*place).export(timeout))))
            if not asked:
                return
            place, task = asked.popleft()
            yield place, await task
    finally:
        for _, task in asked:
            task.cancel()
        await asyncio.gather(*(task for _, task in asked), return_exceptions=True)


def _write(history: bytes, folder: Path, workflow_id: str, run_id: str | None) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    name = _UNSAFE.sub("_", workflow_id)[:_NAME] + ("" if run_id is None else f"-{_UNSAFE.sub('_', run_id)[:_NAME]}")
    file = folder / f"{name}{SUFFIX}"
    file.write_bytes(history)
    return str(file)
