"""What workflow code, and the sagas around it, may ask of the instance that runs them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Protocol

from sagaline._model.failure import RetryPolicy
from sagaline._runtime.commands import Commands
from sagaline._runtime.definitions import ActivityDefinition
from sagaline._runtime.messages.mailbox import Mailbox
from sagaline._runtime.phases import FORWARD, ROLLED_BACK, ROLLING_BACK
from sagaline._runtime.run import RunInfo
from sagaline._runtime.sagas.scopes import Sagas, Scope
from sagaline._runtime.setup import Setup
from sagaline._runtime.steps import Step, Steps, Undo

__all__ = ["FORWARD", "ROLLED_BACK", "ROLLING_BACK", "Calls"]


class Calls(Protocol):
    """A running workflow, seen from its code. All answers are the same in replay.

    Contract: what is asked for leaves as commands when the activation is quiet, in the order in which it was asked.
    """

    phase: str
    """FORWARD, ROLLING_BACK while a saga undoes its steps (the run is cancelled no more), or ROLLED_BACK."""

    is_guarded: bool
    """True while code runs whose forbidden calls raise."""

    broken: BaseException | None
    """What parks the run at the end of the activation, whatever the code has made of it."""

    @property
    def setup(self) -> Setup:
        """The code that the worker has, and bounds."""
        ...

    @property
    def run(self) -> RunInfo:
        """Ids and workflow of the run."""
        ...

    @property
    def table(self) -> Steps:
        """The activities and timers that were asked for."""
        ...

    @property
    def mailbox(self) -> Mailbox:
        """The messages that have come."""
        ...

    @property
    def commands(self) -> Commands:
        """What the code has asked for in this activation, and its patches."""
        ...

    @property
    def is_replaying(self) -> bool:
        """True while history is replayed; loggers are silent then."""
        ...

    @property
    def now_ms(self) -> int:
        """The activation's time, in milliseconds since 1970."""
        ...

    @property
    def random(self) -> random.Random:
        """The run's own generator, seeded by its id."""
        ...

    @property
    def sagas(self) -> Sagas:
        """The scopes of the run."""
        ...

    @property
    def cancel_reason(self) -> str | None:
        """Why somebody has asked the run to stop; None while nobody has."""
        ...

    async def call(self, activity: ActivityDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls an activity and waits for its outcome. Raises ActivityError when it has failed for good."""
        ...

    @property
    def is_over(self) -> bool:
        """True when the workflow's function has returned or raised: other tasks run until the activation is quiet."""
        ...

    def schedule(
        self,
        activity: ActivityDefinition,
        payload: bytes,
        *,
        compensates: Undo | None = None,
        of_child: int = 0,
        retry: RetryPolicy | None = None,
    ) -> Step:
        """Asks for an activity; the intent is recorded before it can have any effect. ``of_child``: the step that it
        compensates is one of this child."""
        ...

    def live_tasks(self, scope: Scope) -> list[asyncio.Task[Any]]:
        """Tasks of a scope other than the calling one, in order of creation; of the run's own scope all are."""
        ...

    def create_future(self) -> asyncio.Future[Any]:
        """A future of the run's loop."""
        ...

    def ready_count(self) -> int:
        """How many callbacks run in this activation before anything that is made ready now."""
        ...

    async def wait_condition(self, predicate: Callable[[], object]) -> None:
        """Returns when the predicate holds: it is asked at once, and whenever the code is quiet."""
        ...

    def release_cancel(self) -> bool:
        """A pivot's outcome is known, or a scope has ended: a cancellation that was held back is delivered, unless it
        has to wait for another. True when it was."""
        ...

    async def quiet(self) -> None:
        """Returns when nothing else is left to run in this activation."""
        ...
