"""A Kafka broker in a container, by testcontainers: on the host's network, at 127.0.0.1."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

from kafka_process import cluster_id, free_port, jars, properties

OFFICIAL_IMAGE = "apache/kafka:4.1.0"
_START = """set -e
mkdir -p /tmp/kafka
printf '%s' "$PROPS" > /tmp/kafka/server.properties
cd /opt/kafka
if [ ! -e /tmp/kafka/data/meta.properties ]; then
  java -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format --standalone -t "$CLUSTER" -c /tmp/kafka/server.properties
fi
exec java -Xmx512m -XX:+UseSerialGC -cp '/opt/kafka/libs/*' kafka.Kafka /tmp/kafka/server.properties
"""


def engine_problem() -> str | None:
    """Why no Docker engine can be used; None when one answers."""
    import docker

    client = None
    try:
        client = docker.from_env()
        client.ping()
    except Exception as error:
        return f"no Docker engine answers: {error}"
    finally:
        if client is not None:
            client.close()
        _collect_sockets()
    return None


def _collect_sockets() -> None:
    """docker's client leaves a socket to the garbage collector, whose warning would come in any later test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class KafkaContainer:
    """One broker in a container."""

    def __init__(self, image: str) -> None:
        os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy

        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._container: Any = (
            DockerContainer(image)
            .with_kwargs(network_mode="host")
            .with_env("PROPS", properties(self.port, free_port(), "/tmp/kafka/data"))
            .with_env("CLUSTER", cluster_id())
            .with_command(["bash", "-c", _START])
            .waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(60))
        )
        self._started = False

    @property
    def _wrapped(self) -> Any:
        return self._container.get_wrapped_container()

    def start(self) -> None:
        """Starts it, or starts it again with its data."""
        if self._started:
            self._wrapped.start()
        else:
            self._container.start()
            self._started = True

    def stop(self) -> None:
        """A clean stop."""
        self._wrapped.stop(timeout=20)

    def kill(self) -> None:
        """kill -9."""
        self._wrapped.kill()

    def pause(self) -> None:
        """It hangs."""
        self._wrapped.pause()

    def resume(self) -> None:
        """It goes on."""
        self._wrapped.unpause()

    def close(self) -> None:
        """Removes it."""
        self._container.stop()


class DockerEngine:
    """A Docker daemon of our own, without bridge and firewall rules: nothing of it stays behind."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sagaline-docker-"))
        self.host = f"unix://{self._folder}/docker.sock"
        command = ["dockerd", "--bridge=none", "--iptables=false", "-H", self.host]
        command += ["--data-root", f"{self._folder}/data", "--exec-root", f"{self._folder}/exec"]
        command += ["--pidfile", f"{self._folder}/pid"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def ended(self) -> str | None:
        """The end of its log when it could not run."""
        if self._process.poll() is None:
            return None
        return (self._folder / "log").read_text(errors="replace")[-500:]

    def close(self) -> None:
        """Ends it and deletes its data."""
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)


def make_image(tag: str, host: str) -> None:
    """An image of this machine's own parts: its Java runtime, bash, what ldd names, and the Kafka jars."""
    root = Path(tempfile.mkdtemp(prefix="sagaline-image-"))
    try:
        runtime = Path(os.path.realpath(shutil.which("java") or "java")).parents[1]
        _copy_tree(runtime, root / "opt/java")
        _copy_tree(jars(), root / "opt/kafka/libs")
        programs = [Path(shutil.which(name) or name) for name in ("bash", "mkdir")]
        for program in programs:
            _copy_file(program, root / "bin" / program.name)
        binaries = [*programs, runtime / "bin/java", *runtime.glob("lib/**/*.so")]
        for library in _libraries(binaries):
            _copy_file(library, root / str(library).lstrip("/"))
        (root / "tmp").mkdir()
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/bash\n")
        command = ["docker", "-H", host, "import", "-c", "ENV PATH=/opt/java/bin:/bin:/usr/bin", "-", tag]
        with subprocess.Popen(["tar", "-C", str(root), "-ch", "."], stdout=subprocess.PIPE) as archive:
            subprocess.run(command, stdin=archive.stdout, check=True, stdout=subprocess.DEVNULL)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _libraries(binaries: list[Path]) -> set[Path]:
    found: set[Path] = set()
    for binary in binaries:
        shown = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
        found |= {Path(word) for word in shown.split() if word.startswith("/") and Path(word).is_file()}
    return found


def _copy_file(source: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _copy_tree(source: Path, target: Path) -> None:
    skipped = shutil.ignore_patterns("src.zip", "*.jmod", "demo", "man", "jmods")
    shutil.copytree(source, target, symlinks=False, ignore=skipped, ignore_dangling_symlinks=True)
