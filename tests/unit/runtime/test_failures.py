"""Describing an exception never raises, whatever the exception is, and what comes out fits into a record."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagaline import ApplicationError, FailureError, InvalidInput
from sagaline._model.failure import APPLICATION, BUG, TIMEOUT, Failure
from sagaline._model.limits import CAUSES, MESSAGE_BYTES, NAME_BYTES, STACK_BYTES, size
from sagaline._runtime.failures import error_name, failure_of
from sagaline.errors import ActivityError

_WHOLE_BYTES = 2 * (NAME_BYTES + MESSAGE_BYTES + STACK_BYTES)


def caught(error: BaseException) -> BaseException:
    """The exception with a traceback, as user code raises it."""
    try:
        raise error
    except BaseException as raised:
        return raised


def check(failure: Failure) -> None:
    chain, inner = [failure], failure
    while inner.cause is not None:
        inner = inner.cause
        chain.append(inner)
    assert len(chain) <= CAUSES
    for link in chain:
        texts = (link.type, link.message, link.kind, link.stack)
        assert all(type(text) is str and text.encode() is not None for text in texts)
        assert 0 < size(link.type) <= NAME_BYTES
        assert 0 < size(link.message) <= MESSAGE_BYTES
        assert size(link.stack) <= STACK_BYTES
        assert type(link.retryable) is bool
        assert type(link.clean) is bool
    data = msgspec.msgpack.encode(failure)
    assert len(data) <= _WHOLE_BYTES
    assert msgspec.msgpack.decode(data, type=Failure) == failure


# Hostile exceptions, each part of them generated


class Text(str):
    __slots__ = ()

    def encode(self, *_: object) -> bytes:  # type: ignore[override]
        raise RuntimeError("no")

    __len__ = __getitem__ = __str__ = __eq__ = isascii = encode  # type: ignore[assignment]
    __hash__ = str.__hash__


def raises(what: BaseException):
    def method(*_: object) -> str:
        raise what

    return method


texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "x" * 5_000_000, "\ud800" * 9_000, "é" * 8_001, "\0", "🙂" * 3_000]),
    st.sampled_from(["hostile", ""]).map(Text),
)
answers = st.one_of(
    texts.map(lambda text: lambda *_: text),
    st.sampled_from([None, 3, b"bytes", object()]).map(lambda answer: lambda *_: answer),
    st.sampled_from(
        [
            ValueError("in a method"),
            RecursionError(),
            SystemExit(3),
            KeyboardInterrupt(),
            MemoryError(),
            StopIteration(),
        ]
    ).map(raises),
)
attributes = st.one_of(texts, st.sampled_from([None, 5, b"x", True, object, Failure("a", "b")]), answers.map(property))
names = st.sampled_from(
    ["type", "retryable", "failure", "args", "__cause__", "__context__", "__traceback__", "message"]
)


@st.composite
def exceptions(draw: st.DrawFn) -> BaseException:
    base = draw(st.sampled_from([Exception, BaseException, ApplicationError, FailureError, OSError, KeyError]))
    body: dict[str, object] = {"__init__": lambda self, *_: None}
    for method in draw(st.sets(st.sampled_from(["__str__", "__repr__", "__class__", "__getattribute__", "__hash__"]))):
        body[method] = draw(answers) if method != "__class__" else property(draw(answers))
    for name in draw(st.sets(names)):
        body[name] = draw(attributes)
    kind = type(draw(st.sampled_from(["Hostile", "N" * 100_000, "Ünïcode"])), (base,), body)
    return kind.__new__(kind, draw(st.one_of(st.integers(), st.just("text"))))


def joined(errors: list[BaseException], shape: str) -> BaseException:
    for effect, cause in zip(errors, [*errors[1:], errors[0]], strict=True):
        BaseException.__dict__["__cause__"].__set__(effect, cause if effect is not cause else None)
    try:
        return BaseExceptionGroup(shape, errors) if shape else errors[0]
    except BaseException:  # one whose class lies cannot be grouped
        return errors[0]


@settings(deadline=None, max_examples=300)
@given(
    errors=st.lists(exceptions(), min_size=1, max_size=8),
    shape=st.sampled_from(["", "a group", "\ud800"]),
    refused=st.booleans(),
)
def test_any_exception_can_be_described(errors: list[BaseException], shape: str, refused: bool) -> None:
    error = joined(errors, shape)
    failure = failure_of(caught(error), refusals=(type(error),) if refused else (), non_retryable=["x.Y"])
    check(failure)
    assert failure.clean is refused
    assert not (refused and failure.retryable)


def test_a_class_whose_metaclass_lies_is_described() -> None:
    class Meta(type):
        __name__ = __module__ = __mro__ = property(raises(RuntimeError()))  # type: ignore[assignment]

        def __instancecheck__(cls, _: object) -> bool:
            raise RuntimeError

        __subclasscheck__ = __getattribute__ = __instancecheck__  # type: ignore[assignment]

    class Lying(Exception, metaclass=Meta):
        pass

    error = Lying("x")
    check(failure_of(error, refusals=(type(error),), non_retryable=["a.B"]))
    assert failure_of(error).type == "Lying"


def test_endless_causes_groups_of_groups_and_deep_tracebacks_end() -> None:
    first = error = ValueError("0")
    for number in range(20_000):
        error.__cause__ = ValueError(str(number))
        error = error.__cause__
    check(failure_of(first))

    class Endless(Exception):
        @property
        def __cause__(self) -> BaseException:  # type: ignore[override]
            return Endless()

    check(failure_of(caught(Endless())))

    group: BaseException = ValueError("innermost")
    for _ in range(5_000):
        group = ExceptionGroup("g", [group, KeyError("k")])  # type: ignore[list-item]
    check(failure_of(group))

    def deep() -> None:
        deep()

    try:
        deep()
    except RecursionError as too_deep:
        check(failure_of(too_deep))


def test_a_traceback_that_cannot_be_formatted_is_left_out() -> None:
    class Loader:
        def get_source(self, _: str) -> str:
            raise KeyboardInterrupt

    space = {"__loader__": Loader(), "__name__": "nowhere"}
    exec(compile("def fail():\n    raise ValueError('x')", "<nowhere>", "exec"), space)
    try:
        space["fail"]()  # type: ignore[operator]
    except ValueError as error:
        check(failure_of(error))


# What it says of ordinary ones


def test_an_ordinary_exception_is_retried_and_shown_with_its_stack_and_causes() -> None:
    try:
        try:
            {}["stock"]
        except KeyError as missing:
            raise ValueError("no such item") from missing
    except ValueError as error:
        failure = failure_of(error)
    assert (failure.type, failure.message, failure.kind) == ("ValueError", "no such item", APPLICATION)
    assert failure.retryable
    assert not failure.clean
    assert 'raise ValueError("no such item")' in failure.stack
    assert failure.cause is not None
    assert (failure.cause.type, failure.cause.message) == ("KeyError", "'stock'")


def test_a_subclass_that_never_calls_the_constructor_is_an_application_error_like_any_other() -> None:
    class Declined(ApplicationError):
        retryable = False

        def __init__(self, card: str) -> None:
            self.card = card

    failure = failure_of(caught(Declined("4711")))
    assert (failure.type, failure.retryable) == ("Declined", False)
    assert "4711" in failure.message
    assert Declined("4711").failure.type == "Declined"


def test_an_application_error_whose_text_raises_keeps_its_type_and_is_not_retried() -> None:
    class Declined(ApplicationError):
        __str__ = __repr__ = raises(RuntimeError("no text"))  # type: ignore[assignment]

    failure = failure_of(Declined("x", type="CardDeclined", retryable=False))
    assert (failure.type, failure.retryable) == ("CardDeclined", False)
    assert failure.message == "a Declined whose message cannot be shown"


def test_classes_that_are_not_retried_are_matched_by_their_subclasses_and_names_are_left_to_the_engine() -> None:
    names = [error_name(LookupError)]
    assert names == ["builtins.LookupError"]
    assert not failure_of(KeyError("k"), non_retryable=names).retryable
    assert failure_of(ValueError("v"), non_retryable=names).retryable
    assert failure_of(KeyError("k"), non_retryable=["LookupError"]).retryable
    assert not failure_of(ExceptionGroup("g", [ValueError(), KeyError()]), non_retryable=names).retryable
    assert not failure_of(InvalidInput("no")).retryable


def test_a_group_tells_all_of_its_errors() -> None:
    group = ExceptionGroup("two steps", [ValueError("a"), ExceptionGroup("inner", [KeyError("b"), TypeError("c")])])
    failure = failure_of(group)
    assert failure.type == "ExceptionGroup"
    assert failure.message == "two steps; ValueError: a; KeyError: 'b'; TypeError: c"
    assert failure.cause is not None
    assert failure.cause.type == "ValueError"
    many = failure_of(ExceptionGroup("many", [ValueError("x" * 10_000) for _ in range(5_000)]))
    check(many)
    assert many.message.endswith("and more")


def test_a_failure_that_crossed_the_log_keeps_its_kind_stack_and_cause() -> None:
    before = Failure("Timeout", "too slow", TIMEOUT, "stack", cause=Failure("OSError", "x" * 100_000))
    failure = failure_of(caught(ActivityError("ship", before)))
    assert (failure.type, failure.message, failure.kind, failure.stack) == ("Timeout", "too slow", TIMEOUT, "stack")
    assert failure.cause is not None
    assert failure.cause.type == "OSError"
    check(failure)
    assert failure_of(ActivityError("ship", before), kind=BUG).kind == BUG


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration("x")])
def test_what_ends_a_process_is_described_like_any_other(error: BaseException) -> None:
    check(failure_of(error))
    assert failure_of(error).type == type(error).__name__
