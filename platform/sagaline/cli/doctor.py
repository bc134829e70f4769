"""sagaline doctor: looks at a namespace from outside and says what to do about each thing it finds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer
from rich.table import Table

from sagaline._log import COMMANDS, HISTORY, Log, QueueFacts, open_log
from sagaline._model.codec import UnreadableRecord, decode
from sagaline._model.records import Claim, Decided
from sagaline._model.tasks import Task, task_topic
from sagaline.cli import options
from sagaline.cli.diagnosis import ERROR, Facts, Finding, PartitionFacts, QueueLag, diagnose
from sagaline.cli.output import FAILED, out, print_json, say, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.client import Client
from sagaline.errors import RequestTimeout

_TAIL = 500
_ANSWER_S = 8.0
"""Below the time after which a client reads the log itself: here the owners' silence is what is looked for."""


def doctor(log: Annotated[str, options.LOG] = "", as_json: Annotated[bool, options.JSON] = False) -> None:
    """Says what is wrong with a namespace, and what to do about it.

    Checks brokers, topics, rights, workers, lag, queues, clocks, parked runs, retention. Changes nothing.
    Exit code 1: an error.

    Example: `sagaline doctor --log kafka://broker:9092/orders`
    """
    set_up_logging(verbose=False)
    facts = asyncio.run(_examine(options.find_log(log)))
    findings = diagnose(facts, time.time_ns() // 1_000_000)
    if as_json:
        print_json(_as_json(facts, findings))
    else:
        _print(facts, findings)
    if any(one.severity == ERROR for one in findings):
        raise typer.Exit(FAILED)


async def _examine(url: str) -> Facts:
    log = open_log(url)
    inspection = await log.inspect()
    plans = [plan for plan in await log.plan_topics(None, None) if plan.action != "create"]
    partitions: list[PartitionFacts] = []
    queues: tuple[QueueLag, ...] = ()
    whole = not inspection.missing and not any(plan.problems or plan.action == "alter" for plan in plans)
    if whole:
        await log.open(create=False)
        try:
            partitions = [await _partition(log, number) for number in range(log.partitions)]
            queues = tuple([await _queue(log, queue) for queue in await log.queues.facts()])
        finally:
            await log.close()
    facts = Facts(inspection, plans, partitions, queues=queues)
    return await _ask_owners(url, facts) if whole and inspection.members else facts


async def _ask_owners(url: str, facts: Facts) -> Facts:
    """Where there are workers, they know which runs are parked, and what keeps closed ones."""
    try:
        async with await Client.connect(url) as client:
            parked = await client.runs("parked", system=True, timeout=_ANSWER_S)
            waits = await client.retention_waits(timeout=_ANSWER_S)
            return replace(facts, parked=parked, retention_waits=waits)
    except RequestTimeout as error:
        return replace(facts, silence=f"not every partition's owner answers: {error}")


async def _partition(log: Log, number: int) -> PartitionFacts:
    """What the newest records of history say."""
    begin, end = await log.bounds(HISTORY, number)
    commands_begin, commands_end = await log.bounds(COMMANDS, number)
    owner: str | None = None
    claimed_at = position = newest = None
    async for batch in log.read(HISTORY, number, max(begin, end - _TAIL), end):
        for record in batch:
            try:
                decoded = None if record.value is None else decode(record.value)
            except UnreadableRecord:
                continue
            if isinstance(decoded, Claim):
                owner, claimed_at = decoded.owner, record.offset
            elif isinstance(decoded, Decided) and (claimed_at is None or decoded.epoch == claimed_at):
                position, newest = decoded.commands_position, decoded.at
    if end == 0:
        position = 0
    return PartitionFacts(number, owner, claimed_at, position, commands_begin, commands_end, newest)


async def _queue(log: Log, facts: QueueFacts) -> QueueLag:
    """How many tasks are not done, counted from the slowest of each partition."""
    topic, waiting = task_topic(facts.queue), 0
    oldest: list[int] = []
    for number in range(log.partitions):
        begin, end = await log.bounds(topic, number)
        first = max(begin, facts.committed.get(number, 0))
        if first < end:
            waiting += end - first
            oldest += [at_ms async for at_ms in _sent_at(log, topic, number, first)]
    workers = None if facts.members is None else len(facts.members)
    return QueueLag(facts.queue, waiting, min(oldest, default=None), workers)


async def _sent_at(log: Log, topic: str, number: int, offset: int) -> AsyncIterator[int]:
    """When the task of an offset was sent, if it is one."""
    async for batch in log.read(topic, number, offset, offset + 1):
        for record in batch:
            try:
                task = None if record.value is None else decode(record.value)
            except UnreadableRecord:
                continue
            if isinstance(task, Task):
                yield task.queued_at


def _as_json(facts: Facts, findings: list[Finding]) -> dict[str, Any]:
    inspection = facts.inspection
    return {
        "brokers": inspection.brokers,
        "workers": None if inspection.members is None else [asdict(one) for one in inspection.members],
        "partitions": [asdict(one) | {"lag": one.lag} for one in facts.partitions],
        "queues": [asdict(one) for one in facts.queues],
        "parked": plain(facts.parked),
        "findings": [asdict(one) for one in findings],
    }


def _print(facts: Facts, findings: list[Finding]) -> None:
    for member in facts.inspection.members or ():
        out.print(f"worker {member.member_id} ({member.host}): partitions {list(member.partitions)}", markup=False)
    table = Table(box=None, pad_edge=False)
    for name in ("partition", "last claimed by", "at offset", "commands waiting"):
        table.add_column(name)
    for one in facts.partitions:
        lag = "?" if one.lag is None else str(one.lag)
        table.add_row(str(one.number), one.owner or "?", "?" if one.claimed_at is None else str(one.claimed_at), lag)
    out.print(table)
    for queue in facts.queues:
        workers = "?" if queue.workers is None else queue.workers
        out.print(f"queue {queue.queue}: {queue.waiting} tasks are not done, {workers} workers", markup=False)
    if not findings:
        out.print("Nothing is wrong.")
    for finding in findings:
        colour = "red" if finding.severity == ERROR else "yellow"
        out.print(f"[bold {colour}]{finding.severity}[/] ", end="", highlight=False)
        say(f"{_subjects(finding)}: {finding.what} ({finding.code})")
        say(f"  to do: {finding.remedy}")


def _subjects(finding: Finding) -> str:
    if not finding.details:
        return ", ".join(finding.subjects)
    return ", ".join(f"{subject} ({detail})" for subject, detail in zip(finding.subjects, finding.details, strict=True))
