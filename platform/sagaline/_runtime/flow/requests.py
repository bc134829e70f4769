"""One request of a run at a limit: a run of the platform keeps each (``_system/flow``). It and the one that asks tell
each other by signals and tokens, as with locks; a will gives back what a run has, whatever its end."""

from __future__ import annotations

import asyncio
import zlib

import msgspec

from sagaline._model.events import WillLeft
from sagaline._model.flow import ACQUIRE, FLOW, GRANTED, HELD, RATE, RELEASE, Ask, flow_of
from sagaline._model.tokens import Token
from sagaline._runtime.calls import Calls
from sagaline._runtime.flow.keys import Wanted
from sagaline._runtime.messages import outgoing, wills
from sagaline.errors import MessageError

_AGAIN_S = (5, 10, 20, 40, 60)
"""How long a request waits that has found a limit's queue full, and again, and so on; half as long again by chance."""


class Standing:
    """A request that waits at a limit, or has a slot of it."""

    def __init__(self, calls: Calls, wanted: Wanted) -> None:
        run = calls.run
        self._calls, self.limit_id = calls, wanted.limit_id
        self._token = Token(run.workflow_id, run.identity, calls.mailbox.next_token())
        self._request = _payload(self._token.id)
        self._wills = [wills.leave(calls, self.limit_id, RELEASE, self._request)]

    async def is_granted(self, wanted: Wanted, priority: int) -> bool:
        """When it is answered; False when it has to come again. Raises MessageError."""
        ask = _payload(Ask(self._token.id, wanted.rules, wanted.group, priority))
        await outgoing.signal(self._calls, (self.limit_id, ""), ACQUIRE, ask, FLOW)
        answer = await self._calls.mailbox.receive(self._token.signal)
        return answer.get("value") == GRANTED  # type: ignore[no-any-return]

    def hold(self) -> None:
        """It has a slot, until it is given back."""
        self._wills.append(wills.leave(self._calls, self.limit_id, HELD, b"[]"))

    def forget(self) -> None:
        """Nothing of it is to be given back."""
        left, self._wills = self._wills, []
        for will in left:
            wills.withdraw(self._calls, will)

    def give_back(self) -> None:
        """The limit is told, whatever has become of it. Where so much is on its way that nothing can be sent, the run's
        end says it."""
        if self._wills and outgoing.post(self._calls, self.limit_id, RELEASE, self._request):
            self.forget()

    def pause_s(self, attempt: int) -> float:
        """How long to wait before it is made again."""
        return _AGAIN_S[min(attempt, len(_AGAIN_S) - 1)] * (1 + zlib.crc32(self._token.id.encode()) % 500 / 1_000)


async def ask(calls: Calls, wanted: Wanted, priority: int, held: list[Standing]) -> None:
    """Returns when it was granted. The request is in ``held`` as long as something of it stands at the limit; of a rate
    nothing does any more."""
    attempt = 0
    while True:
        standing = Standing(calls, wanted)
        held.append(standing)
        try:
            if await standing.is_granted(wanted, priority):
                if wanted.kind == RATE:
                    standing.forget()
                    held.remove(standing)
                else:
                    standing.hold()
                return
        except MessageError:
            pass  # a worker that does not know limits yet, or a person has ended this one: it may be there later
        standing.forget()
        held.remove(standing)
        await asyncio.sleep(standing.pause_s(attempt))
        attempt += 1


def asks_here(calls: Calls) -> bool:
    """Whether the run asks a limit at this place, or goes on without. In replay history says so: a run that came here
    before there was a limit goes on as it did."""
    recorded = calls.commands.recorded
    if recorded is None:
        return True
    step = calls.table.count + 1
    for event in recorded.commands:
        if getattr(event, "step", None) == step:
            return isinstance(event, WillLeft) and flow_of(event.target_id) is not None
    return recorded.is_cut


def _payload(argument: object) -> bytes:
    return msgspec.json.encode([argument])
