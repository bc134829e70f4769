"""Makes a failing program smaller: leaves out nodes, or puts the branches of a node in its place, while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from programs.generate import BRANCHES, Body, Node

_TRIALS = 2_000


def shrink(body: Body, fails: Callable[[Body], bool]) -> Body:
    """The smallest that a greedy search finds."""
    trials = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in variants(body):
            trials += 1
            if trials > _TRIALS:
                return body
            if fails(candidate):
                body, smaller = candidate, True
                break
    return body


def variants(body: Body) -> Iterator[Body]:
    """Programs that are a little smaller."""
    for index, node in enumerate(body):
        before, after = body[:index], body[index + 1 :]
        if before or after:
            yield before + after
        for inner in inner_bodies(node):
            yield [*before, *inner, *after]
        for changed in smaller_nodes(node):
            yield [*before, changed, *after]


def inner_bodies(node: Node) -> list[Body]:
    """The branches of a node."""
    if node[0] not in BRANCHES:
        return []
    last = node[-1]
    several = isinstance(last[0][0], list)
    return list(last) if several else [argument for argument in node[1:] if isinstance(argument, list)]


def smaller_nodes(node: Node) -> Iterator[Node]:
    """The node with one branch fewer, or with a smaller one."""
    if node[0] not in BRANCHES:
        return
    for place, argument in enumerate(node):
        if not isinstance(argument, list):
            continue
        if isinstance(argument[0][0], list):
            for index, branch in enumerate(argument):
                if len(argument) > 1:
                    yield [*node[:place], argument[:index] + argument[index + 1 :], *node[place + 1 :]]
                for smaller in variants(branch):
                    yield [*node[:place], [*argument[:index], smaller, *argument[index + 1 :]], *node[place + 1 :]]
        else:
            for smaller in variants(argument):
                yield [*node[:place], smaller, *node[place + 1 :]]
