"""What the instances of a worker share: code and bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sagaline._model import limits
from sagaline._runtime.definitions import Registry


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one activation of a run may use; more is a bug that parks the run.

    Code can see these bounds, so they have to be the same in replay: they are counts, never time, and the same for
    all workers of a namespace.
    """

    callbacks: int = limits.CALLBACKS
    """Callbacks of the event loop: each time that a task goes on is one."""
    commands: int = limits.COMMANDS
    """Activities, timers and cancellations that are asked for."""
    input_bytes: int = limits.COMMAND_INPUT_BYTES
    """Bytes of the arguments of those activities."""
    tasks: int = limits.TASKS
    """Tasks that are created."""

    def times(self, factor: int) -> Bounds:
        """All of them, larger."""
        return Bounds(self.callbacks * factor, self.commands * factor, self.input_bytes * factor, self.tasks * factor)


@dataclass(frozen=True, slots=True)
class Setup:
    """What an instance needs beside its run. ``payload_bytes``: of one argument list or result, before it is sealed."""

    registry: Registry
    bounds: Bounds = Bounds()
    payload_bytes: int = limits.PAYLOAD_BYTES
    """Bytes of one payload at most, as ``sealed_size`` counts them."""
    record_bytes: int = limits.ACTIVATION_BYTES
    """The same for the input of a compensation, which may be an input and a result."""
    carried_bytes: int = limits.CARRIED_BYTES
    """The same for what a saga has to undo when it continues as new."""
    sealed_size: Callable[[bytes], int] = len
    """Bytes that a payload will have in a record. Only called for large ones."""
