"""What holds when the code of runs changes, broken on purpose."""

from __future__ import annotations

from typing import Any

from sagaline._host.activities.heartbeats import Heartbeats
from sagaline._host.partition.resumption import Resumption
from sagaline._runtime.patches import Patches
from sagaline._runtime.replay import Replay
from simulation.mutant_registry import Patch, mutant


@mutant
def answers_a_patch_in_replay_as_if_it_were_new() -> list[Patch]:
    original = Patches.answer
    return [(Patches, "answer", lambda self, patch, is_replaying: original(self, patch, False))]


@mutant
def forgets_the_answer_to_a_patch() -> list[Patch]:
    original = Patches.answer
    return [(Patches, "answer", lambda self, patch, is_replaying: not is_replaying and original(self, patch, False))]


@mutant
def lets_code_forget_a_patch_that_was_not_deprecated() -> list[Patch]:
    return [(Patches, "unasked", lambda self, recorded, asked: None)]


@mutant
def follows_a_history_that_does_not_match() -> list[Patch]:
    def match(self: Replay, recorded: Any, *rest: Any) -> None:
        self.unwritten = []

    return [(Replay, "_match", match)]


@mutant
def forgets_the_last_heartbeat_of_an_attempt_that_fails() -> list[Patch]:
    return [(Heartbeats, "finish", lambda self, attempt, outcome: None)]


@mutant
def leaves_parked_runs_to_a_person() -> list[Patch]:
    return [(Resumption, "go_on", lambda self: None)]
