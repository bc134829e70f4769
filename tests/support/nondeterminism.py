"""The ten workflows that are deliberately not deterministic (tests/nondeterministic), for each of the three nets.

Six differ from replay to replay, four from one version of the code to the next. Every file is a program of its own:
a workflow ``order(place)``, and activities ``reserve``, ``charge``, ``ship``. The place at fault has the comment
``# here``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "nondeterministic"
_MARK = "# here"


class Scenario(NamedTuple):
    """``code`` is that of the checker's finding. ``before`` is the version that runs were started with, if the fault
    is a change of code."""

    name: str
    code: str
    file: Path
    before: Path | None = None

    @property
    def line(self) -> int:
        """The line at fault."""
        lines = self.file.read_text("utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if line.endswith(_MARK))


def _differing(name: str, code: str) -> Scenario:
    return Scenario(name, code, FOLDER / f"{name}.py")


def _changed(name: str) -> Scenario:
    return Scenario(name, "SGL501", FOLDER / f"{name}_after.py", FOLDER / f"{name}_before.py")


SCENARIOS = [
    _differing("set_order", "SGL106"),
    _differing("wall_clock", "SGL101"),
    _differing("environment", "SGL104"),
    _differing("shared_state", "SGL105"),
    _differing("reads_a_file", "SGL103"),
    _differing("chance", "SGL102"),
    _changed("other_step"),
    _changed("swapped_steps"),
    _changed("other_arguments"),
    _changed("removed_step"),
]


def load(file: Path) -> ModuleType:
    """A new module of a scenario's file: its globals are as at the start of a process."""
    spec = importlib.util.spec_from_file_location(f"nondeterministic_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
