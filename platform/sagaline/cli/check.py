"""sagaline check: what in workflow code would differ on replay, without running it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sagaline.checker import TargetNotFound, as_json, as_text, check, files_of
from sagaline.cli import options
from sagaline.cli.output import FAILED, print_json, say
from sagaline.errors import ConfigurationError


def check_code(
    targets: Annotated[list[str], typer.Argument(help="Files, folders, or names of packages.", show_default=False)],
    as_json_: Annotated[bool, options.JSON] = False,
) -> None:
    """Finds what would make a workflow differ on replay, in its code and all that it calls.

    Parses the code, never imports it. Exit code 1: something was found (hints alone do not count).

    Example: `sagaline check my_sagas.py`
    """
    report = check(_files(targets))
    if as_json_:
        print_json(as_json(report))
    else:
        say(as_text(report))
    if report.fails:
        raise typer.Exit(FAILED)


def _files(targets: list[str]) -> list[Path]:
    search = [Path(), Path("src"), *(Path(entry) for entry in sys.path if entry)]
    files: list[Path] = []
    for target in targets:
        try:
            files += files_of(target, search)
        except TargetNotFound:
            raise ConfigurationError(f"Expected a file, a folder or a package {target!r} but there is none.") from None
    return list(dict.fromkeys(files))
