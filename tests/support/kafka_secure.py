"""A broker that asks for TLS and SCRAM, and allows only what ACLs say."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kafka_process import KafkaProcess, cluster_id

_SECRET = "keystore-secret"
_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=SASL_SSL://127.0.0.1:{port},MTLS://127.0.0.1:{mtls},CONTROLLER://127.0.0.1:{controller},INTERNAL://127.0.0.1:{internal}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,SASL_SSL:SASL_SSL,MTLS:SSL
sasl.enabled.mechanisms=SCRAM-SHA-256,OAUTHBEARER
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.location={keystore}
ssl.keystore.password={secret}
ssl.keystore.type=PKCS12
listener.name.mtls.ssl.client.auth=required
listener.name.mtls.ssl.truststore.location={clients}
listener.name.mtls.ssl.truststore.password={secret}
listener.name.mtls.ssl.truststore.type=PKCS12
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:CN=admin;User:ANONYMOUS
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""
# What docs/operations.md lists for a namespace's user, and nothing else.
TOPIC_OPERATIONS = (
    AclOperation.READ,
    AclOperation.WRITE,
    AclOperation.DESCRIBE,
    AclOperation.DESCRIBE_CONFIGS,
)
GROUP_OPERATIONS = (AclOperation.READ, AclOperation.DESCRIBE)


class SecureKafka(KafkaProcess):
    """Users ``admin`` and ``sagaline``, their passwords ``<name>-secret``."""

    def format(self, config: Path) -> None:
        keystore = self.folder / "keystore.p12"
        common = ["-keystore", str(keystore), "-storepass", _SECRET, "-storetype", "PKCS12", "-alias", "broker"]
        _keytool("-genkeypair", *common, "-keyalg", "RSA", "-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1")
        _keytool("-exportcert", *common, "-rfc", "-file", str(self.certificate))
        clients = self.folder / "clients.p12"
        self.client_certificate.write_bytes(_certificate("admin"))
        trust = ["-keystore", str(clients), "-storepass", _SECRET, "-storetype", "PKCS12", "-alias", "admin"]
        _keytool("-importcert", *trust, "-noprompt", "-file", str(self.client_certificate))
        text = _PROPERTIES.format(
            controller=self._controller,
            port=self.port,
            internal=self._internal,
            mtls=self.mtls_port,
            clients=clients,
            keystore=keystore,
            secret=_SECRET,
            data=self.folder / "data",
        )
        config.write_text(text, "utf-8")
        users = [
            f"SCRAM-SHA-256=[name={name},iterations=4096,password={name}-secret]" for name in ("admin", "sagaline")
        ]
        scram = [part for user in users for part in ("--add-scram", user)]
        self.run("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id(), "-c", str(config), *scram)

    @property
    def certificate(self) -> Path:
        """The certificate that clients have to trust."""
        return self.folder / "broker.pem"

    @property
    def client_certificate(self) -> Path:
        """Certificate and key of a client, ``CN=admin``."""
        return self.folder / "client.pem"

    @property
    def mtls_port(self) -> int:
        """Where clients show a certificate."""
        return self._controller + 2

    @property
    def _internal(self) -> int:
        return self._controller + 1

    def settings(self, user: str) -> dict[str, Any]:
        """A client's settings, by librdkafka's names."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": user,
            "sasl.password": f"{user}-secret",
            "ssl.ca.location": str(self.certificate),
        }

    def admin(self) -> Any:
        """Somebody who may do anything."""
        return AdminClient({"bootstrap.servers": self.address, **self.settings("admin")})

    def allow(self, namespace: str, without: AclOperation | None = None) -> None:
        """Gives ``sagaline`` what it needs for a namespace, or all but one right to its topics."""
        places = [(ResourceType.TOPIC, one) for one in TOPIC_OPERATIONS if one != without]
        places += [(ResourceType.GROUP, one) for one in GROUP_OPERATIONS]
        acls = [
            AclBinding(
                kind,
                f"{namespace}.",
                ResourcePatternType.PREFIXED,
                "User:sagaline",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )
            for kind, operation in places
        ]
        admin = self.admin()  # futures die with their client
        for future in admin.create_acls(acls).values():
            future.result(timeout=20)


def _certificate(name: str) -> bytes:
    """A self-signed certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    certificate = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _keytool(*args: str) -> None:
    subprocess.run(["keytool", *args], check=True, capture_output=True, stdin=subprocess.DEVNULL)
