"""Runs in the peer's environment: a car of PyPI ``iso15118`` that connects to a TCP port."""

import asyncio
import sys

from iso15118.evcc.comm_session_handler import EVCCCommunicationSession
from iso15118.evcc.controller.simulator import SimEVController
from iso15118.evcc.evcc_config import EVCCConfig
from iso15118.shared.exi_codec import EXI
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
from iso15118.shared.settings import load_shared_settings


async def main(port: int, service: str) -> None:
    EXI().set_exi_codec(ExificientEXICodec())
    load_shared_settings()
    config = EVCCConfig(
        supportedEnergyServices=[service],
        supportedProtocols=[f"ISO_15118_20_{service}"],
        useTls=False,
        chargeLoopCycle=3,
    )
    config.load_raw_values()
    transport = await asyncio.open_connection("127.0.0.1", port)
    vehicle = SimEVController(config)
    session = EVCCCommunicationSession(transport, asyncio.Queue(), config, "lo", vehicle)
    await session.send_sap()
    await session.start(20)


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
