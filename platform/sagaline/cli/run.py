"""sagaline dev, sagaline worker: a worker in the foreground."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from sagaline.cli.loading import load, load_payloads
from sagaline.cli.malloc import bound_fragmentation
from sagaline.cli.output import JSON_OPTION, LOG_OPTION, PAYLOADS_OPTION, err, print_json, set_up_logging
from sagaline.cli.supervisor import PARENT, Supervisor
from sagaline.worker import Worker, WorkerOptions

_LOOK_S = 0.5
_FILE = typer.Argument(help="A Python file, or a module's name, with @workflow, @saga and @activity functions.")


def dev(
    file: Annotated[str, _FILE],
    folder: Annotated[Path, typer.Option(help="Where the log and the state are kept.")] = Path(".sagaline"),
    as_json: Annotated[bool, JSON_OPTION] = False,
    payloads: Annotated[str | None, PAYLOADS_OPTION] = None,
) -> None:
    """Runs a worker with an embedded log: one process, no server.

    Example: `sagaline dev my_sagas.py`, then in another terminal
    `sagaline start fulfil_order --input '[{"id": "1"}]' --id order-1 --log sqlite:///.sagaline/dev.db`
    """
    set_up_logging(verbose=True)
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'dev.db'}"
    _run(file, url, folder / "state", as_json, payloads=load_payloads(payloads))


def worker(
    file: Annotated[str, _FILE],
    log: Annotated[str, LOG_OPTION],
    state_dir: Annotated[
        Path | None, typer.Option(help="Directory of RocksDB; without it, state is in memory.")
    ] = None,
    worker_id: Annotated[str | None, typer.Option("--id", help="Static id of this worker in the group.")] = None,
    stop_grace: Annotated[float, typer.Option(help="Seconds for running activities at SIGTERM.")] = 10.0,
    retention: Annotated[str, typer.Option(help="How long closed runs stay, e.g. 12h or 7d.")] = "7d",
    standbys: Annotated[int, typer.Option(min=0, help="Warm copies of each partition on other workers.")] = 0,
    memory: Annotated[int, typer.Option(min=32, help="MB that may pile up in a flood.")] = 256,
    processes: Annotated[int, typer.Option(min=1, help="Workers in processes of their own, under a supervisor.")] = 1,
    as_json: Annotated[bool, JSON_OPTION] = False,
    payloads: Annotated[str | None, PAYLOADS_OPTION] = None,
) -> None:
    """Runs a worker until SIGTERM or Ctrl-C; a second one hurries it.

    One worker uses one core: `--processes` starts several, each with `--id` and `--state-dir` of its own (-0, -1, …),
    and starts again what ends.

    Example: `sagaline worker my_sagas.py --log kafka://broker:9092/orders --state-dir /var/lib/sagaline`
    """
    set_up_logging(verbose=True)
    if processes > 1:
        same = ["worker", file, "--log", log, "--stop-grace", str(stop_grace)]
        same += [] if payloads is None else ["--payloads", payloads]
        same += ["--retention", retention, "--standbys", str(standbys), "--memory", str(memory)]
        raise typer.Exit(asyncio.run(_supervise(file, same, state_dir, worker_id, stop_grace, processes)))
    options = WorkerOptions(
        stop_grace_s=stop_grace, retention=retention, standbys=standbys, memory_mb=memory, end_when_stalled=True
    )
    _run(file, log, state_dir, as_json, id=worker_id, options=options, payloads=load_payloads(payloads))


async def _supervise(
    file: str, same: list[str], state_dir: Path | None, worker_id: str | None, grace_s: float, count: int
) -> int:
    load(file)  # what is wrong with it is said once
    commands: list[list[str]] = []
    for number in range(count):
        command = same + ([] if state_dir is None else ["--state-dir", str(state_dir / f"worker-{number}")])
        command += [] if worker_id is None else ["--id", f"{worker_id}-{number}"]
        commands.append(command)
    return await Supervisor(commands, grace_s).run()


def _run(file: str, url: str, state_dir: Path | None, as_json: bool, **options: Any) -> None:
    held = _hold_signals()
    bound_fragmentation()
    loaded = load(file)
    made = Worker(url, workflows=loaded.workflows, activities=loaded.activities, state_dir=state_dir, **options)
    shown = {
        "log": url,
        "workflows": [one.name for one in loaded.workflows],
        "activities": [one.name for one in loaded.activities],
    }
    if as_json:
        print_json(shown)
    else:
        err.print(f"Worker on {url}: workflows {', '.join(shown['workflows'])}", markup=False, highlight=False)
    gc.freeze()  # modules stay: collections need not look at them
    gc.set_threshold(50_000, 20, 50)  # nearly all that a worker makes is freed by reference counts
    asyncio.run(_until_signal(made, held))


def _hold_signals() -> list[int]:
    """From here on SIGTERM and Ctrl-C end the worker in order, also before its loop runs."""
    held: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda found, _: held.append(found))
    return held


async def _until_signal(made: Worker, held: list[int]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    begin = asyncio.ensure_future(made.start())

    def on_signal() -> None:
        if stop.is_set():
            raise SystemExit(130)  # the second one hurries
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
    failed = asyncio.ensure_future(made.wait())
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait([failed, stopped], return_when=asyncio.FIRST_COMPLETED)
    orphaned.cancel()
    stopped.cancel()
    failed.cancel()
    await made.stop()
    if failed.done() and not failed.cancelled() and (error := failed.exception()) is not None:
        raise error


async def _stop_when_orphaned(stop: asyncio.Event) -> None:
    """A worker of a supervisor that is gone stops: nobody would start it again, or stop it."""
    parent = os.environ.get(PARENT)
    while parent is not None and not stop.is_set():
        if os.getppid() != int(parent):
            stop.set()
        await asyncio.sleep(_LOOK_S)
