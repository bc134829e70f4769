"""One claimed partition: its rooms, how they are wired, and its life.

The path reads downwards: inputs → deciding → recorder → pipeline → applying → releasing. What is released leads to
inputs again: results of attempts, timers, starts whose run is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sagaline._engine.effects import SetTimer
from sagaline._engine.family import is_settled
from sagaline._host.activities.runner import ActivityRunner
from sagaline._host.options import HostOptions
from sagaline._host.partition.admission import Admission
from sagaline._host.partition.applying import Applying
from sagaline._host.partition.blobs import AppendsBehindBlobs, Blobs
from sagaline._host.partition.deciding import Deciding
from sagaline._host.partition.guard import Guard
from sagaline._host.partition.inputs import Inputs
from sagaline._host.partition.lost import Kind, Lost
from sagaline._host.partition.message_admission import MessageAdmission
from sagaline._host.partition.messages import Code, Messages
from sagaline._host.partition.outside import Outside
from sagaline._host.partition.pipeline import Pipeline
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.quarantine import Quarantine
from sagaline._host.partition.recorder import Recorder
from sagaline._host.partition.releasing import Attempts, Releasing
from sagaline._host.partition.resets import Resets
from sagaline._host.partition.resumption import Resumption
from sagaline._host.partition.rows import Rows
from sagaline._host.partition.starting import Starting
from sagaline._host.partition.telling import TellingRecorder
from sagaline._host.partition.undos import Undos
from sagaline._host.pools import Pools
from sagaline._host.publishing.deadletters import send_to_dead_letters
from sagaline._host.publishing.departures import Departures
from sagaline._host.publishing.outbox import Outbox
from sagaline._host.reading.asking import Asking
from sagaline._host.reading.queries import Queries
from sagaline._host.reading.reads import OtherOwners, Reads
from sagaline._host.recovery.restore import Claimed
from sagaline._host.retention.senders import Senders
from sagaline._host.retention.sweep import Retention, Surroundings
from sagaline._host.runs.activations import Activations
from sagaline._host.runs.heritage import Heritage
from sagaline._host.runs.instances import Instances
from sagaline._host.timers import Timers
from sagaline._log import COMMANDS, HISTORY, Appender, Log, Record
from sagaline._model.records import ActivityResult, Heartbeat, StartRun
from sagaline._payloads import NotResident
from sagaline._runtime.definitions import Registry


@dataclass(frozen=True)
class Services:
    """What a partition shares with the others of its namespace, and of its process."""

    namespace: str
    """The namespace's name in the process: attempts are known by it."""
    log: Log
    appender: Appender
    registry: Registry
    activities: ActivityRunner
    pools: Pools
    options: HostOptions
    resuming: asyncio.Lock
    """Held by the partition that replays a parked run: one of the process a turn of the loop."""


