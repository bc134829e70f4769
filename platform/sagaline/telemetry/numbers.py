"""Numbers that are counted where the work is: additions to entries of dicts, an eighth of what a metrics library takes
for one (docs/decisions/0070). One thread writes; whoever reads from another takes a copy in one step."""

from __future__ import annotations

from bisect import bisect_left

Labels = tuple[str, ...]
NAMES = 200
OTHER = "other"


class Names(dict[str, str]):
    """Values of a label: the first ``NAMES`` of them are themselves, all others "other"."""

    def __missing__(self, name: str) -> str:
        if len(self) >= NAMES:
            return OTHER
        self[name] = name
        return name


class Counts(dict[Labels, int]):
    """How often, or how many, by labels."""

    def __missing__(self, labels: Labels) -> int:
        return 0


class Durations:
    """A histogram of one set of labels: ``counts`` are by bucket, the last is beyond all."""

    __slots__ = ("buckets", "counts", "total_s")

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self.buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """One took so long."""
        if seconds:
            self.counts[bisect_left(self.buckets, seconds)] += 1
            self.total_s += seconds
        else:
            self.counts[0] += 1


class Histograms(dict[Labels, Durations]):
    """Durations by labels."""

    def __init__(self, buckets: tuple[float, ...]) -> None:
        super().__init__()
        self._buckets = buckets

    def __missing__(self, labels: Labels) -> Durations:
        self[labels] = durations = Durations(self._buckets)
        return durations
