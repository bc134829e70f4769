"""The link: TLS and SCRAM with no more rights than docs/operations.md lists; secrets are never shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation
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


def run(
    broker: SecureKafka, env: dict[str, str], *args: str, namespace: str = NAMESPACE, address: str = ""
) -> subprocess.CompletedProcess[str]:
    url = f"kafka://{address or broker.address}/{namespace}"
    command = [sys.executable, "-m", "sagaline.cli", *args, "--log", url]
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
    assert {one["code"] for one in examined["findings"]} <= {
        "few-brokers",
        "no-worker",
        "silent-owner",
    }  # it has just ended


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


def test_a_right_that_is_missing_is_named(secure: SecureKafka) -> None:
    made = run(secure, environment(secure, "admin"), "topics", "apply", "--partitions", "2", namespace="half")
    assert made.returncode == 0, made.stderr
    secure.allow("half", without=AclOperation.WRITE)
    found = run(secure, environment(secure, "sagaline"), "doctor", "--json", namespace="half")
    shown = json.loads(found.stdout)
    assert found.returncode == 1
    missing = [(one["subjects"], one["what"]) for one in shown["findings"] if one["code"] == "acl-missing"]
    assert any("history" in subjects and what == "this user may not WRITE" for subjects, what in missing)


def test_mutual_tls(secure: SecureKafka) -> None:
    pem = str(secure.client_certificate)
    env = os.environ | {
        "SAGALINE_KAFKA_SECURITY_PROTOCOL": "SSL",
        "SAGALINE_KAFKA_SSL_CA_LOCATION": str(secure.certificate),
        "SAGALINE_KAFKA_SSL_CERTIFICATE_LOCATION": pem,
        "SAGALINE_KAFKA_SSL_KEY_LOCATION": pem,
    }
    address = f"127.0.0.1:{secure.mtls_port}"
    assert run(secure, env, "topics", "apply", "--dry-run", address=address).returncode == 0
    del env["SAGALINE_KAFKA_SSL_CERTIFICATE_LOCATION"], env["SAGALINE_KAFKA_SSL_KEY_LOCATION"]
    refused = run(secure, env, "topics", "apply", "--dry-run", address=address)
    assert refused.returncode == 5, "a client without a certificate is not let in"


def test_tokens_of_a_callback(secure: SecureKafka, tmp_path: Path) -> None:
    """OAUTHBEARER with an unsecured token (RFC 7515, appendix A.5), as Kafka's own sample validator takes it."""
    (tmp_path / "tokens.py").write_text(
        "import base64, json, time\n"
        "def part(value):\n"
        "    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip('=')\n"
        "def token(config):\n"
        "    now = time.time()\n"
        "    claims = {'sub': config, 'iat': now, 'exp': now + 600}\n"
        "    return f\"{part({'alg': 'none'})}.{part(claims)}.\", now + 600\n"
    )
    env = environment(secure, "admin") | {
        "SAGALINE_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "SAGALINE_KAFKA_SASL_OAUTHBEARER_CALLBACK": "tokens:token",
        "SAGALINE_KAFKA_SASL_OAUTHBEARER_CONFIG": "admin",
        "PYTHONPATH": str(tmp_path),
    }
    del env["SAGALINE_KAFKA_SASL_USERNAME"], env["SAGALINE_KAFKA_SASL_PASSWORD"]
    found = run(secure, env, "topics", "apply", "--dry-run")
    assert found.returncode == 0, found.stderr
