"""Scenarios 2 and 3 in each mode: exact attempt numbers and failure chains; an attempt resumes at item 50 of 100."""

from __future__ import annotations

from attempt_matrix import EXPECTED, IMPORT, MATRIX, RESUMED, attempts, resumes
from three_modes import in_each_mode


def test_attempts_follow_each_other_as_their_policies_say() -> None:
    assert in_each_mode(MATRIX, attempts)["normal"].returned == EXPECTED


def test_an_attempt_resumes_where_the_one_before_it_has_failed() -> None:
    assert in_each_mode(IMPORT, resumes)["normal"].returned == RESUMED
