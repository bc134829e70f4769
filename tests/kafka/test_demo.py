"""The demo on a real broker, and its history read by a tool that is not ours."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import fastavro
import fastavro.schema
import pytest
from confluent_kafka import Consumer, TopicPartition

SCHEMAS = Path(__file__).parents[2] / "schemas" / "sagaline_schemas"


def demo(*args: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "sagaline.cli", "demo", "--json", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(report: dict[str, Any]) -> None:
    assert report["books_balance"] is True
    assert report["problems"] == []
    assert report["kills"] == 2
    assert report["completed"] + report["rolled_back"] == report["orders"] == 1000
    assert 200 < report["rolled_back"] < 400
    assert report["executions_repeated"] > 0


def test_embedded_two_kills_and_the_books_balance() -> None:
    check(demo())


@pytest.mark.kafka
@pytest.mark.parametrize("more", [[], ["--fresh-state"]], ids=["kept state", "state rebuilt from the topics alone"])
def test_on_kafka_two_kills_and_the_books_balance(broker: Any, more: list[str]) -> None:
    namespace = f"demo{uuid.uuid4().hex[:8]}"
    check(demo("--log", f"kafka://{broker.address}/{namespace}", *more))
    if not more:
        read_with_plain_fastavro(broker.address, f"{namespace}.history")


def read_with_plain_fastavro(address: str, topic: str) -> None:
    """Every record of the topic decodes with the published schema files alone."""
    schemas: dict[bytes, Any] = {}
    for file in SCHEMAS.glob("*.avsc"):
        schema = json.loads(file.read_text())
        canonical = fastavro.schema.to_parsing_canonical_form(schema)
        fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
        schemas[b"\xc3\x01" + bytes.fromhex(fingerprint)] = fastavro.parse_schema(schema)
    consumer = Consumer({"bootstrap.servers": address, "group.id": "not-ours", "enable.partition.eof": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    places = [TopicPartition(topic, one, 0) for one in partitions]
    expected = sum(consumer.get_watermark_offsets(one, timeout=10)[1] for one in places)
    consumer.assign(places)
    names: dict[str, int] = {}
    seen = 0
    while seen < expected:
        for message in consumer.consume(1000, 1.0):
            value = message.value()
            schema = schemas[value[:10]]
            record: Any = fastavro.schemaless_reader(io.BytesIO(value[10:]), schema, return_record_name=True)
            for name, _ in record.get("events", ()):
                names[name] = names.get(name, 0) + 1
            seen += 1
    consumer.close()
    assert names["io.sagaline.RunStarted"] == 1000
    assert names["io.sagaline.RunCompleted"] + names["io.sagaline.RunFailed"] == 1000


def test_anybodys_file_of_orders(tmp_path: Path) -> None:
    order = {"id": "mine", "sku": "hat", "quantity": 1, "amount_cents": 5, "card": "card-1", "address": "here"}
    (tmp_path / "orders.jsonl").write_text(
        json.dumps(order) + "\n" + json.dumps(order | {"id": "b", "address": "nowhere"}) + "\n"
    )
    report = demo("--orders", str(tmp_path / "orders.jsonl"), "--kills", "0")
    assert (report["completed"], report["rolled_back"], report["books_balance"]) == (1, 1, True)
