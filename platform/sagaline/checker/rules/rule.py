"""What a rule is, and what rules that look for names share."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity


class Match(NamedTuple):
    """A place in a body that a rule objects to. ``what`` is said of the code, ``fix`` to its author."""

    node: ast.expr | ast.stmt | ast.excepthandler
    what: str
    fix: str
    severity: Severity | None = None
    """Where it is another than the rule's."""


class Rule(NamedTuple):
    """``check`` gives what is wrong with one function that a workflow reaches.

    ``in_variables``: also with the value of a module's variable that workflow code reads. It is worked out when its
    module is imported, so it differs between processes as the same call in the workflow would.
    """

    code: str
    title: str
    severity: Severity
    check: Callable[[Body], Iterable[Match]]
    in_variables: bool = False


class Names(NamedTuple):
    """Names outside of the code that is checked, with what to do instead.

    ``exact`` also match a function that is only referred to (``key=random.random``). ``calls_below`` match calls of
    whatever is in these modules and classes. ``allowed`` are names below them that do no harm.
    """

    exact: Mapping[str, str]
    calls_below: Mapping[str, str] = {}
    allowed: frozenset[str] = frozenset()

    def fix_of(self, name: str, is_called: bool) -> str | None:
        """What to do instead of using a name; None when it does no harm."""
        if name in self.allowed:
            return None
        if name in self.exact:
            return self.exact[name]
        owner = name.rpartition(".")[0]
        while is_called and owner:
            if owner in self.calls_below:
                return self.calls_below[owner]
            owner = owner.rpartition(".")[0]
        return None

    def matches(self, body: Body, said: str) -> Iterator[Match]:
        """What a body uses of these names; ``said`` has the name put in for ``{}``."""
        for use in body.uses:
            fix = self.fix_of(use.name, use.is_called)
            if fix is not None:
                yield Match(use.node, said.format(shown(use.name)), fix)


def shown(name: str) -> str:
    """A full name as code has it."""
    return name.removeprefix("builtins.")
