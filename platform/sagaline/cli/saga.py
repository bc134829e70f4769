"""sagaline saga: what a saga has done, what would be undone, undoing it, and what becomes of parked steps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from sagaline.cli import options, saga_graph
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import print_json, say, set_up_logging
from sagaline.cli.shapes import plain
from sagaline.cli.values import JSON_VALUE, arguments_of, value_of
from sagaline.client import RunHandle, RunSaga, SagaLedger, UndoPreview

app = typer.Typer(help="What sagas have done, what would be undone, and what becomes of parked steps.")

STEP = typer.Argument(help="The parked step, or the one whose compensation is; needless when one alone is parked.")
REASON = typer.Option(help="Why, for the reader of the history.")
BY = typer.Option(help="Who says so; by default this user and host.")


@app.command("ledger")
def ledger(
    workflow_id: Annotated[str, options.ID],
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Shows each step of a saga, with its class and outcome, and how far it is undone.

    Works for runs that have ended too, and without a worker.

    Example: `sagaline saga ledger order-17`
    """
    found: SagaLedger = _ask(Link(log, payloads), workflow_id, run_id, lambda saga: saga.ledger(timeout))
    if as_json:
        print_json(plain(found))
        return
    if not found.entries:
        say(f"{workflow_id} has no steps of a saga.")
    for entry, line in zip(found.entries, saga_graph.lines(found), strict=True):
        typer.echo(line)
        for detail in saga_graph.entry_details(entry):
            typer.echo(f"        {detail}")


