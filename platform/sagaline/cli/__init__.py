"""The command line. Data goes to standard output, messages to standard error; every command has --json."""

from __future__ import annotations

import typer

from sagaline.cli import demo, doctor, quarantine, run, show, start, topics
from sagaline.cli.output import guarded

__all__ = ["app", "main"]

app = typer.Typer(
    help="Durable sagas on Kafka.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("dev")(run.dev)
app.command("worker")(run.worker)
app.command("start")(start.start)
app.command("show")(show.show)
app.command("doctor")(doctor.doctor)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(topics.app, name="topics")


def main() -> None:
    """Entry point: errors of Sagaline become a message and an exit code."""
    guarded(app)
