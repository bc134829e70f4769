"""A network that can be broken between one worker and a real broker: a proxy that understands Kafka's frames.

The broker has a second listener that advertises the proxy's port, so that a client that begins at the proxy stays on
it. Source of the frames: Kafka protocol guide, "Common Request and Response Structure".
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from kafka_process import KafkaProcess, cluster_id, free_port, properties

PRODUCE = 0


class ProxiedKafka(KafkaProcess):
    """A broker with a second way in. ``forgets_producers_after_ms``: so soon it does not know a producer any more."""

    def __init__(self, forgets_producers_after_ms: int = 86_400_000) -> None:
        super().__init__()
        self.behind, self.proxied = free_port(), free_port()
        self._forgets_ms = forgets_producers_after_ms

    def format(self, config: Path) -> None:
        text = properties(self.port, self._controller, str(self.folder / "data"))
        text = text.replace("listeners=", f"listeners=PROXIED://127.0.0.1:{self.behind},", 1)
        text = text.replace("listener.security.protocol.map=", "listener.security.protocol.map=PROXIED:PLAINTEXT,")
        text += f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port},PROXIED://127.0.0.1:{self.proxied}\n"
        text += f"producer.id.expiration.ms={self._forgets_ms}\nproducer.id.expiration.check.interval.ms=200\n"
        config.write_text(text, "utf-8")
        self.run("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id(), "-c", str(config))

    @property
    def proxy_address(self) -> str:
        """host:port for the client whose network is to break."""
        return f"127.0.0.1:{self.proxied}"


class KafkaProxy:
    """Between its clients and the broker. ``swallowed`` counts answers that were kept from the client."""

    def __init__(self, broker: ProxiedKafka) -> None:
        self._broker = broker
        self._open = asyncio.Event()
        self._open.set()
        self._to_swallow = self.swallowed = 0
        self._links: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> KafkaProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._broker.proxied)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def cut(self) -> None:
        """Nothing goes through in either direction; connections look alive."""
        self._open.clear()

    def heal(self) -> None:
        """What has waited goes through, in order."""
        self._open.set()

    def swallow(self, count: int) -> None:
        """The answers to the next produce requests are lost, and their connections with them."""
        self._to_swallow = count

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            behind, ahead = await asyncio.open_connection("127.0.0.1", self._broker.behind)
            link = _Link(self, writer, ahead)
            pumps = [asyncio.create_task(link.requests(reader)), asyncio.create_task(link.responses(behind))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                for one in (writer, ahead):
                    one.transport.abort()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._links.discard(task)

    async def pass_on(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        """Forwards a frame when the network is there."""
        await self._open.wait()
        writer.write(len(frame).to_bytes(4, "big") + frame)
        await writer.drain()

    def takes(self) -> bool:
        """True when the answer to this produce request is to be lost."""
        if self._to_swallow:
            self._to_swallow -= 1
            return True
        return False


class _Link:
    def __init__(self, proxy: KafkaProxy, client: asyncio.StreamWriter, broker: asyncio.StreamWriter) -> None:
        self._proxy, self._client, self._broker = proxy, client, broker
        self._lost: set[bytes] = set()  # correlation ids

    async def requests(self, reader: asyncio.StreamReader) -> None:
        while frame := await _frame(reader):
            if int.from_bytes(frame[:2], "big") == PRODUCE and self._proxy.takes():
                self._lost.add(frame[4:8])
            await self._proxy.pass_on(self._broker, frame)

    async def responses(self, reader: asyncio.StreamReader) -> None:
        while frame := await _frame(reader):
            if frame[:4] in self._lost:
                self._proxy.swallowed += 1
                return  # the connection goes as well
            await self._proxy.pass_on(self._client, frame)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """The next frame without its length, or nothing at the end."""
    try:
        length = int.from_bytes(await reader.readexactly(4), "big")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
