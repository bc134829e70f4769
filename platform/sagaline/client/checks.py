"""Checks of everything that the client is given: what does not fit is refused here, with what was expected."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from typing import Any, get_args

import pydantic_core

from sagaline._model.limits import MESSAGE_BYTES, NAME_BYTES, cut
from sagaline._model.system import SYSTEM, is_system
from sagaline._runtime import durations
from sagaline._runtime.attempt_options import require_known
from sagaline._runtime.definitions import RUN_OF_CLASS, WorkflowDefinition
from sagaline._runtime.durations import Duration
from sagaline._runtime.frames import caller
from sagaline._runtime.signatures import Signature
from sagaline.activity import Activity
from sagaline.client.types import IdConflict, IdReuse, OnParked, Status
from sagaline.errors import ConfigurationError, InvalidInput
from sagaline.workflow import Workflow

_SHOWN = 80
ID_CONFLICT: tuple[str, ...] = get_args(IdConflict)
ID_REUSE: tuple[str, ...] = get_args(IdReuse)
ON_PARKED: tuple[str, ...] = get_args(OnParked)


def instance(value: Any, kind: type[Any], what: str) -> None:
    """Raises ConfigurationError when the value is of another type."""
    if not isinstance(value, kind):
        raise ConfigurationError(f"Expected {what} but got {type(value).__name__}.")


def known_options(given: Mapping[str, Any], kind: type[Any], what: str) -> None:
    """Raises ConfigurationError for an option that there is not, with the place of the call."""
    if not given.keys() <= kind.__annotations__.keys():
        require_known(given, kind, what, caller())


def text_id(value: Any, what: str = "id") -> str:
    """An id of a workflow or a run. Raises InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"Expected {what} to be a string but got {_shown(value)}.")
    length = len(_encoded(value, what))
    if not 1 <= length <= NAME_BYTES:
        got = "an empty one" if not length else f"one of {length} bytes"
        raise InvalidInput(f"Expected {what} to have 1 to {NAME_BYTES} bytes but got {got}.")
    return value


def not_reserved(workflow: str, workflow_id: Any) -> None:
    """Raises ConfigurationError for the names of the platform's own workflows."""
    if not is_system(workflow) and not (isinstance(workflow_id, str) and is_system(workflow_id)):
        return
    for what, name in (("a workflow", workflow), ("an id", workflow_id)):
        if isinstance(name, str) and is_system(name):
            raise ConfigurationError(
                f"Expected {what} that does not begin with {SYSTEM!r}, which is for the platform's own, but got "
                f"{_shown(name)}: choose another."
            )


def reason(value: Any) -> str:
    """The reason of a cancellation or termination, as the history will show it. Raises InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"Expected reason to be a string but got {_shown(value)}.")
    length = len(_encoded(value, "reason"))
    if length > MESSAGE_BYTES:
        raise InvalidInput(f"Expected reason to have at most {MESSAGE_BYTES} bytes but it has {length}.")
    return value


def event_id(value: Any) -> int:
    """The id of an event of a history. Raises InvalidInput."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
        raise InvalidInput(f"Expected to_event to be the id of an event, from 1, but got {_shown(value)}.")
    return value


def person(value: Any) -> str:
    """Who asks, as the history will show it; by default this user and host. Raises InvalidInput."""
    if value is not None:
        return text_id(value, "by")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "somebody"
    return cut(f"{user}@{socket.gethostname()}", NAME_BYTES)


def seconds(value: Duration | None, what: str = "timeout") -> float | None:
    """A time-out in seconds; None is as long as it takes. Raises ConfigurationError."""
    return None if value is None else durations.seconds(value, what)


def word(value: Any, words: tuple[str, ...], what: str) -> str:
    """One of the words of an option. Raises ConfigurationError."""
    if value not in words:
        raise ConfigurationError(f"Expected {what} to be one of {', '.join(words)} but got {_shown(value)}.")
    return str(value)


def status(value: Any) -> Status:
    """A status of runs. Raises ConfigurationError."""
    try:
        return Status(value)
    except ValueError:
        words = ", ".join(Status)
        raise ConfigurationError(f"Expected status to be one of {words} but got {_shown(value)}.") from None


def encoded(definition: WorkflowDefinition, args: tuple[Any, ...]) -> bytes:
    """The arguments of a workflow as they are sent. Raises InvalidInput that names the field."""
    return encoded_by(definition.signature, definition.name, args)


def encoded_by(signature: Signature, name: str, args: tuple[Any, ...]) -> bytes:
    """Arguments as they are sent. Raises InvalidInput that names the field."""
    try:
        return signature.encode_input(args, {})
    except (TypeError, ValueError, RecursionError) as error:  # a value that its declared type takes but JSON does not
        raise InvalidInput(f"Expected arguments of {name} that can be written as JSON but {error}.") from error


def not_a_handler(value: object, kind: str) -> ConfigurationError:
    """The error for what is given in place of a handler."""
    return ConfigurationError(
        f"Expected a method with @workflow.{kind}, a Signal, or the name of a {kind} but got {_shown(value)}: give it "
        f"through its class, as in handle.{kind}(Order.approve, ...)."
    )


def json_array(args: tuple[Any, ...]) -> bytes:
    """Arguments of a workflow whose types are not here, as they are sent. Raises InvalidInput."""
    parts: list[bytes] = []
    for number, value in enumerate(args, 1):
        try:
            parts.append(pydantic_core.to_json(value, inf_nan_mode="strings"))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"Expected argument {number} to be a value of JSON but {error}.") from error
    return b"[" + b",".join(parts) + b"]"


def workflow_name(value: Any) -> str:
    """The name of a workflow whose code is not here. Raises InvalidInput, ConfigurationError."""
    if isinstance(value, Workflow):
        raise ConfigurationError(f"Expected the name of a workflow but got {value.name} itself: client.start takes it.")
    return text_id(value, "the name of a workflow")


def definition_of(workflow: Any) -> WorkflowDefinition:
    """The definition of a decorated function. Raises ConfigurationError that says what to do instead."""
    if isinstance(workflow, type) and (run := vars(workflow).get(RUN_OF_CLASS)) is not None:
        workflow = run
    if isinstance(workflow, Workflow):
        found: WorkflowDefinition = workflow.definition
        return found
    remedy = ""
    if isinstance(workflow, Activity):
        remedy = ": an activity runs as a step of a workflow"
    elif isinstance(workflow, str):
        remedy = ": use client.start_by_name for a workflow whose code is not here"
    elif callable(workflow):
        remedy = ": decorate it, and register it with the worker"
    raise ConfigurationError(f"Expected a function with @workflow or @saga but got {_shown(workflow)}{remedy}.")


def _encoded(value: str, what: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"Expected {what} to be text that can be written as UTF-8 but {error}.") from error


def _shown(value: Any) -> str:
    """The value for a message; never raises."""
    try:
        text = repr(value)
    except Exception:
        text = "a value that cannot be shown"
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return f"{shown} ({type(value).__name__})"
