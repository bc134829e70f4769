"""The runner of a worker that somebody listens to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sagaline._host.activities.attempts import Attempt
from sagaline._host.activities.lanes import Place
from sagaline._host.activities.outcomes import Outcome
from sagaline._host.activities.reports import Report
from sagaline._host.activities.runner import ActivityRunner
from sagaline._host.hooks import Hooks
from sagaline._host.options import HostOptions
from sagaline._host.pools import Pools
from sagaline._runtime.definitions import Registry


def runner_of(
    registry: Registry, options: HostOptions, pools: Pools, report: Report, take_up: Callable[[Place], None]
) -> ActivityRunner:
    """The runner of a process: one that tells, if there is somebody to tell."""
    if options.hooks is None:
        return ActivityRunner(registry, options, pools, report, take_up)
    return TellingRunner(registry, options, pools, report, take_up, options.hooks)


class TellingRunner(ActivityRunner):
    """As any, and ``hooks`` hear of its attempts."""

    def __init__(
        self,
        registry: Registry,
        options: HostOptions,
        pools: Pools,
        report: Report,
        take_up: Callable[[Place], None],
        hooks: Hooks,
    ) -> None:
        super().__init__(registry, options, pools, report, take_up)
        self._hooks, self._now_s = hooks, asyncio.get_running_loop().time
        self._keep_waiting = self._wait

    def _wait(self, attempt: Attempt) -> None:
        """Of attempts that begin at once nobody hears here."""
        attempt.waits_since_s = self._now_s()
        self._slots.wait(attempt)

    def _launch(self, attempt: Attempt) -> None:
        now_s = attempt.launched_s = self._now_s()
        self._hooks.attempt_began(attempt, now_s - attempt.waits_since_s if attempt.waits_since_s else 0.0)
        super()._launch(attempt)

    def _finish(self, attempt: Attempt, outcome: Outcome) -> None:
        if not attempt.reported and attempt.launched_s:
            self._hooks.attempt_ended(attempt, outcome, self._now_s() - attempt.launched_s)
        super()._finish(attempt, outcome)
