"""Who may ask again: the runs whose requests a run, or a record of refusals, is the only one to know.

A message of a run leaves through the outbox of its partition, and leaves again until a record there says that it has
left. So whoever knows a request is to stay until then (docs/decisions/0074).
"""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.state import State
from sagaline._engine.tables.refusals import RefusalsRecord
from sagaline._engine.tables.runs import RunView


def senders_to(state: State, run: RunView) -> Iterator[str]:
    """Workflow ids of the runs that have begun this one or have sent it something. A client's requests are its own
    affair (docs/decisions/0013), and so is a will: it bears being said twice (docs/decisions/0064)."""
    if run.parent_id:
        yield run.parent_id
    if run.signals_received or run.commands_received:
        yield from state.messages.senders(run.run_id)


def refused_senders(state: State, record: RefusalsRecord) -> Iterator[str]:
    """The same of a record of refusals."""
    return state.refusals.senders(record.epoch, record.number)
