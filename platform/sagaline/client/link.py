"""What the handles of a client share."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from sagaline._model.failure import Failure
from sagaline._model.records import COMPLETED, Command, Reply
from sagaline._runtime.definitions import WorkflowDefinition
from sagaline.client.payloads import ClientPayloads
from sagaline.client.reads import Reads
from sagaline.client.requests import Requests
from sagaline.errors import RequestTimeout, RunError


class Link:
    """What handles share: the client's ways to ask."""

    def __init__(self, requests: Requests, reads: Reads, payloads: ClientPayloads) -> None:
        self.requests, self.reads, self.payloads = requests, reads, payloads

    async def ask(self, request: Command, timeout_s: float | None, advice: str = "") -> Reply:
        """The answer to a request, which is asked again and again. Raises RequestRefused; RequestTimeout, which ends
        with ``advice``."""
        with self.requests.asking(request) as asking:
            reply = await asking.answer(timeout_s)
        if reply is None:
            text = await self.reads.silence(request.workflow_id, timeout_s, asking)
            raise RequestTimeout(f"{text} {advice}" if advice else text)
        return reply

    def outcome(self, reply: Reply, definition: WorkflowDefinition | None) -> Awaitable[Any]:
        """The result in a reply. Raises RunError, PayloadUnavailable, InvalidInput."""
        if reply.status != COMPLETED:
            failure = reply.failure or Failure("Unknown", "no reason was given")
            raise RunError(reply.workflow_id, reply.status, failure)
        return self.payloads.result(reply.run_id, reply.result, definition)
