"""What a program does over its life: it starts children, asks for patches, goes on as a new run."""

from __future__ import annotations

from typing import Any

from script import fetch

from sagaline import ChildError, SideEffectError, workflow

V1, V2, V3 = range(1, 4)


class Deployed:
    """The version of the code that runs now: the second has patches that the first has not, the third deprecates them."""

    version = V2


class Outside:
    """What side effects see: how many activations the run has had. In a replay that is another number."""

    activations = 0


@workflow
async def child(number: int) -> str:
    """It never runs: the engine that is played here says how it ends."""
    return str(number)


class Lives:
    """The nodes of an Interpreter that other runs or other versions of the code have a part in."""

    seen: int

    def note(self, *what: object) -> None:
        """Remembers that this happened."""
        raise NotImplementedError

    async def do_child(self, number: int) -> None:
        try:
            self.note(await child(number))
        except ChildError as error:
            self.note(error.status)
            if number == 0:
                raise

    async def do_start_child(self, cancels: int, awaits: int) -> None:
        try:
            handle = await workflow.start_child(child.options(parent_close="abandon"), cancels)
            self.note(handle.run_id)
            if cancels:
                await fetch(f"{self.seen:08x}")
                handle.cancel("no longer needed")
            if awaits:
                self.note(await handle)
        except ChildError as error:
            self.note(error.status)

    async def do_patch(self, number: int) -> None:
        name = f"patch {number}"
        if Deployed.version == V3:
            workflow.deprecate_patch(name)
        has_it = Deployed.version == V3 or (Deployed.version == V2 and workflow.patched(name))
        self.note(has_it)
        if has_it:
            await fetch(f"{self.seen:08x}")

    async def do_effect(self, number: int) -> None:
        def outside() -> int:
            if Outside.activations % 8 == number:
                raise ValueError("not now")
            return Outside.activations

        try:
            self.note(workflow.side_effect(outside))
        except SideEffectError as error:
            self.note(error.type)
            if number == 0:
                raise

    async def do_upsert(self, number: int, value: int) -> None:
        self.note(sorted(workflow.memo().items()), sorted(workflow.search_attributes().items()))
        workflow.upsert_memo({f"note {number}": value or None})
        workflow.upsert_search_attributes({f"key {number}": value or None, "seen": f"{self.seen:08x}"})

    async def do_continue(self, body: list[Any]) -> None:
        workflow.continue_as_new(body)
