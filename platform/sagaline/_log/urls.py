"""Log URLs: memory://name, sqlite:///file.db, kafka://host:port,host:port/namespace."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from sagaline.errors import ConfigurationError

_EXAMPLES = "memory://name, sqlite:///file.db or kafka://host:9092,host:9092/namespace"
_PARTITIONS = 10_000
_NAMESPACE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}")


@dataclass(frozen=True)
class LogUrl:
    """A URL taken apart. ``place`` is the memory name, the file or the brokers."""

    scheme: str
    place: str
    namespace: str
    options: dict[str, str]

    def number(self, name: str, default: float) -> float:
        """A numeric option of 0 or more; raises ConfigurationError when it is not one."""
        text = self.options.get(name)
        try:
            number = default if text is None else float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            raise ConfigurationError(f"Expected a number for {name} in the log URL but got {text!r}.")
        return number

    def partitions(self, default: int) -> int:
        """The partition count for a namespace that is to be made; raises ConfigurationError."""
        number = self.number("partitions", default)
        if number != int(number) or not 1 <= number <= _PARTITIONS:
            text = self.options.get("partitions")
            raise ConfigurationError(f"Expected partitions from 1 to {_PARTITIONS} in the log URL but got {text!r}.")
        return int(number)

    def only(self, *names: str) -> None:
        """Raises ConfigurationError when there are options besides these."""
        for name in self.options:
            if name not in names:
                raise ConfigurationError(
                    f"Expected options of a {self.scheme}:// URL ({', '.join(names)}) but got {name!r}."
                )


def parse_url(url: str) -> LogUrl:
    """Takes a log URL apart; raises ConfigurationError that shows the forms there are."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"Expected a log URL such as {_EXAMPLES} but got {url!r}: {error}.") from error
    if parts.scheme == "memory" and parts.netloc:
        namespace = _namespace(options.pop("namespace", None), parts.netloc, url)
        return LogUrl("memory", parts.netloc, namespace, options)
    if parts.scheme == "sqlite" and len(parts.path) > 1 and not parts.netloc:
        path = parts.path[1:]  # sqlite:///relative.db, sqlite:////absolute.db
        return LogUrl("sqlite", path, _namespace(options.pop("namespace", None), "default", url), options)
    if parts.scheme == "kafka" and parts.netloc:
        if "@" in parts.netloc:
            raise ConfigurationError(
                "Expected no user or password in a log URL, for URLs are shown: set SAGALINE_KAFKA_SASL_USERNAME and "
                "SAGALINE_KAFKA_SASL_PASSWORD, or name a file with ?config=FILE."
            )
        for broker in parts.netloc.split(","):
            if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:]+):\d+", broker):
                raise ConfigurationError(f"Expected host:port but got {broker!r} in the log URL {url!r}.")
        return LogUrl("kafka", parts.netloc, _namespace(parts.path.strip("/"), "", url), options)
    raise ConfigurationError(f"Expected a log URL such as {_EXAMPLES} but got {url!r}.")


def _namespace(text: str | None, default: str, url: str) -> str:
    """A name that is safe in topics and folders."""
    if text is None:
        return default
    if not _NAMESPACE.fullmatch(text):
        raise ConfigurationError(
            f"Expected a namespace of letters, digits, - and _ in the log URL, as in kafka://host:9092/orders or "
            f"sqlite:///file.db?namespace=orders, but got {text!r} in {url!r}."
        )
    return text
