"""Membership of the embedded log: an operating-system lock a partition, which dies with its process.

Each member holds a lock file of its own, by which the others count the living; everyone takes a fair share of
the partitions and lets go of more than that.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from sagaline._log.port import MembershipListener
from sagaline.errors import MemberIdInUse

_EVERY_S = 0.25


class SqliteMembership:
    """One member, in one process."""

    def __init__(
        self,
        folder: Path,
        partitions: int,
        member_id: str,
        loop: asyncio.AbstractEventLoop,
        listener: MembershipListener,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._partitions, self._listener = folder, partitions, listener
        self._file = folder / f"member-{_safe(member_id)}"
        self._owned: dict[int, int] = {}
        self._leaving: dict[int, int] = {}
        self._lock = _try_lock(self._file)
        self._task: asyncio.Task[None] | None = None
        if self._lock is None:
            error = MemberIdInUse(
                f"Expected a member id of its own but another live worker has joined as {member_id!r}. "
                f"Give each worker an id of its own (--id)."
            )
            loop.call_soon(listener.on_failed, error)
        else:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, member_id.encode(), 0)
            self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self._balance()
            await asyncio.sleep(_EVERY_S)

    def _balance(self) -> None:
        share = -(-self._partitions // self._count_members())
        excess = sorted(self._owned)[share:]
        if excess:
            for partition in excess:
                self._leaving[partition] = self._owned.pop(partition)
            self._listener.on_revoked(excess)
        gained: list[int] = []
        for partition in range(self._partitions):
            if len(self._owned) >= share:
                break
            if partition not in self._owned and partition not in self._leaving:
                lock = _try_lock(self._folder / f"partition-{partition}")
                if lock is not None:
                    self._owned[partition] = lock
                    gained.append(partition)
        if gained:
            self._listener.on_assigned(gained)

    def _count_members(self) -> int:
        return max(1, len(living(self._folder)))

    def report(self, positions: dict[int, int]) -> None:
        pass

    def released(self, partition: int) -> None:
        lock = self._leaving.pop(partition, None)
        if lock is not None:
            os.close(lock)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        for lock in (*self._owned.values(), *self._leaving.values()):
            os.close(lock)
        self._owned.clear()
        self._leaving.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def living(folder: Path) -> list[str]:
    """Ids of the members whose process lives."""
    found: list[str] = []
    for file in sorted(folder.glob("member-*")):
        lock = _try_lock(file)
        if lock is None:
            found.append(file.read_text("utf-8"))
        else:
            os.close(lock)
    return found


def _safe(member_id: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else f"%{ord(char):x}" for char in member_id)


def _try_lock(file: Path) -> int | None:
    """A descriptor that holds the file's lock, or None when another process does."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
