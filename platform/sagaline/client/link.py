"""What the handles of a client share."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from sagaline._model.failure import Failure
from sagaline._model.records import COMPLETED, Reply
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline.client.payloads import ClientPayloads
from sagaline.client.reads import Reads
from sagaline.client.requests import Requests
from sagaline.errors import RunError


class Link:
    """What handles share: the client's ways to ask."""

    def __init__(self, requests: Requests, reads: Reads, payloads: ClientPayloads) -> None:
        self.requests, self.reads, self.payloads = requests, reads, payloads

    def outcome(self, reply: Reply, definition: WorkflowDefinition | None) -> Awaitable[Any]:
        """The result in a reply. Raises RunError, PayloadUnavailable, InvalidInput."""
        if reply.status != COMPLETED:
            failure = reply.failure or Failure("Unknown", "no reason was given")
            raise RunError(reply.workflow_id, reply.status, failure)
        return self.payloads.result(reply.run_id, reply.result, definition)
