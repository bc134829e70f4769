"""How a run stands, in words: for time-outs, for the command line, for whoever waits."""

from __future__ import annotations

from datetime import UTC, datetime

from sagaline._model.failure import STEP_PARKED
from sagaline._model.limits import cut
from sagaline.client.limits import LimitDescription
from sagaline.client.locks import LockDescription
from sagaline.client.types import Description, OpenStep, Reset, RunSummary, SagaSummary, Status, StepWait

_MESSAGE_BYTES = 300
_STEPS_SHOWN = 3


def ago(at: datetime, now: datetime) -> str:
    """How long ago, or in how long: ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    seconds = abs((now - at).total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def clock(at: datetime) -> str:
    """A time for a person, in UTC: ``2026-11-25 13:40:05 UTC``; "unknown" of what nothing readable dates."""
    if at.timestamp() == 0:  # a run whose first record cannot be read
        return "unknown"
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lock(lock: LockDescription, now: datetime) -> str:
    """``lock account-7 is held by order-12 since 2026-11-25 13:40:05 UTC (3 min), fencing token 17``."""
    if lock.held_by is None or lock.since is None:
        return f"lock {lock.name} is free"
    until = "" if lock.lease_until is None else f", its lease is over at {clock(lock.lease_until)}"
    since = f"{clock(lock.since)} ({ago(lock.since, now)})"
    return f"lock {lock.name} is held by {lock.held_by} since {since}, fencing token {lock.fencing_token}{until}"


def lock_of_run(lock: LockDescription, workflow_id: str, now: datetime) -> str:
    """Why a run waits, or what others may wait for it for."""
    if lock.held_by == workflow_id and lock.since is not None:
        return f"holds lock {lock.name} since {clock(lock.since)}; {len(lock.waiters)} wait for it"
    held = "" if lock.held_by is None or lock.since is None else f", held by {lock.held_by} since {clock(lock.since)}"
    place = next((n for n, waiter in enumerate(lock.waiters, 1) if waiter.workflow_id == workflow_id), 0)
    return f"waits for lock {lock.name}{held}{f'; number {place} of {len(lock.waiters)}' if place else ''}"


def allowed(limit: LimitDescription) -> str:
    """``1 at once``, ``2 of each key, 50 at once``, ``100/s``."""
    if limit.rate is not None:
        return limit.rate
    if limit.total is None:
        return "nothing is known" if limit.limit is None else f"{limit.limit} at once"
    each = "" if limit.limit is None else f"{limit.limit} of each key, "
    return f"{each}{limit.total} at once"


def limit(limit: LimitDescription) -> str:
    """``limit charge.customer of ann: 1 at once, 1 at work, 3 wait``."""
    at_work = "" if limit.name.kind == "rate" else f", {len(limit.holders)} at work"
    return f"{limit.name}: {allowed(limit)}{at_work}, {len(limit.waiters)} wait"


def limit_of_run(limit: LimitDescription, workflow_id: str) -> str:
    """Why a run waits, or what others may wait for it for."""
    places = limit.places(workflow_id)
    if not places:
        return f"has a slot of {limit.name} ({allowed(limit)}); {len(limit.waiters)} wait for one"
    shown = ", ".join(map(str, places[:_STEPS_SHOWN])) + (", ..." if len(places) > _STEPS_SHOWN else "")
    holders = list(dict.fromkeys(holder.workflow_id for holder in limit.holders))
    held = "" if not holders else f", held by {', '.join(holders[:_STEPS_SHOWN])}"
    held += f" and {len(holders) - _STEPS_SHOWN} more" if len(holders) > _STEPS_SHOWN else ""
    return f"waits for {limit.name} ({allowed(limit)}{held}); number {shown} of {len(limit.waiters)}"


def step(open_step: OpenStep, now: datetime) -> str:
    """``charge_card, attempt 3 (CardError: the bank says no), next attempt in 4 s``."""
    if open_step.kind == "timer":
        due = open_step.due_at
        return "a timer" if due is None else f"a timer that is due at {clock(due)} (in {ago(due, now)})"
    if open_step.kind == "limit":
        return open_step.name
    if open_step.kind == "message":
        return f"a message to {open_step.name} to arrive"
    text = open_step.name if open_step.compensates is None else f"{open_step.name} (compensation)"
    if open_step.attempt > 1 or open_step.failure is not None:
        text += f", attempt {open_step.attempt}"
    if open_step.failure is not None:
        text += f" (before: {open_step.failure.type}: {cut(open_step.failure.message, _MESSAGE_BYTES)})"
    if open_step.parked_at is not None:
        return f"{text}, parked since {clock(open_step.parked_at)}: it waits for a person"
    if open_step.due_at is not None and open_step.due_at > now:
        text += f", next attempt in {ago(open_step.due_at, now)}"
    return text + _queue(open_step, now) + _slot(open_step.waits_for, now)


def _queue(open_step: OpenStep, now: datetime) -> str:
    """``; it waits for a worker of queue "gpu" since 2026-11-25 13:40:05 UTC (3 min)``."""
    if open_step.queued_since is None:
        return ""
    if open_step.started_at is not None:
        return f'; a worker of queue "{open_step.queue}" has it since {ago(open_step.started_at, now)}'
    since = open_step.queued_since
    return f'; it waits for a worker of queue "{open_step.queue}" since {clock(since)} ({ago(since, now)})'


def _slot(wait: StepWait | None, now: datetime) -> str:
    """``; it waits for a slot since 2026-11-25 13:40:05 UTC (3 min): all 16 threads of the worker are taken``."""
    if wait is None or wait.kind == "queue":
        return ""
    since = "" if wait.since is None else f" since {clock(wait.since)} ({ago(wait.since, now)})"
    place = "" if wait.place is None else f"; number {wait.place} of those that wait"
    why = {
        "slot": f"a slot{since}: all {wait.limit} {wait.name} of the worker are taken",
        "concurrency": f"a slot{since}: at most {wait.limit} of {wait.name} run at once",
        "rate": f"its turn{since}: at most {wait.limit} of {wait.name} begin",
    }
    return f"; it waits for {why.get(wait.kind, f'{wait.kind} {wait.name}{since}')}{place}"


def steps(description: Description, now: datetime) -> str:
    """What the run waits for; the first of them."""
    shown = "; ".join(step(open_step, now) for open_step in description.waits_for[:_STEPS_SHOWN])
    more = description.open_steps - min(len(description.waits_for), _STEPS_SHOWN)
    return f"{shown}; and {more} more" if more > 0 else shown


def saga(summary: SagaSummary) -> str:
    """``saga: 3 steps done, 2 of unknown outcome; 1 undone; 1 parked; the pivot capture is done``."""
    unknown = f", {summary.unknown} of unknown outcome" if summary.unknown else ""
    more = [
        text
        for count, text in (
            (summary.undone, f"{summary.undone} undone"),
            (summary.parked, f"{summary.parked} parked"),
            (summary.pivot, f"the pivot {summary.pivot} is done"),
        )
        if count
    ]
    steps = "1 step" if summary.done == 1 else f"{summary.done} steps"
    return "; ".join((f"saga: {steps} done{unknown}", *more))


def signals_left(description: Description) -> str:
    """``approval (2 times), note`` and how many more: signals that an ended run has not received."""
    names = description.signals_left.items()
    shown = ", ".join(name if count == 1 else f"{name} ({count} times)" for name, count in names)
    more = description.signals_waiting - sum(description.signals_left.values())
    return f"{shown}; and {more} of other names" if more > 0 else shown


def waits_for_a_person(run: RunSummary) -> bool:
    """True of a run that is parked for one of its steps, not for its code."""
    return run.failure is not None and run.failure.type == STEP_PARKED


def parked(run: RunSummary, now: datetime) -> str:
    """Since when a run is parked, why, and what can be done about it."""
    why = "no reason is known"
    since = run.parked_at or run.changed_at
    if run.failure is not None:
        why = f"{run.failure.type}: {cut(run.failure.message, _MESSAGE_BYTES)}"
    if waits_for_a_person(run):
        return (
            f"The run of {run.workflow_id!r} is parked since {clock(since)} ({ago(since, now)}): {why}. It goes on "
            f"when a person says what becomes of that step: `sagaline saga ledger {run.workflow_id}`, then "
            f"`sagaline saga retry|edit|done|skip {run.workflow_id}`."
        )
    return (
        f"The run of {run.workflow_id!r} is parked since {clock(since)} ({ago(since, now)}): {why}. "
        f"It goes on when a worker with the right code comes, or with `sagaline runs retry {run.workflow_id}`; "
        f"`sagaline runs release {run.workflow_id} --reason WHY` gives it up."
    )


def paused(run: RunSummary, now: datetime) -> str:
    """Since when a run is paused, by whom and why."""
    since = run.paused_at or run.changed_at
    return (
        f"The run of {run.workflow_id!r} is paused since {clock(since)} ({ago(since, now)}) by {run.paused_by}: "
        f"{cut(run.pause_reason, _MESSAGE_BYTES)}. It goes on with `sagaline resume {run.workflow_id}`."
    )


def reset(reset: Reset) -> str:
    """Where a run that a reset has begun begins, when that was, by whom and why."""
    why = cut(reset.reason, _MESSAGE_BYTES)
    return f"It was reset to event {reset.to_event} of run {reset.run_id} at {clock(reset.at)} by {reset.by}: {why}"


def standing(description: Description, now: datetime) -> str:
    """How the run stands, in one or two sentences."""
    if description.status is Status.PARKED:
        return parked(description, now)
    if description.paused_at is not None and description.status.is_open:
        return paused(description, now)
    if not description.status.is_open:
        return f"The run of {description.workflow_id!r} has ended: {description.status}."
    text = f"The run of {description.workflow_id!r} goes on: {description.status} since {clock(description.started_at)}"
    text += f" ({ago(description.started_at, now)})"
    if description.waits_for:
        text += f", it waits for {steps(description, now)}"
    text += ". "
    if description.unowned_since is not None:
        text += f"{unowned(description.unowned_since)} "
    return text + "Nothing is lost: wait again."


def unowned(since: datetime) -> str:
    """Said when a run was read from the log itself."""
    return f"No worker answers; a worker last took over its partition at {clock(since)}."
