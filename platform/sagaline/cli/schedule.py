"""sagaline schedule: runs that begin at due times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from sagaline.cli import options
from sagaline.cli.live import waiting
from sagaline.cli.options import Link, connected
from sagaline.cli.output import out, print_json, say, set_up_logging
from sagaline.cli.shapes import STYLES, plain
from sagaline.cli.values import ARG_HELP, INPUT_HELP, SEARCH_HELP, arguments_of, named_values, time_of
from sagaline.client import Cron, Every, ScheduleDescription, Schedules, words

R = TypeVar("R")
app = typer.Typer(help="Schedules: make, show and change them.", no_args_is_help=True)
_ID = typer.Argument(help="The id of the schedule.")
_BY = typer.Option(help="Who asks; by default this user and host.")
_OVERLAP = "skip, buffer-one, buffer-all, cancel-other, terminate-other or allow-all"


def _asked(log: str, id: str, ask: Callable[[Schedules], Awaitable[R]]) -> R:
    set_up_logging(verbose=False)

    async def run() -> R:
        async with connected(Link(log)) as client, waiting(f"the owner of schedule {id}"):
            return await ask(client.schedules)

    return asyncio.run(run())


def _told(as_json: bool, id: str, text: str, **details: Any) -> None:
    print_json({"id": id, **details}) if as_json else say(f"{id} {text}.")


@app.command("create")
def create(
    id: Annotated[str, typer.Argument(help="An id for the schedule; those of its runs begin with it.")],
    workflow: Annotated[str, typer.Argument(help="Name of the workflow.")],
    cron: Annotated[list[str] | None, typer.Option(help="Due by a cron expression; repeat for more.")] = None,
    every: Annotated[list[str] | None, typer.Option(help='Due each so often, such as "15m"; repeat for more.')] = None,
    offset: Annotated[str, typer.Option(help="How much later than a multiple of --every.")] = "0s",
    zone: Annotated[str, typer.Option(help="Time zone of --cron and --exclude, such as Europe/Berlin.")] = "UTC",
    exclude: Annotated[list[str] | None, typer.Option(help="A date on which nothing is due; repeat for more.")] = None,
    overlap: Annotated[str, typer.Option(help=f"While a run is open: {_OVERLAP}.")] = "skip",
    catch_up: Annotated[str, typer.Option(help="After an outage, what was due longer ago is missed.")] = "1d",
    jitter: Annotated[str, typer.Option(help="Each run begins up to so much later.")] = "0s",
    pause_on_failure: Annotated[bool, typer.Option("--pause-on-failure", help="Pause when a run fails.")] = False,
    run_timeout: Annotated[str | None, typer.Option(help="A run that takes longer is cancelled.")] = None,
    argument: Annotated[str | None, typer.Option("--input", help=INPUT_HELP)] = None,
    arguments: Annotated[list[str] | None, typer.Option("--arg", help=ARG_HELP)] = None,
    search: Annotated[list[str] | None, typer.Option("--search", help=SEARCH_HELP)] = None,
    paused: Annotated[bool, typer.Option("--paused", help="It begins paused.")] = False,
    note: Annotated[str, typer.Option(help="A note for its readers.")] = "",
    if_exists: Annotated[str, typer.Option(help="When there is one of the id: fail, update or keep.")] = "fail",
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Makes a schedule: each due time begins a run of the workflow.

    Example: `sagaline schedule create nightly report --cron "0 2 * * *" --zone Europe/Berlin --input '"EU"'`
    """
    specs = [*(Cron(text, zone) for text in cron or ()), *(Every(text, offset, zone) for text in every or ())]
    settings: dict[str, Any] = {"spec": specs, "overlap": overlap.replace("-", "_"), "catch_up": catch_up}
    settings |= {"jitter": jitter, "pause_on_failure": pause_on_failure, "run_timeout": run_timeout, "paused": paused}
    settings |= {"note": note, "exclude": exclude or [], "if_exists": if_exists, "timeout": timeout}
    values, found = arguments_of(argument, arguments), named_values(search, "--search")
    _asked(log, id, lambda all_: all_.create(id, workflow, *values, search_attributes=found, **settings))
    _told(as_json, id, f"begins {workflow} when it is due")


