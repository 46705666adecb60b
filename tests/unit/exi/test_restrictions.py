from __future__ import annotations

from typing import Any

import pytest

from pki.exi import Document, decode, encode
from pki.exi.restrictions import violations
from pki.exi.tables import load_table
from tests.property.exi.generate import MESSAGE_TABLES, Generator, Minimal

BODY = "urn:iso:15118:2:2013:MsgBody"


def _status(soc: int) -> dict[str, Any]:
    return {"EVReady": True, "EVErrorCode": "NO_ERROR", "EVRESSSOC": soc}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "CableCheckReq",
            {"DC_EVStatus": _status(120)},
            ["CableCheckReq/DC_EVStatus/EVRESSSOC: 120, expected 0..100"],
        ),
        ("CableCheckReq", {"DC_EVStatus": _status(100)}, []),
        (
            "SessionSetupRes",
            {"ResponseCode": "OK", "EVSEID": "A" * 38},
            ["SessionSetupRes/EVSEID: length 38, expected 7..37"],
        ),
        (
            "ServiceDetailReq",
            {"ServiceID": 65536},
            ["ServiceDetailReq/ServiceID: 65536, expected 0..65535"],
        ),
        (
            "DHpublickey",
            None,
            ["DHpublickey: not a global element of iso15118_2"],
        ),
        (
            "PaymentDetailsRes",
            {"ResponseCode": "OK", "GenChallenge": bytes(15), "EVSETimeStamp": 2**63},
            [
                "PaymentDetailsRes/GenChallenge: length 15, expected 16..16",
                "PaymentDetailsRes/EVSETimeStamp: 9223372036854775808,"
                " expected -9223372036854775808..9223372036854775807",
            ],
        ),
    ],
)
def test_violations_are_named_and_still_coded(
    name: str, value: dict[str, Any] | None, expected: list[str]
) -> None:
    document = Document(BODY, name, value)
    assert violations(document, "iso15118_2") == expected
    if value is not None:
        assert decode(encode(document, "iso15118_2"), "iso15118_2") == document


@pytest.mark.parametrize("table", MESSAGE_TABLES)
def test_values_made_by_the_schema_break_nothing(table: str) -> None:
    components = load_table(table)
    for name in components.elements:
        assert violations(Generator(components, Minimal()).document(name), table) == []
