"""What ``workflow.external`` gives: another run, seen from workflow code."""

from __future__ import annotations

from typing import Any, TypeVar, TypeVarTuple, overload

import msgspec

from sagaline._runtime import checks
from sagaline._runtime.calls import Calls
from sagaline._runtime.handlers import DYNAMIC, SIGNAL, HandlerDeclaration
from sagaline._runtime.messages import outgoing
from sagaline.errors import ConfigurationError, InvalidInput
from sagaline.handlers import Signal, SignalHandler

A = TypeVar("A")
Ts = TypeVarTuple("Ts")


class ExternalHandle:
    """A run that this one has not started, or has: the newest of ``workflow_id``, or ``run_id`` and its chain."""

    def __init__(self, calls: Calls, workflow_id: str, run_id: str) -> None:
        self._calls = calls
        self.workflow_id = workflow_id
        self.run_id = run_id

    @overload
    async def signal(self, signal: SignalHandler[*Ts], /, *args: *Ts) -> None: ...
    @overload
    async def signal(self, signal: Signal[A], arg: A, /) -> None: ...
    @overload
    async def signal(self, signal: str, /, *args: Any) -> None: ...
    async def signal(self, signal: Any, /, *args: Any) -> None:  # type: ignore[misc]  # as RunHandle.signal
        """Sends the run a signal: ``await workflow.external("order-7").signal(Order.approve, "Ann")``.

        Returns when the signal is on record there. It is handled once, and those of this run to one other arrive in
        the order in which they were sent. A call that is cancelled no longer waits; the signal arrives all the same.

        Raises MessageError when it is refused there: no open run ("WorkflowNotFound", "RunEnded"), or one that does not
        take it ("UnknownSignal", "InvalidInput", "TooManySignals"). InvalidInput, PayloadTooLarge: nothing was sent.
        SagalineError when 500 messages are on their way.
        """
        name, payload = _named(signal, args)
        await outgoing.signal(self._calls, (self.workflow_id, self.run_id), name, payload)

    async def cancel(self, reason: str = "cancelled by another run") -> None:
        """Asks the run to stop; returns when that is on record there. One that stops already is not asked twice.

        Raises MessageError when there is no open run.
        """
        await outgoing.cancel(self._calls, (self.workflow_id, self.run_id), reason)


def _named(signal: object, args: tuple[Any, ...]) -> tuple[str, bytes]:
    if isinstance(signal, str) and signal:
        try:
            return signal, msgspec.json.encode(args)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"Expected arguments of {signal!r} that are values of JSON but {error}.") from error
    if not isinstance(signal, HandlerDeclaration) or (handler := signal.definition).kind != SIGNAL:
        raise ConfigurationError(
            f"Expected a method with @workflow.signal, a Signal, or the name of a signal but got "
            f"{checks.shown(signal)}."
        )
    if handler.name == DYNAMIC:
        raise ConfigurationError("Expected the name of a signal but got the handler of all others: give the name.")
    return handler.name, handler.signature.encode_input(args, {})
