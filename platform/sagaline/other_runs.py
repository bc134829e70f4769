"""What workflow code may ask of other runs: the next one of its id, its children, and any others."""

from __future__ import annotations

from typing import Any, NoReturn, ParamSpec, TypeVar

from sagaline._runtime import checks, children
from sagaline._runtime.context import require_instance
from sagaline._runtime.continuing import continue_as_new
from sagaline._runtime.durations import Duration
from sagaline.child_handle import ChildHandle
from sagaline.declaring import Workflow
from sagaline.external_handle import ExternalHandle
from sagaline.locks import SagaLock, Until, lock_of

P = ParamSpec("P")
R = TypeVar("R")


class OtherRuns:
    """A part of ``workflow``."""

    def continue_as_new(self, *args: Any) -> NoReturn:
        """Ends this run and begins a new one of the same workflow id with an empty history, in one step: for workflows
        that live for ever, when ``workflow.info().continue_as_new_suggested`` is true.

        ::

            @workflow
            async def cluster(nodes: list[str]) -> None:
                while not workflow.info().continue_as_new_suggested:
                    nodes = await check(nodes)
                workflow.continue_as_new(nodes)

        ``args`` are the workflow's arguments; ``cluster.continue_as_new(nodes)`` is the same with their types checked.
        It raises a BaseException that must leave the workflow's function. Wait for open steps before it: their
        outcomes are not heard any more. Handles, results and commands of a client follow the chain of runs.

        A saga takes along what it may have to undo. Raises InvalidInput when the arguments do not fit.
        """
        continue_as_new(require_instance("workflow.continue_as_new()"), args, {})

    async def start_child(self, child: Workflow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> ChildHandle[R]:
        """Starts a child and returns when it runs; ``await`` the handle for its result.

        ::

            shipping = await workflow.start_child(ship.options(id=f"ship-{order.id}"), order)
            ...
            receipt = await shipping

        Raises ChildError when it is refused: its id is in use ("IdInUse"), or no worker knows it ("UnknownWorkflow").
        """
        calls = require_instance("workflow.start_child()")
        started = await children.start(calls, child.definition, args, kwargs)
        return ChildHandle(calls, started, await children.begin(calls, started))

    def lock(
        self,
        name: str,
        *,
        lease: Duration | None = None,
        wait: bool | Duration = True,
        until: Until | None = None,
    ) -> SagaLock:
        """A lock that all runs of the namespace share, for what they do to the same thing.

        ::

            async with workflow.lock(f"account-{transfer.source}", lease="5m") as lock:
                await withdraw(transfer, lock.fencing_token)

        It is held by the saga: by all the runs that go on one as the other, by all tasks of it (they do not exclude
        each other: that is what ``asyncio.Lock`` is for), and while it undoes what it has done. ``until``: "end" gives
        it back when the saga has ended, whatever its end, also when it is terminated; that is the default in a saga,
        for until then what it did may be undone. "block" gives it back when the block is left; that is the default in a
        workflow that is no saga. A saga that leaves the block by an error keeps it until it has ended.

        Who waits is served in order. ``wait``: True waits, False raises LockHeld at once, a duration LockTimeout when
        it is over. ``lease``: how long it is held when others wait; a lease goes on while the run is parked or paused,
        and ``lock.renew()`` prolongs it. None: until it is given back.

        Entering raises LockHeld, LockTimeout, LockQueueFull; DeadlockError when runs that hold locks wait for each
        other in a circle, and this is the youngest request of it; SagalineError for more than 50 locks.
        Raises ConfigurationError for a name that is not 1 to 200 bytes of printable text, and what is no duration.
        """
        return lock_of(require_instance("workflow.lock()"), name, lease, wait, until)

    def external(self, id: str, run_id: str | None = None) -> ExternalHandle:
        """Another run, to send it signals or to ask it to stop: the newest of that workflow id, or ``run_id`` and those
        that it goes on as. It may be in another partition; whether there is one is found out by sending.

        ::

            await workflow.external("order-7").signal(Order.approve, "Ann")

        Raises ConfigurationError when the id is none.
        """
        return ExternalHandle(
            require_instance("workflow.external()"), checks.child_id(id, "workflow.external"), run_id or ""
        )
