"""Membership of the embedded log: an operating-system lock a partition, which dies with its process.

Each member holds a lock file of its own, by which the others count the living; everyone takes a fair share of
the partitions and lets go of more than that.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from sagaline._log.port import MembershipListener
from sagaline._log.sqlite.locks import lock_file, remove, unlock
from sagaline._log.threads import call
from sagaline.errors import MemberIdInUse

_log = logging.getLogger("sagaline.sqlite")
_BALANCE_EVERY_S = 0.25
_PAUSE_MAX_S = 5.0
_ENTRY_TRIES_S = 1.0  # for as long an id counts as held by chance: whoever counts the living holds each file briefly
_NAME_CHARS = 100


class _Changes(NamedTuple):
    revoked: list[int]
    assigned: list[int]


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
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._partitions, self._member_id = folder, partitions, member_id
        self._loop, self._listener = loop, listener
        self._guard = threading.Lock()
        self._member: int | None = None  # descriptors that hold locks
        self._owned: dict[int, int] = {}
        self._leaving: dict[int, int] = {}
        self._suspended = False
        self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        give_up_at, pause_s = time.monotonic() + _ENTRY_TRIES_S, _BALANCE_EVERY_S
        while True:
            try:
                with self._guard:
                    changes = self._balance()
                if changes is None and not self._suspended and time.monotonic() > give_up_at:
                    self._listener.on_failed(self._in_use())
                    return
                if changes is not None or self._suspended:
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

    def _enter(self) -> bool:
        """Takes the member's own lock; False when somebody holds it."""
        if self._member is None:
            self._member = lock_file(self._folder / _file_name(self._member_id))
            if self._member is not None:
                os.ftruncate(self._member, 0)
                os.pwrite(self._member, self._member_id.encode(), 0)
        return self._member is not None

    def _balance(self) -> _Changes | None:
        """Takes and gives up locks until this member has its share; None when it is not in the group."""
        if self._suspended or not self._enter():
            return None
        share = -(-self._partitions // max(1, len(living(self._folder))))
        revoked = sorted(self._owned)[share:]
        for partition in revoked:
            self._leaving[partition] = self._owned.pop(partition)
        assigned: list[int] = []
        for partition in range(self._partitions):
            if len(self._owned) >= share:
                break
            if partition not in self._owned and partition not in self._leaving:
                lock = lock_file(self._folder / f"partition-{partition}")
                if lock is not None:
                    self._owned[partition] = lock
                    assigned.append(partition)
        return _Changes(revoked, assigned)

    def _tell(self, changes: _Changes | None) -> None:
        if changes is not None and changes.revoked:
            self._listener.on_revoked(changes.revoked)
        if changes is None or not changes.assigned:
            return
        try:
            self._listener.on_assigned(changes.assigned)
        except BaseException:  # nobody works on them: they are given back, and assigned anew
            for partition in changes.assigned:
                self._give_back(partition)
            raise

    def _give_back(self, partition: int) -> None:
        with self._guard:
            lock = self._owned.pop(partition, None)
        if lock is not None:
            unlock(lock)

    def report(self, positions: dict[int, int]) -> None:
        pass

    def released(self, partition: int) -> None:
        with self._guard:
            lock = self._leaving.pop(partition, None)
        if lock is not None:
            unlock(lock)

    def suspend(self) -> None:
        self._suspended = True
        lost = self._let_go()
        if lost:
            call(self._loop, self._listener.on_revoked, lost)

    def resume(self) -> None:
        self._suspended = False

    def _let_go(self) -> list[int]:
        """Lets go of all locks; returns the partitions that were owned."""
        with self._guard:
            lost = sorted(self._owned)
            for lock in (*self._owned.values(), *self._leaving.values()):
                unlock(lock)
            self._owned.clear()
            self._leaving.clear()
            if self._member is not None:
                unlock(self._member)
                self._member = None
        return lost

    async def close(self) -> None:
        self._task.cancel()
        self._let_go()


def living(folder: Path) -> list[str]:
    """Ids of the members whose process lives. The files of the dead are removed, or there would be one for each start
    of a worker without an id of its own."""
    members: list[str] = []
    for file in sorted(folder.glob("member-*")):
        lock = lock_file(file)
        if lock is not None:
            remove(file, lock)
            continue
        try:
            members.append(file.read_text("utf-8", "replace"))
        except FileNotFoundError:
            pass  # it has just left
    return members


def _file_name(member_id: str) -> str:
    name = "".join(char if char.isalnum() or char in "._-" else f"%{ord(char):x}" for char in member_id)
    if len(name.encode()) > _NAME_CHARS:
        name = hashlib.sha256(member_id.encode("utf-8", "replace")).hexdigest()
    return f"member-{name}"
