"""Exceptions of anybody's code as failures: plain data of bounded size.

Contract: ``failure_of`` never raises. The exception may lie about everything: ``str()`` may raise, its attributes may
be properties, its causes may be a circle. So what is asked of it is asked through the slots of BaseException where
there are slots, and through ``_ask`` where the answer is the code of its class.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Collection
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar, cast

from sagaline._model.durations import duration_ms
from sagaline._model.failure import APPLICATION, Failure
from sagaline._model.limits import CAUSES, MESSAGE_BYTES, NAME_BYTES, STACK_BYTES, cut, cut_start
from sagaline.errors import ApplicationError, FailureError, InvalidInput, InvalidOutput, PayloadTooLarge

T = TypeVar("T")
_NOT_RETRIED = (InvalidInput, InvalidOutput, PayloadTooLarge)
_FRAMES = 20
_LINE_LENGTH = 500
_CAUSE_SHARE = 4  # a cause has a quarter of the room that its effect has
_MEMBERS_SHOWN = 20
_MEMBERS = 1_000


def failure_of(
    error: BaseException,
    *,
    refusals: tuple[type[BaseException], ...] = (),
    non_retryable: Collection[str] = (),
    kind: str = APPLICATION,
) -> Failure:
    """The exception as data; never raises.

    ``refusals`` are the errors by which an activity says no without any effect: those are clean and not retried.
    ``non_retryable`` is what the retry policy of the attempt says: a class stands there by its ``error_name`` and
    is matched by its subclasses too. (Plain names there are matched by the engine, with the failure's type.)
    ``kind`` says what failed; a failure that has crossed the log before keeps the kind it had.
    """
    try:
        return _describe(error, refusals, frozenset(non_retryable), kind, CAUSES)
    except BaseException:  # a class whose metaclass is hostile too; whatever it is, the attempt has to end
        return Failure("UnknownError", "an exception that cannot be described", kind)


def next_delay_ms(error: BaseException) -> int:
    """How long the next attempt is to wait, as the error says; -1 when it says nothing. Never raises."""
    if not issubclass(type(error), ApplicationError):
        return -1
    return _ask(lambda: duration_ms(error.next_delay, least_ms=0), int, -1)  # type: ignore[attr-defined]


def error_name(error: type[BaseException]) -> str:
    """How a retry policy names a class, apart from any plain name: "shop.errors.CardDeclined"."""
    return f"{error.__module__}.{error.__qualname__}"


def _describe(
    error: BaseException,
    refusals: tuple[type[BaseException], ...],
    non_retryable: frozenset[str],
    kind: str,
    causes: int,
) -> Failure:
    room = 1 if causes == CAUSES else _CAUSE_SHARE
    recorded = _recorded(error)
    clean = _is_one_of(error, refusals)
    return Failure(
        cut(_type(error, recorded), NAME_BYTES),
        cut(_message(error, recorded), MESSAGE_BYTES // room),
        kind if recorded is None or kind != APPLICATION else _plain_text(recorded.kind) or kind,
        cut_start(_plain_text(recorded.stack) if recorded and recorded.stack else _stack(error), STACK_BYTES // room),
        retryable=not clean and _is_retryable(error, recorded, non_retryable),
        clean=clean,
        cause=_described_cause(error, recorded, causes - 1),
    )


def _described_cause(error: BaseException, recorded: Failure | None, causes: int) -> Failure | None:
    if causes < 1:
        return None
    if recorded is not None and recorded.cause is not None:
        return _bounded(recorded.cause, causes)
    cause = _cause_of(error)
    return None if cause is None else _describe(cause, (), frozenset(), APPLICATION, causes)


def _ask(question: Callable[[], Any], kind: type[T], default: T) -> T:
    """The answer of code that may do anything, if it is of the kind asked for."""
    try:
        answer = question()
    except BaseException:  # also a SystemExit or KeyboardInterrupt that a hostile __str__ raises
        return default
    return answer if type(answer) is kind else default


def _plain_text(text: object) -> str:
    """A copy without the methods of a subclass of str."""
    return str.__getitem__(cast("str", text), slice(None)) if issubclass(type(text), str) else ""


def _recorded(error: BaseException) -> Failure | None:
    """The failure that a FailureError carries: that of an activity or a run, or the user's own words."""
    if not issubclass(type(error), FailureError):
        return None
    recorded: Failure | None = _ask(lambda: error.failure, Failure, None)  # type: ignore[attr-defined]
    if recorded is None and issubclass(type(error), ApplicationError):
        named: str = _ask(lambda: _plain_text(error.type), str, "")  # type: ignore[attr-defined]
        recorded = Failure(named, "", retryable=_ask(lambda: error.retryable, bool, True))  # type: ignore[attr-defined]
    return recorded


def _bounded(failure: object, causes: int) -> Failure | None:
    """A failure that somebody else made, with the types and sizes that the codec takes."""
    if not isinstance(failure, Failure) or causes < 1:
        return None
    return Failure(
        cut(_plain_text(failure.type), NAME_BYTES),
        cut(_plain_text(failure.message), MESSAGE_BYTES // _CAUSE_SHARE),
        cut(_plain_text(failure.kind), NAME_BYTES) or APPLICATION,
        cut_start(_plain_text(failure.stack), STACK_BYTES // _CAUSE_SHARE),
        failure.retryable is not False,
        failure.clean is True,
        _bounded(failure.cause, causes - 1),
    )


def _class_name(error: BaseException) -> str:
    return _ask(lambda: _plain_text(type.__dict__["__name__"].__get__(type(error))), str, "") or "Exception"


def _type(error: BaseException, recorded: Failure | None) -> str:
    return (_plain_text(recorded.type) if recorded is not None else "") or _class_name(error)


def _message(error: BaseException, recorded: Failure | None) -> str:
    if issubclass(type(error), BaseExceptionGroup):
        return _message_of_group(error)  # type: ignore[arg-type]
    own = _plain_text(recorded.message) if recorded is not None else ""
    return own or _text_of(error)


def _text_of(error: BaseException) -> str:
    text = _ask(lambda: _plain_text(str(error)), str, "") or _ask(lambda: _plain_text(repr(error)), str, "")
    return text or f"a {_class_name(error)} whose message cannot be shown"


def _message_of_group(group: BaseExceptionGroup[BaseException]) -> str:
    """All the errors of a group in one line each: whoever reads one failure wants to know the others."""
    text = _ask(lambda: _plain_text(group.message), str, "")
    leaves = list(islice(_leaves(group), _MEMBERS_SHOWN + 1))
    shown = [f"{_type(leaf, _recorded(leaf))}: {_text_of(leaf)}" for leaf in leaves[:_MEMBERS_SHOWN]]
    if len(leaves) > _MEMBERS_SHOWN:
        shown.append("and more")
    share = MESSAGE_BYTES // (len(shown) + 1)
    return "; ".join([cut(text, share), *(cut(line, share) for line in shown)])


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors in a group and the groups in it, in order and without recursion."""
    members: tuple[BaseException, ...]
    leaves: list[BaseException] = []
    waiting: deque[BaseException] = deque([group])
    for _ in range(_MEMBERS):
        if not waiting:
            break
        member = waiting.popleft()
        if issubclass(type(member), BaseExceptionGroup):
            members = BaseExceptionGroup.__dict__["exceptions"].__get__(member)
            waiting.extendleft(reversed(members[:_MEMBERS]))
        else:
            leaves.append(member)
    return leaves


def _is_one_of(error: BaseException, classes: tuple[type[BaseException], ...]) -> bool:
    """As isinstance, but without the hooks that a class can put there."""
    lineage = type.__dict__["__mro__"].__get__(type(error))
    return any(cls in lineage for cls in classes)


def _is_retryable(error: BaseException, recorded: Failure | None, non_retryable: frozenset[str]) -> bool:
    if issubclass(type(error), BaseExceptionGroup):
        return all(_is_retryable(leaf, _recorded(leaf), non_retryable) for leaf in _leaves(error))  # type: ignore[arg-type]
    if recorded is not None and recorded.retryable is False:
        return False
    if issubclass(type(error), _NOT_RETRIED):
        return False
    lineage = type.__dict__["__mro__"].__get__(type(error))
    return not non_retryable or not any(_ask(lambda: error_name(cls), str, "") in non_retryable for cls in lineage)  # noqa: B023


def _cause_of(error: BaseException) -> BaseException | None:
    """What Python shows as "direct cause" or "during handling of"; of a group without one, its first error."""
    slots: dict[str, Any] = BaseException.__dict__  # type: ignore[assignment]
    cause: BaseException | None = slots["__cause__"].__get__(error)
    if cause is None and not slots["__suppress_context__"].__get__(error):
        cause = slots["__context__"].__get__(error)
    if cause is None and issubclass(type(error), BaseExceptionGroup):
        cause = next(iter(_leaves(error)), None)  # type: ignore[arg-type]
    return cause


def _stack(error: BaseException) -> str:
    """The last frames, as Python prints them. What follows them, type and message, has fields of its own."""
    trace: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)

    def lines() -> str:
        frames = traceback.StackSummary.from_list(traceback.extract_tb(trace, limit=-_FRAMES))
        return "".join(cut(line, _LINE_LENGTH) for line in frames.format())

    return _ask(lines, str, "")
