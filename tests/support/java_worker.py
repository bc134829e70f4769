"""The example worker in Java (``examples/java-worker``): its jars are fetched by Maven once, and it is compiled once a
session."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "java-worker"
SCHEMAS = ROOT / "schemas" / "sagaline_schemas"
_SOURCES = sorted((EXAMPLE / "src").rglob("*.java"))


def _cache() -> Path:
    """A folder for this pom and these sources."""
    content = b"".join(file.read_bytes() for file in (EXAMPLE / "pom.xml", *_SOURCES))
    return ROOT / ".cache" / f"java-worker-{hashlib.sha256(content).hexdigest()[:16]}"


def class_path() -> str:
    """What the worker runs with."""
    cache = _cache()
    if not (cache / "complete").exists():
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        shutil.copy(EXAMPLE / "pom.xml", cache)
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={cache / 'libs'}"]
        subprocess.run(command, cwd=cache, check=True, stdin=subprocess.DEVNULL)
        command = ["javac", "--release", "17", "-Xlint:all", "-Werror", "-d", str(cache / "classes")]
        subprocess.run([*command, "-cp", f"{cache / 'libs'}/*", *map(str, _SOURCES)], check=True)
        (cache / "complete").touch()
    return f"{cache / 'classes'}:{cache / 'libs'}/*"


class JavaWorker:
    """One in a process of its own."""

    def __init__(self, url: str, queue: str, output: Path) -> None:
        address, _, rest = url.removeprefix("kafka://").partition("/")
        namespace = rest.partition("?")[0]
        command = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", class_path()]
        command += ["io.sagaline.example.Worker", address, namespace, queue, str(SCHEMAS)]
        self._output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)

    def text(self) -> str:
        """What it has said."""
        return self._output.read_text(errors="replace")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
