"""Durable sagas on Kafka: ordinary async functions that survive crashes, restarts and deployments.

The public names, and nothing else. Start with ``workflow``, ``saga`` and ``activity``, run them with a
``Worker`` and call them with a ``Client``.
"""

from __future__ import annotations

from sagaline.activity import Activity, ActivityInfo, ForwardStep, Retry, activity
from sagaline.client import (
    Client,
    Description,
    Failure,
    HistoryEvent,
    OpenStep,
    PatchUse,
    RunHandle,
    RunSummary,
    Status,
    UpdateHandle,
)
from sagaline.errors import (
    ActivityError,
    ApplicationError,
    ChildError,
    ClientClosed,
    ConfigurationError,
    FailureError,
    InvalidInput,
    InvalidOutput,
    LogUnavailable,
    MemberIdInUse,
    MessageError,
    NamespaceNotFound,
    PayloadTooLarge,
    PayloadUnavailable,
    RequestRefused,
    RequestTimeout,
    RunError,
    RunParkedError,
    SagalineError,
    StateDirectoryInUse,
    TopicMismatch,
    UpdateError,
)
from sagaline.handlers import QueryHandler, Signal, SignalCall, SignalHandler, Token, UpdateHandler
from sagaline.saga import saga
from sagaline.worker import Worker, WorkerOptions
from sagaline.workflow import ChildHandle, ExternalHandle, Workflow, WorkflowInfo, workflow

__all__ = [
    "Activity",
    "ActivityError",
    "ActivityInfo",
    "ApplicationError",
    "ChildError",
    "ChildHandle",
    "Client",
    "ClientClosed",
    "ConfigurationError",
    "Description",
    "ExternalHandle",
    "Failure",
    "FailureError",
    "ForwardStep",
    "HistoryEvent",
    "InvalidInput",
    "InvalidOutput",
    "LogUnavailable",
    "MemberIdInUse",
    "MessageError",
    "NamespaceNotFound",
    "OpenStep",
    "PatchUse",
    "PayloadTooLarge",
    "PayloadUnavailable",
    "QueryHandler",
    "RequestRefused",
    "RequestTimeout",
    "Retry",
    "RunError",
    "RunHandle",
    "RunParkedError",
    "RunSummary",
    "SagalineError",
    "Signal",
    "SignalCall",
    "SignalHandler",
    "StateDirectoryInUse",
    "Status",
    "Token",
    "TopicMismatch",
    "UpdateError",
    "UpdateHandle",
    "UpdateHandler",
    "Worker",
    "WorkerOptions",
    "Workflow",
    "WorkflowInfo",
    "activity",
    "saga",
    "workflow",
]
