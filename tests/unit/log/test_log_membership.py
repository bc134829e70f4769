"""Who owns which partitions, as the group tells it: on memory, sqlite and Kafka."""

from __future__ import annotations

import asyncio
import fcntl
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from harness import eventually
from log_members import Member

from sagaline._log import Log, open_log
from sagaline._log.sqlite.locks import lock_file, unlock
from sagaline._log.sqlite.member_locks import MemberLocks


async def test_membership_shares_the_partitions_and_hands_over(log: Log) -> None:
    first = Member(log, "worker-a")
    await eventually(lambda: first.owned == {0, 1})
    second = Member(log, "worker-b")
    await eventually(lambda: first.owned and second.owned and first.owned | second.owned == {0, 1})
    assert not first.owned & second.owned
    await first.membership.close()
    await eventually(lambda: second.owned == {0, 1})
    await second.membership.close()


async def test_a_member_id_that_is_in_use_is_refused_with_advice(log: Log, log_url: str) -> None:
    first = Member(log, "worker-a")
    await eventually(lambda: first.owned == {0, 1})
    other = open_log(log_url)
    await other.open()
    second = Member(other, "worker-a")
    await eventually(lambda: first.error or second.error)
    assert "worker-a" in str(first.error or second.error)
    assert "id of its own" in str(first.error or second.error)
    await second.membership.close()
    await first.membership.close()
    await other.close()


async def test_a_suspended_member_is_out_until_it_is_resumed(log: Log) -> None:
    first = Member(log, "worker-a")
    await eventually(lambda: first.owned == {0, 1})
    second = Member(log, "worker-b")
    await eventually(lambda: first.owned and second.owned)
    first.membership.suspend()
    first.membership.suspend()
    await eventually(lambda: not first.owned and second.owned == {0, 1})
    first.membership.resume()
    await eventually(lambda: first.owned and second.owned and first.owned | second.owned == {0, 1})
    assert not first.owned & second.owned
    assert first.error is second.error is None
    await first.membership.close()
    await second.membership.close()


async def test_a_member_whose_loop_stands_still_is_suspended_by_another_thread(log: Log, log_url: str) -> None:
    """Its partitions are another worker's while the loop stands; what it was told comes in order when it goes on."""
    first = Member(log, "worker-a")
    await eventually(lambda: first.owned == {0, 1})
    told: list[set[int]] = []

    async def take_over() -> None:
        other = open_log(log_url)
        await other.open()
        second = Member(other, "worker-b")
        await eventually(lambda: second.owned == {0, 1})
        told.append(set(second.owned))
        await second.membership.close()
        await other.close()

    first.membership.suspend()
    thread = threading.Thread(target=asyncio.run, args=(take_over(),))
    thread.start()
    thread.join(20)  # this loop stands still
    assert told == [{0, 1}]
    assert first.owned == {0, 1}
    await eventually(lambda: not first.owned)
    assert first.told[-1][0] == "revoked"
    await first.membership.close()


async def test_whoever_counts_the_living_does_not_keep_a_member_out(tmp_path: Path) -> None:
    """Counting holds each member's file for a moment: an id counts as used when it is held for longer."""
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}?partitions=1")
    await log.open()
    folder = tmp_path / "log.db.locks" / "default"
    folder.mkdir(parents=True)
    held = lock_file(folder / "member-worker-a")
    assert held is not None
    member = Member(log, "worker-a")
    asyncio.get_running_loop().call_later(0.4, unlock, held)
    await eventually(lambda: member.owned or member.error)
    assert member.error is None
    await member.membership.close()
    await log.close()


async def test_an_error_while_balancing_does_not_end_the_membership(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    balance, failing = MemberLocks.balance, [True]

    def broken(self: MemberLocks) -> object:
        if failing[0]:
            raise OSError("too many open files")
        return balance(self)

    monkeypatch.setattr(MemberLocks, "balance", broken)
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}?partitions=1")
    await log.open()
    member = Member(log, "worker-a")
    await eventually(lambda: "too many open files" in caplog.text)
    failing[0] = False
    await eventually(lambda: member.owned == {0})
    await member.membership.close()
    await log.close()


async def test_partitions_that_the_host_could_not_take_are_assigned_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assigned, failing = Member.on_assigned, [True]

    def refuse_once(self: Member, partitions: Sequence[int]) -> None:
        if failing.pop() if failing else False:
            raise RuntimeError("odd")
        assigned(self, partitions)

    monkeypatch.setattr(Member, "on_assigned", refuse_once)
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}?partitions=2")
    await log.open()
    member = Member(log, "worker-a")
    await eventually(lambda: member.owned == {0, 1})
    assert not failing
    await member.membership.close()
    await log.close()


async def test_ids_that_are_no_file_names_are_told_apart(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}?partitions=4")
    await log.open()
    ids = ["a" * 300 + "1", "a" * 300 + "2", "../../a", "a/b"]
    members = [Member(log, member_id) for member_id in ids]
    await eventually(lambda: all(len(member.owned) == 1 for member in members))
    assert sorted(await log.members()) == sorted(ids)
    for member in members:
        await member.membership.close()
    await log.close()


async def test_the_dead_leave_no_files_behind_and_their_ids_are_free(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'log.db'}?partitions=1")
    await log.open()
    for number in range(5):
        member = Member(log, f"worker-{number}")
        await eventually(lambda: member.owned == {0})  # noqa: B023
        await member.membership.close()
    assert await log.members() == []
    assert list((tmp_path / "log.db.locks" / "default").glob("member-*")) == []
    again = Member(log, "worker-0")
    await eventually(lambda: again.owned == {0})
    assert await log.members() == ["worker-0"]
    await again.membership.close()
    await log.close()


def test_a_lock_on_a_file_that_was_removed_counts_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening and locking: the lock that is returned is on the file that the others see."""
    file, flock, removed = tmp_path / "member-a", fcntl.flock, list[int]()

    def remove_first(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(descriptor)
            file.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    held = lock_file(file)
    assert held is not None
    assert removed
    assert lock_file(file) is None
    unlock(held)
