"""What holds of locks, broken on purpose."""

from __future__ import annotations

from typing import Any

from sagaline import locks as face
from sagaline._engine import replies
from sagaline._engine.tables.runs import RunRow
from sagaline._engine.wills import send_wills
from sagaline._model.records import TERMINATED
from sagaline._system.locks import deadlocks
from sagaline._system.locks.lock import Lock
from sagaline._system.locks.table import LockTable
from simulation.mutant_registry import Patch, mutant


@mutant
def keeps_the_locks_of_a_run_that_is_terminated() -> list[Patch]:
    def send(state: Any, run: RunRow) -> None:
        if run.status == TERMINATED:
            state.wills.drop_all(run)
        else:
            send_wills(state, run)

    return [(replies, "send_wills", send)]


@mutant
def gives_a_lock_under_a_number_that_goes_back() -> list[Patch]:
    original = LockTable._give

    def give(self: LockTable, waiter: Any, now_ms: int) -> None:
        self.state.fencing = 0
        original(self, waiter, 4 * 10**12 - now_ms)

    return [(LockTable, "_give", give)]


@mutant
def gives_a_lock_to_the_newest_who_waits() -> list[Patch]:
    original = LockTable.hand_over

    def hand_over(self: LockTable, now_ms: int) -> None:
        self.state.waiters.reverse()
        original(self, now_ms)

    return [(LockTable, "hand_over", hand_over)]


@mutant
def gives_a_lock_on_before_it_is_given_back() -> list[Patch]:
    def due(self: LockTable) -> int | None:
        holder = self.state.holder
        return holder.since_ms + 100 if holder is not None and self.state.waiters else None

    return [(LockTable, "due_ms", property(due))]


@mutant
def leaves_a_lock_with_a_run_that_is_gone() -> list[Patch]:
    def took_back(self: Lock, request: str) -> None:
        pass

    def release(self: LockTable, request: str, now_ms: int) -> None:
        before = list(self.state.given_back)
        original(self, request, now_ms)
        self.state.given_back = before

    original = LockTable.release
    return [(Lock, "_took_back", took_back), (LockTable, "release", release)]


@mutant
def lets_sagas_wait_for_each_other() -> list[Patch]:
    def confirm(table: LockTable, found: Any) -> None:
        pass

    return [(deadlocks, "confirm", confirm)]


@mutant
def does_not_withdraw_a_request_that_nobody_waits_for() -> list[Patch]:
    def give_back(calls: Any, request: Any) -> None:
        face._drop(calls, request)

    return [(face, "_give_back", give_back)]


@mutant
def waits_for_a_lock_that_a_person_has_ended() -> list[Patch]:
    async def answer(self: face.SagaLock, ask: Any, token: Any) -> Any:
        return await token.result()

    return [(face.SagaLock, "_answer", answer)]
