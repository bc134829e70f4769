"""Attempts of activities whose outcome comes from outside: somebody who has the token says what it is."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import pydantic_core

from sagaline._model.attempts import COMPLETE, FAIL, HEARTBEAT, SettleActivity
from sagaline._model.failure import APPLICATION, Failure
from sagaline._model.limits import NAME_BYTES, PAYLOAD_BYTES, cut
from sagaline._model.tokens import AttemptToken, parse_attempt
from sagaline._payloads import step_details, step_result
from sagaline._runtime.durations import Duration
from sagaline._runtime.heartbeats import encode_details
from sagaline.activity import Activity
from sagaline.client import checks
from sagaline.client.link import Link
from sagaline.client.messaging import DEFAULT_TIMEOUT
from sagaline.client.requests import new_id
from sagaline.errors import InvalidInput, PayloadTooLarge

R = TypeVar("R")
_ADVICE = "The request is on the log and may still be handled; make it again."


class OutcomesOfActivities:
    """Methods of a client. A token is ``activity.info().token`` of an attempt that ended with
    ``activity.complete_later()``."""

    _link: Link

    @overload
    async def complete_activity(
        self, token: str, value: R, /, *, activity: Activity[..., R], timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None: ...
    @overload
    async def complete_activity(
        self, token: str, value: Any = None, /, *, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None: ...
    async def complete_activity(
        self,
        token: str,
        value: Any = None,
        /,
        *,
        activity: Activity[..., Any] | None = None,
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> None:
        """Gives the result of an activity. Returns when it is on record.

        Arguments:
            token: of the attempt.
            value: its result: of the type of ``activity`` when that is given, else a value of JSON.
            activity: whose result it is, so that its type is checked here.

        A call that is cancelled or times out may have been handled. Raises RequestRefused: "TokenUsed" when the
        outcome is known already, "TokenExpired" when the attempt's time was over and another has begun, "RunEnded",
        "WorkflowNotFound"; InvalidInput when the token is none or the value does not fit; PayloadTooLarge;
        RequestTimeout.
        """
        attempt = _parsed(token)
        data = _json(value) if activity is None else activity.definition.signature.check_output(value)
        if len(data) > PAYLOAD_BYTES:
            raise PayloadTooLarge(f"Expected a result of at most {PAYLOAD_BYTES} bytes but it has {len(data)}.")
        data = await self._link.payloads.sealed(step_result(attempt.run_id, attempt.step), data)
        await self._settle(attempt, COMPLETE, data, None, timeout)

    async def fail_activity(
        self,
        token: str,
        message: str,
        /,
        *,
        type: str = "ActivityRejected",
        retryable: bool = True,
        timeout: Duration | None = DEFAULT_TIMEOUT,
    ) -> None:
        """Says that the attempt has failed, and why: it is retried as its policy says, unless ``retryable`` is False.
        Raises what ``complete_activity`` raises."""
        attempt = _parsed(token)
        checks.instance(message, str, "a message as text")
        checks.instance(type, str, "the type of an error as text")
        failure = Failure(cut(type, NAME_BYTES), cut(message), APPLICATION, retryable=bool(retryable))
        await self._settle(attempt, FAIL, None, failure, timeout)

    async def heartbeat_activity(
        self, token: str, /, *details: Any, timeout: Duration | None = DEFAULT_TIMEOUT
    ) -> None:
        """Says that the work goes on, and how far it has come: as ``activity.heartbeat``, and each is recorded. Raises
        what ``complete_activity`` raises: "TokenUsed" also says that nobody waits for it any more."""
        attempt = _parsed(token)
        data = encode_details(details) if details else None
        if data is not None:
            data = await self._link.payloads.sealed(step_details(attempt.run_id, attempt.step), data)
        await self._settle(attempt, HEARTBEAT, data, None, timeout)

    async def _settle(
        self, token: AttemptToken, what: str, payload: bytes | None, failure: Failure | None, timeout: Duration | None
    ) -> None:
        link = self._link
        link.requests.check_open()
        request = SettleActivity(new_id(), *token, what, payload, failure, *link.requests.address)
        await link.ask(request, checks.seconds(timeout), _ADVICE)


def _parsed(token: object) -> AttemptToken:
    parsed = parse_attempt(token) if isinstance(token, str) else None
    if parsed is None:
        raise InvalidInput(
            f"Expected the token of an attempt, as activity.info().token gives it, but got {str(token)[:80]!r}."
        )
    return parsed


def _json(value: Any) -> bytes:
    try:
        return pydantic_core.to_json(value, inf_nan_mode="strings")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"Expected the result of an activity to be a value of JSON but {error}.") from error