class Partition:
    """One claimed partition. ``lost`` is set, with the reason, when it has to be claimed anew."""

    telling: TellingRecorder | None = None  # its recorder, if somebody listens

    def __init__(self, number: int, claimed: Claimed, services: Services, quarantine: Quarantine) -> None:
        options, meta = services.options, claimed.meta
        self.number, self.epoch = number, meta.epoch
        self.lost: asyncio.Future[Lost] = asyncio.get_running_loop().create_future()
        self.guard = Guard(self._on_lost)
        self.progress = Progress.begin(meta)
        self.rows = Rows(claimed.store, meta, options, self.guard)
        self._appender = services.appender
        self.rooms = _Rooms(self, services, quarantine)

    def _on_lost(self, lost: Lost) -> None:
        if not self.lost.done():
            self.lost.set_result(lost)

    # Life

    def begin(self) -> None:
        """Takes up what the rows say is open: activities, timers, the outbox, runs that wait for attention."""
        rooms = self.rooms
        rooms.resumption.begin()
        rooms.outbox.begin()
        rooms.timers.begin()

    def go_on(self) -> None:
        """The partition is live: what takes long follows beside its work."""
        self.rooms.resumption.go_on()
        self.rooms.retention.begin()
        if self.telling is not None:
            self.guard.task(self.telling.survey(self.rows.durable), "what stands, for those who listen")

    def close(self) -> None:
        """Drops what is not acknowledged: it does not count."""
        self.guard.lose(Lost(Kind.CLOSED, "closed"))
        self.guard.close()
        rooms = self.rooms
        for close in (
            self.rows.acknowledged.flush,
            rooms.timers.close,
            rooms.retention.close,
            rooms.inputs.close,
            rooms.outbox.close,
            rooms.reads.close,
            rooms.instances.close,
        ):
            self.guard.run(close)
        if self.telling is not None:
            self.guard.run(self.telling.hooks.close)

    # What comes in

    def on_records(self, records: Sequence[Record]) -> None:
        """Commands and results from the log, in order."""
        self.guard.run(self.rooms.inputs.on_records, records)

    def on_results(self, results: Sequence[ActivityResult | Heartbeat]) -> None:
        """Results of local activities."""
        self.guard.run(self.rooms.deciding.on_results, results)

    def start_left(self, now_ms: int) -> None:
        """The runner of activities has left attempts to the store, and has room for them again."""
        self.guard.run(self.rooms.resumption.start_left, now_ms)

    # How it stands

    @property
    def in_flight(self) -> int:
        """Appends that are not acknowledged."""
        return self.progress.in_flight

    @property
    def bytes_in_flight(self) -> int:
        """Bytes of appends and messages that are not acknowledged."""
        rooms = self.rooms
        waiting = rooms.outbox.bytes_waiting + rooms.inputs.bytes_waiting + rooms.reads.bytes_waiting
        return rooms.pipeline.bytes_in_flight + rooms.blobs.bytes_waiting + waiting

    def resize(self, share: float) -> None:
        """``share``: how much of what the process may keep in memory is for this partition."""
        self.rows.resize(share)
        self.rooms.instances.resize(share)
        self.rooms.outbox.resize(share)
        self.rooms.reads.resize(share)

    def give_up_late(self, now_ms: int, limit_s: float) -> None:
        """Loses itself when an append has not been acknowledged for too long."""
        if self.rooms.blobs.behind >= self.in_flight:
            return  # none is on its way
        if self.rooms.pipeline.oldest_ms(now_ms) > limit_s * 1_000:
            text = f"an append is in doubt: no acknowledgement within {limit_s:g} s"
            self.guard.lose(Lost(Kind.PRODUCER, text))

    def uses(self, appender: Appender) -> bool:
        """True when this partition appends through ``appender``."""
        return self._appender is appender


