"""Heartbeats of attempts that run here: heard at once, recorded when 80 % of their time-out have passed.

The silence of an attempt is noticed here, to the millisecond; that of one whose worker is gone by the run's owner
(``_engine/processors/activity_due.py``). What an attempt has said last is reported with its failure.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from sagaline._engine.processors.time_outs import heartbeat_timeout
from sagaline._host.activities.attempts import Attempt, Beats
from sagaline._host.activities.lanes import Place
from sagaline._host.activities.outcomes import LATER, Outcome
from sagaline._host.options import HostOptions
from sagaline._model.failure import Failure
from sagaline._model.records import Heartbeat
from sagaline._payloads import Sealer, step_details
from sagaline.errors import SagalineError

_log = logging.getLogger("sagaline.activities")
_SHARE = 0.8
_WITHOUT_TIMEOUT_S = 30.0
"""How far apart heartbeats are recorded of an activity without a time-out for them."""


class Heartbeats:
    """``report`` is given what is to be recorded, ``give_up`` the attempts that have said nothing for too long."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: HostOptions,
        report: Callable[[Place, Heartbeat], None],
        give_up: Callable[[Attempt, Failure], None],
    ) -> None:
        self._loop, self._clock, self._report, self._give_up = loop, options.clock, report, give_up
        self._thread = threading.get_ident()
        sealer = options.payloads
        self._sealer = sealer
        if sealer.has_blobs:  # details are small: they stay on the log
            self._sealer = Sealer(replace(sealer.payloads, blobs=None), sealer.memory)

    def begin(self, attempt: Attempt) -> None:
        """The attempt begins: from now on it must not be silent, if it has a time-out for that."""
        limits = attempt.row.scheduled.limits
        if limits is not None and limits.heartbeat_timeout_ms:
            beats = attempt.beats = Beats(self._loop.time())
            beats.silence = self._loop.call_later(limits.heartbeat_timeout_ms / 1000, self._look, attempt, beats)

    # What its code says

    def beat(self, attempt: Attempt, details: bytes | None) -> None:
        """It is alive. From any thread."""
        if attempt.is_cancelled:
            return
        if details is not None:
            attempt.unsaid = details
        if threading.get_ident() == self._thread:
            self._hear(attempt)
        elif not attempt.is_told:
            attempt.is_told = True
            try:
                self._loop.call_soon_threadsafe(self._hear, attempt)
            except RuntimeError:  # the loop is closed: nobody hears anything
                attempt.is_told = False

    def details(self, attempt: Attempt) -> bytes | None:
        """What the attempt before said last. Raises PayloadUnavailable."""
        details = None if attempt.row.watched is None else attempt.row.watched.details
        if details is None or self._sealer.is_open(details):
            return details
        return self._sealer.open(step_details(attempt.run_id, attempt.row.scheduled.step), details)

    # On the loop

    def _hear(self, attempt: Attempt) -> None:
        attempt.is_told = False
        if attempt.is_cancelled:
            return
        now_s = self._loop.time()
        beats = attempt.beats
        if beats is None:
            beats = attempt.beats = Beats(now_s)
        beats.heard_s = now_s
        if attempt.unsaid is not None and beats.flush is None:
            beats.flush = self._loop.call_at(beats.sent_s + _interval_s(attempt), self._flush, attempt, beats)

    def _flush(self, attempt: Attempt, beats: Beats) -> None:
        beats.flush = None
        if not attempt.is_cancelled:
            beats.sent_s = self._loop.time()
            self._say(attempt)

    def _look(self, attempt: Attempt, beats: Beats) -> None:
        limits = attempt.row.scheduled.limits
        if attempt.is_cancelled or limits is None:
            return
        due_s = beats.heard_s + limits.heartbeat_timeout_ms / 1000
        if due_s > self._loop.time():
            beats.silence = self._loop.call_at(due_s, self._look, attempt, beats)
        else:
            self._give_up(attempt, heartbeat_timeout(attempt.row))

    def finish(self, attempt: Attempt, outcome: Outcome) -> bytes | None:
        """The outcome is about to be reported, or the activity goes on without code. Returns what goes with a failure:
        a heartbeat of its own could come behind it."""
        if outcome is LATER:
            self._say(attempt, attempt.begun_ms + attempt.row.scheduled.timeout_ms)
        elif attempt.unsaid is not None and isinstance(outcome, Failure) and outcome.retryable:
            return self._taken(attempt)
        return None

    def _say(self, attempt: Attempt, awaited_until: int = 0) -> None:
        row, details = attempt.row, self._taken(attempt)
        step = row.scheduled.step
        beat = Heartbeat(row.workflow_id, attempt.run_id, step, row.attempt, details, "", self._clock(), awaited_until)
        self._report(attempt.place, beat)

    def _taken(self, attempt: Attempt) -> bytes | None:
        """What the attempt has said and nobody has been told yet, sealed."""
        details, attempt.unsaid = attempt.unsaid, None
        if details is None:
            return None
        try:
            return self._sealer.seal(step_details(attempt.run_id, attempt.row.scheduled.step), details)
        except SagalineError as error:
            _log.warning("The heartbeat of %s is recorded without its details: %s", attempt, error)
            return None


def _interval_s(attempt: Attempt) -> float:
    limits = attempt.row.scheduled.limits
    timeout_ms = 0 if limits is None else limits.heartbeat_timeout_ms
    return _SHARE * (timeout_ms / 1000 or _WITHOUT_TIMEOUT_S)
