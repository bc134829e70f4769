"""The workflow that runs a program, as a class: messages bring it more of them."""

from __future__ import annotations

from typing import Any

from programs.interpret import Interpreter, Refusal, ticks
from sagaline import saga, workflow


@saga(signals=[ticks])
class Answering:
    """The same in a class, which answers updates with programs, and queries."""

    def __init__(self) -> None:
        self.interpreter = Interpreter()

    @workflow.run
    async def run(self, body: list[Any]) -> int:
        return await self.interpreter.run(body)

    @workflow.signal
    async def nudge(self, body: list[Any]) -> None:
        await self.interpreter.run(body)

    @workflow.update
    async def perform(self, body: list[Any]) -> int:
        await self.interpreter.run(body)
        return self.interpreter.seen

    @perform.validator
    def check(self, body: list[Any]) -> None:
        if (self.interpreter.seen + len(body)) % 4 == 0:
            raise Refusal("not now")

    @workflow.query
    def seen(self) -> int:
        return self.interpreter.seen