class _Rooms:
    """The rooms of a partition, made from the end of the path to its beginning."""

    def __init__(self, partition: Partition, services: Services, quarantine: Quarantine) -> None:
        guard, progress, rows = partition.guard, partition.progress, partition.rows
        place = (services.namespace, partition.number)
        self.blobs = blobs = Blobs(services.options.payloads, services.pools, guard)
        options, clock, log = replace(services.options, payloads=blobs.sealer), services.options.clock, services.log
        appender, has_blobs = services.appender, options.payloads.has_blobs
        self.timers = Timers(guard, clock, self._on_due, rows.durable.timers.behind, options.timer_window)
        self.outbox = Outbox(
            log, options, guard, progress, rows.durable.outbox.messages, partial(is_settled, rows.durable)
        )
        history_end = partial(_end, log, HISTORY, partition.number)
        senders = Senders(partition.number, partition.epoch, log, progress, options.in_flight_s)
        others = OtherOwners(Departures(log, rows.decided, progress, guard).ask, senders.unanswered)
        attempts = Attempts(place, rows, services.activities, self.timers, clock)
        self.reads = Reads(
            log, rows.durable, guard, history_end, lambda: progress.next_offset, self._start, others, attempts.waits_for
        )
        releasing = Releasing(
            log, progress, attempts, self.timers, self.outbox, self.reads, self._on_positions, self._go_on
        )
        unreadable = partial(_bury, log, clock)
        applying = Applying(partition.epoch, rows, progress, releasing.release, unreadable, self._on_tidy)
        if has_blobs:
            appender = AppendsBehindBlobs(appender, blobs, guard)
        self.pipeline = Pipeline(partition.number, log, appender, progress, applying, guard)
        recorder = self._recorder(partition, releasing, options)
        surroundings = Surroundings(
            partial(_end, log, COMMANDS, partition.number),
            partial(_is_behind, rows, progress, services),
            self.reads.runs_in_use,
            partial(_kept_ms, services),
            blobs.delete_run if has_blobs else None,
            senders,
        )
        self.retention = Retention(rows.decided, rows.durable, recorder, progress, surroundings, options, guard)
        self.instances = Instances(services.registry, rows.decided.history.records, options)
        activations = Activations(rows.decided, self.instances, options, recorder, guard, blobs.later)
        admitted = MessageAdmission(services.registry, self.instances, options.payloads)
        admission = Admission(rows.decided, services.registry, self.instances, options.payloads)
        asking = Asking(self.reads, progress, blobs.when_stored)
        queries = Queries(rows.decided, services.registry, self.instances, options, asking.ask, blobs.later)
        code = Code(admitted, activations, lambda: progress.before)
        messages = Messages(rows, recorder, code, quarantine, asking.ask_recorded, guard, clock)
        starting = Starting(rows, recorder, activations, admission, messages, progress, asking.ask, clock)
        resets = Resets(rows, recorder, activations, admission, progress, asking.ask, clock)
        heritage = Heritage(rows.decided, services.registry, self.instances, options)
        undos = Undos(rows, recorder, activations, heritage, quarantine, releasing, progress, asking.ask)
        outside = Outside(
            asking.ask,
            starting.start,
            queries.ask,
            messages,
            resets,
            undos,
            attempts,
            releasing,
            progress,
            blobs.later,
            senders.on_reply,
        )
        self.deciding = Deciding(rows, recorder, activations, admission, quarantine, outside, guard, clock)
        self.resumption = Resumption(
            rows, activations, self.deciding, attempts, quarantine, guard, options.marks, services.resuming
        )
        self.inputs = Inputs(log, clock, progress, quarantine, self.deciding, messages.signals, guard, blobs.later)

    def _recorder(self, partition: Partition, releasing: Releasing, options: HostOptions) -> Recorder:
        written = (partition.epoch, partition.rows.decided, partition.progress, self.pipeline, options.clock)
        if options.hooks is None:
            return Recorder(*written)
        hooks = options.hooks.partition(partition.number)
        releasing.tell(hooks.recorded)
        partition.telling = TellingRecorder(*written, hooks)
        return partition.telling

    # From the end of the path to its beginning

    def _on_due(self, due: list[SetTimer]) -> None:
        self.deciding.on_due(due)

    def _start(self, request: StartRun) -> None:
        try:
            self.deciding.start(request)
        except NotResident as missing:
            self.blobs.later(missing, partial(self._start, request))
        else:
            self.deciding.end_batch()

    def _on_positions(self, epoch: int, number: int) -> None:
        self.retention.on_positions(epoch, number)

    def _go_on(self, workflow_id: str) -> None:
        self.deciding.on_gone_on(workflow_id)

    def _on_tidy(self) -> None:
        self.retention.tidy()


async def _end(log: Log, topic: str, partition: int) -> int:
    return (await log.bounds(topic, partition))[1]


def _bury(log: Log, clock: Callable[[], int], record: Record, cause: str) -> None:
    send_to_dead_letters(log, record, cause, clock)


def _kept_ms(services: Services, workflow: str) -> int:
    """For how long closed runs of a workflow are kept."""
    definition = services.registry.workflows.get(workflow)
    kept_ms = None if definition is None else definition.retention_ms
    return services.options.retention_ms if kept_ms is None else kept_ms


def _is_behind(rows: Rows, progress: Progress, services: Services) -> bool:
    """Something was consumed, or has left, that no record says yet; or the store must not look old when it is idle."""
    oldest = rows.decided.outbox.oldest_offset()
    has_left = oldest is not None and oldest < progress.released
    age_ms = services.options.clock() - rows.acknowledged.current_at_ms
    if age_ms > services.log.tombstones_kept_s * 1_000 / 4:
        return True
    return has_left or progress.settled != progress.recorded[:2]
