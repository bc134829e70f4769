"""What commands say while they wait: on a terminal a spinner, elsewhere a line at each change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.status import Status as Spinner

from sagaline.cli.output import err
from sagaline.client import Description, RunHandle, Status, words
from sagaline.errors import RequestRefused, RequestTimeout

_SILENT_S = 1.0
_LOOK_S = 0.5
_UNOWNED_LOOK_S = 5.0
_REDRAW_S = 0.2
_ANSWER_S = 10.0


class Voice:
    """Says what is waited for. On a terminal it is one line that changes; elsewhere a line for each ``key``."""

    def __init__(self) -> None:
        self._spinner: Spinner | None = None
        self._key: object = None

    def say(self, text: str, key: object) -> None:
        """``key`` stands for what matters in the text: a time that runs down is no news."""
        if err.is_terminal:
            if self._spinner is None:
                self._spinner = Spinner(escape(text), console=err)
                self._spinner.start()
            self._spinner.update(escape(text))
        elif key != self._key:
            err.print(text, markup=False, highlight=False, soft_wrap=True)
        self._key = key

    def stop(self) -> None:
        """Says no more; the line on the terminal goes."""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None


@asynccontextmanager
async def waiting(what: str) -> AsyncGenerator[None]:
    """Around something that may take long: says after a second what is waited for."""
    voice = Voice()
    timer = asyncio.get_running_loop().call_later(_SILENT_S, voice.say, f"Waiting for {what} ...", what)
    try:
        yield
    finally:
        timer.cancel()
        voice.stop()


async def result_of(handle: RunHandle[Any], timeout: str | None, on_parked: Any) -> Any:
    """The run's result; until it is there, says live where the run stands."""
    result = asyncio.ensure_future(handle.result(timeout, on_parked=on_parked))
    voice = Voice()
    try:
        await asyncio.wait((result,), timeout=_SILENT_S)
        while not result.done():
            description = await describe_until(handle, result)
            await _tell(voice, handle.workflow_id, description, result)
        return result.result()
    finally:
        voice.stop()
        if not result.done():
            result.cancel()


async def describe_until(handle: RunHandle[Any], done: asyncio.Future[Any]) -> Description | None:
    """How the run stands; None when nobody says, or something else is done first."""
    looking = asyncio.ensure_future(handle.describe(_ANSWER_S))
    try:
        await asyncio.wait((looking, done), return_when=asyncio.FIRST_COMPLETED)
        return looking.result() if looking.done() else None
    except (RequestRefused, RequestTimeout):
        return None
    finally:
        looking.cancel()


async def _tell(voice: Voice, workflow_id: str, description: Description | None, done: asyncio.Future[Any]) -> None:
    """Says how it stands, until it is time to look again."""
    again = time.monotonic() + pause_s(description)
    while not done.done() and time.monotonic() < again:
        if description is None or not description.status.is_open:  # its result is on its way
            voice.say(f"Waiting for a worker's answer about {workflow_id} ...", None)
        else:
            voice.say(*standing(description))
        await asyncio.wait((done,), timeout=_REDRAW_S)


def pause_s(description: Description | None) -> float:
    """How long to wait before the next look: without an owner each one reads the partition's history."""
    return _LOOK_S if description is None or description.unowned_since is None else _UNOWNED_LOOK_S


def standing(description: Description) -> tuple[str, object]:
    """How a run stands, in a line, and what of it is news when it changes."""
    now = datetime.now(UTC)
    key = (description.status, description.unowned_since, description.failure, description.paused_at)
    if description.status is Status.PARKED:
        return words.parked(description, now), key
    if description.paused_at is not None:
        return words.paused(description, now), key
    text = f"{description.workflow_id} {description.status} for {words.ago(description.started_at, now)}"
    if description.waits_for:
        text += f": {words.steps(description, now)}"
    if description.unowned_since is not None:
        text += f". {words.unowned(description.unowned_since)}"
    steps = tuple((step.step, step.attempt, step.due_at) for step in description.waits_for)
    return text, (*key, steps)
