"""The locks of one member of the embedded log: an operating-system lock a partition, which dies with its process.

Each member holds a lock file of its own, by which the others count the living; everyone takes a fair share of
the partitions and lets go of more than that.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import NamedTuple

from sagaline._log.sqlite.locks import lock_file, remove, unlock

_NAME_CHARS = 100


class Changes(NamedTuple):
    """Partitions that a member has to let go of, and that it has newly got."""

    revoked: list[int]
    assigned: list[int]


class MemberLocks:
    """What one member holds; from any thread.

    Contract: the lock of a partition that was revoked is held until ``released``, so that nobody else has it meanwhile.
    """

    def __init__(self, folder: Path, partitions: int, member_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._partitions, self._member_id = folder, partitions, member_id
        self._guard = threading.Lock()
        self._member: int | None = None  # descriptors that hold locks
        self._owned: dict[int, int] = {}
        self._leaving: dict[int, int] = {}
        self.suspended = False

    def balance(self) -> Changes | None:
        """Takes and gives up locks until this member has its share; None when it is not in the group."""
        with self._guard:
            if self.suspended or not self._enter():
                return None
            share = -(-self._partitions // max(1, len(living(self._folder))))
            revoked = sorted(self._owned)[share:]
            for partition in revoked:
                self._leaving[partition] = self._owned.pop(partition)
            return Changes(revoked, self._fill(share))

    def _enter(self) -> bool:
        """Takes the member's own lock; False when somebody holds it."""
        if self._member is None:
            self._member = lock_file(self._folder / _file_name(self._member_id))
            if self._member is not None:
                os.ftruncate(self._member, 0)
                os.pwrite(self._member, self._member_id.encode(), 0)
        return self._member is not None

    def _fill(self, share: int) -> list[int]:
        """Takes free partitions up to the share; returns them."""
        assigned: list[int] = []
        for partition in range(self._partitions):
            if len(self._owned) >= share:
                break
            if partition not in self._owned and partition not in self._leaving:
                lock = lock_file(self._folder / f"partition-{partition}")
                if lock is not None:
                    self._owned[partition] = lock
                    assigned.append(partition)
        return assigned

    def give_back(self, partition: int) -> None:
        """Lets go of a partition that is owned."""
        with self._guard:
            lock = self._owned.pop(partition, None)
        if lock is not None:
            unlock(lock)

    def released(self, partition: int) -> None:
        """Lets go of a partition that was revoked."""
        with self._guard:
            lock = self._leaving.pop(partition, None)
        if lock is not None:
            unlock(lock)

    def suspend(self) -> list[int]:
        """Lets go of all locks, and takes none until ``resume``; returns the partitions that were owned."""
        self.suspended = True
        return self.let_go()

    def resume(self) -> None:
        """Takes locks again."""
        self.suspended = False

    def let_go(self) -> list[int]:
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
