"""sagaline demo: a thousand orders, a worker killed twice, and books that balance."""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sagaline.cli import options
from sagaline.cli.output import FAILED, err, out, print_json, set_up_logging
from sagaline.errors import ConfigurationError


def demo(
    log: Annotated[str, typer.Option(envvar="SAGALINE_LOG", help="Log URL; without it, an embedded log.")] = "",
    orders: Annotated[Path | None, typer.Option(help="Orders, one JSON object a line; without it, a thousand.")] = None,
    in_flight: Annotated[int, typer.Option(help="Orders under way at once.", min=1)] = 200,
    kills: Annotated[int, typer.Option(help="How often the worker is killed with SIGKILL.", min=0)] = 2,
    fresh_state: Annotated[
        bool, typer.Option("--fresh-state", help="Empty the worker's state directory after each kill.")
    ] = False,
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Runs a thousand orders while the worker is killed twice.

    Then checks the books; exits with 1 if anything is off.

    Example: `sagaline demo` or `sagaline demo --log kafka://127.0.0.1:9092/demo --json`
    """
    set_up_logging(verbose=False)
    with tempfile.TemporaryDirectory(prefix="sagaline-demo-") as folder:
        report = _run(log, orders, Path(folder), in_flight, kills, fresh_state, as_json)
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report)
    if report.problems:
        raise typer.Exit(FAILED)


def _run(
    log: str, orders: Path | None, folder: Path, in_flight: int, kills: int, fresh_state: bool, as_json: bool
) -> Any:
    example = importlib.import_module("sagaline_sagas.order_fulfilment.demo")
    files = importlib.import_module("sagaline_sagas.order_fulfilment.orders")
    if orders is not None and not orders.is_file():
        raise ConfigurationError(f"Expected a file of orders at {orders} but there is none.")
    options = example.DemoOptions(
        log=log or f"sqlite:///{folder / 'log.db'}",
        orders=orders or files.ORDERS_FILE,
        folder=folder,
        in_flight=in_flight,
        kills=kills,
        fresh_state=fresh_state,
    )
    columns = (
        TextColumn("orders"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=err, disable=as_json) as bar:
        task = bar.add_task("", total=None)

        def progress(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        return asyncio.run(example.run_demo(options, progress))


def _print(report: Any) -> None:
    table = Table(title="Orders through a saga", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in (
        ("orders completed", report.completed),
        ("orders rolled back", report.rolled_back),
        ("activity executions", report.activity_executions),
        ("executions that were repeats", report.executions_repeated),
        ("worker killed", report.kills),
        ("time, seconds", f"{report.time_s:.1f}"),
        ("orders a second", f"{report.orders_per_s:.0f}"),
    ):
        table.add_row(name, str(value))
    out.print(table)
    if report.problems:
        for problem in report.problems:
            out.print(f"[bold red]wrong[/]: {problem}", highlight=False)
    else:
        out.print(
            "[bold green]The books balance[/]: no stock lost or doubled, no payment without shipment, all undone once."
        )
