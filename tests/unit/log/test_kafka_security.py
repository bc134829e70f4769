"""Where the settings of the link come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaline import ConfigurationError
from sagaline._log.kafka.security import security_settings
from sagaline._log.urls import parse_url


def fetch(config: str) -> tuple[str, float]:
    return f"token for {config}", 1e10


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text("# ours\nsecurity.protocol = SASL_SSL\nsasl.username=one\n\nsasl.password=a=b\n")
    found = security_settings(str(file), {"SAGALINE_KAFKA_SASL_USERNAME": "two", "OTHER": "x"})
    assert found == {"security.protocol": "SASL_SSL", "sasl.username": "two", "sasl.password": "a=b"}
    assert security_settings(None, {"SAGALINE_KAFKA_CONFIG": str(file)})["sasl.username"] == "one"
    assert security_settings(None, {}) == {}


def test_what_the_engine_sets_itself_is_refused_without_its_value() -> None:
    with pytest.raises(ConfigurationError, match=r"got 'enable\.idempotence'") as raised:
        security_settings(None, {"SAGALINE_KAFKA_ENABLE_IDEMPOTENCE": "hush"})
    assert "hush" not in str(raised.value)


def test_a_file_that_is_not_there_or_not_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.properties but it cannot be read"):
        security_settings(str(tmp_path / "nowhere.properties"), {})
    (tmp_path / "odd").write_text("sasl.username\n")
    with pytest.raises(ConfigurationError, match="name=value in line 1"):
        security_settings(str(tmp_path / "odd"), {})


def test_a_token_comes_from_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokens", type("tokens", (), {"fetch": staticmethod(fetch)}))
    found = security_settings(None, {"SAGALINE_KAFKA_SASL_OAUTHBEARER_CALLBACK": "tokens:fetch"})
    assert found["oauth_cb"]("me") == ("token for me", 1e10)
    with pytest.raises(ConfigurationError, match="module:function but 'tokens:nothing'"):
        security_settings(None, {"SAGALINE_KAFKA_SASL_OAUTHBEARER_CALLBACK": "tokens:nothing"})


def test_a_secret_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="no user or password in a log URL") as raised:
        parse_url("kafka://me:hush@broker:9092/orders")
    assert "hush" not in str(raised.value)
