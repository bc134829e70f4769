"""Values of JSON, as the command line takes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from sagaline.errors import InvalidInput

JSON_VALUE = "a JSON value; @FILE reads a file, - standard input"
INPUT_HELP = f"The argument of one that takes one: {JSON_VALUE}."
ARG_HELP = f"One argument of several, in their order: {JSON_VALUE}."


def arguments_of(argument: str | None, arguments: list[str] | None) -> list[Any]:
    """The arguments that --input or --arg give. Raises InvalidInput."""
    if argument is not None and arguments:
        raise InvalidInput("Expected --input, or --arg for each argument, but got both.")
    texts = arguments or ([] if argument is None else [argument])
    return [value_of(text, "--input" if argument is not None else "--arg") for text in texts]


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
