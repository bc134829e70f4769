"""``python -m simulation --seeds 1-2000``: runs seeds, counts faults, and says how to repeat the one that fails."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter

from simulation.world import run_seed


def main() -> int:
    """Exit code 1 when a seed fails."""
    parser = argparse.ArgumentParser(prog="python -m simulation")
    parser.add_argument("--seeds", default="1-200", help="one seed, or first-last")
    parser.add_argument("--keep-going", action="store_true", help="run all seeds, also after one has failed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # coroutines of killed processes are never awaited
    first, _, last = options.seeds.partition("-")
    marks: Counter[str] = Counter()
    failed: list[int] = []
    begin = time.perf_counter()
    count = 0
    for seed in range(int(first), int(last or first) + 1):
        report = run_seed(seed)
        count += 1
        marks += report.marks
        if report.violations:
            failed.append(seed)
            sys.stdout.write(f"seed {seed} fails; repeat it with: make simulate SEEDS={seed}-{seed}\n")
            sys.stdout.writelines(f"  {what}\n" for what in report.violations[:10])
            if not options.keep_going:
                break
    seconds = time.perf_counter() - begin
    sys.stdout.write(f"{count} seeds in {seconds:.0f} s, {len(failed)} failed\n")
    sys.stdout.writelines(f"  {name}: {number}\n" for name, number in sorted(marks.items()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
