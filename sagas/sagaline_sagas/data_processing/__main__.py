"""Ten thousand items in pages of a hundred, ten at once: ``python -m sagaline_sagas.data_processing``."""

from __future__ import annotations

import asyncio
import time

from sagaline import Client, Worker

from . import Batch, count_items, process_all, process_item, process_page, store_report

URL = "memory://data-processing"


async def main() -> None:
    """Processes one batch."""
    async with (
        Worker(URL, workflows=[process_all, process_page], activities=[count_items, process_item, store_report]),
        await Client.connect(URL) as client,
    ):
        begun = time.monotonic()
        report = await client.execute(process_all, Batch(source="digits"), id="digits-1")
        print(f"{report.done} items done, {len(report.failed)} failed, in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    asyncio.run(main())
