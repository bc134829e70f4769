"""The same runs under other hash seeds: a set of texts has another order in each process, and code that goes by it
does not replay on another worker. One process cannot show that, so others replay what this one has recorded."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from sagaline._runtime.checks import place_of
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline.client import Client
from sagaline.errors import ConfigurationError

_LIMIT_S = 120.0
_SEEDS = 100
_RUNS = 1_000


class HashSeedMismatch(AssertionError):
    """A process with another hash seed cannot follow a run: its code goes by the order of a set, or of what else
    differs between processes. The message is that of ``sagaline replay``."""


def seeds_in(seeds: Iterable[int]) -> tuple[int, ...]:
    """The seeds, checked. Raises ConfigurationError."""
    listed = tuple(seeds)
    if len(listed) > _SEEDS or not all(isinstance(seed, int) and 0 <= seed <= 4294967295 for seed in listed):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(
            f"Expected at most {_SEEDS} hash seeds, numbers from 0 to 4294967295, but got {listed[:5]}."
        )
    return listed


async def replay_under(seeds: Sequence[int], client: Client, workflows: Iterable[WorkflowDefinition]) -> None:
    """Replays all runs of an environment in a process for each seed. Raises HashSeedMismatch.

    Workflows have to be at the top of their modules, so that another process finds them.
    """
    targets = {_target_of(workflow) for workflow in workflows}
    runs = (await client.runs())[:_RUNS]
    if not seeds or not runs:
        return
    with tempfile.TemporaryDirectory() as folder:
        for number, run in enumerate(runs):
            history = await client.handle(run.workflow_id, run.run_id).export()
            (Path(folder) / f"{number}.history.json").write_bytes(history)
        for target in sorted(targets):
            for seed in seeds:
                await _replay(target, folder, seed)


async def _replay(target: str, folder: str, seed: int) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = (sys.executable, "-m", "sagaline.cli", "replay", target, "--histories", folder)
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            said, _ = await process.communicate()
    except BaseException:
        process.kill()
        raise
    if process.returncode != 0:
        raise HashSeedMismatch(f"Expected the same with PYTHONHASHSEED={seed} but:\n{said.decode(errors='replace')}")


def _target_of(workflow: WorkflowDefinition) -> str:
    """What ``sagaline replay`` loads: the workflow's module, or its file when the module cannot be imported by name."""
    fn = workflow.fn
    if "<locals>" in fn.__qualname__:
        raise ConfigurationError(
            f"Expected workflows at the top of a module, for other processes to find them, but {workflow.name} "
            f"({place_of(fn)}) is inside a function."
        )
    try:
        if importlib.util.find_spec(fn.__module__) is not None and fn.__module__ != "__main__":
            return fn.__module__
    except (ImportError, ValueError):
        pass
    return fn.__code__.co_filename
