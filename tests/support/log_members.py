"""A listener of membership that remembers what it was told."""

from __future__ import annotations

from collections.abc import Sequence

from sagaline._log import Log, Membership


class Member:
    """Owns what it is assigned, and lets go at once of what is revoked."""

    def __init__(self, log: Log, member_id: str) -> None:
        self.owned: set[int] = set()
        self.told: list[tuple[str, tuple[int, ...]]] = []
        self.error: Exception | None = None
        self.membership: Membership = log.join(member_id, self)

    def on_assigned(self, partitions: Sequence[int]) -> None:
        self.told.append(("assigned", tuple(partitions)))
        self.owned |= set(partitions)

    def on_revoked(self, partitions: Sequence[int]) -> None:
        self.told.append(("revoked", tuple(partitions)))
        self.owned -= set(partitions)
        for partition in partitions:
            self.membership.released(partition)

    def on_failed(self, error: Exception) -> None:
        self.error = error
