"""sagaline patches: which patches of workflow code are still needed."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import out, print_json, say, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.client import PatchUse

_ADVICE = {
    "keep": "keep patched()",
    "deprecate": "replace patched() by deprecate_patch()",
    "remove": "remove deprecate_patch()",
}


def patches(
    workflow: Annotated[str | None, typer.Option(help="Name of a workflow: its patches alone.")] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Tells from the open runs which patches may be removed.

    A patch is known once a run has it. Open runs without it may still need the old branch.

    Example: `sagaline patches --log kafka://broker:9092/orders`
    """
    set_up_logging(verbose=False)
    uses = asyncio.run(_read(log, workflow, timeout))
    if as_json:
        print_json(plain(uses))
    elif not uses:
        say("No run has a patch.")
    else:
        _print(uses)


async def _read(log: str, workflow: str | None, timeout: str) -> list[PatchUse]:
    async with connected(Link(log)) as client, waiting("the owners of all partitions"):
        return await client.patches(workflow=workflow, timeout=timeout)


def _print(uses: list[PatchUse]) -> None:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("workflow", "patch", "with", "deprecated", "without", "what to do"):
        table.add_column(name, no_wrap=name != "patch")
    for use in uses:
        counts = (str(use.patched), str(use.deprecated), str(use.without))
        table.add_row(Text(use.workflow), Text(use.patch), *counts, _ADVICE[use.advice])
    out.print(table)
