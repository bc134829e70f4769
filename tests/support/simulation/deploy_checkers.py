"""What must hold of runs whose code changes under them. Which code can follow which run is written down here a second
time, from docs/versioning.md."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from sagaline._model import events as e
from sagaline._model.events import COMMANDS
from simulation.broker import INJECTED

ORDER = "order"
VERSIONS = ("v1", "v2", "v3", "v4", "bad")
_FOLLOWS = {
    "v1": {"", "without"},
    "v2": {"", "without", "patched", "deprecated"},
    "v3": {"", "patched", "deprecated", "plain"},
    "v4": {"", "deprecated", "plain"},
}
"""By version: how runs may have passed the place of the patch; "": they have not come to it."""
_MISMATCH = re.compile(r"Expected (.+) \(event (\d+) of the history\) but the code asks for .+\. The code has changed")


@dataclass
class Order:
    """An order as its valid records tell it."""

    workflow_id: str
    history: list[e.Event] = field(default_factory=list[e.Event], repr=False)
    steps: list[str] = field(default_factory=list[str])  # activities, in the order in which the code has called them
    marker: str = ""
    ended: bool = False

    @property
    def is_bad(self) -> bool:
        """It has begun with the code that swaps two steps."""
        return self.steps[:1] == ["ship"]

    @property
    def place(self) -> str:
        """How it has passed the place of the patch."""
        if self.marker or not self.steps[1:]:
            return self.marker
        return "plain" if self.steps[1] == "check" else "without"


def can_follow(version: str, order: Order) -> bool:
    """Whether the code of a version asks for what the order's history has."""
    if version == "bad" or order.is_bad:
        return not order.steps or (version == "bad") == order.is_bad
    return order.place in _FOLLOWS[version]


class OrderChecks:
    """Code that cannot follow an order parks it and asks for nothing; code that can does not park it, and asks for what
    its version asks for; no step is taken twice, whatever code runs."""

    def __init__(self, violations: list[str], marks: Counter[str]) -> None:
        self._violations, self._marks = violations, marks
        self._orders: dict[str, Order] = {}
        self._parked: set[str] = set()
        self._undone: set[str] = set()

    def waiting(self) -> list[Order]:
        """The orders that have not ended."""
        return [order for order in self._orders.values() if not order.ended]

    def happened(self, run_id: str, workflow_id: str, version: str, events: tuple[e.Event, ...]) -> None:
        """A valid record of a worker with the code of ``version``."""
        if isinstance(events[0], e.RunStarted) and events[0].workflow == ORDER:
            self._orders[run_id] = Order(workflow_id)
        order = self._orders.get(run_id)
        if order is None or run_id in self._undone:
            return
        if any(isinstance(event, e.UndoRequested) for event in events):  # from here on its code is the platform's
            self._undone.add(run_id)
            order.ended = True
            return
        asks = any(type(event) in COMMANDS for event in events)
        if asks and not can_follow(version, order):
            self._violations.append(f"{workflow_id} ({order}) has obeyed {version}, which cannot follow it")
        for event in events:
            self._take(run_id, order, version, event)
        if asks and not can_follow(version, order):
            self._violations.append(f"{workflow_id} was asked for what {version} does not ask for: {order}")

    def knows(self, run_id: str) -> bool:
        """True of the runs that may be parked."""
        return run_id in self._orders

    def _take(self, run_id: str, order: Order, version: str, event: e.Event) -> None:
        match event:
            case e.ActivityScheduled(compensates=None):
                if event.activity in order.steps:
                    self._violations.append(f"{order.workflow_id} takes step {event.activity} twice: {order.steps}")
                order.steps.append(event.activity)
            case e.PatchMarked():
                if order.marker or event.deprecated != (version == "v3"):
                    self._violations.append(f"{order.workflow_id} has {event}, which {version} did not ask for")
                order.marker = "deprecated" if event.deprecated else "patched"
            case e.RunParked():
                self._park(order, version, event)
                self._parked.add(run_id)
            case e.RunResumed():
                self._marks["resumed by good code"] += run_id in self._parked
            case _:
                pass
        order.history.append(event)
        if isinstance(event, _ENDS):
            order.ended = True
            if type(event) in COMMANDS and order.place:
                self._marks[f"order {order.place}: ended by {version}"] += 1

    def _park(self, order: Order, version: str, event: e.RunParked) -> None:
        if INJECTED in event.failure.message:
            return  # quarantined: that has nothing to do with its code
        self._marks[f"parked by {version}"] += 1
        if can_follow(version, order):
            self._violations.append(f"{order.workflow_id} ({order}) was parked by {version}: {event.failure.message}")
            return
        said = _MISMATCH.match(event.failure.message)
        known = None if said is None else order.history[int(said[2]) - 1]
        named: str | None = None
        match known:
            case e.ActivityScheduled():
                named = f"activity {known.activity!r} as step {known.step}"
            case e.PatchMarked():
                named = f"patch {known.patch!r}"
            case _:
                pass
        if said is None or said[1] != named:
            self._violations.append(f"{order.workflow_id} was parked without its step: {event.failure.message}")


_ENDS = (e.RunCompleted, e.RunFailed, e.RunCancelled, e.RunTerminated, e.RunReplaced, e.RunContinued)
