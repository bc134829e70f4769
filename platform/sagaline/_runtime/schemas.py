"""Schemas of types, by pydantic: made once, at decoration, and refused there when values could not be carried."""

from __future__ import annotations

from typing import Any

import pydantic
from pydantic.errors import PydanticErrorMixin

_SECRETS = (pydantic.Secret, pydantic.SecretStr, pydantic.SecretBytes)
_FIELDS = ("model-field", "dataclass-field", "typed-dict-field")
_MOST_NODES = 100_000


class NoSchema(Exception):
    """Values of a type cannot be carried; the text says why and what to do."""


class Undefined(Exception):
    """A name in a type is not defined yet."""


_FINITE = pydantic.ConfigDict(allow_inf_nan=False)


def adapter_of(kind: Any) -> pydantic.TypeAdapter[Any]:
    """The adapter of a type, complete. Raises NoSchema or Undefined."""
    try:
        adapter = _adapter(kind)
        if not adapter.pydantic_complete:
            adapter.rebuild(raise_errors=True)
    except pydantic.PydanticUndefinedAnnotation as error:
        raise Undefined(error.message) from error
    except pydantic.PydanticUserError as error:
        if error.code in ("class-not-fully-defined", "undefined-annotation"):
            raise Undefined(error.message) from error
        raise NoSchema(_first_line(error)) from error
    except Exception as error:  # a schema is made by code of the type's author too
        raise NoSchema(_first_line(error)) from error
    return adapter


def _adapter(kind: Any) -> pydantic.TypeAdapter[Any]:
    try:
        return pydantic.TypeAdapter(kind, config=_FINITE)
    except pydantic.PydanticUserError as error:
        if error.code != "type-adapter-config-unused":  # models and dataclasses have a configuration of their own
            raise
    return pydantic.TypeAdapter(kind)


def _first_line(error: Exception) -> str:
    text = error.message if isinstance(error, PydanticErrorMixin) else f"{type(error).__name__}: {error}"
    return text.partition("\n")[0].partition(". Set `arbitrary")[0].rstrip(".")


def check_schema(schema: Any) -> None:
    """Raises NoSchema for what pydantic would write without its value: secrets, and fields that it leaves out."""
    waiting: list[Any] = [schema]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_NODES:
        node: Any = waiting.pop()
        if isinstance(node, type):
            if issubclass(node, _SECRETS):
                raise NoSchema(
                    f"a {node.__name__} is written as asterisks: pass a reference to the secret, or a str with a "
                    f"codec that encrypts payloads (docs/payloads.md)"
                )
        elif _is(node, dict, list, tuple) and id(node) not in seen:
            seen.add(id(node))
            if _is(node, dict):
                _check_fields(node)
                waiting.extend(node.values())
            else:
                waiting.extend(node)


def _is(node: Any, *kinds: type) -> bool:
    return type(node) in kinds


def _check_fields(node: dict[str, Any]) -> None:
    fields: Any = node.get("fields") or ()
    named: list[tuple[str | None, Any]] = (
        list(fields.items()) if _is(fields, dict) else [(None, field) for field in fields]
    )
    for name, field in named:
        if _is(field, dict) and field.get("type") in _FIELDS and field.get("serialization_exclude") is True:
            raise NoSchema(
                f"its field {name or field.get('name')!r} is declared with exclude=True and would be lost: "
                f"leave exclude out"
            )
