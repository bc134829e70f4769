"""How to reach a cluster that wants to know who asks: TLS, mTLS and SASL, in one place.

Settings are librdkafka's own, by their names. They come from a properties file, named by ``?config=FILE`` in the
URL or by ``SAGALINE_KAFKA_CONFIG``, and from environment variables, which win: ``sasl.password`` is
``SAGALINE_KAFKA_SASL_PASSWORD``. No secret is ever in a URL, for URLs are shown and logged.

``sasl.oauthbearer.callback=module:function`` names a function that fetches a token: it is called with the text of
``sasl.oauthbearer.config`` and returns the token and when it ends, in seconds since 1970.
Source: librdkafka, CONFIGURATION.md.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sagaline.errors import ConfigurationError

FILE_VARIABLE = "SAGALINE_KAFKA_CONFIG"
CALLBACK = "sasl.oauthbearer.callback"
_PREFIX = "SAGALINE_KAFKA_"
_ALLOWED = ("security.protocol", "sasl.", "ssl.", "enable.ssl.", "https.", "client.rack", "broker.address.family")


def security_settings(config_file: str | None, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Settings for every client. Raises ConfigurationError that names the setting, never its value."""
    variables = os.environ if environment is None else environment
    file = config_file or variables.get(FILE_VARIABLE)
    settings: dict[str, Any] = {} if file is None else _read(Path(file))
    for variable, value in sorted(variables.items()):
        if variable.startswith(_PREFIX) and variable != FILE_VARIABLE:
            settings[_name(variable)] = value
    for name in settings:
        if not name.startswith(_ALLOWED):
            raise ConfigurationError(
                f"Expected settings of the connection's security ({', '.join(_ALLOWED)}) but got {name!r}: "
                f"the engine sets everything else itself."
            )
    callback = settings.pop(CALLBACK, None)
    if callback is not None:
        settings["oauth_cb"] = _function(callback)
    return settings


def _name(variable: str) -> str:
    return variable[len(_PREFIX) :].lower().replace("_", ".")


def _read(file: Path) -> dict[str, Any]:
    """A properties file: ``name=value`` lines, and comments that begin with #."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(f"Expected Kafka's settings in {file} but it cannot be read: {error}.") from error
    settings: dict[str, Any] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"Expected name=value in line {number} of {file} but there is no '='.")
        settings[name.strip()] = value.strip()
    return settings


def _function(place: str) -> Callable[[str], tuple[str, float]]:
    module, _, name = place.partition(":")
    try:
        fetch: Callable[[str], tuple[str, float]] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"Expected {CALLBACK}=module:function but {place!r} cannot be used: {error}."
        ) from error
    return fetch
