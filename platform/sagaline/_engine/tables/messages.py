"""Messages and commands that a run has received, by their ids: each counts once, however often it comes.

Ids are looked up by workflow id, not by run: a message that comes again when the run has ended, and another of its id
has begun, was handled by the earlier one. The second index finds those of a run when it is retired, and says by
which workflow ids they were sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from sagaline._engine.changes import Changes
from sagaline._engine.tables.runs import RunRow

PREFIX, OF_RUN_PREFIX = b"d/", b"i/"


def update_message(update_id: str) -> str:
    """The id of an update among the messages; those of signals begin otherwise."""
    return f"update/{update_id}"


def command_message(request_id: str) -> str:
    """The id of a command to a run among the messages: that to cancel, terminate, pause, resume or retry it."""
    return f"command/{request_id}"


def message_key(workflow_id: str, message_id: str) -> bytes:
    """Key of a message that was received; its value is the id of the run that has it."""
    name = workflow_id.encode()
    return b"d/%04x%b%b" % (len(name), name, message_id.encode())


def _of_run_prefix(run_id: str) -> bytes:
    return OF_RUN_PREFIX + run_id.encode() + b"/"


class Messages:
    """Rows stay until the run is retired."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def run_of(self, workflow_id: str, message_id: str) -> str | None:
        """Id of the run that has received the message."""
        run_id = self._changes.get(message_key(workflow_id, message_id))
        return None if run_id is None else run_id.decode()

    def senders(self, run_id: str) -> Iterator[str]:
        """Workflow ids of the runs that have sent this one something."""
        for _, sender_id in self._changes.scan(_of_run_prefix(run_id)):
            if sender_id:
                yield sender_id.decode()

    def put(self, workflow_id: str, run_id: str, message_id: str, sender_id: str = "") -> None:
        """A run has received a message, of a client or of the run of ``sender_id``."""
        self._changes.put(message_key(workflow_id, message_id), run_id.encode())
        self._changes.put(_of_run_prefix(run_id) + message_id.encode(), sender_id.encode())

    def put_command(self, run: RunRow, request_id: str, sender_id: str = "") -> None:
        """What a command asks for is done."""
        run.commands_received = True
        self.put(run.workflow_id, run.run_id, command_message(request_id), sender_id)

    def drop_all(self, workflow_id: str, run_id: str) -> None:
        """The run is retired. A message that a later run has received too stays known."""
        prefix = _of_run_prefix(run_id)
        for key, _ in self._changes.scan(prefix):
            message_id = key[len(prefix) :].decode()
            self._changes.put(key, None)
            if self.run_of(workflow_id, message_id) == run_id:
                self._changes.put(message_key(workflow_id, message_id), None)
