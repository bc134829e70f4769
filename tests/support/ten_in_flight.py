"""Scenario 9: the ten workflows that are not deterministic, as runs in flight on a worker.

What the worker notices is what docs/workflows.md says of the second and third net; what it cannot notice is the
checker's. A run whose code was changed waits, before anything is asked for, and ends with the code that it began with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from nondeterminism import SCENARIOS as SCENARIOS
from nondeterminism import Scenario, load
from three_modes import NORMAL, Code, Outcome, Run, run_in
from versioning_walk import check_stop, ended_by, events_in

from sagaline import Client, RunParkedError
from sagaline._model import events as e
from sagaline._runtime import watching

REFUSED = {"wall_clock": 27, "environment": 27, "reads_a_file": 26, "chance": 27}
"""Refused at run time, in these lines."""
DIFFERS_FROM = {"other_step": 2, "swapped_steps": 1, "removed_step": 2}
"""The record from which on a history differs from what the changed code does."""
COUNTS = "shared_state"
"""Differs when it is replayed in the process in which it has run."""
PARKED_COUNTS = [["HistoryMismatch", f"{COUNTS}.py:{line}"] for line in (31, 32)]
"""Where: at the first step of one way or of the other."""
UNNOTICED = ("set_order", "other_arguments")
"""The same steps with other arguments: the checker's alone."""
_ACTIVITIES = ("reserve", "charge", "ship", "move")


@cache
def module_of(scenario: Scenario, before: bool) -> Any:
    """The module with the code that runs begin with, or that takes over."""
    return load(scenario.before if before and scenario.before is not None else scenario.file)


def code_of(scenario: Scenario) -> Code:
    """The run begins with one version; the next takes over, and then the first again."""
    first, then = module_of(scenario, True), module_of(scenario, False)
    activities = [getattr(first, name) for name in _ACTIVITIES if hasattr(first, name)]
    return Code([first.order], activities, after_kills=[[then.order], [first.order]] if scenario.before else ())


def scenario_of(scenario: Scenario) -> Callable[[Client], Any]:
    """One run, up to its end or to where it is parked for good."""
    on_parked: Any = "wait" if scenario.before is not None else "raise"

    async def play(client: Client) -> Any:
        watching.count_anew()  # on Python 3.11 the second net looks at samples: at the first of all runs
        handle = await client.start_by_name("order", "shelf", id="order")
        try:
            return await handle.result(600, on_parked=on_parked)
        except RunParkedError:
            failure = (await handle.describe()).failure
            assert failure is not None
            place = re.search(r"\w+\.py:\d+", failure.message)
            assert place is not None, failure.message
            return [failure.type, place[0]]

    return play


def kills_of(scenario: Scenario, number: int) -> tuple[int, ...]:
    """After this record; and where the successor parks the run, after that is recorded."""
    stops = scenario.name in DIFFERS_FROM and number >= DIFFERS_FROM[scenario.name]
    return (number, number + 1) if stops else (number,)


def check_of(scenario: Scenario) -> Callable[[int, Run], None]:
    """The oracle, given the record after which the worker was killed: 0 for none."""

    def check(number: int, run: Run) -> None:
        name, returned = scenario.name, run.outcome.returned
        if name in REFUSED:
            assert returned == ["ForbiddenInWorkflow", f"{name}.py:{REFUSED[name]}"]
            assert run.outcome.decisions == {"order": []}, "nothing was asked for"
        elif name == COUNTS:
            assert returned in ([["reserved apple"], ["charged apple"], *PARKED_COUNTS])
        elif name in UNNOTICED:
            assert asked(run.outcome) == asked(undisturbed(scenario, True)), "the same steps, with what arguments ever"
        elif name in DIFFERS_FROM and number >= DIFFERS_FROM[name] and not ended_by(run, number):
            assert run.outcome == undisturbed(scenario, True), "it ends with the code that it began with"
            check_stop(run, number, scenario.file.name)
        else:  # it had not come to where they differ
            changed = 0 < number < DIFFERS_FROM.get(name, 0)
            assert run.outcome == undisturbed(scenario, not changed)
            assert not [event for event in events_in(run) if isinstance(event, e.RunParked)]

    return check


def asked(outcome: Outcome) -> dict[str, list[str]]:
    """The kinds of what runs asked for."""
    return {run: [kind for kind, _ in decisions] for run, decisions in outcome.decisions.items()}


@cache
def undisturbed(scenario: Scenario, before: bool) -> Outcome:
    """What one version does alone."""
    module = module_of(scenario, before)
    code = code_of(scenario)._replace(workflows=[module.order], after_kills=())
    return run_in(NORMAL, code, scenario_of(scenario)).outcome
