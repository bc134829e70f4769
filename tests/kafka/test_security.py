"""The link: TLS and SCRAM with no more rights than docs/operations.md lists; secrets are never shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_secure import SecureKafka

pytestmark = pytest.mark.kafka
NAMESPACE = "secured"


@pytest.fixture(scope="module")
def secure() -> Iterator[SecureKafka]:
    broker = SecureKafka()
    broker.start()
    yield broker
    broker.close()


def environment(broker: SecureKafka, user: str, **changes: str) -> dict[str, str]:
    shown = {f"SAGALINE_KAFKA_{name.upper().replace('.', '_')}": value for name, value in broker.settings(user).items()}
    return os.environ | shown | changes


def run(broker: SecureKafka, env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sagaline.cli", *args, "--log", f"kafka://{broker.address}/{NAMESPACE}"]
    found = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert "-secret" not in found.stdout + found.stderr, "a secret was shown"
    return found


def test_the_order_demo_over_sasl_ssl_with_the_least_rights(secure: SecureKafka, tmp_path: Path) -> None:
    made = run(secure, environment(secure, "admin"), "topics", "apply", "--partitions", "2")
    assert made.returncode == 0, made.stderr
    user = environment(secure, "sagaline")
    refused = run(secure, user, "doctor", "--json")
    assert refused.returncode != 0, "without rights it must not work"
    secure.allow(NAMESPACE)
    found = run(secure, user, "demo", "--json")
    assert found.returncode == 0, found.stdout + found.stderr
    shown = json.loads(found.stdout)
    assert (shown["orders"], shown["books_balance"], shown["kills"]) == (1000, True, 2)
    examined = json.loads(run(secure, user, "doctor", "--json").stdout)
    assert {one["code"] for one in examined["findings"]} <= {"few-brokers", "no-worker"}


def test_settings_from_a_file(secure: SecureKafka, tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    lines = [f"{name}={value}" for name, value in secure.settings("admin").items()]
    file.write_text("# how to reach the cluster\n\n" + "\n".join(lines) + "\n")
    env = os.environ | {"SAGALINE_KAFKA_CONFIG": str(file)}
    assert run(secure, env, "topics", "apply", "--dry-run").returncode == 0


def test_a_wrong_password_is_said_without_the_password(secure: SecureKafka) -> None:
    env = environment(secure, "admin", SAGALINE_KAFKA_SASL_PASSWORD="wrong-secret")
    found = run(secure, env, "topics", "apply", "--dry-run")
    assert found.returncode == 5
    assert "Expected a Kafka broker" in found.stderr
