"""Seeds in a process of their own: what a killed process leaves to CPython 3.11's collector upsets its count of recursion.

The process is forked off one that has everything imported: there are many mutants.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import TypeVar
from unittest import mock

from simulation.mutants import applied
from simulation.world import Report, run_seed

Found = TypeVar("Found")


@cache
def _server() -> ForkServerContext:
    """It finds modules where this process does; CPython 3.11 tells it that by the environment alone."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        forkserver.ensure_running()
    return context


def alone(check: Callable[..., Found], *args: object) -> Found:
    """What ``check``, a function of this module, returns or raises in a process of its own."""
    with ProcessPoolExecutor(1, _server(), _prepare, max_tasks_per_child=1) as pool:
        return pool.submit(check, *args).result()


def _prepare() -> None:
    warnings.simplefilter("ignore")
    gc.freeze()  # modules stay: the collection before each seed need not look at them


def report(seed: int) -> Report:
    """What comes of a seed."""
    return run_seed(seed)


def caught(mutant: str, seeds: Iterable[int]) -> tuple[int, list[str]]:
    """The first seed to find the mutant, and what it says of it; 0 and nothing when none does."""
    with applied(mutant):
        return next(((seed, found) for seed in seeds if (found := run_seed(seed).violations)), (0, []))


def left(seeds: Iterable[int]) -> list[str]:
    """The complaints of what is collected behind seeds that were run."""
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        for seed in seeds:
            run_seed(seed)
        gc.collect()
    return [f"{one.message}" for one in complaints]
