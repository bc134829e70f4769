"""Log URLs: what they say, and what is refused with the place."""

from __future__ import annotations

from typing import Any

import pytest

from sagaline import ConfigurationError
from sagaline._log import open_log
from sagaline._log.urls import LogUrl, parse_url


def test_the_three_forms() -> None:
    assert parse_url("memory://m?seed=7") == LogUrl("memory", "m", "m", {"seed": "7"})
    assert parse_url("sqlite:///log.db") == LogUrl("sqlite", "log.db", "default", {})
    assert parse_url("sqlite:////var/log.db?namespace=a-b_1") == LogUrl("sqlite", "/var/log.db", "a-b_1", {})
    assert parse_url("kafka://a:1,[::1]:2/orders?partitions=3") == LogUrl(
        "kafka", "a:1,[::1]:2", "orders", {"partitions": "3"}
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "such as memory://name"),
        ("http://x", "such as memory://name"),
        ("kafka://[::1/x", "such as memory://name"),
        (None, "such as memory://name"),
        (7, "such as memory://name"),
        ("kafka://host/orders", "host:port but got 'host'"),
        ("kafka://host:1/", "a namespace of letters"),
        ("kafka://host:1/a/b", "a namespace of letters"),
        ("sqlite:///log.db?namespace=../../etc", "a namespace of letters"),
        ("sqlite:///log.db?namespace=", "a namespace of letters"),
        ("memory://m?namespace=a.b", "a namespace of letters"),
        ("sqlite:///log.db?partition=3", r"options of a sqlite:// URL \(partitions, namespace\) but got 'partition'"),
        ("memory://m?config=x", "but got 'config'"),
        ("kafka://host:1/orders?seed=1", "but got 'seed'"),
        ("sqlite:///log.db?partitions=0", "partitions from 1 to 10000 in the log URL but got '0'"),
        ("sqlite:///log.db?partitions=1.5", "partitions from 1 to 10000"),
        ("sqlite:///log.db?partitions=1000000", "partitions from 1 to 10000"),
        ("sqlite:///log.db?partitions=-4", "a number for partitions"),
        ("sqlite:///log.db?partitions=inf", "a number for partitions"),
        ("kafka://host:1/orders?partitions=many", "a number for partitions in the log URL but got 'many'"),
        ("memory://m?lost_ack=nan", "a number for lost_ack"),
        ("memory://m?latency_ms=-1", "a number for latency_ms"),
    ],
)
def test_what_is_no_log_is_refused_before_anything_is_made(url: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_log(url)
