"""A real Kafka broker as a JVM process in KRaft mode, from Maven Central's jars.

``python -m kafka_process --port 9092`` (``make kafka``) runs one in the foreground; tests start theirs here too.
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

KAFKA_VERSION = "4.4.0"
_START_S = 300.0
_CACHE = Path(__file__).parents[2] / ".cache" / f"kafka-{KAFKA_VERSION}"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>sagaline</groupId><artifactId>test-broker</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
"""
_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=200
"""


def jars() -> Path:
    """The folder of the broker's jars, fetched by Maven once."""
    if not (_CACHE / "complete").exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        (_CACHE / "pom.xml").write_text(_POM, "utf-8")
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={_CACHE / 'libs'}"]
        subprocess.run(command, cwd=_CACHE, check=True, stdin=subprocess.DEVNULL)
        (_CACHE / "complete").touch()
    return _CACHE / "libs"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses just now.

    Below those that the system gives to outgoing connections: else, while a server is away, one of those takes its port
    (a client that tries to reach the server may be given that very port, and is connected to itself).
    """
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def properties(port: int, controller: int, data: str) -> str:
    """The server.properties of a single node."""
    return _PROPERTIES.format(port=port, controller=controller, data=data)


def cluster_id() -> str:
    """A new id as the storage tool wants it: one that begins with "-" would be an option to it."""
    return base64.urlsafe_b64encode(b"K" + uuid.uuid4().bytes[1:]).decode().rstrip("=")


class KafkaProcess:
    """One broker: start, stop, kill -9, pause, resume, restart with its data."""

    def __init__(self, port: int | None = None, folder: Path | None = None, heap_mb: int = 768) -> None:
        self.port = port or free_port()
        self._controller = free_port()
        self._own = folder is None
        self._heap_mb = heap_mb
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sagaline-kafka-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The JVM's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts the broker and waits until it serves."""
        self.launch()
        self.wait_started()

    def launch(self) -> None:
        """Starts the broker."""
        config = self.folder / "server.properties"
        if not config.exists():
            self.format(config)
        log = (self.folder / "broker.log").open("ab")
        self._begin = (self.folder / "broker.log").stat().st_size
        command = [
            "java",
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",
            "-cp",
            f"{jars()}/*",
            "kafka.Kafka",
            str(config),
        ]
        self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

    def wait_started(self) -> None:
        """Waits until it serves."""
        self._wait_for("Kafka Server started", self._begin)

    def format(self, config: Path) -> None:
        """Writes the settings and makes the data directory."""
        config.write_text(properties(self.port, self._controller, str(self.folder / "data")), "utf-8")
        self.run("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id(), "-c", str(config))

    def run(self, main: str, *args: str) -> None:
        """Runs one of Kafka's tools."""
        command = ["java", "-cp", f"{jars()}/*", main, *args]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _wait_for(self, text: str, begin: int) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            shown = (self.folder / "broker.log").read_bytes()[begin:]
            if text.encode() in shown:
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"the broker ended: {shown[-2000:].decode(errors='replace')}")
            time.sleep(0.05)
        raise RuntimeError(f"the broker did not start within {_START_S:g} s; see {self.folder / 'broker.log'}")

    @property
    def running(self) -> bool:
        """True while the process is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """A clean stop."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: it hangs, connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Ends it and deletes its data."""
        self.kill()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)


def main() -> None:
    """Runs a broker until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make kafka")
    parser.add_argument("--port", type=int, default=9092)
    port = parser.parse_args().port
    broker = KafkaProcess(port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        broker.start()
        print(f"Kafka {KAFKA_VERSION} at {broker.address}, process {broker.pid}; Ctrl-C ends it", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        broker.close()


if __name__ == "__main__":
    main()
