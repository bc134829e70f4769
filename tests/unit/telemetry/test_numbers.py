"""Labels are bounded, and durations fall into the right buckets."""

from __future__ import annotations

import pytest

from sagaline.telemetry.numbers import NAMES, OTHER, Counts, Durations, Histograms, Names


def test_the_first_names_are_themselves_and_all_others_one() -> None:
    names = Names()
    known = [f"workflow-{number}" for number in range(NAMES)]
    assert [names[name] for name in known] == known
    assert {names[f"more-{number}"] for number in range(1_000)} == {OTHER}
    assert names[known[0]] == known[0]
    assert len(names) == NAMES


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (1.0, 0), (1.5, 1), (2.0, 1), (2.1, 2), (1e9, 2)])
def test_a_duration_is_in_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    durations = Durations((1.0, 2.0))
    durations.add(seconds)
    assert durations.counts.index(1) == bucket
    assert (sum(durations.counts), durations.total_s) == (1, seconds)


def test_what_was_never_counted_is_nothing_and_is_not_kept_for_being_asked_for() -> None:
    counts, histograms = Counts(), Histograms((1.0,))
    assert (counts["a",], len(counts)) == (0, 0)
    counts["a",] += 2
    assert dict(counts) == {("a",): 2}
    histograms["a",].add(0.5)
    assert histograms["a",].counts == [1, 0]
