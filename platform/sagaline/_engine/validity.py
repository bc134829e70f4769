"""The one rule by which every reader of history tells valid records from a zombie's.

*A record is valid if and only if its epoch is the offset of the latest claim before it.* Validity depends on
the log's prefix alone, so all readers agree, whatever they know of the group's membership.
"""

from __future__ import annotations

from sagaline._model.records import DECIDED, Claim, Decided, Record


class Validity:
    """Reads history from an offset on; ``epoch`` is that of the latest claim before it."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def admit(self, offset: int, record: Record) -> Decided | None:
        """The record when it is valid and decides something; None for claims, a zombie's and foreign records."""
        if isinstance(record, Claim):
            self.epoch = offset
            return None
        if isinstance(record, DECIDED) and record.epoch == self.epoch:
            return record
        return None
