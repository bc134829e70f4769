"""What grows with what: each line doubles a size four times and shows what one item costs at each.

A cost that stays the same from line to line is linear work; one that doubles with the size is quadratic. Run all with
``python bench/growth.py``, some by the beginnings of their names. To add a line: a function with ``@growth(...)`` in
one of the modules of ``bench/growing`` that returns the seconds that ``size`` items took.
"""

from __future__ import annotations

import importlib
import json
import logging
import pkgutil
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / "support")]

import growing  # noqa: E402

DOUBLINGS = 4


def main(names: list[str]) -> None:
    """Measures the lines whose names begin with one of ``names``; all when there are none."""
    logging.disable(logging.CRITICAL)
    for module in pkgutil.iter_modules(growing.__path__):
        importlib.import_module(f"growing.{module.name}")
    for line in growing.LINES:
        if names and not line.name.startswith(tuple(names)):
            continue
        line.measure(line.first)  # imports and caches are warm
        sizes = [line.first << doubling for doubling in range(DOUBLINGS + 1)]
        costs = [min(line.measure(size) for _ in range(2)) / size * 1e6 for size in sizes]
        shown = {str(size): round(cost, 2) for size, cost in zip(sizes, costs, strict=True)}
        print(json.dumps({"line": line.name, "us_each": shown, "growth": round(costs[-1] / costs[0], 2)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
