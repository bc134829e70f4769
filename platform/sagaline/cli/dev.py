"""sagaline dev: a worker with an embedded log, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagaline.cli import options
from sagaline.cli.loading import load_payloads
from sagaline.cli.output import set_up_logging
from sagaline.cli.running import FILE, run_worker


def dev(
    file: Annotated[str, FILE],
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where log and state are kept. By default .sagaline, in this folder or one above.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Runs a worker with an embedded log: one process, no server.

    The other commands find that log by themselves.

    Example: `sagaline dev my_sagas.py`, then in another terminal
    `sagaline start fulfil_order --id order-1 --input '{"id": "1"}' --wait`
    """
    set_up_logging(verbose=True)
    folder = folder or options.find_embedded() or Path(options.EMBEDDED_FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / options.EMBEDDED_LOG}"
    hint = "Start a run from another terminal: sagaline start {workflow} --id ID --input JSON --wait"
    run_worker(file, url, folder / "state", as_json, hint, payloads=load_payloads(payloads))
