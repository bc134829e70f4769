"""The table of exit codes in docs/cli.md is what the commands do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sagaline import errors
from sagaline._host.watchdog.watchdog import STALLED
from sagaline._model.failure import Failure
from sagaline.cli import output

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]*)\|$", PAGE, re.MULTILINE)
CODES = {name: int(code) for code, _, names in ROWS for name in re.findall(r"`(\w+)`", names)}
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "ActivityError": ("charge", Failure("CardDeclined", "no")),
    "ChildError": ("ship", "order-1/2", "failed", Failure("NoVan", "none is free")),
    "RequestRefused": (Failure("IdInUse", "another run has it"),),
    "RunError": ("order-1", "failed", Failure("CardDeclined", "no")),
    "RunParkedError": ("order-1", "run", Failure("KeyError", "3"), "it is parked"),
    "SideEffectError": ("draw_lots", Failure("RuntimeError", "no lots")),
    "UpdateError": ("order-1", "update-1", Failure("NoFig", "there is none")),
}
REFUSALS = ("WorkflowNotFound", "UnknownWorkflow", "InvalidInput", "PayloadTooLarge")


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_the_exit_code_of_the_table(name: str) -> None:
    error = getattr(errors, name)(*ARGUMENTS.get(name, ("why",)))
    assert output.exit_code(error) == CODES[name]


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_have_the_exit_code_of_the_table(name: str) -> None:
    assert output.exit_code(errors.RequestRefused(Failure(name, "why"))) == CODES[name]


def test_the_table_has_every_code() -> None:
    names = "OK FAILED USAGE NOT_FOUND CONFLICT UNAVAILABLE TIMED_OUT".split()
    assert {int(code) for code, _, _ in ROWS} == {getattr(output, name) for name in names} | {STALLED, 130}


def test_an_error_ends_the_process_with_its_code_and_without_a_stack_trace(capfd: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise errors.RequestTimeout("nobody [bold]answered[/]")

    with pytest.raises(SystemExit) as caught:
        output.guarded(command)
    assert caught.value.code == 124
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "RequestTimeout: nobody [bold]answered[/]\n")
