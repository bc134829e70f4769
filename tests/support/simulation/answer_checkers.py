"""What must hold of answers: those that are owed come, and none comes before what it tells is durable."""

from __future__ import annotations

from collections.abc import Callable

from sagaline._model.records import Reply


class AnswerChecks:
    """Ends and refusals are told only when they are durable, and never two different ends of a run."""

    def __init__(self, violations: list[str]) -> None:
        self._violations = violations
        self._promised: dict[str, str] = {}  # kind of the answer that a request is owed
        self._told: set[tuple[str, str]] = set()
        self._ends: dict[str, tuple[str, bytes | None]] = {}  # by run id

    def promised(self, request_id: str, kind: str) -> None:
        """A start is on record whose client wants to hear of it."""
        self._promised[request_id] = kind

    def retired(self, run_id: str) -> None:
        """A run is gone: one that comes again may end otherwise."""
        self._ends.pop(run_id, None)

    def answered(self, reply: Reply, has_ended: Callable[[str], bool], refused: set[str]) -> None:
        """An answer is in the log."""
        self._told.add((reply.request_id, reply.kind))
        if reply.kind == "closed":
            if not has_ended(reply.run_id):
                self._violations.append(f"the end of {reply.workflow_id} was told before it was durable")
            if self._ends.setdefault(reply.run_id, (reply.status, reply.result)) != (reply.status, reply.result):
                self._violations.append(f"two ends of {reply.workflow_id} were told")
        elif reply.kind == "refused" and reply.request_id not in refused:
            self._violations.append(f"the refusal of {reply.request_id} was told before it was durable")

    def finish(self) -> None:
        """Every answer that is owed was told."""
        for request_id, kind in self._promised.items():
            if (request_id, kind) not in self._told:
                self._violations.append(f"{request_id} was never answered ({kind})")
