"""Scenario 6: updates in three modes: one id counts once, refusals leave nothing, and every caller is told the truth."""

from __future__ import annotations

import uuid

import pytest
from counted_updates import CHAIN, CUT_OFF, FIFTY, STRICTER, begun_by_updates, cut_off, fifty, stricter_takes_over
from three_modes import CACHE_OF_ZERO, NORMAL, Code, Mode, Scenario, in_each_mode, killed, run_in, run_on


def test_fifty_with_one_id_count_once() -> None:
    outcomes = in_each_mode(FIFTY, fifty)
    assert len(outcomes) >= 6, "a crash at each record, also while the handler is at work"
    assert outcomes["normal"].returned == [5] * 50
    assert outcomes["normal"].effects == {"book": 1}


def test_a_handler_that_its_run_leaves_at_work_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The callers' part: later ones land on the next run, and each is told what has come of its own."""
    normal = run_in(NORMAL, CHAIN, cut_off)
    assert normal.outcome.returned == CUT_OFF
    assert "leaves handlers at work: update hang" in caplog.text
    assert run_in(CACHE_OF_ZERO, CHAIN, cut_off).outcome.returned == CUT_OFF
    for n in range(1, normal.records + 1):
        run = run_in(killed(n), CHAIN, cut_off)
        assert (run.outcome.returned, run.kills) == (CUT_OFF, 1), f"killed after record {n}"


def test_updates_that_begin_their_run_count_once() -> None:
    outcomes = in_each_mode(FIFTY, begun_by_updates)
    assert len(outcomes) >= 8, "a crash at each record, also between a run's beginning and its update"
    assert outcomes["normal"].returned == [5] * 20
    assert outcomes["normal"].effects == {"book": 1}


def test_a_stricter_validator_after_the_crash_concerns_only_what_was_not_accepted() -> None:
    records = run_in(NORMAL, STRICTER, stricter_takes_over).records
    assert records >= 6
    for n in range(1, records + 1):
        assert run_in(killed(n), STRICTER, stricter_takes_over).kills == 1


@pytest.mark.parametrize("mode", [NORMAL, CACHE_OF_ZERO], ids=lambda mode: mode.name)
@pytest.mark.parametrize(("code", "scenario", "answers"), [(FIFTY, fifty, [5] * 50), (CHAIN, cut_off, CUT_OFF)])
async def test_on_the_real_clock(code: Code, scenario: Scenario, answers: list[object], mode: Mode) -> None:
    run = await run_on(f"memory://updates{uuid.uuid4().hex}?partitions=2", code, scenario, mode)
    assert run.outcome.returned == answers
