"""A set that iterates in the order in which its items came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")
_Set: Any = set

if TYPE_CHECKING:
    _Base = set
else:

    class _Base(MutableSet, set):  # the operators of the first, the type of the second
        __slots__ = ()


class OrderedSet(_Base[T]):
    """A real ``set`` with the order of a dict. Operators return ordered sets, its own items first.

    What it inherits from ``set`` holds the same items, for C code that looks at nothing else.
    """

    __slots__ = ("_order",)

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._order = dict.fromkeys(items)
        _Set.__init__(self, self._order)

    def __contains__(self, item: object) -> bool:
        return item in self._order

    def __iter__(self) -> Iterator[T]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self._order))}}}" if self._order else "set()"

    def add(self, value: T) -> None:
        self._order[value] = None
        _Set.add(self, value)

    def discard(self, value: object) -> None:
        self._order.pop(value, None)  # type: ignore[arg-type]
        _Set.discard(self, value)

    def clear(self) -> None:
        self._order.clear()
        _Set.clear(self)

    def copy(self) -> OrderedSet[T]:
        return OrderedSet(self)

    def union(self, *others: Iterable[Any]) -> OrderedSet[Any]:
        result: OrderedSet[Any] = OrderedSet(self)
        result.update(*others)
        return result

    def intersection(self, *others: Iterable[Any]) -> OrderedSet[T]:
        return self._kept(_Set.intersection(self, *others))

    def difference(self, *others: Iterable[Any]) -> OrderedSet[T]:
        return self._kept(_Set.difference(self, *others))

    def symmetric_difference(self, other: Iterable[Any], /) -> OrderedSet[Any]:
        both = OrderedSet(other)
        return self.difference(both).union(both.difference(self))

    def update(self, *others: Iterable[Any]) -> None:
        for other in others:
            for item in other:
                self.add(item)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        self._become(self.intersection(*others))

    def difference_update(self, *others: Iterable[Any]) -> None:
        self._become(self.difference(*others))

    def symmetric_difference_update(self, other: Iterable[Any], /) -> None:
        self._become(self.symmetric_difference(other))

    def _kept(self, kept: AbstractSet[Any]) -> OrderedSet[T]:
        return OrderedSet(item for item in self if item in kept)

    def _become(self, other: OrderedSet[T]) -> None:
        self.clear()
        self.update(other)
