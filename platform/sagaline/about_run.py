"""What workflow code may know and say of its run, for those who read and search: its memo and search attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagaline._model.events import AttributesGiven, MemoChanged, SearchAttributesChanged
from sagaline._runtime.attributes import SearchValue, memo_bytes, memo_of, search_of, values_of
from sagaline._runtime.calls import Calls
from sagaline._runtime.context import require_instance

_NONE = AttributesGiven(b"", ())


class AboutRun:
    """A part of ``workflow``."""

    def memo(self) -> dict[str, Any]:
        """The run's memo as it is now: a copy, of values of JSON."""
        return memo_of(_attributes(require_instance("workflow.memo()")).memo)

    def upsert_memo(self, memo: Mapping[str, Any]) -> None:
        """Changes the run's memo: keys that are named get these values, None removes one, others stay.

        Values are anything that can be written as JSON; readers see them in ``handle.describe()`` and
        ``sagaline show``. Raises InvalidInput, and PayloadTooLarge for more than 32,000 bytes in all.
        """
        calls = require_instance("workflow.upsert_memo()")
        calls.commands.check_reading("change the memo")
        before = _attributes(calls)
        changed = memo_bytes(memo, before.memo)
        if changed != before.memo:
            calls.commands.add(MemoChanged(changed), len(changed))
            calls.table.attributes = AttributesGiven(changed, before.search_attributes)

    def search_attributes(self) -> dict[str, SearchValue]:
        """The run's search attributes as they are now: a copy."""
        return values_of(_attributes(require_instance("workflow.search_attributes()")).search_attributes)

    def upsert_search_attributes(self, attributes: Mapping[str, SearchValue | None]) -> None:
        """Changes the run's search attributes: those that are named get these values, None removes one, others stay.

        ::

            workflow.upsert_search_attributes({"stage": "packed", "parcels": 3})

        A value is a str, int, float, bool, datetime with a time zone, or list of str, and stays of its type. By them
        runs are found: ``client.runs(search_attributes={"stage": "packed"})``, ``sagaline list --search parcels=3``.
        Raises InvalidInput, also for more than 50 of them or 8,000 bytes in all.
        """
        calls = require_instance("workflow.upsert_search_attributes()")
        calls.commands.check_reading("change search attributes")
        before = _attributes(calls)
        changed = search_of(attributes, before.search_attributes)
        if changed != before.search_attributes:
            calls.commands.add(SearchAttributesChanged(changed))
            calls.table.attributes = AttributesGiven(before.memo, changed)


def _attributes(calls: Calls) -> AttributesGiven:
    return calls.table.attributes or _NONE