@app.command("graph")
def graph(
    workflow_id: Annotated[str, options.ID],
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Prints a saga as a Mermaid flowchart: its steps, and what undoes them, each with its state.

    Example: `sagaline saga graph order-17 > order-17.mmd`
    """
    found: SagaLedger = _ask(Link(log, payloads), workflow_id, run_id, lambda saga: saga.ledger(timeout))
    text = saga_graph.mermaid(found)
    print_json({"mermaid": text}) if as_json else typer.echo(text)


@app.command("preview")
def preview(
    workflow_id: Annotated[str, options.ID],
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Says which compensations would run if the run was cancelled now, or undone if it has ended, in which order.
    Nothing is changed.

    Example: `sagaline saga preview order-17`
    """
    found: UndoPreview = _ask(Link(log, payloads), workflow_id, run_id, lambda saga: saga.preview(timeout))
    if as_json:
        print_json(plain(found))
        return
    for entry in found.waits_for:
        then = "it is undone too, unless it fails without effect"
        if entry.child is not None:
            then = "it is stopped, and what it has not undone itself is undone"
        typer.echo(f"waits for {entry.activity} (step {entry.step}): {then}")
    for number, batch in enumerate(found.batches, 1):
        for call in batch:
            typer.echo(
                f"{number:>4}  {call.compensation}({_shown(call.input)})  undoes step {call.step}, {call.activity}"
                + (f", of run {call.run_id}" if call.run_id else "")
            )
    if found.pivot is not None:
        say(f"The pivot {found.pivot} is done, or under way: nothing is undone behind it.")
    elif not found.batches and not found.waits_for:
        say("Nothing would be undone.")


@app.command("undo")
def undo(
    workflow_id: Annotated[str, options.ID],
    reason: Annotated[str, REASON],
    by: Annotated[str | None, BY] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Undoes what a run that has ended has done: another run of its id compensates its steps, the newest first.

    `preview` says which. A run is undone once; asked again, the same run is named. One that is open is cancelled, or
    `terminate --undo` ends it without its code.

    Example: `sagaline saga undo order-17 --reason "the customer has sent it back"`
    """
    handle: RunHandle[Any] = _ask(
        Link(log), workflow_id, run_id, lambda saga: saga.undo(reason=reason, by=by, timeout=timeout)
    )
    if as_json:
        print_json({"workflow_id": workflow_id, "run_id": handle.run_id})
    else:
        say(f"{workflow_id} is undone by run {handle.run_id}. Follow it: sagaline show {workflow_id} --watch")


@app.command("retry")
def retry(
    workflow_id: Annotated[str, options.ID],
    step: Annotated[int | None, STEP] = None,
    reason: Annotated[str, REASON] = "retried by a person",
    by: Annotated[str | None, BY] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Has a parked step attempted again, with as many attempts as its policy says.

    Example: `sagaline saga retry order-17 --reason "the bank is back"`
    """
    _ask(Link(log), workflow_id, run_id, lambda saga: saga.retry(step, reason=reason, by=by, timeout=timeout))
    _report(workflow_id, "is attempted again", as_json)


@app.command("edit")
def edit(
    workflow_id: Annotated[str, options.ID],
    step: Annotated[int | None, STEP] = None,
    arguments: Annotated[list[str] | None, typer.Option("--arg", help=f"An argument, in order: {JSON_VALUE}.")] = None,
    reason: Annotated[str, REASON] = "retried by a person with other arguments",
    by: Annotated[str | None, BY] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Has a parked step attempted again with other arguments: all of them, in their order.

    Example: `sagaline saga edit order-17 --arg '{"id": 17}' --arg null --reason "the account has moved"`
    """
    values = arguments_of(None, arguments)
    _ask(
        Link(log, payloads),
        workflow_id,
        run_id,
        lambda saga: saga.edit(step, *values, reason=reason, by=by, timeout=timeout),
    )
    _report(workflow_id, "is attempted again, with other arguments", as_json)


@app.command("done")
def done(
    workflow_id: Annotated[str, options.ID],
    reason: Annotated[str, typer.Option(help="The evidence, for the reader of the history.")],
    step: Annotated[int | None, STEP] = None,
    result: Annotated[str, typer.Option(help=f"What the code is given: {JSON_VALUE}.")] = "null",
    by: Annotated[str | None, BY] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
    payloads: Annotated[str | None, options.PAYLOADS] = None,
) -> None:
    """Says that a parked step has been done by other means.

    Example: `sagaline saga done order-17 --reason "refunded by hand, ticket 512"`
    """
    value = value_of(result, "--result")
    _ask(
        Link(log, payloads),
        workflow_id,
        run_id,
        lambda saga: saga.done(step, reason=reason, result=value, by=by, timeout=timeout),
    )
    _report(workflow_id, "is done", as_json)


@app.command("skip")
def skip(
    workflow_id: Annotated[str, options.ID],
    reason: Annotated[str, REASON],
    step: Annotated[int | None, STEP] = None,
    by: Annotated[str | None, BY] = None,
    run_id: Annotated[str | None, options.RUN_ID] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Says that a parked step will not be done: a compensation counts as done, any other step has failed.

    Example: `sagaline saga skip order-17 --reason "the customer keeps it"`
    """
    _ask(Link(log), workflow_id, run_id, lambda saga: saga.skip(step, reason=reason, by=by, timeout=timeout))
    _report(workflow_id, "is skipped", as_json)


def _ask(link: Link, workflow_id: str, run_id: str | None, what: Callable[[RunSaga[Any]], Awaitable[Any]]) -> Any:
    set_up_logging(verbose=False)

    async def run() -> Any:
        async with connected(link) as client, waiting(f"the owner of {workflow_id}"):
            return await what(client.handle(workflow_id, run_id).saga)

    return asyncio.run(run())


def _report(workflow_id: str, done: str, as_json: bool) -> None:
    print_json({"workflow_id": workflow_id}) if as_json else say(f"The step of {workflow_id} {done}.")


def _shown(arguments: Any) -> str:
    if not isinstance(arguments, list):
        return str(arguments)
    listed: list[Any] = arguments  # pyright: ignore[reportUnknownVariableType]
    return ", ".join(json.dumps(argument) for argument in listed)