@app.command("list")
def list_schedules(
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Lists all schedules. Works without a worker too.

    Example: `sagaline schedule list`
    """
    schedules = _asked(log, "", lambda all_: all_.list(timeout=timeout))
    if as_json:
        print_json(plain(schedules))
        return
    if not schedules:
        say("There is no schedule.")
        return
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("id", "workflow", "due", "status"):
        table.add_column(name)
    for schedule in schedules:
        status = "parked" if schedule.failure else "paused" if schedule.paused else "active"
        table.add_row(Text(schedule.id), Text(schedule.workflow), Text(schedule.specs), status)
    out.print(table)


@app.command("show")
def show(
    id: Annotated[str, _ID],
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Shows a schedule: when it is due next, its runs, and what became of its due times.

    Example: `sagaline schedule show nightly`
    """
    schedule = _asked(log, id, lambda all_: all_.describe(id, timeout=timeout))
    print_json(plain(schedule)) if as_json else _print(schedule)


@app.command("pause")
def pause(
    id: Annotated[str, _ID],
    note: Annotated[str, typer.Option(help="Why, for its readers.")] = "",
    by: Annotated[str | None, _BY] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Pauses a schedule: what is due is skipped until `resume`.

    Example: `sagaline schedule pause nightly --note "the warehouse moves"`
    """
    _asked(log, id, lambda all_: all_.pause(id, note, by=by, timeout=timeout))
    _told(as_json, id, "is paused")


@app.command("resume")
def resume(
    id: Annotated[str, _ID],
    note: Annotated[str, typer.Option(help="Why, for its readers.")] = "",
    by: Annotated[str | None, _BY] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Lets a paused schedule go on with what is due from now on.

    Example: `sagaline schedule resume nightly`
    """
    _asked(log, id, lambda all_: all_.resume(id, note, by=by, timeout=timeout))
    _told(as_json, id, "goes on")


@app.command("trigger")
def trigger(
    id: Annotated[str, _ID],
    overlap: Annotated[str | None, typer.Option(help=f"Instead of the schedule's: {_OVERLAP}.")] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Begins a run now, also while the schedule is paused; prints its id.

    Example: `sagaline schedule trigger nightly --overlap allow-all`
    """
    word: Any = None if overlap is None else overlap.replace("-", "_")
    workflow_id = _asked(log, id, lambda all_: all_.trigger(id, overlap=word, timeout=timeout))
    print_json({"id": id, "workflow_id": workflow_id}) if as_json else out.print(workflow_id)


@app.command("backfill")
def backfill(
    id: Annotated[str, _ID],
    start: Annotated[str, typer.Option("--from", help="Begin of the range, with a zone: 2026-11-01T00:00:00Z.")],
    end: Annotated[str, typer.Option("--to", help="End of the range, in the past.")],
    overlap: Annotated[str | None, typer.Option(help=f"Instead of the schedule's: {_OVERLAP}.")] = None,
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Offers the due times of a range of the past again.

    A due time whose run is still kept does not begin another.

    Example: `sagaline schedule backfill nightly --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z`
    """
    word: Any = None if overlap is None else overlap.replace("-", "_")
    begin_at, end_at = _time(start, "--from"), _time(end, "--to")
    count = _asked(log, id, lambda all_: all_.backfill(id, begin_at, end_at, overlap=word, timeout=timeout))
    _told(as_json, id, f"is offered {count} due times again", due_times=count)


@app.command("delete")
def delete(
    id: Annotated[str, _ID],
    timeout: Annotated[str, options.TIMEOUT] = "30s",
    log: Annotated[str, options.LOG] = "",
    as_json: Annotated[bool, options.JSON] = False,
) -> None:
    """Ends a schedule; runs that it began go on.

    Example: `sagaline schedule delete nightly`
    """
    _asked(log, id, lambda all_: all_.delete(id, timeout=timeout))
    _told(as_json, id, "is deleted")


def _time(text: str, option: str) -> datetime:
    return time_of(text, f"{option} to be a time with a zone, such as 2026-11-01T00:00:00Z,")


def _print(schedule: ScheduleDescription) -> None:
    what = f"{schedule.id}: {schedule.workflow}, due {'; '.join(schedule.specs)}; overlap {schedule.overlap}"
    out.print(Text(what))
    if schedule.paused:
        out.print(Text(f"paused by {schedule.by}: {schedule.note or 'no reason was given'}", "yellow"))
    following = ", ".join(words.clock(at)[:19] for at in schedule.next_due)
    out.print(Text(f"next (UTC): {following or 'never'}"))
    counts = ("fired", "skipped", "missed", "overflowed", "refused", "waiting", "backfills")
    out.print(Text(", ".join(f"{name} {getattr(schedule, name)}" for name in counts)))
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("run", "due (UTC)", "status", "why"):
        table.add_column(name)
    for run in (*schedule.open, *reversed(schedule.recent)):
        why = "" if run.failure is None else f"{run.failure.type}: {run.failure.message}"
        status = Text(run.status, STYLES.get(run.status, ""))
        table.add_row(Text(run.workflow_id), words.clock(run.due_at)[:19], status, Text(why))
    if table.row_count:
        out.print(table)
