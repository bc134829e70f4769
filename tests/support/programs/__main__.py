"""python -m programs: runs the programs of many seeds, in several processes with several seeds of hashes."""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

from programs.drive import Divergence, run
from programs.generate import program
from programs.mutants import MUTANTS
from programs.shrink import shrink

_CHUNK = 2_500
_SHOWN = 3
HASH_SEEDS = ("1", "271828", "4294967295")


def worker(first: int, count: int) -> None:
    """Prints a line a seed: its checksum, or what was wrong."""
    for seed in range(first, first + count):
        try:
            print(seed, f"{run(program(seed), seed):08x}")
        except Divergence as error:
            print(seed, "DIVERGES", str(error)[:2_000].replace("\n", " "))


def spawn(first: int, count: int, hash_seed: str, mutant: str) -> subprocess.Popen[str]:
    """A process that runs some seeds, with its own seed of hashes."""
    command = [sys.executable, "-m", "programs", "--worker", f"{first}-{count}", "--mutant", mutant]
    place = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, text=True)


def explain(seed: int, lines: list[str]) -> None:
    """What is wrong with a seed, how to repeat it, and the smallest program that has it."""
    print(f"\nseed {seed}; repeat it: make programs SEED={seed} PROGRAMS=1")
    for line in dict.fromkeys(lines):
        print(f"    {line[:800]}")

    def fails(body: list[list[object]]) -> bool:
        try:
            run(body, seed)
        except Divergence:
            return True
        return False

    if fails(program(seed)):
        print(f"    smallest program: {json.dumps(shrink(program(seed), fails))}")
    else:
        print(f"    the same in one process; program: {json.dumps(program(seed))}")


def check(first: int, count: int, hash_seeds: tuple[str, ...], mutant: str, ends_at: float) -> tuple[int, list[int]]:
    """Runs the seeds with each seed of hashes, one process for each at a time, until it is time to end.

    Returns how many it has run, and those that differ.
    """
    wrong: list[int] = []
    start = first
    while start < first + count and not wrong and time.monotonic() < ends_at:
        length = min(_CHUNK, first + count - start)
        workers = [spawn(start, length, hash_seed, mutant) for hash_seed in hash_seeds]
        outcomes: dict[int, list[str]] = {seed: [] for seed in range(start, start + length)}
        for process in workers:
            printed, _ = process.communicate()
            for line in printed.splitlines():
                number, _, outcome = line.partition(" ")
                outcomes[int(number)].append(outcome)
        for seed, lines in outcomes.items():
            if len(lines) != len(hash_seeds) or len(set(lines)) != 1 or lines[0].startswith("DIVERGES"):
                wrong.append(seed)
                if len(wrong) <= _SHOWN:
                    explain(seed, lines)
        start += length
    return start - first, wrong


def main() -> int:
    """Returns 1 if any program does not do the same everywhere."""
    parser = argparse.ArgumentParser(prog="programs", description=__doc__)
    parser.add_argument("--programs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--hash-seeds", type=int, default=2, choices=range(1, len(HASH_SEEDS) + 1))
    parser.add_argument("--mutant", default="", choices=["", *MUTANTS])
    parser.add_argument("--seconds", type=float, default=3_600.0, help="begin no more after so long")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.mutant:
        MUTANTS[options.mutant]()
    warnings.simplefilter("ignore", RuntimeWarning)  # coroutines of anyio's tasks that never started, in evicted runs
    logging.disable()  # signals that nobody receives, many times
    if options.worker:
        worker(*map(int, options.worker.split("-")))
        return 0
    began = time.monotonic()
    hash_seeds = HASH_SEEDS[: options.hash_seeds]
    ends_at = began + options.seconds
    count, wrong = check(options.seed, options.programs, hash_seeds, options.mutant, ends_at)
    took = time.monotonic() - began
    text = (
        f"{count} programs from seed {options.seed}, hash seeds {', '.join(hash_seeds)}, replayed at every "
        f"activation: {len(wrong)} differ ({took:.0f} s, Python {sys.version.split()[0]})"
    )
    print(text)
    if options.report:
        options.report.write_text(f"# Random programs\n\n{text}\n", "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
