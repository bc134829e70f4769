"""Values of JSON, as the command line takes them."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from sagaline.errors import InvalidInput

_DATETIME = ":datetime"
SEARCH_HELP = "NAME=JSON, a search attribute; NAME:datetime=2026-11-29T10:00:00Z for a time; repeat for more."
JSON_VALUE = "a JSON value; @FILE reads a file, - standard input"
INPUT_HELP = f"The argument of one that takes one: {JSON_VALUE}."
ARG_HELP = f"One argument of several, in their order: {JSON_VALUE}."


def arguments_of(argument: str | None, arguments: list[str] | None) -> list[Any]:
    """The arguments that --input or --arg give. Raises InvalidInput."""
    if argument is not None and arguments:
        raise InvalidInput("Expected --input, or --arg for each argument, but got both.")
    texts = arguments or ([] if argument is None else [argument])
    return [value_of(text, "--input" if argument is not None else "--arg") for text in texts]


def named_values(texts: list[str] | None, option: str) -> dict[str, Any]:
    """What an option gives that repeats, each time NAME=JSON, or NAME:datetime=TIME. Raises InvalidInput."""
    values: dict[str, Any] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidInput(f"Expected {option} NAME=JSON but got {text!r}.")
        if name.endswith(_DATETIME):
            values[name.removesuffix(_DATETIME)] = time_of(
                value, f"{option} NAME:datetime=2026-11-29T10:00:00Z, with a zone,"
            )
        else:
            values[name] = value_of(value, option)
    return values


def time_of(text: str, expected: str) -> datetime:
    """A time with a zone. Raises InvalidInput, which says what was ``expected``."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise InvalidInput(f"Expected {expected} but got {text!r}.")
    return time


def value_of(text: str, option: str) -> Any:
    """The value that an option's text is. Raises InvalidInput."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"Expected {option} @FILE to be readable but {error}.") from error
    try:
        return json.loads(text)
    except RecursionError:
        raise InvalidInput(f"Expected {option} to be JSON but it is nested too deep.") from None
    except ValueError as error:
        hint = "" if text[:1] in '[{"' else f""" (a string is written '"{text[:40]}"')"""
        raise InvalidInput(f"Expected {option} to be JSON but {error}{hint}.") from error
