"""The wire contract: Avro schemas of everything Sagaline writes to a topic.

Files are named ``<record>.v<version>.avsc`` and are append-only: a published version never changes and
never goes, because a history record written years ago is still read through it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

__all__ = ["SchemaFile", "schema_files"]


class SchemaFile(NamedTuple):
    """One published schema: the record's file name, its version from 1, and the parsed JSON."""

    name: str
    version: int
    schema: dict[str, Any]


@cache
def schema_files() -> tuple[SchemaFile, ...]:
    """All published schemas, ordered by name and version."""
    found: list[SchemaFile] = []
    for entry in files(__name__).iterdir():
        if entry.name.endswith(".avsc"):
            name, version = entry.name.removesuffix(".avsc").rsplit(".v", 1)
            found.append(SchemaFile(name, int(version), json.loads(entry.read_text("utf-8"))))
    return tuple(sorted(found, key=lambda one: (one.name, one.version)))
