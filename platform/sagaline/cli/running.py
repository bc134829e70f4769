"""Runs a worker in the foreground, for ``sagaline dev`` and ``sagaline worker``."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import typer

from sagaline.cli.loading import load
from sagaline.cli.malloc import bound_fragmentation
from sagaline.cli.output import complain, exit_code, print_json
from sagaline.cli.supervisor import PARENT
from sagaline.errors import SagalineError
from sagaline.worker import Worker

_LOOK_S = 0.5
_LATE_S = 2.0
_HURRIED = 130
FILE = typer.Argument(help="A Python file, or a module's name, with @workflow, @saga and @activity functions.")


def run_worker(file: str, url: str, state_dir: Path | None, as_json: bool, hint: str = "", **options: Any) -> None:
    """Runs a worker until SIGTERM or Ctrl-C. ``hint`` is said at first, with the name of a workflow."""
    held = _hold_signals()
    bound_fragmentation()
    queue = options.get("queue")
    loaded = load(file, queue)
    worker = Worker(url, workflows=loaded.workflows, activities=loaded.activities, state_dir=state_dir, **options)
    shown = {
        "log": url,
        "workflows": loaded.workflow_names,
        "activities": [activity.name for activity in loaded.activities],
    }
    if as_json:
        print_json(shown)
    elif queue is not None:
        complain(f"Worker of queue {queue} on {url}: activities {', '.join(shown['activities'])}")
    else:
        complain(f"Worker on {url}: workflows {', '.join(shown['workflows'])}")
        if hint:
            complain(hint.format(workflow=shown["workflows"][-1]))
    gc.freeze()  # modules stay: collections need not look at them
    gc.set_threshold(50_000, 20, 50)  # nearly all that a worker makes is freed by reference counts
    asyncio.run(_until_signal(worker, held))


def _hold_signals() -> list[int]:
    """From here on SIGTERM and Ctrl-C end the worker in order, also before its loop runs."""
    held: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda found, _: held.append(found))
    return held


async def _until_signal(worker: Worker, held: list[int]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    begin = asyncio.ensure_future(worker.start())

    def on_signal() -> None:
        if stop.is_set():
            _end_within(_LATE_S, _HURRIED)
            raise SystemExit(_HURRIED)  # the second one hurries
        stop.set()
        begin.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    if held:
        on_signal()
    try:
        await begin
    except asyncio.CancelledError:
        return
    orphaned = loop.create_task(_stop_when_orphaned(stop))
    failed = asyncio.ensure_future(worker.wait())
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait([failed, stopped], return_when=asyncio.FIRST_COMPLETED)
    orphaned.cancel()
    stopped.cancel()
    failed.cancel()
    error = failed.exception() if failed.done() and not failed.cancelled() else None
    await worker.stop()
    _end_within(_LATE_S, exit_code(error) if isinstance(error, SagalineError) else int(error is not None))
    if error is not None:
        raise error


def _end_within(seconds: float, code: int) -> None:
    """Ends the process, if it has not ended by then: Python would wait for users' threads that hang for ever."""

    def end() -> None:
        sys.stdout.flush()
        logging.shutdown()
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


async def _stop_when_orphaned(stop: asyncio.Event) -> None:
    """A worker of a supervisor that is gone stops: nobody would start it again, or stop it."""
    parent = os.environ.get(PARENT)
    while parent is not None and not stop.is_set():
        if os.getppid() != int(parent):
            stop.set()
        await asyncio.sleep(_LOOK_S)
