"""The errors of Sagaline.

::

    SagalineError
    ├── FailureError                 a failure that crosses the log; raised in workflows, it fails the run
    │   ├── ApplicationError         yours: raise it, or subclass it, in activities and workflows
    │   ├── ActivityError            an activity failed for good; ``.failure`` says why
    │   ├── SideEffectError          the function of a side effect raised; that is recorded
    │   ├── ChildError               a child of a workflow did not complete, or was refused; raised in its parent
    │   ├── RunError                 a run did not complete; raised by ``handle.result()``
    │   └── UpdateError              the handler of an update failed, or its run ended before it answered
    ├── RequestRefused               the owner answered a request with a refusal and its reason
    ├── InvalidInput                 arguments that do not fit the function's types; nothing was sent
    ├── InvalidOutput                a result that does not fit the declared type; it is not recorded
    ├── PayloadTooLarge              a payload over the limit; nothing was written
    ├── PayloadUnavailable           a payload's key, codec or blob is not here
    ├── ConfigurationError           an option, URL, topic or module is not as it has to be; the message says what to do
    │   ├── NamespaceNotFound        the log has no such namespace; clients never make one
    │   ├── TopicMismatch            a topic has the wrong partition count or settings
    │   └── StateDirectoryInUse      another process works in this state directory
    ├── RunParkedError               a run waits for a person; raised by waiting with ``on_parked="raise"``
    ├── ClientClosed                 a call of a client that was closed
    ├── LogUnavailable               the log does not answer; the message names the address
    ├── RequestTimeout               nobody answered in time
    └── MemberIdInUse                another worker runs under the same static id
"""

from __future__ import annotations

from sagaline._model.durations import Duration, duration_ms
from sagaline._model.failure import APPLICATION, Failure

__all__ = [
    "ActivityError",
    "ApplicationError",
    "ChildError",
    "ClientClosed",
    "ConfigurationError",
    "FailureError",
    "InvalidInput",
    "InvalidOutput",
    "LogUnavailable",
    "MemberIdInUse",
    "NamespaceNotFound",
    "PayloadTooLarge",
    "PayloadUnavailable",
    "RequestRefused",
    "RequestTimeout",
    "RunError",
    "RunParkedError",
    "SagalineError",
    "SideEffectError",
    "StateDirectoryInUse",
    "TopicMismatch",
    "UpdateError",
]


class SagalineError(Exception):
    """Base of all errors of Sagaline. Catch this to catch them all."""


class FailureError(SagalineError):
    """A failure that can cross the log. Raised out of a workflow it fails the run; a saga rolls back.

    So does a TimeoutError of ``asyncio.timeout`` or ``wait_for``, a group of failures (TaskGroup), and what the
    workflow lists as ``failure_exception_types``. Any other exception is taken for a bug: the run is parked until a
    fixed worker comes.
    """

    @property
    def failure(self) -> Failure:
        """The failure as data."""
        return Failure(type(self).__name__, str(self), APPLICATION)


class ApplicationError(FailureError):
    """A failure of your own.

    ``retryable=False`` ends the attempts of the activity that raises it; a subclass may say so for all of its kind.
    ``next_delay`` is how long the next attempt waits, in place of what the retry policy says: a service has told when
    to come back. ``type`` names the error for retry rules and readers; by default it is the class's name. A subclass
    with a constructor of its own need not call this one::

        class CardDeclined(ApplicationError):
            retryable = False

    Raises ConfigurationError when ``next_delay`` is no duration.
    """

    type: str = "ApplicationError"
    retryable: bool = True
    next_delay: Duration | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "type" not in cls.__dict__:
            cls.type = cls.__name__
        if "next_delay" in cls.__dict__:
            _check_delay(cls.next_delay)

    def __init__(
        self,
        message: str,
        *,
        type: str | None = None,
        retryable: bool | None = None,
        next_delay: Duration | None = None,
    ) -> None:
        super().__init__(message)
        if type:
            self.type = type
        if retryable is not None:
            self.retryable = retryable
        if next_delay is not None:
            _check_delay(next_delay)
            self.next_delay = next_delay

    @property
    def failure(self) -> Failure:
        """The failure as data."""
        return Failure(self.type, str(self), APPLICATION, retryable=self.retryable)


def _check_delay(delay: Duration | None) -> None:
    try:
        if delay is not None:
            duration_ms(delay, "next_delay", least_ms=0)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


class _RecordedError(FailureError):
    """Something failed, and that is on record. ``type`` is the name of the error that it raised."""

    def __init__(self, what: str, failure: Failure) -> None:
        super().__init__(f"{what}: {failure.type}: {failure.message}")
        self.type = failure.type
        self._failure = failure

    @property
    def failure(self) -> Failure:
        """Why it failed."""
        return self._failure


class ActivityError(_RecordedError):
    """An activity failed for good. ``type`` is the name of the error that its last attempt raised."""

    def __init__(self, activity: str, failure: Failure) -> None:
        super().__init__(f"activity {activity} failed", failure)
        self.activity = activity


