"""Renders docs/schemas.md from the schema files: python tests/support/schema_docs.py"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagaline_schemas import schema_files

PAGE = Path(__file__).parents[2] / "docs" / "schemas.md"
_INTRO = """# Schemas

Generated from `schemas/sagaline_schemas` by `make docs`; a test keeps it current. A value on a topic begins with
`C3 01` and the schema's CRC-64-AVRO fingerprint (Avro single-object encoding), then the Avro body.
Published versions never change and never go.

**Payloads** (`input`, `result`) are JSON in UTF-8, or, where codecs or a store of blobs are configured, an envelope: a zero
byte (JSON never begins with one), the length of a header in two bytes (big-endian, at most 2,000), the header, and the
encoded bytes unless they are in a blob. The header is a msgpack array: version (2), size of the plain payload, codecs in the
order they were applied (at most 8 pairs of name and key id, no name twice), and the blob's place (run id, a slash, SHA-256
of the encoded bytes) or "". `zlib` is RFC 1950. `aes-gcm` is a nonce of 12 bytes and what AES-GCM makes with it; the
associated data is the context followed by the key id. The context is a msgpack array: 2, the run id, the field (`input` and
`result` of the run, `7/input` and `7/result` of its step 7), the size, and the names of the codecs in order. In version 1,
of earlier releases, the associated data is the key id alone.
"""


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return " or ".join(_kind(one) for one in schema)
    if isinstance(schema, dict):
        return f"array of {_kind(schema['items'])}" if schema["type"] == "array" else str(schema["name"])
    return str(schema)


def _records(schema: Any) -> list[dict[str, Any]]:
    """A record and those that are defined inside it."""
    if isinstance(schema, list):
        return [found for one in schema for found in _records(one)]
    if not isinstance(schema, dict):
        return []
    if schema["type"] == "array":
        return _records(schema["items"])
    return [schema, *(found for field in schema["fields"] for found in _records(field["type"]))]


def render() -> str:
    """The page."""
    lines = [_INTRO]
    for file in schema_files():
        for number, record in enumerate(_records(file.schema)):
            title = (
                f"## {record['name']} (`{file.name}.v{file.version}.avsc`)" if number == 0 else f"### {record['name']}"
            )
            lines += [title, "", record["doc"], ""]
            if record["fields"]:
                lines += ["| field | type | meaning |", "|---|---|---|"]
                kinds = [_kind(field["type"]) for field in record["fields"]]
                kinds = ["one of the events below" if len(kind) > 200 else kind for kind in kinds]
                lines += [f"| {f['name']} | {k} | {f['doc']} |" for f, k in zip(record["fields"], kinds, strict=True)]
                lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
