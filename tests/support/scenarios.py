"""The scenarios of SEMANTICS.md, section 6, that run on every log: what workers know, what a client does, the oracle.

Number 11 is not there: a person pauses a run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import asyncio_zoo
import attempt_matrix
import cancel_matrix
import closing_edge
import closing_updates
import counted_updates
import fan_outs
import paused_runs
import saga_gauntlet
import ten_in_flight
import versioning_walk
from three_modes import NORMAL, Code, Outcome, Run, Scenario, run_in

Check = Callable[[int, Run], None]
SEED = int(os.environ.get("SAGALINE_SEED") or random.randrange(10**9))
"""Of the streams of scenario 5, and of where workers are killed in long histories."""


_FANS = [
    (fan_outs.weighs, 60, True),
    (fan_outs.weighs, 2_000, True),
    (fan_outs.begins, 60, True),
    (fan_outs.begins, 300, True),
    (fan_outs.begins, 2_000, False),  # each end of a child replays them all
]


def some_records(records: int, most: int) -> list[int]:
    """So many records of a history after which to kill, in order: all where it has no more, other ones for each seed."""
    return sorted(random.Random(f"{SEED}/{records}").sample(range(1, records + 1), min(most, records)))


def once(number: int) -> tuple[int, ...]:
    """One kill, after this record."""
    return (number,)


class OnLogs(NamedTuple):
    """``check`` is the oracle, given the record after which a worker was killed, 0 for none. ``kills``: all kills,
    given the first. ``is_large``: for ``make scenarios`` alone. ``replays``: it can be afforded with a cache of zero."""

    number: int
    name: str
    code: Code
    scenario: Scenario
    check: Check
    kills: Callable[[int], tuple[int, ...]] = once
    is_large: bool = False
    replays: bool = True


def as_normal(code: Code, scenario: Scenario) -> Check:
    """The same final state, the same commands, the same count of effects as undisturbed on the virtual clock."""

    @cache
    def expected() -> Outcome:
        return run_in(NORMAL, code, scenario).outcome

    def check(number: int, run: Run) -> None:
        assert run.outcome == expected(), f"expected {expected()}\nbut got {run.outcome}"

    return check


def returns(expected: object) -> Check:
    """The scenario has checked itself, and comes to this."""

    def check(number: int, run: Run) -> None:
        assert run.outcome.returned == expected, run.outcome.returned

    return check


def _same(number: int, name: str, code: Code, scenario: Scenario) -> OnLogs:
    return OnLogs(number, name, code, scenario, as_normal(code, scenario))


def _all() -> list[OnLogs]:
    found = [_same(1, "asyncio zoo", asyncio_zoo.CODE, asyncio_zoo.scenario)]
    resumed = returns(attempt_matrix.RESUMED)
    found.append(OnLogs(3, "an attempt resumes", attempt_matrix.IMPORT, attempt_matrix.resumes, resumed))
    for case in cancel_matrix.CASES:
        if case.on_any_clock:
            found.append(_same(4, f"cancel {case.name}", cancel_matrix.CODE, cancel_matrix.scenario_of(case)))
    for what, edge in (("signals", closing_edge), ("updates", closing_updates)):
        for ending in closing_edge.ENDINGS:
            check = returns(closing_edge.STATUS[ending])
            found.append(OnLogs(5, f"{what}, it {ending}", edge.CODE, edge.scenario_of(ending, SEED), check))
    chain = returns(counted_updates.CUT_OFF)
    found.append(_same(6, "fifty updates", counted_updates.FIFTY, counted_updates.fifty))
    found.append(OnLogs(6, "updates of a chain", counted_updates.CHAIN, counted_updates.cut_off, chain))
    stricter = counted_updates.stricter_takes_over
    found.append(OnLogs(6, "a stricter worker", counted_updates.STRICTER, stricter, returns(None)))
    for fan, numbers, replays in _FANS:
        fanned = _same(7, f"{numbers:,} by {fan.name}", fan_outs.CODE, fan_outs.fans_out(fan, numbers))
        found.append(fanned._replace(is_large=numbers > 100, replays=replays))
    walk = versioning_walk
    for pair in walk.PAIRS:
        name = f"v{pair[0] + 1} then v{pair[1] + 1}"
        check, kills = walk.check_of(pair), partial(walk.kills_of, pair)
        found.append(OnLogs(8, name, walk.code_of(*pair), walk.scenario, check, kills))
    ten = ten_in_flight
    found += [
        OnLogs(9, one.name, ten.code_of(one), ten.scenario_of(one), ten.check_of(one), partial(ten.kills_of, one))
        for one in ten.SCENARIOS
    ]
    for name, plan, repairs, expected in saga_gauntlet.ON_LOGS:
        played = saga_gauntlet.scenario_of(plan, repairs)
        found.append(OnLogs(10, name, saga_gauntlet.CODE, played, returns(expected)))
    same = as_normal(paused_runs.CODE, paused_runs.scenario)

    def check_pause(number: int, run: Run) -> None:
        same(number, run)
        paused_runs.check_pause(run)

    found.append(OnLogs(11, "a pause", paused_runs.CODE, paused_runs.scenario, check_pause))
    return found


ALL = {one.name: one for one in _all()}
