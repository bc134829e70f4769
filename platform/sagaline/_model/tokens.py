"""Tokens: ids that somebody outside may resolve or reject, once. Each says which run waits for it."""

from __future__ import annotations

import re
from typing import NamedTuple

PREFIX = "sagaline/token/"
"""Signals of this name resolve tokens; no handler of a user's has one."""
_TOKEN = re.compile(r"([0-9a-f]{32})-([0-9]{1,9})-(.+)", re.DOTALL)


class Token(NamedTuple):
    """The run that waits, and which of its tokens it is, from 1."""

    workflow_id: str
    run_id: str
    number: int

    @property
    def id(self) -> str:
        """The token as others know it."""
        return f"{self.run_id}-{self.number}-{self.workflow_id}"

    @property
    def signal(self) -> str:
        """Name of the signal that resolves it."""
        return f"{PREFIX}{self.number}"


def parse(token_id: str) -> Token | None:
    """The token of an id; None when it is none."""
    match = _TOKEN.fullmatch(token_id)
    return None if match is None else Token(match[3], match[1], int(match[2]))


def message_of(run_id: str, signal: str) -> str:
    """The id under which the resolution of a token counts once, whoever sends it."""
    return f"{signal}/{run_id}"


_ATTEMPT = re.compile(r"attempt-([0-9a-f]{32})-([0-9]{1,9})-([0-9]{1,10})-(.+)", re.DOTALL)


class AttemptToken(NamedTuple):
    """An attempt of an activity whose outcome may come from outside."""

    workflow_id: str
    run_id: str
    step: int
    attempt: int

    @property
    def id(self) -> str:
        """The token as others know it."""
        return f"attempt-{self.run_id}-{self.step}-{self.attempt}-{self.workflow_id}"


def parse_attempt(token_id: str) -> AttemptToken | None:
    """The attempt that a token is of; None when it is none."""
    match = _ATTEMPT.fullmatch(token_id)
    return None if match is None else AttemptToken(match[4], match[1], int(match[2]), int(match[3]))
