"""The run that keeps a limit, or one key of it: it is begun by the first request, and ends when nobody has used it for
a day."""

from __future__ import annotations

import asyncio
from functools import partial

from sagaline._model.flow import GRANTED, Ask, FlowState
from sagaline._system.declaring import system_workflow
from sagaline._system.entity import Entity, now_ms
from sagaline._system.flow.table import FlowTable, Reply
from sagaline.workflow import workflow


@system_workflow("flow", retention="1h")
class Limit(Entity):
    """The signals are what runs tell it; those of an activation are decided in their order, and then all that may
    begin is granted at once."""

    @workflow.init
    def __init__(self, state: FlowState | None = None) -> None:
        self.table = FlowTable(state or FlowState())
        self.table.repeat_grants()
        super().__init__(self.table.state, {reply.request for reply in self.table.replies})
        self.alarm: asyncio.Task[None] | None = None
        self.alarm_ms: int | None = None
        self.is_due = False

    @workflow.signal
    def acquire(self, ask: Ask) -> None:
        self.table.ask(ask, now_ms())
        self._told()

    @workflow.signal
    def release(self, request: str) -> None:
        self.table.release(request)
        self._told()

    @workflow.signal
    def held(self) -> None:
        """A run has ended that had a slot: RELEASE comes too."""

    @workflow.query
    def state(self) -> FlowState:
        """Who has slots, and who waits."""
        return self.table.state

    @workflow.run
    async def run(self, state: FlowState | None = None) -> None:
        self._act()
        await self.live(lambda: self.table.is_idle(now_ms()))

    def _told(self) -> None:
        self.messages += 1
        self._soon()

    def _soon(self) -> None:
        """Once in an activation, behind all that it brings: so a request of high priority goes before those that came
        with it."""
        if not self.is_due:
            self.is_due = True
            asyncio.get_running_loop().call_soon(self._act)

    def _act(self) -> None:
        self.is_due = False
        now = now_ms()
        self.table.grant(now)
        for reply in self.table.take_replies():
            self.send(partial(self._say, reply))
        due_ms = self.table.due_ms(now)
        if due_ms != self.alarm_ms:
            if self.alarm is not None:
                self.alarm.cancel()
            self.alarm_ms = due_ms
            self.alarm = None if due_ms is None else asyncio.create_task(self._watch(due_ms))

    async def _watch(self, due_ms: int) -> None:
        await asyncio.sleep(max(0, due_ms - now_ms()) / 1_000)
        self.alarm = self.alarm_ms = None
        self._act()

    async def _say(self, reply: Reply) -> None:
        has_arrived = await self.answer(reply.request, reply.kind)
        if reply.kind != GRANTED:
            return
        if has_arrived:
            self.table.arrived(reply.request)
        else:
            self.table.release(reply.request)
        self._soon()
