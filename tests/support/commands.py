"""Commands of ``sagaline`` inside a test."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, NamedTuple

from typer.testing import CliRunner

from sagaline.cli import app
from sagaline.cli.output import exit_code
from sagaline.errors import SagalineError


class Done(NamedTuple):
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


async def command(*args: str) -> Done:
    """Runs a command as ``main`` does, in a thread: the loop of the test goes on."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    result = await asyncio.to_thread(CliRunner().invoke, app, list(args))
    root.handlers[:], root.level = handlers, level  # the command's own writes to a stream that is gone
    error = result.exception
    if isinstance(error, SagalineError):
        return Done(exit_code(error), result.stdout, f"{result.stderr}{type(error).__name__}: {error}")
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Done(result.exit_code, result.stdout, result.stderr)
