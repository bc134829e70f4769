"""What fail_after_each_step reports: a line for each trial, as data and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, overload

from sagaline.client import RunHandle, Status

Way = Literal["error", "lost", "cancel", "killed", "replayed"]
"""How a step is made to fail. ``error``: it raises and has no effect. ``lost``: it has its effect at each attempt, and
its answers are lost. ``cancel``: the run is cancelled when the step has had its effect. ``killed``: the worker is
killed then, and nobody has heard of it. ``replayed``: the worker is killed when the step's outcome is on record, and
another replays the run."""
WAYS: tuple[Way, ...] = get_args(Way)
_HEAD = ("step", "way", "ended", "undone", "invariant")
_SHOWN = 100


@dataclass(frozen=True)
class Trial:
    """One run, and how it was made to fail at ``step``, a call of ``activity``.

    ``way`` is None for the run that nothing is done to. ``part`` says in which run the step is: "" for the first,
    "run 2" for the one that it has continued as, "child 3" for the child of its step 3. ``status`` is how the run has
    ended, ``undone`` the activities that were undone, in order. ``parked``: a step has waited for a person; it was then
    let work, and retried. ``broken`` is what the invariant has said, or why the trial did not come to its end; "" when
    all is well.
    """

    way: Way | None
    activity: str
    step: int
    part: str
    run: RunHandle[Any]
    status: Status
    undone: tuple[str, ...] = ()
    parked: bool = False
    broken: str = ""

    @property
    def completed(self) -> bool:
        """True when the run has ended with a result, so that all that it does has to stand; else nothing may."""
        return self.status is Status.COMPLETED

    @property
    def ended(self) -> str:
        """How it has ended, in words."""
        return f"parked, then {self.status}" if self.parked else str(self.status)

    @property
    def row(self) -> dict[str, Any]:
        """The line of the table, as data."""
        return {
            "step": self.step,
            "part": self.part,
            "activity": self.activity,
            "way": self.way,
            "run": self.run.workflow_id,
            "ended": self.ended,
            "undone": list(self.undone),
            "invariant": self.broken or "ok",
        }

    def __str__(self) -> str:
        step, way, ended, *_ = self.cells()
        return f"{step}, {way}: the run is {ended}"

    def cells(self) -> tuple[str, ...]:
        """The line of the table, as text."""
        step = f"{self.part}, {self.step}" if self.part else str(self.step)
        return (
            "none" if self.way is None else f"{step} {self.activity}",
            self.way or "",
            self.ended,
            ", ".join(self.undone) or "-",
            _cut(self.broken) or "ok",
        )


@dataclass(frozen=True)
class Trials(Sequence[Trial]):
    """All trials of a saga, in the order in which they were made; ``print`` shows the table::

    step              way       ended        undone         invariant
    none                        completed    -              ok
    1 reserve_stock   error     compensated  reserve_stock  ok
    """

    trials: tuple[Trial, ...]

    @property
    def broken(self) -> list[Trial]:
        """Those in which the invariant did not hold, or that did not come to their end."""
        return [trial for trial in self.trials if trial.broken]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table as data: values of JSON."""
        return [trial.row for trial in self.trials]

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Trial, ...]: ...
    def __getitem__(self, index: int | slice) -> Trial | tuple[Trial, ...]:
        return self.trials[index]

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def __len__(self) -> int:
        return len(self.trials)

    def __str__(self) -> str:
        return _table(self.trials)


class InvariantBroken(AssertionError):
    """The invariant did not hold after every trial; ``trials`` are all of them. The text has the lines of those in
    which it did not, and a history; a note has the whole table."""

    def __init__(self, trials: Trials, history: str) -> None:
        self.trials = trials
        broken = trials.broken
        text = f"Expected the invariant to hold after each of {len(trials)} trials but after {len(broken)} it does not"
        super().__init__(f"{text}:\n{_table(broken)}\nWhat the run of the first of these has done:\n{history}")
        self.add_note(f"all trials:\n{trials}")


def _table(trials: Sequence[Trial]) -> str:
    lines = [_HEAD, *(trial.cells() for trial in trials)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."
