"""What the partitions of one namespace share."""

from __future__ import annotations

from dataclasses import dataclass

from sagaline._host.options import HostOptions
from sagaline._host.partition.partition import Services
from sagaline._host.process import Process
from sagaline._host.producer import Producer
from sagaline._log import Log, Reader
from sagaline._store import Stores


@dataclass(frozen=True)
class Namespace:
    """``name`` is unique in the process: attempts are known by it."""

    name: str
    log: Log
    stores: Stores
    options: HostOptions
    process: Process
    producer: Producer
    reader: Reader

    def services(self) -> Services:
        """What a partition that begins now is given."""
        process = self.process
        return Services(
            self.name,
            self.log,
            self.producer.appender,
            process.registry,
            process.activities,
            process.pools,
            self.options,
            process.resuming,
        )
