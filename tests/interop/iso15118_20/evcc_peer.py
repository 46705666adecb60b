"""Runs in the peer's environment: a car of PyPI ``iso15118`` that connects to a TCP port.

Over TLS 1.3 where ENABLE_TLS_1_3 is set.
"""

import asyncio
import os
import sys

from iso15118.evcc.comm_session_handler import EVCCCommunicationSession
from iso15118.evcc.controller.simulator import SimEVController
from iso15118.evcc.evcc_config import EVCCConfig
from iso15118.shared.exi_codec import EXI
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
from iso15118.shared.security import get_ssl_context
from iso15118.shared.settings import load_shared_settings


async def main(port: int, service: str) -> None:
    EXI().set_exi_codec(ExificientEXICodec())
    load_shared_settings()
    with_tls = "ENABLE_TLS_1_3" in os.environ
    config = EVCCConfig(
        supportedEnergyServices=[service],
        supportedProtocols=[f"ISO_15118_20_{service}"],
        useTls=with_tls,
        chargeLoopCycle=3,
    )
    config.load_raw_values()
    context = get_ssl_context(False) if with_tls else None
    transport = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    vehicle = SimEVController(config)
    session = EVCCCommunicationSession(transport, asyncio.Queue(), config, "lo", vehicle)
    await session.send_sap()
    await session.start(20)


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
