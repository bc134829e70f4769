"""Which seed has found each mutant last: it is tried first. Where the product has changed meanwhile it may find it no
more, and all are tried: ``make mutants`` writes the list anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simulation.alone import alone, caught
from simulation.mutants import MUTANTS

CAUGHT_WITHIN = 150
LIST = Path(__file__).with_name("found_by.json")


def seeds_for(mutant: str) -> Iterator[int]:
    """Those that have to find it, the likeliest first."""
    known: dict[str, int] = json.loads(LIST.read_text("utf-8"))
    first = known.get(mutant, 1)
    yield first
    yield from (seed for seed in range(1, CAUGHT_WITHIN + 1) if seed != first)


def main() -> None:
    """Looks for each mutant's seed, and writes them down."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(sorted(MUTANTS), pool.map(_seed, sorted(MUTANTS)), strict=True))
    known = {name: seed for name, seed in found.items() if seed}
    LIST.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    missed = [name for name, seed in found.items() if not seed]
    print(f"{len(found)} mutants, not found: {', '.join(missed) or 'none'}")


def _seed(mutant: str) -> int:
    seed, _ = alone(caught, mutant, list(seeds_for(mutant)))
    return seed


if __name__ == "__main__":
    main()
