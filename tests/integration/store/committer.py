"""A process to be killed: commits as fast as it can and says which commits were acknowledged.

``python -m tests.integration.store.committer URL LIFE``; writes one line ``LIFE NUMBER`` after each acknowledgement.
"""

from __future__ import annotations

import asyncio
import os
import sys

from csms.ids import StationId
from csms.store import open_store
from tests.integration.store.samples import meter, transaction_record

N_STATIONS = 40


async def main(url: str, life: str) -> None:
    store = await open_store(url, upgrade=False)

    async def station(station_id: StationId) -> None:
        while True:
            number = await store.journal.next_transaction_number()
            await store.journal.commit(
                transaction_record(number, station_id), meter(number, station_id)
            )
            os.write(1, f"{station_id} {number}\n".encode())

    await asyncio.gather(*(station(StationId(f"{life}-{n}")) for n in range(N_STATIONS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
