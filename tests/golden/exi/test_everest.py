"""Documents of EVerest (libcbv2g, libiso15118): another codec made them."""

from __future__ import annotations

import pytest

from pki.exi import decode, encode
from tests.golden.exi.data import everest_documents


@pytest.mark.golden
def test_documents_decode_and_encode_byte_for_byte() -> None:
    documents = everest_documents()
    assert len(documents) == 59
    for table, exi in documents:
        assert encode(decode(exi, table), table) == exi


@pytest.mark.golden
def test_values_of_a_charge_loop() -> None:
    """The values are those that EXIficient reads."""
    exi = bytes.fromhex("8034042d166f29fb80ea560aebdbfb3062810012006164000a02002400c800")
    document = decode(exi, "iso15118_20_dc")
    assert document.name == "DC_ChargeLoopReq"
    assert document.value == {
        "Header": {"SessionID": bytes.fromhex("5a2cde53f701d4ac"), "TimeStamp": 1718607534},
        "MeterInfoRequested": False,
        "EVPresentVoltage": {"Exponent": 0, "Value": 400},
        "BPT_Scheduled_DC_CLReqControlMode": {
            "EVTargetCurrent": {"Exponent": 0, "Value": 20},
            "EVTargetVoltage": {"Exponent": 0, "Value": 400},
        },
    }
