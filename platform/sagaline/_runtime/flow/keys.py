"""Limits that all runs of a namespace share, as users write them: ``Key("customer", limit=1)``, ``Rate("100/s")``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, cast, get_type_hints

import msgspec

from sagaline._model.flow import RATE, SLOTS, Rules, flow_id, short_key
from sagaline._model.limits import DEPTH, FLOW_KEYS, FLOW_NAME_BYTES, FLOW_SLOTS, size
from sagaline._runtime import checks
from sagaline._runtime.frames import caller
from sagaline._runtime.rates import interval_s
from sagaline._runtime.signatures import Signature
from sagaline.errors import ConfigurationError, InvalidInput

_BURST_S = 0.1
"""A rate lets so much of it come at once, where it does not say how much."""
_MOST_BURST = 10_000


@dataclass(frozen=True)
class Key:
    """How many may be under way at once, in the whole namespace.

    ::

        @activity(concurrency=Key("customer", limit=1))             # of each customer one
        async def charge(customer: str, cents: int) -> None: ...

        Key("order.customer", limit=2, total=50)    # of each two, of all fifty; customers take turns
        Key.of("bank", limit=10)                    # ten of all that name this limit

    ``path``: a parameter, or a field in it with dots between; each of its values is a key. ``limit``: at once of each
    key, 1 to 1,000. ``total``: at once of all keys together, which take turns then. ``name``: activities and workflows
    that say the same one share the limit; by default it is the activity's own. Raises ConfigurationError.
    """

    path: str
    limit: int = 0
    total: int = 0
    name: str | None = None

    def __post_init__(self) -> None:
        place = caller()
        _check_path(self.path, place, may_be_empty=self.name is not None and not self.total)
        _check_name(self.name, place)
        least = 0 if self.total else 1
        checks.whole_number(self.limit, "limit of a Key", least, FLOW_SLOTS, place)
        checks.whole_number(self.total, "total of a Key", 0, FLOW_SLOTS, place)

    @classmethod
    def of(cls, name: str, *, limit: int) -> Key:
        """One limit for all that say this name, whatever they are called with. Raises ConfigurationError."""
        return cls("", limit, 0, name)


@dataclass(frozen=True)
class Rate:
    """How many may begin in a time, in the whole namespace: ``Rate("100/s", key="customer")``.

    ``rate``: a number in a time, such as "100/s" or "6/m". ``key``: as the path of a ``Key``; None for one rate of
    all. ``burst``: how many may come at once after a pause; by default what a tenth of a second gives, at least one.
    ``name`` as for ``Key``. Raises ConfigurationError.
    """

    rate: str
    key: str | None = None
    burst: int = 0
    name: str | None = None

    def __post_init__(self) -> None:
        place = caller()
        if self.key is not None:
            _check_path(self.key, place)
        _check_name(self.name, place)
        interval_s(self.rate, place)
        checks.whole_number(self.burst, "burst of a Rate", 0, _MOST_BURST, place)


class Wanted(NamedTuple):
    """What a call asks a limit for: the workflow id of the run that keeps it, and the group within."""

    kind: str
    limit_id: str
    rules: Rules
    group: str = ""


@dataclass(frozen=True)
class KeyPath:
    """Where arguments have a key: a parameter, and the way from there. ``of``: whose, and what it is, for messages."""

    path: str
    parameter: int
    fields: tuple[str, ...]
    of: str

    def text(self, values: Sequence[Any]) -> str:
        """The key of a call with these arguments. Raises InvalidInput when they have none."""
        value = reduce(self._field, self.fields, values[self.parameter])
        if type(value) is str:
            return value
        try:
            read: Any = msgspec.json.decode(msgspec.json.encode(value))
        except (TypeError, ValueError):
            read = {}
        if isinstance(read, dict | list):
            raise InvalidInput(
                f"Expected {self.path!r}, the key of {self.of}, to be a single value, such as text or a number, but it "
                f"is {checks.shown(value)}."
            )
        return read if isinstance(read, str) else msgspec.json.encode(read).decode()

    def _field(self, value: Any, field: str) -> Any:
        try:
            return cast("Any", value)[field] if isinstance(value, Mapping) else getattr(value, field)
        except (KeyError, AttributeError):
            found = checks.shown(cast("object", value))
            raise InvalidInput(
                f"Expected {self.path!r}, the key of {self.of}, to be in the arguments but there is no {field!r} in "
                f"{found}."
            ) from None


@dataclass(frozen=True)
class KeyedLimit:
    """A limit of one activity or workflow. ``key``: None where all calls have one. ``shares``: all keys have one limit
    together, and take turns."""

    kind: str
    name: str
    rules: Rules
    key: KeyPath | None = None
    shares: bool = False

    def wanted(self, values: Sequence[Any]) -> Wanted:
        """For a call with these arguments. Raises InvalidInput when they have no such key."""
        key = None if self.key is None else self.key.text(values)
        if key is not None and self.shares:
            return Wanted(self.kind, flow_id(self.kind, self.name, None), self.rules, short_key(key))
        return Wanted(self.kind, flow_id(self.kind, self.name, key), self.rules)


Concurrency = int | Key | Sequence["int | Key"]
"""An int: in one worker. Keys: in the whole namespace."""
Rates = str | Rate | Sequence["str | Rate"]
"""Text: in one worker. Rates: in the whole namespace."""


class Given(NamedTuple):
    """What stands at ``concurrency`` or ``rate``: that of a worker, and those of the namespace."""

    of_worker: Any
    of_namespace: tuple[Any, ...]


def split(value: object, kind: type[Key] | type[Rate], place: str) -> Given:
    """Tells them apart. Raises ConfigurationError for several of a worker, or too many."""
    several: list[object] = list(cast("list[object]", value)) if isinstance(value, list | tuple) else [value]
    keyed = tuple(one for one in several if isinstance(one, kind))
    others = [one for one in several if not isinstance(one, kind) and one is not None]
    what = "concurrency" if kind is Key else "rate"
    if len(others) > 1 or len(keyed) > FLOW_KEYS:
        raise ConfigurationError(
            f"Expected {what} to be one limit of a worker and at most {FLOW_KEYS} {kind.__name__}(...), for the whole "
            f"namespace, but got {checks.shown(several)} ({place})."
        )
    return Given(others[0] if others else None, keyed)


def keyed_limits(
    keys: Sequence[Key], rates: Sequence[Rate], signature: Signature, name: str, place: str
) -> tuple[KeyedLimit, ...]:
    """The limits of an activity or a workflow, in the order in which each call asks for them: slots before rates, for
    nothing is held while a slot is waited for that a rate has let begin. Raises ConfigurationError."""
    limits = [_of_key(key, signature, name, place) for key in keys]
    limits += [_of_rate(rate, signature, name, place) for rate in rates]
    return in_order(limits, name, place)


def in_order(limits: Sequence[KeyedLimit], name: str, place: str) -> tuple[KeyedLimit, ...]:
    """The order in which they are asked for. Raises ConfigurationError."""
    if len({(limit.kind, limit.name) for limit in limits}) < len(limits) or len(limits) > FLOW_KEYS:
        raise ConfigurationError(
            f"Expected {name} to have at most {FLOW_KEYS} limits of the namespace, each of a key or a name of its own, "
            f"but it has {', '.join(limit.name for limit in limits)} ({place})."
        )
    return tuple(sorted(limits, key=lambda limit: (limit.kind != SLOTS, limit.name)))


def _of_key(key: Key, signature: Signature, name: str, place: str) -> KeyedLimit:
    path = key_path(key.path, signature, f"a limit of {name}", place) if key.path else None
    rules = Rules(key.limit, key.total)
    return KeyedLimit(SLOTS, _named(key.name, key.path, name), rules, path, shares=key.total > 0)


def _of_rate(rate: Rate, signature: Signature, name: str, place: str) -> KeyedLimit:
    path = key_path(rate.key, signature, f"a limit of {name}", place) if rate.key else None
    seconds = interval_s(rate.rate, place)
    burst = rate.burst or max(1, int(_BURST_S / seconds + 1e-9))
    rules = Rules(interval_us=max(1, math.ceil(seconds * 1_000_000 - 1e-3)), burst=burst, rate=rate.rate.strip())
    return KeyedLimit(RATE, _named(rate.name, rate.key, name), rules, path)


def _named(given: str | None, path: str | None, name: str) -> str:
    return given or (f"{name}.{path}" if path else name)


def key_path(path: object, signature: Signature, of: str, place: str) -> KeyPath:
    """Which parameter, and the fields from there. Raises ConfigurationError when there is none."""
    first, *fields = _check_path(path, place)
    names = [parameter.name for parameter in signature.parameters]
    if first not in names:
        raise ConfigurationError(
            f"Expected the key of {of} to begin with one of its parameters, {', '.join(names) or 'but it has none'}, "
            f"but got {path!r} ({place})."
        )
    kind = signature.hint(first)
    for field in fields:
        known = _fields_of(kind)
        if known is not None and field not in known and not hasattr(kind, field):
            raise ConfigurationError(
                f"Expected {path!r}, the key of {of}, to be there but {getattr(kind, '__name__', kind)} has no "
                f"{field!r}, only {', '.join(sorted(known)[:20])} ({place})."
            )
        kind = None if known is None else known.get(field)
    return KeyPath(str(path), names.index(first), tuple(fields), of)


def _fields_of(kind: Any) -> dict[str, Any] | None:
    """The fields of a model; None of anything else."""
    if not isinstance(kind, type) or not getattr(kind, "__annotations__", None):
        return None
    try:
        return get_type_hints(kind)
    except Exception:  # a name that is not there yet
        return None


def _check_path(path: object, place: str, *, may_be_empty: bool = False) -> list[str]:
    fields = path.split(".") if isinstance(path, str) else []
    if may_be_empty and path == "":
        return []
    if not fields or len(fields) > DEPTH or not all(field.isidentifier() for field in fields):
        raise ConfigurationError(
            f'Expected a key to be the name of a parameter, or of a field in it such as "order.customer", but got '
            f"{checks.shown(path)} ({place})."
        )
    return fields


def _check_name(name: object, place: str) -> None:
    if name is None:
        return
    if not isinstance(name, str) or not name.isprintable() or not 0 < size(name) <= FLOW_NAME_BYTES or "/" in name:
        raise ConfigurationError(
            f"Expected the name of a limit to be 1 to {FLOW_NAME_BYTES} bytes of printable text without a slash but "
            f"got {checks.shown(name)} ({place})."
        )
