"""The rules, one file each; docs/checker.md explains every one."""

from __future__ import annotations

from sagaline.checker.rules import (
    sgl101_clock,
    sgl102_chance,
    sgl103_io,
    sgl104_environment,
    sgl105_shared_state,
    sgl106_set_order,
    sgl107_identity,
    sgl108_output,
    sgl201_threads,
    sgl202_sleeps,
    sgl203_blocking,
    sgl204_asyncio,
    sgl301_missing_await,
    sgl302_cancellation,
    sgl303_endless,
    sgl304_asking,
    sgl401_uncompensated,
    sgl402_undone_by_hand,
    sgl403_behind_the_pivot,
    sgl404_unsaid,
)
from sagaline.checker.rules.rule import Rule

__all__ = ["RULES", "Rule"]

RULES: tuple[Rule, ...] = (
    sgl101_clock.RULE,
    sgl102_chance.RULE,
    sgl103_io.RULE,
    sgl104_environment.RULE,
    sgl105_shared_state.RULE,
    sgl106_set_order.RULE,
    sgl107_identity.RULE,
    sgl108_output.RULE,
    sgl201_threads.RULE,
    sgl202_sleeps.RULE,
    sgl203_blocking.RULE,
    sgl204_asyncio.RULE,
    sgl301_missing_await.RULE,
    sgl302_cancellation.RULE,
    sgl303_endless.RULE,
    sgl304_asking.RULE,
    sgl401_uncompensated.RULE,
    sgl402_undone_by_hand.RULE,
    sgl403_behind_the_pivot.RULE,
    sgl404_unsaid.RULE,
)
