"""sagaline replay: does this build follow the histories that are there? The gate before a deploy."""

from __future__ import annotations

import asyncio
import pdb
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer

from sagaline.cli import options
from sagaline.cli.export import SUFFIX, histories_of, sampled
from sagaline.cli.live import waiting
from sagaline.cli.loading import load, load_payloads
from sagaline.cli.options import Link, connected
from sagaline.cli.output import FAILED, complain, print_json, set_up_logging
from sagaline.cli.running import FILE
from sagaline.client.exported import ExportedRun, read_exported
from sagaline.errors import ConfigurationError
from sagaline.testing.replaying import Replayer, ReplayMismatch


def replay(
    file: Annotated[str, FILE],
    histories: Annotated[
        list[Path] | None,
        typer.Option(help="A file of `sagaline export`, or a folder of them; repeats. Without it: the log's runs."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, help="Of the log: so many runs, open ones first, then the newest that have ended.")
    ] = 1_000,
    debug: Annotated[
        bool, typer.Option("--pdb", help="Stop at the first line of the workflow, in Python's debugger.")
    ] = False,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Replays histories against the workflows of FILE, and exits with 1 at the first that this code cannot follow.

    Nothing is called and nothing is changed. Run it before a deploy: a worker with code that cannot follow a run's
    history parks the run.

    Example: `sagaline replay shop.py --log kafka://broker:9092/orders --sample 1000`
    """
    set_up_logging(verbose=False)
    loaded = load(file)
    gate = Gate(Replayer(loaded.workflows, load_payloads(payloads)), debug)
    begun = time.monotonic()
    source = _from_files(histories) if histories else _from_log(Link(log, payloads), sample, timeout)
    asyncio.run(gate.pass_all(source))
    gate.report(time.monotonic() - begun, as_json)
    if gate.mismatch is not None:
        raise typer.Exit(FAILED)
    if not gate.replayed:
        skipped = ", ".join(sorted(gate.skipped)) or "none"
        raise ConfigurationError(
            f"Expected at least one history of a workflow of {file} but there is none (histories of others: {skipped})."
        )


class Gate:
    """Replays one history after the other, up to the first mismatch."""

    def __init__(self, replayer: Replayer, debug: bool) -> None:
        self._replayer, self._debug = replayer, debug
        self.replayed = 0
        self.skipped: dict[str, int] = {}
        self.mismatch: ReplayMismatch | None = None

    async def pass_all(self, runs: AsyncGenerator[ExportedRun, None]) -> None:
        """Replays them; of a workflow that is not here they are counted."""
        async with aclosing(runs):
            async for run in runs:
                if not self._passes(run):
                    return

    def _passes(self, run: ExportedRun) -> bool:
        if run.workflow not in self._replayer.workflows:
            self.skipped[run.workflow] = self.skipped.get(run.workflow, 0) + 1
            return True
        try:
            self._replay(run)
        except ReplayMismatch as mismatch:
            self.mismatch = mismatch
            return False
        self.replayed += 1
        return True

    def _replay(self, run: ExportedRun) -> None:
        if not self._debug:
            self._replayer.replay(run)
            return
        code = self._replayer.workflows[run.workflow].fn.__code__
        complain(f"Replaying {run}")
        debugger = pdb.Pdb(nosigint=True)
        debugger.set_break(code.co_filename, code.co_firstlineno, funcname=code.co_name)
        debugger.rcLines += ["continue"]
        debugger.runcall(self._replayer.replay, run)

    def report(self, seconds: float, as_json: bool) -> None:
        """Says what came of it."""
        mismatch = self.mismatch
        if as_json:
            print_json({"replayed": self.replayed, "skipped": self.skipped, "mismatch": _details(mismatch)})
            return
        for workflow, count in self.skipped.items():
            complain(f"Skipped {count} histories of {workflow}, which is not in this file")
        if mismatch is not None:
            complain(
                f"{mismatch}\nAfter {self.replayed} histories that it follows. Use workflow.patched, or deploy "
                f"this code as a workflow of another name."
            )
        else:
            complain(f"This code follows {self.replayed} histories ({seconds:.1f} s)")


def _details(mismatch: ReplayMismatch | None) -> dict[str, Any] | None:
    names = ("workflow", "workflow_id", "run_id", "event_id", "expected", "actual", "place")
    return None if mismatch is None else {name: getattr(mismatch, name) for name in names}


async def _from_files(places: list[Path]) -> AsyncGenerator[ExportedRun, None]:
    for place in places:
        files = sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
        if not files:
            raise ConfigurationError(f"Expected files *{SUFFIX} in {place} but there are none.")
        for file in files:
            yield read_exported(file)


async def _from_log(link: Link, sample: int, timeout: str) -> AsyncGenerator[ExportedRun, None]:
    async with connected(link) as client:
        async with waiting("the owners of all partitions"):
            runs = await sampled(client, sample, timeout, None)
        places = [(run.workflow_id, run.run_id) for run in runs]
        async with aclosing(histories_of(client, places, timeout)) as histories:
            async for _, history in histories:
                yield read_exported(history)
