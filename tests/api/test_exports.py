"""The public names, frozen: adding one is a decision, removing one breaks somebody."""

from __future__ import annotations

import sagaline
from sagaline import testing

NAMES = """
Activity ActivityError ActivityInfo ApplicationError Calendar ChildError ChildHandle Client ClientClosed
ConfigurationError Cron DeadlockError Description Every ExternalHandle Failure FailureError ForwardStep
HistoryEvent InvalidInput InvalidOutput Key
LimitDescription LimitHolder LimitName LimitWaiter LockDescription LockError LockHeld LockLost LockQueueFull LockTimeout
LockWaiter LogUnavailable MemberIdInUse MessageError NamespaceNotFound OpenStep PatchUse PayloadTooLarge
PayloadUnavailable QueryHandler Rate RequestRefused RequestTimeout Retry RunError RunHandle RunParkedError RunSummary
SagaLock SagaScope SagaSummary SagalineError Savepoint ScheduleDescription ScheduleSummary ScheduledRun Schedules
SideEffectError Signal SignalCall SignalHandler StateDirectoryInUse Status StepWait Token TopicMismatch UpdateError
UpdateHandle UpdateHandler WithStart Worker WorkerOptions Workflow WorkflowInfo activity saga workflow
""".split()


KIT = """
ActivityEnvironment Call Environment EnvironmentOptions HashSeedMismatch History InvariantBroken ReplayMismatch Stuck
Trial Trials fail_after_each_step replay
""".split()


def test_exports_of_the_test_kit_are_as_frozen() -> None:
    assert testing.__all__ == KIT
    assert all(hasattr(testing, name) for name in KIT)


def test_exports_are_as_frozen() -> None:
    assert sagaline.__all__ == NAMES
    assert all(hasattr(sagaline, name) for name in NAMES)


def test_every_error_is_public_and_in_the_tree() -> None:
    from sagaline import errors

    assert errors.__doc__ is not None
    for name in errors.__all__:
        assert name in NAMES
        assert name in errors.__doc__
        assert issubclass(getattr(errors, name), sagaline.SagalineError)
