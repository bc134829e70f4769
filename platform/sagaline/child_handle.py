"""What ``workflow.start_child`` gives to the parent."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

from sagaline._runtime import children
from sagaline._runtime.calls import Calls
from sagaline.external_handle import ExternalHandle

R = TypeVar("R")


class ChildHandle(Generic[R]):
    """A child that runs. ``await handle`` gives its result; ``workflow_id`` and ``run_id`` are its own, and
    ``await handle.signal(...)`` sends it a signal, as ``ExternalHandle.signal`` does."""

    def __init__(self, calls: Calls, child: children.Child, run_id: str) -> None:
        self._calls, self._child = calls, child
        self.workflow_id = child.workflow_id
        self.run_id = run_id
        self.signal = ExternalHandle(calls, child.workflow_id, run_id).signal

    def __await__(self) -> Generator[Any, Any, R]:
        return self.result().__await__()

    async def result(self) -> R:
        """Its result, when it has ended. Raises ChildError. Whoever is cancelled here cancels the child."""
        result: R = await children.result(self._calls, self._child)
        return result

    def cancel(self, reason: str = "cancelled by its parent") -> None:
        """Asks the child to stop, once; ``result`` tells when it has."""
        children.cancel(self._calls, self._child, reason)
