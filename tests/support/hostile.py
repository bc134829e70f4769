"""Hostile inputs by the hundred, as records on the topics, and what must be true when all of them are dealt with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from sagaline._log import COMMANDS, HISTORY, RESULTS
from sagaline._model.codec import encode
from sagaline._model.failure import Failure
from sagaline._model.records import ActivityResult, CancelRun, Claim, History, ReadRun, StartRun, TerminateRun


class Hostile(NamedTuple):
    """A record to be put on a topic. ``culprit`` is what the worker's log has to name, if there is anybody to blame."""

    topic: str
    key: bytes
    value: bytes | None
    culprit: str = ""
    answers: bool = True  # the request is answered; one that nobody can read is not


HARMLESS = {"sleeps long", "sleeps infinity", "sleeps -1e300"}
ODD_REQUESTS: dict[str, dict[str, Any]] = {
    "odd words": {"id_conflict": "nonsense", "id_reuse": "nonsense"},
    "reply far away": {"reply_partition": 10_000},
    "reply before all": {"reply_partition": -7},
    "reply to nul": {"reply_to": "\0" * 1_000},
    "reply to a megabyte": {"reply_to": "x" * 500_000},
    "waits before it begins": {"waits_ms": -(2**60)},
    "waits for ever": {"waits_ms": 2**60},
    "request with a long id": {"request_id": "r" * 300_000},
}


def start(workflow: str, *args: object, id: str, payload: bytes | None = None, **fields: Any) -> Hostile:
    """A start, as a client of another make would write it."""
    body = msgspec.json.encode(args) if payload is None else payload
    request = StartRun(f"request of {id}"[:200], id, workflow, body, "hostile", 0)
    request = msgspec.structs.replace(request, **fields)
    return Hostile(COMMANDS, id.encode(errors="replace"), encode(request), id)


def calls(errors: list[str], results: list[str], misbehaviour: list[str]) -> Iterator[Hostile]:
    """Runs that go wrong in every way and at every place."""
    for what in errors:
        for where in ("async", "thread", "constructor", "compensation", "workflow"):
            yield start("call", where, what, id=f"call {where} {what}")
        yield start("plainly", what, id=f"plainly {what}")
    for what in results:  # some of them can be carried after all: nobody need be to blame
        for where in ("result", "wrong type", "argument"):
            yield start("call", where, what, id=f"call {where} {what}")._replace(culprit="")
        yield start("return_badly", what, id=f"return {what}")._replace(culprit="")
    yield start("call", "swallow", "x", id="call swallow")
    for what in misbehaviour:
        run = start("misbehave", what, id=f"misbehave {what}")
        yield run._replace(culprit="") if what in HARMLESS else run


def inputs() -> Iterator[Hostile]:
    """Starts whose input is not what it should be."""
    payloads = {
        "empty": b"",
        "no JSON": b"hello",
        "no array": b'{"a":1}',
        "invalid UTF-8": b'["\xff\xfe"]',
        "surrogate": b'["\\ud800"]',
        "brackets": b"[" * 5_000,
        "closed brackets": b"[" * 5_000 + b"]" * 5_000,
        "braces": b'{"a":' * 5_000,
        "too few": b"[]",
        "too many": b"[1,2,3,4,5,6]",
        "huge number": b"[" + b"9" * 5_000 + b"]",
        "huge text": b'["' + b"x" * 700_000 + b'"]',
        "nul": b'["\x00"]',
        "exponent": b"[1e999999]",
        "many": b"[" + b"1," * 200_000 + b"1]",
        "null": b"null",
        "looks sealed": b"\x00\x00\x05hello",
        "sealed and cut": b"\x00",
        "half": b'["a',
    }
    for name, payload in payloads.items():
        for workflow in ("good", "call"):
            yield start(workflow, id=f"input {name} of {workflow}", payload=payload)
    yield start("no such workflow", id="unknown workflow")
    yield start("w" * 100_000, id="workflow with a long name")
    yield start("good", 1, id="i" * 100_000)
    for name, fields in ODD_REQUESTS.items():  # whoever asks like that may have its run: nobody else is hurt
        yield start("good", 1, id=name, **fields)._replace(culprit="")
    for name in ("", "/", "a/b/../c", "\0", "☂" * 80, "claim/x", f"x/{'0' * 32}/1/1", "refusals/1/1", " ", "\n"):
        yield start("good", 1, id=name)._replace(culprit="")


