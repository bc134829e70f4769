"""Where mutants are listed, and how one is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

Patch = tuple[Any, str, Any]
MUTANTS: dict[str, Callable[[], list[Patch]]] = {}


def mutant(make: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
    """Registers a mutant under its name."""
    MUTANTS[make.__name__] = make
    return make


@contextmanager
def applied(name: str) -> Iterator[None]:
    """The product with one thing broken. Raises AttributeError when that is there no more."""
    broken = MUTANTS[name]()
    for target, attribute, _ in broken:
        getattr(target, attribute)  # mock would make one that has the name of a builtin, and break nothing
    patches = [mock.patch.object(*one) for one in broken]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()
