"""The rules, one file each; docs/checker.md explains every one."""

from __future__ import annotations

from sagaline.checker.rules import sgl101_clock
from sagaline.checker.rules.rule import Rule

__all__ = ["RULES", "Rule"]

RULES: tuple[Rule, ...] = (sgl101_clock.RULE,)