def requests() -> Iterator[Hostile]:
    """Other requests with too much of everything."""
    for size in (10_000, 500_000, 800_000):
        for kind in (CancelRun, TerminateRun):
            patient = f"patient until {kind.__name__} {size}"
            yield start("misbehave", "sleeps long", id=patient)._replace(culprit="")
            for target in (patient, "nobody"):
                value = encode(kind(f"{kind.__name__} {size} {target}", target, "y" * size, "hostile", 0))
                yield Hostile(COMMANDS, target.encode(), value)
    for what in ("nonsense", "history", "result", "description", "runs", ""):
        value = encode(ReadRun(f"read {what}", "nobody", what, "hostile", 0, "not a run id", "odd filter", -5))
        yield Hostile(COMMANDS, b"nobody", value)
    failure = Failure("T" * 200_000, "m" * 200_000, "k" * 1_000, "s" * 200_000)
    for result in (
        ActivityResult("nobody", "no run", 1, 1, b"null"),
        ActivityResult("", "", -1, -1, None, failure),
        ActivityResult("nobody", "\0", 2**31 - 1, 2**31 - 1, b"x" * 700_000),
    ):
        yield Hostile(RESULTS, b"nobody", encode(result))


def deep_failure(depth: int) -> bytes:
    """A result whose failure has causes without end, made by hand: no encoder of ours would."""
    plain = encode(ActivityResult("nobody", "run", 1, 1, None, Failure("T", "m", "k", "s")))
    link = plain[-11:-1]  # type, message, kind, stack, retryable, clean of one failure
    return plain[:-1] + (b"\x02" + link) * depth + b"\x00"


def records(draw: random.Random) -> Iterator[Hostile]:
    """Bytes that are no record, or none that belongs here."""
    sample = encode(StartRun("cut", "cut", "good", b"[1]"))
    for topic in (COMMANDS, RESULTS, HISTORY):
        for size in (0, 1, 9, 10, 11, 100, 5_000, 850_000):
            yield Hostile(topic, b"bytes", draw.randbytes(size), answers=False)
        for end in (5, 10, 12, 20, len(sample) - 1):
            yield Hostile(topic, b"cut", sample[:end], answers=False)
        yield Hostile(topic, b"null", None, answers=False)
        yield Hostile(topic, b"\xff\xfe", sample[:15], answers=False)
        yield Hostile(topic, b"deep", deep_failure(5_000), answers=False)
        yield Hostile(topic, b"count", sample[:10] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", answers=False)
        flipped = bytearray(sample)
        flipped[draw.randrange(10, len(sample))] ^= 0xFF
        yield Hostile(topic, b"flipped", bytes(flipped), answers=False)
    yield Hostile(COMMANDS, b"claim", encode(Claim("a stranger", "x", 1)), answers=False)
    zombie = History(2**40, 1, "zombie", "0" * 32, 1, 0, 0, 0, (), False, ())
    yield Hostile(COMMANDS, b"history", encode(zombie), answers=False)
    yield Hostile(HISTORY, b"zombie", encode(zombie), answers=False)


def everything(errors: list[str], results: list[str], misbehaviour: list[str], seed: int) -> list[Hostile]:
    """All of it, shuffled."""
    draw = random.Random(seed)
    made = [*calls(errors, results, misbehaviour), *inputs(), *requests(), *records(draw)]
    draw.shuffle(made)
    return made
