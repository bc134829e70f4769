"""The command line. Data goes to standard output, messages to standard error; every command has --json."""

from __future__ import annotations

import typer

from sagaline.cli import (
    activity_outcomes,
    cancel,
    check,
    demo,
    dev,
    doctor,
    export,
    history,
    limits,
    list_runs,
    locks,
    outcomes,
    patches,
    pause,
    query_run,
    replay,
    reset,
    result,
    resume,
    runs,
    saga,
    schedule,
    show,
    signal_run,
    start,
    terminate,
    topics,
    update_run,
    worker,
)
from sagaline.cli.output import guarded

__all__ = ["app", "main"]

app = typer.Typer(
    help="Durable sagas on Kafka.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("dev")(dev.dev)
app.command("worker")(worker.worker)
app.command("start")(start.start)
app.command("result")(result.result)
app.command("list")(list_runs.list_runs)
app.command("show")(show.show)
app.command("history")(history.history)
app.command("patches")(patches.patches)
app.command("outcomes")(outcomes.outcomes)
app.command("export")(export.export)
app.command("replay")(replay.replay)
app.command("signal")(signal_run.signal_run)
app.command("query")(query_run.query_run)
app.command("update")(update_run.update_run)
app.command("cancel")(cancel.cancel)
app.command("terminate")(terminate.terminate)
app.command("pause")(pause.pause)
app.command("resume")(resume.resume)
app.command("reset")(reset.reset)
app.add_typer(runs.app, name="runs")
app.add_typer(activity_outcomes.app, name="activity")
app.add_typer(locks.app, name="locks")
app.add_typer(limits.app, name="limits")
app.add_typer(saga.app, name="saga")
app.add_typer(schedule.app, name="schedule")
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)
app.add_typer(topics.app, name="topics")
app.command("demo")(demo.demo)


def main() -> None:
    """Entry point: errors of Sagaline become a message and an exit code."""
    guarded(app)
