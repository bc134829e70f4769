"""Chance: random numbers and ids."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sagaline.checker.bodies import Body
from sagaline.checker.findings import Severity
from sagaline.checker.rules.rule import Match, Names, Rule
from sagaline.checker.sources import text_of
from sagaline.checker.values import instance_of

_RANDOM = "use workflow.random(): a generator seeded by the run, the same on replay"
_UUID = "use workflow.uuid4() or workflow.uuid7(): the same on replay"
_SECRET = "make it in an activity, whose result is recorded"
_NAMES = Names(
    {
        "random.SystemRandom": _RANDOM,
        **dict.fromkeys((f"uuid.uuid{version}" for version in (1, 4, 6, 7, 8)), _UUID),
        "os.urandom": _SECRET,
        "os.getrandom": _SECRET,
        "shortuuid.uuid": _UUID,
        "nanoid.generate": _UUID,
        "ulid.new": _UUID,
        "bson.ObjectId": _UUID,
        **dict.fromkeys(
            (
                f"random.{name}"
                for name in (
                    "random randint randrange uniform choice choices sample shuffle gauss normalvariate triangular "
                    "betavariate expovariate gammavariate lognormvariate vonmisesvariate paretovariate "
                    "weibullvariate binomialvariate getrandbits randbytes seed getstate setstate"
                ).split()
            ),
            _RANDOM,
        ),
    },
    {"secrets": _SECRET, "numpy.random": _RANDOM, "faker.Faker": _RANDOM},
    frozenset({"secrets.compare_digest"}),
)


def _check(body: Body) -> Iterator[Match]:
    yield from _NAMES.matches(body, "{} draws anew on replay")
    for call in body.of_type(ast.Call):
        if body.external(call.func) == "random.Random" and not call.args:
            yield Match(call.func, "random.Random() without a seed draws anew on replay", _RANDOM)
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if owner is not None and body.value(owner) == instance_of("random.Random") and body.variable(owner):
            yield Match(call.func, f"{text_of(owner)} is one generator for all runs of the process", _RANDOM)


RULE = Rule("SGL102", "Chance", Severity.ERROR, _check, in_variables=True)
