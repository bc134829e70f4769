"""Sets that asyncio and anyio make for a workflow iterate in order of insertion; for any other code they are as ever.

``asyncio.wait`` and ``as_completed`` turn what they are given into sets, task groups and anyio's cancel scopes keep
sets, and hand out or cancel their items in the order of the hashes: of coroutines and scopes, that of addresses.
These functions look ``set`` up among the globals of their module when they run, so a global of that name is seen by
everybody who calls them, however they were imported. It looks at the running loop first.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import taskgroups, tasks
from importlib import import_module
from typing import Any

from sagaline._runtime.loop import DeterministicLoop
from sagaline._runtime.ordered_set import OrderedSet

_ANYIO = "anyio._backends._asyncio"
_running_loop = asyncio._get_running_loop


class _Set:
    """What stands in for ``set`` in those modules."""

    def __new__(cls, *items: Any) -> set[Any]:  # type: ignore[misc]  # it is not called for one of its own
        loop = _running_loop()
        return OrderedSet(*items) if isinstance(loop, DeterministicLoop) and loop.keeps_order else set(*items)

    def __class_getitem__(cls, items: Any) -> Any:
        return set[items]  # annotations that are evaluated


def _list(*items: Any) -> list[Any]:
    """``asyncio.all_tasks`` goes through the tasks of the process: a workflow is given its own, as they started."""
    loop = _running_loop()
    if isinstance(loop, DeterministicLoop) and loop.keeps_order:
        return list(loop.tasks())
    return list(*items)


def install() -> None:
    """Makes it so. anyio is included from the first workflow instance after its import on."""
    if "anyio" in sys.modules:
        backend = sys.modules.get(_ANYIO) or import_module(_ANYIO)  # anyio itself imports it when it is first used
        vars(backend).setdefault("set", _Set)


tasks.__dict__.update(set=_Set, list=_list)
taskgroups.__dict__.update(set=_Set)
