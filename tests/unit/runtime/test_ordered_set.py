"""The set whose order is that of insertion: beside a plain set, with random operations."""

from __future__ import annotations

import random

import pytest

from sagaline._runtime.ordered_set import OrderedSet

BINARY = ["__or__", "__and__", "__sub__", "__xor__", "union", "intersection", "difference", "symmetric_difference"]
IN_PLACE = ["__ior__", "__iand__", "__isub__", "__ixor__", "update", "intersection_update", "difference_update"]


def test_it_holds_what_a_set_holds_and_keeps_the_order() -> None:
    for seed in range(200):
        draw = random.Random(seed)
        plain: set[int] = set()
        ordered: OrderedSet[int] = OrderedSet()
        for _ in range(40):
            item, others = draw.randrange(10), {draw.randrange(10) for _ in range(4)}
            before = list(ordered)
            match draw.randrange(5):
                case 0:
                    plain.add(item)
                    ordered.add(item)
                case 1:
                    plain.discard(item)
                    ordered.discard(item)
                case 2:
                    name = draw.choice(IN_PLACE)
                    getattr(plain, name)(others)
                    getattr(ordered, name)(others)
                case 3:
                    name = draw.choice(BINARY)
                    made = getattr(ordered, name)(others)
                    assert made == getattr(plain, name)(others), f"seed {seed}: {name}"
                    assert type(made) is OrderedSet
                case 4 if plain:
                    assert before[0] == ordered.pop()
                    plain.discard(before[0])
            assert ordered == plain, f"seed {seed}"
            assert set(ordered) == frozenset(ordered) == set.union(set(), ordered) == plain, "C code sees the same"
            kept = [item for item in before if item in plain]
            assert list(ordered)[: len(kept)] == kept, f"seed {seed}: the order of those that stay"
            assert len(ordered) == len(plain)


def test_reflected_operators_and_comparisons() -> None:
    ordered = OrderedSet([3, 1, 2])
    assert list({9} | ordered) == [3, 1, 2, 9]
    assert {1, 9} & ordered == {1}
    assert {1, 2, 3} == ordered <= {1, 2, 3, 4}
    assert ordered.issuperset([1])
    assert isinstance(ordered, set)
    assert repr(ordered) == "{3, 1, 2}"
    assert repr(OrderedSet()) == "set()"
    assert list(ordered.copy()) == [3, 1, 2]


def test_what_is_not_there() -> None:
    with pytest.raises(KeyError):
        OrderedSet().pop()
    with pytest.raises(KeyError):
        OrderedSet([1]).remove(2)
