"""Membership of the embedded log: when a member's locks are balanced, and who hears of what they give it."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from sagaline._log.port import MembershipListener
from sagaline._log.sqlite.member_locks import Changes, MemberLocks
from sagaline._log.threads import call
from sagaline.errors import MemberIdInUse

_log = logging.getLogger("sagaline.sqlite")
_BALANCE_EVERY_S = 0.25
_PAUSE_MAX_S = 5.0
_ENTRY_TRIES_S = 1.0  # for as long an id counts as held by chance: whoever counts the living holds each file briefly


class SqliteMembership:
    """One member, in one process. Its locks are taken on the loop, and let go of on any thread."""

    def __init__(
        self,
        folder: Path,
        partitions: int,
        member_id: str,
        loop: asyncio.AbstractEventLoop,
        listener: MembershipListener,
    ) -> None:
        self._member_id, self._loop, self._listener = member_id, loop, listener
        self._locks = MemberLocks(folder, partitions, member_id)
        self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        give_up_at, pause_s = time.monotonic() + _ENTRY_TRIES_S, _BALANCE_EVERY_S
        while True:
            try:
                changes = self._locks.balance()
                if changes is None and not self._locks.suspended and time.monotonic() > give_up_at:
                    self._listener.on_failed(self._in_use())
                    return
                if changes is not None or self._locks.suspended:
                    give_up_at = time.monotonic() + _ENTRY_TRIES_S
                self._tell(changes)
                pause_s = _BALANCE_EVERY_S
            except Exception:
                _log.exception("Membership of %s: it is tried again", self._member_id)
                pause_s = min(2 * pause_s, _PAUSE_MAX_S)
            await asyncio.sleep(pause_s)

    def _in_use(self) -> MemberIdInUse:
        return MemberIdInUse(
            f"Expected a member id of its own but another live worker has joined as {self._member_id!r}. "
            f"Give each worker an id of its own (--id)."
        )

    def _tell(self, changes: Changes | None) -> None:
        if changes is not None and changes.revoked:
            self._listener.on_revoked(changes.revoked)
        if changes is None or not changes.assigned:
            return
        try:
            self._listener.on_assigned(changes.assigned)
        except BaseException:  # nobody works on them: they are given back, and assigned anew
            for partition in changes.assigned:
                self._locks.give_back(partition)
            raise

    def report(self, positions: dict[int, int]) -> None:
        pass

    def released(self, partition: int) -> None:
        self._locks.released(partition)

    def suspend(self) -> None:
        lost = self._locks.suspend()
        if lost:
            call(self._loop, self._listener.on_revoked, lost)

    def resume(self) -> None:
        self._locks.resume()

    async def close(self) -> None:
        self._task.cancel()
        self._locks.let_go()
