"""Scenario 5: signals and updates while a run ends, however it ends: what senders are told is what becomes of them.

A signal that is acknowledged is handled once in order, or is named; an update has its answer, or a clear error, once.
"""

from __future__ import annotations

import uuid
from types import ModuleType

import closing_edge
import closing_updates
import pytest
from closing_edge import ENDINGS
from three_modes import CACHE_OF_ZERO, NORMAL, Mode, killed, run_in, run_on

_SEEDS = 3
MESSAGES = pytest.mark.parametrize("messages", [closing_edge, closing_updates], ids=["signals", "updates"])


@MESSAGES
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("mode", [NORMAL, CACHE_OF_ZERO], ids=lambda mode: mode.name)
async def test_what_senders_were_told_is_what_became_of_it(
    messages: ModuleType, ending: str, mode: Mode, seed: int
) -> None:
    for number in range(seed, seed + _SEEDS):
        url = f"memory://edge{uuid.uuid4().hex}?partitions=1"
        await run_on(url, messages.CODE, messages.scenario_of(ending, number), mode)


@MESSAGES
@pytest.mark.parametrize("ending", ENDINGS)
def test_when_the_worker_is_killed_after_any_record(messages: ModuleType, ending: str, seed: int) -> None:
    """The senders live on and ask again: what they are told in the end is what has become of it."""
    scenario = messages.scenario_of(ending, seed)
    records = run_in(NORMAL, messages.CODE, scenario).records
    assert records >= 2
    for mode in [CACHE_OF_ZERO, *map(killed, range(1, records + 1))]:
        run_in(mode, messages.CODE, scenario)
