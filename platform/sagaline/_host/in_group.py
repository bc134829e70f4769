"""What a host of runs and one of a task queue are alike in: each is a member of a group."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from sagaline._log import Membership, TaskMembership

M = TypeVar("M", bound=Membership | TaskMembership)


class InGroup(Generic[M]):
    """``failed`` is set with an error when the worker cannot go on by itself."""

    failed: asyncio.Future[Exception]
    _membership: M | None

    def on_failed(self, error: Exception) -> None:
        """Its membership is lost for good."""
        if not self.failed.done():
            self.failed.set_result(error)

    def suspend(self) -> None:
        """Leaves the group, from any thread: the loop stands still, others are to take over."""
        if self._membership is not None:
            self._membership.suspend()

    def rejoin(self) -> None:
        """Takes part in the group again, from any thread."""
        if self._membership is not None:
            self._membership.resume()
