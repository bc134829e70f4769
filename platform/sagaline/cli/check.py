"""sagaline check: what in workflow code would differ on replay, without running it."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from sagaline import checker
from sagaline.checker import Report, TargetNotFound, VersionNotFound
from sagaline.cli import options
from sagaline.cli.output import FAILED, print_json, say
from sagaline.errors import ConfigurationError

_SARIF = typer.Option("--sarif", help="Print SARIF 2.1.0, for code hosts and editors.")
_AGAINST = typer.Option(
    "--against",
    help="An earlier version: a folder, a file, or a commit or tag of git. Runs that it started have to go on.",
    show_default=False,
)


def check(
    targets: Annotated[list[str], typer.Argument(help="Files, folders, or names of packages.", show_default=False)],
    against: Annotated[str, _AGAINST] = "",
    as_json: Annotated[bool, options.JSON] = False,
    as_sarif: Annotated[bool, _SARIF] = False,
) -> None:
    """Finds what would make a workflow differ on replay, in its code and all that it calls.

    Parses the code, never imports it. Exit code 1: something was found (hints alone do not count).

    Example: `sagaline check my_sagas.py --against v1.4`
    """
    report = _report([_path(target) for target in targets], against)
    if as_sarif:
        print_json(checker.as_sarif(report, _version()))
    elif as_json:
        print_json(checker.as_json(report))
    else:
        say(checker.as_text(report))
    if report.fails:
        raise typer.Exit(FAILED)


def _report(paths: list[Path], against: str) -> Report:
    files = list(dict.fromkeys(file for path in paths for file in checker.files_below(path)))
    if not against:
        return checker.check(files)
    try:
        with checker.earlier_files(against, paths) as earlier:
            return checker.check(files, earlier=earlier)
    except VersionNotFound as error:
        raise ConfigurationError(
            f"Expected --against to be a folder, a file, or a commit of git but got {against!r}: {error}"
        ) from error


def _path(target: str) -> Path:
    search = [Path(), Path("src"), *(Path(entry) for entry in sys.path if entry)]
    try:
        return checker.path_of(target, search)
    except TargetNotFound:
        raise ConfigurationError(f"Expected a file, a folder or a package {target!r} but there is none.") from None


def _version() -> str:
    try:
        return version("sagaline")
    except PackageNotFoundError:  # run from its sources
        return "0"
