"""sagaline worker: a worker in the foreground, or several under a supervisor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from sagaline._runtime.durations import seconds
from sagaline.cli import options
from sagaline.cli.loading import load, load_payloads
from sagaline.cli.output import set_up_logging
from sagaline.cli.running import FILE, run_worker
from sagaline.cli.supervisor import Supervisor
from sagaline.worker import WorkerOptions


def worker(
    file: Annotated[str, FILE],
    log: Annotated[str, options.LOG] = "",
    state_dir: Annotated[
        Path | None, typer.Option(help="Directory of RocksDB; without it, state is in memory.")
    ] = None,
    worker_id: Annotated[str | None, typer.Option("--id", help="Static id of this worker in the group.")] = None,
    stop_grace: Annotated[str, typer.Option(help='How long running activities get at SIGTERM, such as "10s".')] = "10s",
    retention: Annotated[str, typer.Option(help="How long closed runs stay, e.g. 12h or 7d.")] = "7d",
    standbys: Annotated[int, typer.Option(min=0, help="Warm copies of each partition on other workers.")] = 0,
    memory: Annotated[int, typer.Option(min=32, help="MB that may pile up in a flood.")] = 256,
    queue: Annotated[
        str | None,
        typer.Option(help="Run only activities, those that are sent to this task queue.", show_default=False),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help="Serve metrics for Prometheus at this port, under /metrics.", show_default=False
        ),
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The address for that.")] = "0.0.0.0",
    processes: Annotated[int, typer.Option(min=1, help="Workers in processes of their own, under a supervisor.")] = 1,
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Runs a worker, until SIGTERM or Ctrl-C.

    A second signal hurries it. One worker uses one core: `--processes` starts several, each with `--id` and
    `--state-dir` of its own (-0, -1, …) and the next
    `--metrics-port`, and starts again what ends. With `--queue` it runs the file's activities that
    are sent to that task queue, and no workflows.

    Example: `sagaline worker my_sagas.py --log kafka://broker:9092/orders --state-dir /var/lib/sagaline`
    """
    set_up_logging(verbose=True)
    log = options.find_log(log)
    grace_s = seconds(stop_grace, "--stop-grace", least_ms=0)
    if processes > 1:
        same = ["worker", file, "--log", log, "--stop-grace", stop_grace]
        same += [] if payloads is None else ["--payloads", payloads]
        same += ["--retention", retention, "--standbys", str(standbys), "--memory", str(memory)]
        same += [] if queue is None else ["--queue", queue]
        same += [] if metrics_port is None else ["--metrics-host", metrics_host]
        load(file, queue)  # what is wrong with it is said once
        raise typer.Exit(asyncio.run(_supervise(same, state_dir, worker_id, grace_s, _ports(metrics_port, processes))))
    chosen = WorkerOptions(
        stop_grace=grace_s,
        retention=retention,
        standbys=standbys,
        memory_mb=memory,
        end_when_stalled=True,
        metrics_port=metrics_port,
        metrics_host=metrics_host,
    )
    run_worker(
        file, log, state_dir, as_json, id=worker_id, options=chosen, payloads=load_payloads(payloads), queue=queue
    )


def _ports(first: int | None, count: int) -> list[int | None]:
    """One a process: the first, and those behind it; any for all when that is 0."""
    return [first and first + number for number in range(count)]


async def _supervise(
    same: list[str],
    state_dir: Path | None,
    worker_id: str | None,
    grace_s: float,
    ports: list[int | None],
) -> int:
    commands: list[list[str]] = []
    for number, port in enumerate(ports):
        command = same + ([] if state_dir is None else ["--state-dir", str(state_dir / f"worker-{number}")])
        command += [] if worker_id is None else ["--id", f"{worker_id}-{number}"]
        command += [] if port is None else ["--metrics-port", str(port)]
        commands.append(command)
    return await Supervisor(commands, grace_s).run()
