"""A stack that is approved, and one that is not: ``python -m sagaline_sagas.infrastructure``."""

from __future__ import annotations

import asyncio

from sagaline import RunError
from sagaline.testing import Environment

from . import Approval, Cloud, Stack, go_live, provision


async def main() -> None:
    """Builds two stacks, on a virtual clock: the database takes its time."""
    cloud = Cloud(looks_until_ready=40)
    async with Environment(
        workflows=[provision],
        activities=[
            cloud.create_network,
            cloud.create_database,
            cloud.is_ready,
            cloud.create_server,
            cloud.point_address,
            cloud.ask,
        ],
    ) as env:
        shop = await env.start(provision, Stack(name="shop"))
        await env.advance("1h")
        await shop.signal(go_live, Approval(by="ann", granted=True))
        print(await shop.result())
        blog = await env.start(provision, Stack(name="blog"))
        await env.advance("1h")
        await blog.signal(go_live, Approval(by="ann", granted=False, reason="too dear"))
        try:
            await blog.result()
        except RunError as error:
            print(f"blog is taken down: {error.failure.message}")
        print(f"what stands: {sorted(cloud.resources.values())}")


if __name__ == "__main__":
    asyncio.run(main())
