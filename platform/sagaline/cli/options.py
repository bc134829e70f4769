"""The options that commands share: one word, one meaning."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import typer

from sagaline.cli.live import waiting
from sagaline.cli.loading import load_payloads
from sagaline.client import Client
from sagaline.errors import ConfigurationError

EMBEDDED_FOLDER, EMBEDDED_LOG = ".sagaline", "dev.db"

ID = typer.Argument(help="The run's business id.")
IDS = typer.Argument(help="Business ids of runs.")
RUN_ID = typer.Option("--run-id", help="The run that is meant; without it, the newest of the id.")
JSON = typer.Option("--json", help="Print JSON, in a shape that stays.")
TIMEOUT = typer.Option("--timeout", help='How long to wait for an answer, such as "10s" or "5m".')
LOG = typer.Option(
    "--log",
    envvar="SAGALINE_LOG",
    help="Where the log is: sqlite:///file.db or kafka://host:9092/namespace. Without it, the one that "
    "`sagaline dev` keeps: .sagaline/dev.db in this folder or one above.",
    show_default=False,
)
PAYLOADS = typer.Option(
    "--payloads",
    envvar="SAGALINE_PAYLOADS",
    help="Codecs and the store of large payloads: module:name of a sagaline.payloads.Payloads.",
)


class Link(NamedTuple):
    """Where the log is, and how its payloads are read, as the options say it."""

    log: str
    payloads: str | None = None


def find_embedded(start: Path | None = None) -> Path | None:
    """The folder of ``sagaline dev``, here or above; None when there is none."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / EMBEDDED_FOLDER / EMBEDDED_LOG).is_file():
            return folder / EMBEDDED_FOLDER
    return None


def find_log(log: str) -> str:
    """The URL that is given, else that of the embedded log. Raises ConfigurationError when there is neither."""
    if log:
        return log
    folder = find_embedded()
    if folder is None:
        raise ConfigurationError(
            "Expected --log URL, or the log of `sagaline dev FILE` (.sagaline/dev.db) in this folder or one above, "
            "but there is neither."
        )
    return f"sqlite:///{os.path.relpath(folder / EMBEDDED_LOG)}"


@asynccontextmanager
async def connected(link: Link) -> AsyncGenerator[Client]:
    """A client; says what it waits for when that takes more than a second."""
    url = find_log(link.log)
    payloads = load_payloads(link.payloads)
    async with waiting(f"the log at {url}"):
        client = await Client.connect(url, payloads=payloads)
    async with client:
        yield client
