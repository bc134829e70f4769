"""Three brokers on one machine, each a controller too: replication 3, two of them in sync or no acknowledgement."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from kafka_process import KafkaProcess, cluster_id, free_port

_PROPERTIES = """process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
controlled.shutdown.enable=true
"""


class _Node(KafkaProcess):
    def __init__(self, number: int, folder: Path, controllers: list[int], cluster: str) -> None:
        folder.mkdir()
        super().__init__(folder=folder, heap_mb=320)
        self.number, self._controllers, self._cluster = number, controllers, cluster

    def format(self, config: Path) -> None:
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(self._controllers, 1))
        controller = self._controllers[self.number - 1]
        data = str(self.folder / "data")
        text = _PROPERTIES.format(number=self.number, voters=voters, port=self.port, controller=controller, data=data)
        config.write_text(text, "utf-8")
        self.run("kafka.tools.StorageTool", "format", "-t", self._cluster, "-c", str(config))


class KafkaCluster:
    """Start all, then stop, kill or pause single nodes."""

    def __init__(self, nodes: int = 3) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sagaline-cluster-"))
        controllers = [free_port() for _ in range(nodes)]
        cluster = cluster_id()
        self.nodes = [
            _Node(number, self.folder / f"node-{number}", controllers, cluster) for number in range(1, nodes + 1)
        ]

    @property
    def address(self) -> str:
        """All brokers, for clients."""
        return ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Starts all nodes: they need each other, so none is waited for before all have begun."""
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_started()

    def close(self) -> None:
        """Ends all of it and deletes the data."""
        for node in self.nodes:
            node.close()
        shutil.rmtree(self.folder, ignore_errors=True)
