"""Runs in the peer's environment: a charger of PyPI ``iso15118`` on a TCP port, without discovery.

Over TLS 1.3 where ENABLE_TLS_1_3 is set.
"""

import asyncio
import os
import sys

from iso15118.secc.comm_session_handler import SECCCommunicationSession
from iso15118.secc.controller.interface import ServiceStatus
from iso15118.secc.controller.simulator import SimEVSEController
from iso15118.secc.secc_settings import Config
from iso15118.shared.exi_codec import EXI
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
from iso15118.shared.messages.enums import AuthEnum, Protocol
from iso15118.shared.security import get_ssl_context


async def main(port: int) -> None:
    EXI().set_exi_codec(ExificientEXICodec())
    config = Config()
    config.load_envs()
    config.supported_auth_options = [AuthEnum.EIM]
    evse = SimEVSEController()
    await evse.set_status(ServiceStatus.STARTING)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        evse_id = await evse.get_evse_id(Protocol.UNKNOWN)
        session = SECCCommunicationSession((reader, writer), asyncio.Queue(), config, evse, evse_id)
        await session.start(60)

    context = get_ssl_context(True) if "ENABLE_TLS_1_3" in os.environ else None
    async with await asyncio.start_server(serve, "127.0.0.1", port, ssl=context) as server:
        print("ready", flush=True)
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
