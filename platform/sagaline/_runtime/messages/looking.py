"""Calls of a run's object that only look: queries and validators. What changes the run is noticed, and raises."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import TYPE_CHECKING, Any

from sagaline._runtime.bugs import ChangedByLook

if TYPE_CHECKING:
    from sagaline._runtime.run_loop import RunLoop

_SIZED = (list, dict, set, tuple, bytearray)
NOT_BEGUN = object()


def look(loop: RunLoop, what: str, code: Callable[[Any], Any]) -> Any:
    """Calls ``code`` with the run's object; NOT_BEGUN when the run has none yet.

    Raises what the code raises, and ChangedByLook when it has asked for something, made a task, woken something,
    received a signal, drawn a random number, or changed an attribute of the object. After that the instance is of no
    further use.
    """
    mailbox = loop.table.mailbox
    if mailbox is None or mailbox.receiver is None:
        return NOT_BEGUN
    receiver, commands = mailbox.receiver, loop.commands
    before, was_closed = _shape(receiver), commands.closed
    commands.closed = commands.reading = True
    try:
        value = code(receiver)
    finally:
        commands.closed, commands.reading = was_closed, False
    change = loop.woken() or ("received a signal" if mailbox.handled else "") or _changed(before, _shape(receiver))
    if change:
        raise ChangedByLook(f"Expected {what} to change nothing but it has {change}. Do that in a signal or an update.")
    return value


def _shape(receiver: object) -> dict[str, tuple[int, int]]:
    """The attributes of an object, as far as it costs little to see that they change: which value, and how long."""
    attributes: dict[str, Any] = getattr(receiver, "__dict__", {})
    return {name: (id(value), _length(value)) for name, value in attributes.items()}


def _length(value: object) -> int:
    return len(value) if type(value) in _SIZED and isinstance(value, Sized) else 0


def _changed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> str:
    if before == after:
        return ""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return f"changed self.{names[0]}"
