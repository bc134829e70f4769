"""What workflow code may ask of the schedule that began its run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from sagaline._runtime.attributes import memo_of
from sagaline._runtime.calls import Calls
from sagaline._runtime.carried import Misfit
from sagaline._runtime.codecs import codec_of
from sagaline._runtime.context import require_instance
from sagaline.errors import InvalidInput

A = TypeVar("A")
ABOUT = "sagaline.schedule"
"""The key in a run's memo, and the search attribute, that say which schedule began it."""


class Scheduled:
    """A part of ``workflow``."""

    def due_time(self) -> datetime | None:
        """When this run was due by its schedule, in UTC: also of one that was late or backfilled, and of one that was
        triggered the time of that. None when no schedule began it."""
        due = _about(require_instance("workflow.due_time()")).get("due")
        return None if due is None else datetime.fromisoformat(due)

    def last_result(self, kind: type[A]) -> A | None:
        """The result of the run of its schedule that completed last before this one began; None when there is none.

        ::

            since = workflow.last_result(Position) or Position(0)

        Results of more than 12,000 bytes are not handed on: return a reference. Raises InvalidInput when it is of
        another type.
        """
        about = _about(require_instance("workflow.last_result()"))
        if "last_result" not in about:
            return None
        try:
            return codec_of(kind).decode(msgspec.json.encode(about["last_result"]))  # type: ignore[no-any-return]
        except Misfit as misfit:
            raise InvalidInput(f"Expected the last result of the schedule to fit but {misfit.text()}.") from misfit


def _about(calls: Calls) -> dict[str, Any]:
    attributes = calls.table.attributes
    return {} if attributes is None else memo_of(attributes.memo).get(ABOUT) or {}
