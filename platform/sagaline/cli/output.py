"""What the commands print, and how they end. docs/cli.md has the table of exit codes; a test holds it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console

from sagaline.errors import (
    ClientClosed,
    ConfigurationError,
    FailureError,
    InvalidInput,
    LogUnavailable,
    MemberIdInUse,
    NamespaceNotFound,
    PayloadTooLarge,
    PayloadUnavailable,
    RequestRefused,
    RequestTimeout,
    RunParkedError,
    SagalineError,
    StateDirectoryInUse,
)

OK, FAILED, USAGE, NOT_FOUND, CONFLICT, UNAVAILABLE, TIMED_OUT = 0, 1, 2, 3, 4, 5, 124

out = Console()
err = Console(stderr=True)

CODES: tuple[tuple[type[SagalineError], int], ...] = (
    (RequestTimeout, TIMED_OUT),
    (LogUnavailable, UNAVAILABLE),
    (PayloadUnavailable, UNAVAILABLE),
    (RunParkedError, CONFLICT),
    (StateDirectoryInUse, CONFLICT),
    (MemberIdInUse, CONFLICT),
    (RequestRefused, CONFLICT),
    (NamespaceNotFound, NOT_FOUND),
    (ConfigurationError, USAGE),
    (InvalidInput, USAGE),
    (PayloadTooLarge, USAGE),
    (ClientClosed, FAILED),
    (FailureError, FAILED),
)
"""The first that an error is an instance of counts."""
_REFUSALS = {
    "WorkflowNotFound": NOT_FOUND,
    "ScheduleNotFound": NOT_FOUND,
    "InvalidInput": USAGE,
    "UnknownWorkflow": USAGE,
    "PayloadTooLarge": USAGE,
    "UnknownSignal": USAGE,
    "UnknownQuery": USAGE,
    "UnknownUpdate": USAGE,
}


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_json_line(value: Any) -> None:
    """One JSON value on a line of its own, for a stream of them."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line for a person, as it is."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def complain(text: str) -> None:
    """A line on standard error, as it is."""
    err.print(text, markup=False, highlight=False, soft_wrap=True)


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
    if isinstance(error, RequestRefused) and error.type in _REFUSALS:
        return _REFUSALS[error.type]
    return next((code for kind, code in CODES if isinstance(error, kind)), FAILED)


def guarded(command: Callable[[], Any]) -> None:
    """Runs the command line; an error of Sagaline is printed as its message, without a stack trace."""
    try:
        command()
    except SagalineError as error:
        err.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        complain(str(error))
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever reads has enough
        sys.stderr.close()
        sys.exit(0)
