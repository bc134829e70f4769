"""What a run of many seeds has to reach: each fault, each kind of event, each way in which the two meet."""

from __future__ import annotations

from collections.abc import Iterable

from sagaline._host.crash_points import POINTS
from sagaline._model.events import EVENTS

_FAULTS = (
    "acknowledgement lost,append failed,blobs down,blobs slow,clock jump,compaction,crash,disk lost,leader lost,old disk,outage,partition without an owner,"
    "publish failed,read late,session ended,start repeated,stop,stopped in time,store read failed,store write failed,truncated,"
    "unavailable,unexpected error"
)
_WHAT_COMES_OF_THEM = "blob,dead letter,invalid record,tombstone,warm takeover,undone for an earlier run"
_MESSAGES = (
    "message between runs,message between runs refused,message refused,query,query that changes refused,signal,"
    "signal carried on,talked,talked on,update accepted,update asked again,update updated"
)
_LOCKS = "lock granted,lock held,lock deadlock,lock ended by a person,limit granted"
_CANCELLATIONS = (
    "a child is cancelled,a child is cancelled by its parent's end,a run is cancelled by a client,RunCancelled"
)
_SAGAS = (
    "scope committed,scope compensated,scope rolled back by the saga around it,savepoint rolled back to,undone beside another,"
    "undone by a fallback,pivot done,pivot says no,cancellation held back by a pivot,"
    "a compensation is parked,a pivot is parked,a retriable is parked,a repair is refused,"
    "repaired: retry,repaired: edit,repaired: done,repaired: skip"
)
_OUTCOMES = "told: completed,told: compensated,told: failed,told: cancelled,told: terminated,told: parked,told: resumed"
_RESETS = "reset of a fork,reset of an ended run,reset of an open run,came again after a reset"
_UNDOS = "undone by another run,undone without its code"
_QUEUES = "queue worker died,remote attempt,task cancelled"
_DEPLOYS = (
    "deploy v1,deploy v2,deploy v3,deploy v4,deploy bad,parked by v1,parked by v2,parked by v3,parked by v4,"
    "parked by bad,resumed by good code,order without: ended by v1,order without: ended by v2,"
    "order patched: ended by v2,order patched: ended by v3,order deprecated: ended by v2,order deprecated: ended by v3,"
    "order deprecated: ended by v4,order plain: ended by v3,order plain: ended by v4"
)
_NOT_YET = frozenset({"MemoChanged", "OutcomeReceived"})
"""Events that no simulated run has; whoever brings one into the simulation takes it from here."""
MARKS = frozenset(
    [
        *",".join((_FAULTS, _WHAT_COMES_OF_THEM, _MESSAGES, _QUEUES, _CANCELLATIONS, _RESETS)).split(","),
        *",".join((_LOCKS, _SAGAS, _OUTCOMES, _UNDOS)).split(","),
        *(f"crash {point}" for point in POINTS),
        *(event.__name__ for event in EVENTS if event.__name__ not in _NOT_YET),
        *_DEPLOYS.split(","),
    ]
)
"""A run of many seeds that reaches not all of them has done too little. What a new event says has to happen here too."""
RARE = frozenset([*_DEPLOYS.split(","), "RunReplaced"])
"""What it takes more seeds to reach."""


def missed(marks: Iterable[str], seeds: int) -> list[str]:
    """What so many seeds should have reached and have not."""
    wanted = (MARKS if seeds >= 2_000 else MARKS - RARE) if seeds >= 300 else frozenset[str]()
    return sorted(wanted - set(marks))
