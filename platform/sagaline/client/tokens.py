"""Tokens are resolved and rejected by signals of their runs."""

from __future__ import annotations

from typing import Any

import pydantic_core

from sagaline._model.limits import MESSAGE_BYTES, size
from sagaline._model.tokens import parse
from sagaline.client.link import Link
from sagaline.client.messages import send_named
from sagaline.errors import InvalidInput


def value_of(value: Any) -> bytes:
    """The outcome of a token that is resolved. Raises InvalidInput."""
    try:
        return b'[{"value":' + pydantic_core.to_json(value, inf_nan_mode="strings") + b"}]"
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"Expected the value of a token to be a value of JSON but {error}.") from error


def rejection_of(message: str, type: str) -> bytes:
    """The outcome of a token that is rejected. Raises InvalidInput."""
    if not isinstance(message, str) or size(message) > MESSAGE_BYTES:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"Expected a message of at most {MESSAGE_BYTES:,} bytes.")
    return b"[" + pydantic_core.to_json({"type": type, "message": message}) + b"]"


async def resolve(link: Link, token_id: str, outcome: bytes, timeout_s: float | None) -> None:
    """Sends the outcome until it is on record. Raises InvalidInput, RequestRefused, RequestTimeout."""
    token = parse(token_id) if isinstance(token_id, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if token is None:
        raise InvalidInput(f"Expected the id of a token, as Token.id gives it, but got {str(token_id)[:80]!r}.")
    await send_named(link, (token.workflow_id, token.run_id), token.signal, outcome, timeout_s)
