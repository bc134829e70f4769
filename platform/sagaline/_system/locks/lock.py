"""The run that keeps a lock: it is begun by the first request, and ends when nobody has used it for a day."""

from __future__ import annotations

import asyncio
from functools import partial

from sagaline._model.locks import LOCK, Acquire, Answer, Confirm, Holding, LockState, Probe, Renew, lock_id
from sagaline._system.declaring import system_workflow
from sagaline._system.entity import Entity, now_ms
from sagaline._system.locks import deadlocks
from sagaline._system.locks.table import LockTable, Said
from sagaline.errors import MessageError
from sagaline.workflow import workflow


@system_workflow("lock", retention="1h")
class Lock(Entity):
    """The signals are what runs and other locks tell it; all of it is decided in their order."""

    @workflow.init
    def __init__(self, state: LockState | None = None) -> None:
        name = workflow.info().workflow_id.removeprefix(f"{LOCK}/")
        self.table = LockTable(name, state or LockState())
        self.table.repeat_grants()
        super().__init__(self.table.state, {said.to for said in self.table.said})
        self.alarm: asyncio.Task[None] | None = None
        self.alarm_ms: int | None = None

    @workflow.signal
    def acquire(self, ask: Acquire) -> None:
        waiter = self.table.acquire(ask, now_ms())
        if waiter is not None:
            deadlocks.begin(self.table, waiter)
        self._decided()

    @workflow.signal
    def release(self, request: str) -> None:
        self.table.release(request, now_ms())
        self._decided()

    @workflow.signal
    def renew(self, ask: Renew) -> None:
        self.table.renew(ask, now_ms())
        self._decided()

    @workflow.signal
    def holding(self, holding: Holding) -> None:
        waiter = self.table.holds_more(holding)
        if waiter is not None:
            deadlocks.begin(self.table, waiter)
        self._decided()

    @workflow.signal
    def probe(self, probe: Probe) -> None:
        deadlocks.probe(self.table, probe)
        self._decided()

    @workflow.signal
    def confirm(self, confirm: Confirm) -> None:
        deadlocks.confirm(self.table, confirm)
        self._decided()

    @workflow.query
    def state(self) -> LockState:
        """Who has it, and who waits."""
        return self.table.state

    @workflow.run
    async def run(self, state: LockState | None = None) -> None:
        self._act()
        await self.live(lambda: self.table.is_idle(now_ms()))

    def _decided(self) -> None:
        self.messages += 1
        self._act()

    def _act(self) -> None:
        """What was decided leaves; and a lease that somebody waits for is watched."""
        for said in self.table.take_said():
            self.send(partial(self._say, said))
        if self.table.due_ms != self.alarm_ms:
            if self.alarm is not None:
                self.alarm.cancel()
            self.alarm_ms = self.table.due_ms
            self.alarm = None if self.alarm_ms is None else asyncio.create_task(self._watch(self.alarm_ms))

    async def _watch(self, due_ms: int) -> None:
        await asyncio.sleep(max(0, due_ms - now_ms()) / 1_000)
        self.alarm = self.alarm_ms = None
        self.table.expire(now_ms())
        self._act()

    async def _say(self, said: Said) -> None:
        match said.what:
            case Answer():
                await self._answer(said.to, said.what)
            case Probe():
                await self._tell(said.to, "probe", said.what)
            case Confirm():
                await self._tell(said.to, "confirm", said.what)

    async def _tell(self, name: str, signal: str, what: Probe | Confirm) -> None:
        """A lock whose run has ended is held by nobody: there is nothing to find."""
        try:
            await workflow.external(lock_id(name)).signal(signal, what)
        except MessageError:
            pass

    async def _answer(self, request: str, answer: Answer) -> None:
        if await self.answer(request, answer):
            self.table.arrived(request)
        else:
            self._took_back(request)

    def _took_back(self, request: str) -> None:
        holder = self.table.state.holder
        if holder is not None and request in holder.requests:
            self.table.release(request, now_ms())
            self._act()
