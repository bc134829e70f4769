"""What a step says of its effect: the class that it has in a saga."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from sagaline._model.activities import IRREVERSIBLE, PIVOT, READ_ONLY, RETRIABLE
from sagaline._runtime.checks import flag
from sagaline.errors import ConfigurationError

CLASSES = (READ_ONLY, IRREVERSIBLE, PIVOT, RETRIABLE)


class ClassOptions(TypedDict, total=False):
    """At most one of them is True; none for a step that its compensation undoes.

    ``read_only``: it has no effect. ``irreversible``: it has one that nothing undoes, such as a mail, and a rollback
    goes past it. ``pivot``: the transaction has happened when it is done, and is not cancelled while it is under way.
    ``retriable``: it must be done, so it is retried without end unless ``retry`` says otherwise, and then waits for a
    person.
    """

    read_only: bool
    irreversible: bool
    pivot: bool
    retriable: bool


def class_of(options: Mapping[str, object], place: str) -> str | None:
    """The class among the options: a word of ``CLASSES``, "" when all are False, None when nothing is said. Raises
    ConfigurationError."""
    said = {name: options[name] for name in CLASSES if name in options}
    for name, value in said.items():
        flag(value, name, place)
    words = [name for name, value in said.items() if value]
    if len(words) > 1:
        raise ConfigurationError(f"Expected at most one class of a step but got {' and '.join(words)} ({place}).")
    return words[0] if words else "" if said else None
