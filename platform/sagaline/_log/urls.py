"""Log URLs: memory://name, sqlite:///file.db, kafka://host:port,host:port/namespace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from sagaline.errors import ConfigurationError

_EXAMPLES = "memory://name, sqlite:///file.db or kafka://host:9092,host:9092/namespace"
_NAMESPACE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}")


@dataclass(frozen=True)
class LogUrl:
    """A URL taken apart. ``place`` is the memory name, the file or the brokers."""

    scheme: str
    place: str
    namespace: str
    options: dict[str, str]

    def number(self, name: str, default: float) -> float:
        """A numeric option; raises ConfigurationError when it is not one."""
        text = self.options.get(name)
        try:
            return default if text is None else float(text)
        except ValueError:
            raise ConfigurationError(f"Expected a number for {name} in the log URL but got {text!r}.") from None


def parse_url(url: str) -> LogUrl:
    """Takes a log URL apart; raises ConfigurationError that shows the forms there are."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "memory" and parts.netloc:
        return LogUrl("memory", parts.netloc, options.pop("namespace", parts.netloc), options)
    if parts.scheme == "sqlite" and len(parts.path) > 1 and not parts.netloc:
        path = parts.path[1:]  # sqlite:///relative.db, sqlite:////absolute.db
        return LogUrl("sqlite", path, options.pop("namespace", "default"), options)
    if parts.scheme == "kafka" and parts.netloc:
        if "@" in parts.netloc:
            raise ConfigurationError(
                "Expected no user or password in a log URL, for URLs are shown: set SAGALINE_KAFKA_SASL_USERNAME and "
                "SAGALINE_KAFKA_SASL_PASSWORD, or name a file with ?config=FILE."
            )
        namespace = parts.path.strip("/")
        if not _NAMESPACE.fullmatch(namespace):
            raise ConfigurationError(
                f"Expected a namespace of letters, digits, - and _ at the end of the log URL, as in "
                f"kafka://host:9092/orders, but got {namespace!r} in {url!r}."
            )
        for broker in parts.netloc.split(","):
            if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:]+):\d+", broker):
                raise ConfigurationError(f"Expected host:port but got {broker!r} in the log URL {url!r}.")
        return LogUrl("kafka", parts.netloc, namespace, options)
    raise ConfigurationError(f"Expected a log URL such as {_EXAMPLES} but got {url!r}.")
