"""The run that keeps a lock: it is begun by the first request, and ends when nobody has used it for a day."""

from __future__ import annotations

import asyncio

from sagaline._model.locks import LOCK, Acquire, Answer, Confirm, Holding, LockState, Probe, Renew, lock_id
from sagaline._model.tokens import parse
from sagaline._system.declaring import system_workflow
from sagaline._system.locks import deadlocks
from sagaline._system.locks.table import LockTable, Said
from sagaline.errors import MessageError
from sagaline.workflow import workflow

_MESSAGES = 500
"""Of one run; then it goes on as the next, for its history is replayed by whoever takes it over."""
_AT_ONCE = 100
"""Answers on their way."""
_SHORTLY_S = 5
_IDLE_S = 86_400
_AGAIN_S = 10
_GONE, _USED = ("WorkflowNotFound", "RunEnded"), "TokenUsed"


@system_workflow("lock", retention="1h")
class Lock:
    """The signals are what runs and other locks tell it; all of it is decided in their order."""

    @workflow.init
    def __init__(self, state: LockState | None = None) -> None:
        name = workflow.info().workflow_id.removeprefix(f"{LOCK}/")
        self.table = LockTable(name, state or LockState())
        self.table.repeat_grants()
        self.repeated = {said.to for said in self.table.said}
        self.messages = 0
        self.sends: set[asyncio.Task[None]] = set()
        self.gate = asyncio.Semaphore(_AT_ONCE)
        self.alarm: asyncio.Task[None] | None = None
        self.alarm_ms: int | None = None

    @workflow.signal
    def acquire(self, ask: Acquire) -> None:
        waiter = self.table.acquire(ask, _now_ms())
        if waiter is not None:
            deadlocks.begin(self.table, waiter)
        self._decided()

    @workflow.signal
    def release(self, request: str) -> None:
        self.table.release(request, _now_ms())
        self._decided()

    @workflow.signal
    def renew(self, ask: Renew) -> None:
        self.table.renew(ask, _now_ms())
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
        while not (await self._is_quiet(_SHORTLY_S, _MESSAGES) and await self._is_quiet(_IDLE_S, 1) and self._ends()):
            if self.messages >= _MESSAGES:
                await workflow.wait_condition(lambda: not self.sends or self.messages >= 2 * _MESSAGES)
                workflow.continue_as_new(self.table.state)

    async def _is_quiet(self, seconds: float, most: int) -> bool:
        """Waits until the run has been told nothing for so long, or ``most`` times something. A run whose next timer is
        far is taken out of memory: a lock that is in use has one that is near, any other a single one that is far."""
        before = self.messages
        try:
            await workflow.wait_condition(lambda: self.messages - before >= most, timeout=seconds)
        except TimeoutError:
            return self.messages == before
        return False

    def _ends(self) -> bool:
        return not self.sends and self.table.is_idle(_now_ms())

    def _decided(self) -> None:
        self.messages += 1
        self._act()

    def _act(self) -> None:
        """What was decided leaves; and a lease that somebody waits for is watched."""
        for said in self.table.take_said():
            task = asyncio.create_task(self._say(said))
            self.sends.add(task)
            task.add_done_callback(self.sends.discard)
        if self.table.due_ms != self.alarm_ms:
            if self.alarm is not None:
                self.alarm.cancel()
            self.alarm_ms = self.table.due_ms
            self.alarm = None if self.alarm_ms is None else asyncio.create_task(self._watch(self.alarm_ms))

    async def _watch(self, due_ms: int) -> None:
        await asyncio.sleep(max(0, due_ms - _now_ms()) / 1_000)
        self.alarm = self.alarm_ms = None
        self.table.expire(_now_ms())
        self._act()

    async def _say(self, said: Said) -> None:
        async with self.gate:
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
        """A run that is not there any more has not got the lock; nor has one that was answered before, for its request
        has come a second time, when the first was forgotten."""
        token = parse(request)
        if token is None:
            self._took_back(request)
            return
        while True:
            try:
                await workflow.external(token.workflow_id, token.run_id).signal(token.signal, {"value": answer})
            except MessageError as error:
                if error.type in _GONE or (error.type == _USED and request not in self.repeated):
                    self._took_back(request)
                    return
                if error.type != _USED:  # else the grant of the run before this one has arrived
                    await asyncio.sleep(_AGAIN_S)
                    continue
            self.table.arrived(request)
            return

    def _took_back(self, request: str) -> None:
        holder = self.table.state.holder
        if holder is not None and request in holder.requests:
            self.table.release(request, _now_ms())
            self._act()


def _now_ms() -> int:
    return round(workflow.now().timestamp() * 1_000)
