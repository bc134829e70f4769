"""What the commands print, and how they end.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 not found, 4 refused or in conflict, 5 unavailable, 124 timed out.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console

from sagaline.errors import (
    ConfigurationError,
    InvalidInput,
    LogUnavailable,
    MemberIdInUse,
    PayloadTooLarge,
    RequestRefused,
    RequestTimeout,
    RunError,
    SagalineError,
    StateDirectoryInUse,
)

OK, FAILED, USAGE, NOT_FOUND, CONFLICT, UNAVAILABLE, TIMED_OUT = 0, 1, 2, 3, 4, 5, 124

out = Console()
err = Console(stderr=True)

JSON_OPTION = typer.Option("--json", help="Print JSON.")
LOG_OPTION = typer.Option(
    "--log",
    envvar="SAGALINE_LOG",
    help="Where the log is: sqlite:///file.db or kafka://host:9092/namespace.",
)

PAYLOADS_OPTION = typer.Option(
    "--payloads",
    envvar="SAGALINE_PAYLOADS",
    help="Codecs and the store of large payloads: module:name of a sagaline.payloads.Payloads.",
)


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def set_up_logging(verbose: bool) -> None:
    """Messages to standard error."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
        force=True,
    )


def exit_code(error: SagalineError) -> int:
    """The exit code that tells a script what went wrong."""
    if isinstance(error, RequestRefused):
        if error.type == "WorkflowNotFound":
            return NOT_FOUND
        return USAGE if error.type == "InvalidInput" else CONFLICT
    codes: tuple[tuple[type[SagalineError], int], ...] = (
        (RequestTimeout, TIMED_OUT),
        (LogUnavailable, UNAVAILABLE),
        (StateDirectoryInUse, CONFLICT),
        (MemberIdInUse, CONFLICT),
        (ConfigurationError, USAGE),
        (InvalidInput, USAGE),
        (PayloadTooLarge, USAGE),
        (RunError, FAILED),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), FAILED)


def guarded(command: Callable[[], Any]) -> None:
    """Runs the command line; an error of Sagaline is printed as its message, without a stack trace."""
    try:
        command()
    except SagalineError as error:
        err.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        err.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
