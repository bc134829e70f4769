"""Behaviours of the runtime that have changed, by number.

A run keeps the set that was current when it started: it stands in its first history record, so that a newer
runtime replays an old run as the old one has run it. Numbers are never reused.

A behaviour needs a number only if the commands of an activation that is in history differ. What used to be a bug
needs none: the activation of a bug leaves nothing in history but RunParked, and is decided anew when the run goes on.

1 and 2 are in every run of the first format and were never read: all jobs of an activation are applied before the
loop runs, and a rollback waits for the outcome of every step.
"""

from __future__ import annotations

BOUNDED_ACTIVATIONS = 3
"""What an activation may use is bounded. Runs without it have ten times the bounds: theirs came before them."""

BOUNDED_PAYLOADS = 4
"""Arguments that are too large raise PayloadTooLarge at the call. (They used to be recorded, up to a record's size.)"""

CANCELLATION_DECIDED_FIRST = 5
"""A CancelledError that nobody has asked for is a bug before anything is undone. (It was one after the rollback.)"""

BRANCHES_END = 6
"""Branches beside a failed saga that do not end when they are cancelled are closed. (They were waited for.)"""

WORKFLOWS_RUN_INLINE_ON_REQUEST = 7
"""A workflow called in another one is an error unless it is called by ``inline``. (It simply ran inside.)"""

SETS_IN_ORDER = 8
"""Sets of asyncio and anyio iterate in order of insertion. (It was the order of the hashes.)"""

FORBIDDEN_CALLS_RAISE = 9
"""Calls of the clock, of chance, of I/O raise where they are noticed. (Nobody looked.)"""

CHILDREN_ARE_UNDONE = 10
"""A rollback undoes what children have done, and waits for the end of those that still run. (They were left as they
were.)"""

PIVOTS_KEEP_THE_LEDGER = 11
"""A saga that continues as new behind its pivot leaves nothing to undo. (It left what came before the pivot.)"""

LOCKS_ARE_ASKED_AGAIN = 12
"""Who waits for a lock asks again now and then. (The answer to the first request was waited for.)"""

HELD_CANCELLATION_AT_ONCE = 13
"""A cancellation that a pivot has held back is raised where the part ends. (It was raised where the code waited next,
and lost if it continued as new before that.)"""

CURRENT: tuple[int, ...] = (
    BOUNDED_ACTIVATIONS,
    BOUNDED_PAYLOADS,
    CANCELLATION_DECIDED_FIRST,
    BRANCHES_END,
    WORKFLOWS_RUN_INLINE_ON_REQUEST,
    SETS_IN_ORDER,
    FORBIDDEN_CALLS_RAISE,
    CHILDREN_ARE_UNDONE,
    PIVOTS_KEEP_THE_LEDGER,
    LOCKS_ARE_ASKED_AGAIN,
    HELD_CANCELLATION_AT_ONCE,
)
KNOWN = frozenset(CURRENT) | {1, 2}
