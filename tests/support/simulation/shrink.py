"""The least that makes a seed fail."""

from __future__ import annotations

from simulation.world import FAULTS, Report, Shape, run_seed


def shrink(seed: int) -> tuple[Shape, Report]:
    """The smallest shape of a failing seed that still fails: faults are left out one by one, then runs."""
    shape, report = Shape(), run_seed(seed)
    for name in FAULTS:
        smaller = shape._replace(without=shape.without | {name})
        if (found := run_seed(seed, smaller)).violations:
            shape, report = smaller, found
    while shape.runs > 1:
        smaller = shape._replace(runs=shape.runs // 2)
        if not (found := run_seed(seed, smaller)).violations:
            break
        shape, report = smaller, found
    return shape, report