class SideEffectError(_RecordedError):
    """The function of a ``workflow.side_effect`` has raised, or its result cannot be recorded ("InvalidOutput",
    "PayloadTooLarge"). ``type`` is the name of the error. It is raised again in replay."""

    def __init__(self, name: str, failure: Failure) -> None:
        super().__init__(f"side effect {name} failed", failure)
        self.name = name


class RunError(_RecordedError):
    """A run ended without a result. ``status`` is failed, compensated, cancelled or terminated."""

    def __init__(self, workflow_id: str, status: str, failure: Failure) -> None:
        super().__init__(f"run of {workflow_id} {status}", failure)
        self.workflow_id = workflow_id
        self.status = status


class UpdateError(_RecordedError):
    """The handler of an update has failed, or its run has ended before it answered ("RunEnded"). ``type`` is the name
    of the error that it raised."""

    def __init__(self, workflow_id: str, update_id: str, failure: Failure) -> None:
        super().__init__(f"update of {workflow_id} failed", failure)
        self.workflow_id = workflow_id
        self.update_id = update_id


class ChildError(FailureError):
    """A child of a workflow has ended without a result, or was refused.

    ``status`` is failed, compensated (it has undone what it had done), cancelled, terminated or refused; ``type`` the
    name of the error by which it ended, or of the refusal ("IdInUse", "UnknownWorkflow"). ``failure`` has that as its
    cause.
    """

    def __init__(self, workflow: str, workflow_id: str, status: str, failure: Failure | None) -> None:
        cause = failure or Failure("Unknown", "no reason was given")
        super().__init__(f"child {workflow} ({workflow_id}) {status}: {cause.type}: {cause.message}")
        self.workflow, self.workflow_id, self.status = workflow, workflow_id, status
        self.type = cause.type
        self._cause = cause

    @property
    def failure(self) -> Failure:
        """That the child has ended so, and why."""
        return Failure("ChildError", str(self), APPLICATION, retryable=False, cause=self._cause)


class MessageError(FailureError):
    """A message of a workflow to another run was refused there. ``type`` says why: "WorkflowNotFound", "RunEnded",
    "UnknownSignal", "InvalidInput", "TooManySignals". Let out, it fails the run that has sent it."""

    def __init__(self, workflow_id: str, signal: str, failure: Failure) -> None:
        what = f"signal {signal!r}" if signal else "the request to stop"
        super().__init__(f"{what} to {workflow_id} was refused: {failure.type}: {failure.message}")
        self.workflow_id = workflow_id
        self.type = failure.type
        self._cause = failure

    @property
    def failure(self) -> Failure:
        """That it was refused, and why."""
        return Failure("MessageError", str(self), APPLICATION, retryable=False, cause=self._cause)


class RequestRefused(SagalineError):
    """The owner of the run refused a request. ``type`` names the reason, the message gives it in full.

    ``run_id`` is the run that has refused it, also one that has begun with it (``Client.with_start``); it is empty when
    the request named no certain one.
    """

    def __init__(self, failure: Failure, run_id: str = "") -> None:
        super().__init__(failure.message)
        self.type = failure.type
        self.run_id = run_id


class InvalidInput(SagalineError):
    """Arguments that do not fit the function's types; the message names the field. Nothing was sent."""


class InvalidOutput(SagalineError):
    """A result that does not fit the function's declared type; the message names the field. It is not recorded.

    An activity that returns one has failed, and is not attempted again.
    """


class PayloadTooLarge(SagalineError):
    """A payload over the limit. Nothing was written; pass a reference to the data instead."""


class PayloadUnavailable(SagalineError):
    """A payload cannot be read: its key or codec is not configured here, or its blob is missing or damaged."""


class ConfigurationError(SagalineError):
    """Something is not set up as it has to be. The message says what was expected, what was found and what to do."""


class NamespaceNotFound(ConfigurationError):
    """The log has no such namespace. The message names those that are there. Clients never make one: check the URL,
    start a worker, or run ``sagaline topics apply``."""


class TopicMismatch(ConfigurationError):
    """A topic has another partition count or other settings than needed. Run ``sagaline topics apply``."""


class StateDirectoryInUse(ConfigurationError):
    """Another process works in this state directory. Give each worker a directory of its own."""


class RunParkedError(SagalineError):
    """A run is parked: it waits for a person, or for a worker whose code is right. The message says why, since when
    and what can be done; the run is not lost, and goes on from where it stands."""

    def __init__(self, workflow_id: str, run_id: str, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.type = failure.type
        self.failure = failure
        """Why it is parked."""


class ClientClosed(SagalineError):
    """The client was closed. Requests that were sent before are handled all the same."""


class LogUnavailable(SagalineError):
    """The log does not answer. The message names the address that was tried."""


class RequestTimeout(SagalineError):
    """No owner answered in time. The request may still be handled: repeat it under the same id."""


class MemberIdInUse(SagalineError):
    """Another live worker has the same static id. Give each worker an id of its own."""
