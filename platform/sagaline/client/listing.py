"""What the client tells of many runs: those of a status or with search attributes, and their patches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from sagaline._model.system import is_system
from sagaline._runtime.attributes import SearchValue, search_of
from sagaline._runtime.durations import Duration
from sagaline.client import checks
from sagaline.client.limits import Limits
from sagaline.client.link import Link
from sagaline.client.locks import Locks
from sagaline.client.messaging import DEFAULT_TIMEOUT
from sagaline.client.outcomes import SagaOutcome, Since, outcomes_of
from sagaline.client.patches import count_patches
from sagaline.client.retention import silent_partitions
from sagaline.client.runs import list_runs
from sagaline.client.types import PatchUse, RunSummary, Status


class Listing:
    """A part of ``Client``."""

    _link: Link

    @property
    def locks(self) -> Locks:
        """The semantic locks that runs hold and wait for."""
        return Locks(self._link)

    @property
    def limits(self) -> Limits:
        """The limits that steps and runs wait for."""
        return Limits(self._link)

    async def runs(
        self,
        status: Status | str | None = None,
        *,
        workflow: str | None = None,
        search_attributes: Mapping[str, SearchValue] | None = None,
        system: bool = False,
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> list[RunSummary]:
        """The runs of the namespace that have the status, are of the workflow and have these search attributes (a str
        is found in a list too), by default all; the oldest first. Those of the platform's own workflows, such as
        schedules, are left out unless ``system`` is True or ``workflow`` names one.

        Every owner is asked, and looks at all its runs; where none answers the log itself is read. Raises
        ConfigurationError for a status that is none, InvalidInput, RequestTimeout.
        """
        wanted = None if status is None else checks.status(status)
        name = None if workflow is None else checks.workflow_name(workflow)
        attributes = search_of(search_attributes)
        self._link.requests.check_open()
        runs = await list_runs(self._link.reads, wanted, name, attributes, checks.seconds(timeout))
        return runs if system or name is not None else [run for run in runs if not is_system(run.workflow)]

    def outcomes(self, since: Since = "now", *, follow: bool = True) -> AsyncIterator[SagaOutcome]:
        """What becomes of the sagas of the namespace: which have ended and how, which wait for a person, which go on.

        ``since``: "now" is when the iteration begins; "beginning" is that of the topic, which keeps 30 days; a time
        passes over what was before. ``follow``: go on with those that come, without end; else those that are there.
        Those of a workflow id come in order, others in any.

        Each comes at least once: a repeat has the same ``id``. Runs of ``@saga``, of workflows with ``outcomes=...``,
        and of those with a part that is a saga are told. Raises InvalidInput, ClientClosed, LogUnavailable.
        """
        return outcomes_of(self._link.requests, since, follow)

    async def retention_waits(self, *, timeout: Duration | None = DEFAULT_TIMEOUT) -> dict[int, float]:
        """The partitions that closed runs of others are kept for, and for how many seconds already: they have begun
        these runs, or sent them messages, and have not said that they will not do so again. A few seconds are normal;
        a partition that stays has no owner, or one of an earlier version. Raises RequestTimeout."""
        self._link.requests.check_open()
        return await silent_partitions(self._link.reads, checks.seconds(timeout))

    async def patches(
        self, *, workflow: str | None = None, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> list[PatchUse]:
        """The patches that runs have, of one workflow or of all, with what the open runs say of each: whether the old
        branch, or the patch itself, may be removed from the code. Raises RequestTimeout."""
        return count_patches(await self.runs(workflow=workflow, timeout=timeout))
