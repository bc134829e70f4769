"""The first place at which two versions of a workflow part, for runs that were started with the earlier one."""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

from sagaline.checker.findings import Place, Severity
from sagaline.checker.versions.items import Choice, Exit, Item, Loop, Patch, Plan, Step, relevant


class Difference(NamedTuple):
    """Where the later version parts from the earlier one, and how."""

    place: Place
    what: str
    severity: Severity


def difference(earlier: Plan, later: Plan) -> Difference | None:
    """The first difference that no patch takes care of; None when runs of the earlier version can go on."""
    missing = earlier.patches - later.patches - later.deprecated
    if missing:
        what = f"patch {min(missing)!r} is gone, and runs that have it are still in flight"
        return Difference(
            later.place, f"{what}: call workflow.deprecate_patch({min(missing)!r}) first", Severity.WARNING
        )
    common = earlier.patches & later.patches
    old = relevant(_resolved(earlier.items, common, new=True))
    new = relevant(_resolved(later.items, common, new=False))
    return _first(old, new, later.place)


def _resolved(items: tuple[Item, ...], kept: frozenset[str], *, new: bool) -> tuple[Item, ...]:
    """The items with every patch but the kept ones replaced by one of its ways.

    In the earlier version that is the new way, which the later one must still go; in the later version the old way.
    """
    resolved: list[Item] = []
    for item in items:
        if isinstance(item, Patch) and item.id not in kept:
            resolved += _resolved(item.new if new else item.old, kept, new=new)
            if resolved and isinstance(resolved[-1], Exit):
                break
        elif isinstance(item, Patch):
            ways = [relevant(_resolved(way, kept, new=new)) for way in (item.new, item.old)]
            resolved.append(Patch(item.id, ways[0], ways[1], item.place))
        elif isinstance(item, Choice):
            ways = [_resolved(way, kept, new=new) for way in item.ways]
            resolved.append(Choice(item.word, item.condition, tuple(ways), item.place))
        elif isinstance(item, Loop):
            resolved.append(Loop(item.over, _resolved(item.body, kept, new=new), item.place))
        else:
            resolved.append(item)
    return tuple(resolved)


def _first(old: tuple[Item, ...], new: tuple[Item, ...], end: Place) -> Difference | None:
    """``end`` is where it is told that something is missing."""
    for before, now in zip_longest(old, new):
        if before == now:
            end = now.place or end if now is not None else end
            continue
        place = (now.place if now is not None else None) or end
        if before is None:
            return Difference(place, f"{now} is new here", Severity.ERROR)
        if now is None:
            return Difference(place, f"{before} is gone, which came next", Severity.ERROR)
        return _between(before, now, place)
    return None


def _between(before: Item, now: Item, place: Place) -> Difference:
    if isinstance(before, Step) and isinstance(now, Step) and (before.kind, before.name) == (now.kind, now.name):
        texts = f"({', '.join(before.arguments)}) before, and ({', '.join(now.arguments)}) now"
        return Difference(place, f"{now} is given {texts}", Severity.WARNING)
    if isinstance(before, Choice) and isinstance(now, Choice) and before.word == now.word:
        for old, new in zip_longest(before.ways, now.ways, fillvalue=()):
            inner = _first(old, new, place)
            if inner is not None:
                return inner
        what = f"the condition of {now} was `{before.condition}`, and is `{now.condition}`"
        return Difference(place, what, Severity.WARNING)
    if isinstance(before, Loop) and isinstance(now, Loop):
        what = f"the loop was over `{before.over}`, and is over `{now.over}`"
        return _first(before.body, now.body, place) or Difference(place, what, Severity.WARNING)
    if isinstance(before, Patch) and isinstance(now, Patch) and before.id == now.id:
        inner = _first(before.new, now.new, place) or _first(before.old, now.old, place)
        return inner or Difference(place, f"{now} has changed", Severity.ERROR)
    return Difference(place, f"{now} comes here, where {before} came before", Severity.ERROR)
