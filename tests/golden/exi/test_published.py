"""Vectors that EXIficient produced or confirmed, published in OpenChargingCloud/WWCP_ISO15118
(tools/exificient-ref/fixtures): AC with the DER extension of amendment 1, and SignedInfo by the
schema of the message, which some peers sign."""

from __future__ import annotations

import pytest

from pki.exi import Document, decode, decode_fragment, encode
from pki.exi.signature import signed_info_input

DSIG = "http://www.w3.org/2000/09/xmldsig#"
DER_REQUEST = "8010040000000000000000080e2cfaa0630800f855220019080400441391000642200282700440"
ISO2_SIGNED_INFO = (
    "80d044ad0e8e8e0745e5eeeeeee5cee665cdee4ce5ea8a45ec6c2dcdedcd2c6c2d85acaf0d25e86ad0e8e8e074"
    "5e5eeeeeee5cee665cdee4ce5e646060625e60685ef0dad8c8e6d2ce5adadee4ca46cac6c8e6c25ae6d0c2646a"
    "6c88188d2510c514b43a3a381d1797bbbbbb973b999737b933979918181897981a17bc36b632b73191b9b43099"
    "1a9b210008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f900fa00"
)
ISO20_SIGNED_INFO = (
    "8073225687474703a2f2f7777772e77332e6f72672f54522f63616e6f6e6963616c2d6578692f435687474703a"
    "2f2f7777772e77332e6f72672f323030312f30342f786d6c647369672d6d6f72652365636473612d7368613531"
    "32440c469288628a5a1d1d1c0e8bcbddddddcb9dcccb9bdc99cbcc8c0c0c4bcc0d0bde1b5b195b98c8dcda184d"
    "4c4c910004080c1014181c2024282c3034383c4044484c5054585c6064686c7074787c8084888c9094989ca0a4"
    "a8acb0b4b8bcc0c4c8ccd0d4d8dce0e4e8ecf0f4f8fd006340"
)


@pytest.mark.golden
def test_der_request() -> None:
    document = decode(bytes.fromhex(DER_REQUEST), "iso15118_20_ac_der_iec")
    assert document.value["DER_AC_CPDReqEnergyTransferMode"] == {
        "EVMaximumChargePower": {"Exponent": 0, "Value": 11000},
        "EVMinimumChargePower": {"Exponent": 0, "Value": 100},
        "EVProcessing": "Finished",
        "EVMaximumDischargePower": {"Exponent": 0, "Value": 5000},
        "EVMinimumDischargePower": {"Exponent": 0, "Value": 50},
        "EVSessionTotalDischargeEnergyAvailable": {"Exponent": 0, "Value": 20000},
    }
    assert encode(document, "iso15118_20_ac_der_iec").hex() == DER_REQUEST


def _signed_info(bits: int) -> dict[str, object]:
    return {
        "CanonicalizationMethod": {"@Algorithm": "http://www.w3.org/TR/canonical-exi/"},
        "SignatureMethod": {
            "@Algorithm": f"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha{bits}"
        },
        "Reference": [
            {
                "@URI": "#ID1",
                "DigestMethod": {"@Algorithm": f"http://www.w3.org/2001/04/xmlenc#sha{bits}"},
                "DigestValue": bytes(range(1, bits // 8 + 1)),
            }
        ],
    }


@pytest.mark.golden
@pytest.mark.parametrize(
    ("table", "bits", "expected"),
    [
        ("iso15118_2", 256, ISO2_SIGNED_INFO),
        ("iso15118_20_common_messages", 512, ISO20_SIGNED_INFO),
    ],
)
def test_signed_info_by_the_schema_of_the_message(table: str, bits: int, expected: str) -> None:
    signed_info = _signed_info(bits)
    assert signed_info_input(signed_info, table).hex() == expected
    assert decode_fragment(bytes.fromhex(expected), table) == Document(
        DSIG, "SignedInfo", signed_info
    )
    assert signed_info_input(signed_info).hex() != expected
