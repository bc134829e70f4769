"""Whose steps a run has when its first events are copies of others', and what chance gives it."""

from __future__ import annotations

from sagaline import workflow
from sagaline._runtime.run import RunInfo


@workflow
async def quick() -> None: ...


def test_each_step_is_of_the_run_in_which_it_was_asked_for_also_while_that_is_replayed() -> None:
    """A rollback that has begun in the copy keeps the list of what it undoes."""
    run = RunInfo(quick.definition, "w", "fork", stands_for="first")
    assert (run.identity, run.run_of(1)) == ("first", "first")
    run.stand_for("second", 2)
    run.stand_for("second", 3)
    assert [run.run_of(step) for step in (1, 2, 3)] == ["first", "first", "second"]
    run.stand_for("", 4)
    assert (run.identity, [run.run_of(step) for step in (2, 4, 5)]) == ("fork", ["first", "second", "fork"])


def test_a_run_of_its_own_has_all_its_steps() -> None:
    run = RunInfo(quick.definition, "w", "run")
    assert (run.identity, run.run_of(1)) == ("run", "run")


def test_chance_is_that_of_the_run_that_it_stands_for() -> None:
    drawn: list[float] = []
    for stands_for in ("first", ""):
        run = RunInfo(quick.definition, "w", "fork", stands_for="first")
        generator = run.random
        generator.random()
        run.stand_for(stands_for, 1)
        drawn.append(generator.random())
    alone = RunInfo(quick.definition, "w", "fork").random
    assert drawn[0] != drawn[1]
    assert drawn[1] == alone.random()
