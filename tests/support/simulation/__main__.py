"""``make simulate SEEDS=2000``: runs seeds, counts faults; a failing seed is shrunk, and the command that repeats it told.

SEEDS is a number of seeds, counted from 1, or first-last.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from simulation.reach import missed
from simulation.shrink import shrink
from simulation.world import FAULTS, Report, Shape, run_seed


def main() -> int:
    """Exit code 1 when a seed fails, or faults were not reached."""
    options = _options()
    first, _, last = options.seeds.rpartition("-")
    seeds = range(int(first or 1), int(last) + 1)
    shape = Shape(frozenset(options.without.split(",")) - {""}, options.runs)
    begin = time.perf_counter()
    marks: Counter[str] = Counter()
    failed: list[Report] = []
    for report in _reports(seeds, shape, options.jobs):
        marks += report.marks
        if report.violations:
            failed.append(report)
            _tell(report, shape)
    lines = [f"{len(seeds)} seeds in {time.perf_counter() - begin:.0f} s, {len(failed)} failed"]
    lines += [f"  {name}: {count}" for name, count in sorted(marks.items())]
    lacking = missed(marks, len(seeds)) if shape == Shape() else []
    lines += [f"never reached: {', '.join(lacking)}"] if lacking else []
    sys.stdout.write("\n".join(lines) + "\n")
    if options.report:
        Path(options.report).write_text(_page(seeds, lines), "utf-8")
    return 1 if failed or lacking else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", default="200")
    parser.add_argument("--without", default="", help=f"faults to leave out, of: {', '.join(FAULTS)}")
    parser.add_argument("--runs", type=int, default=20, help="workflow runs a seed at most")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--report", help="a Markdown file to write")
    return parser.parse_args()


def _reports(seeds: range, shape: Shape, jobs: int) -> Iterator[Report]:
    """As they come, in order."""
    warnings.simplefilter("ignore")  # coroutines of killed processes are never awaited
    gc.freeze()  # modules stay: the collection before each seed need not look at them
    run = partial(run_seed, shape=shape)
    if jobs == 1 or len(seeds) == 1:
        yield from map(run, seeds)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(run, seeds, chunksize=10)


def _tell(report: Report, shape: Shape) -> None:
    """At once what is wrong; then the least that fails, for that takes minutes."""
    sys.stdout.write(f"seed {report.seed} fails: make simulate SEEDS={report.seed}-{report.seed}\n")
    sys.stdout.writelines(f"  {what}\n" for what in report.violations[:10])
    sys.stdout.flush()
    if shape == Shape():
        shape, report = shrink(report.seed)
    if shape != Shape():
        options = f'SHAPE="--without {",".join(sorted(shape.without))} --runs {shape.runs}"'
        sys.stdout.write(f"the least that does: make simulate SEEDS={report.seed}-{report.seed} {options}\n")
        sys.stdout.writelines(f"  {what}\n" for what in report.violations[:10])
        sys.stdout.flush()


def _page(seeds: range, lines: list[str]) -> str:
    shown = "\n".join(lines)
    return (
        f"# Simulation of seeds {seeds[0]} to {seeds[-1]}\n\n`make simulate SEEDS={seeds[0]}-{seeds[-1]}`, Python "
        f"{sys.version.split()[0]}. What is simulated and checked: docs/guarantees.md.\n\n```\n{shown}\n```\n"
    )


if __name__ == "__main__":
    sys.exit(main())
