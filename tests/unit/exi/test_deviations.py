"""What leaves the schema, as peers on EXIficient write it: read and written alike, or refused.

The octets are those of EXIficient for XML with the fault, see tests/interop/exi.
"""

from __future__ import annotations

from typing import Any

import pytest

from pki.exi import Document, ExiDecodeError, ExiDeviationError, ExiEncodeError, decode, encode
from pki.exi.restrictions import violations
from pki.exi.values import Incomplete, InvalidText, NoText

BODY = "urn:iso:15118:2:2013:MsgBody"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
TABLE = "iso15118_2"
STATUS = {"EVReady": True, "EVErrorCode": "NO_ERROR", "EVRESSSOC": 7}


def _physical(multiplier: Any = 0, unit: Any = "V", value: Any = 1) -> dict[str, Any]:
    return {"Multiplier": multiplier, "Unit": unit, "Value": value}


def _pre_charge(voltage: dict[str, Any]) -> dict[str, Any]:
    return {
        "DC_EVStatus": STATUS,
        "EVTargetVoltage": voltage,
        "EVTargetCurrent": _physical(unit="A"),
    }


CASES = {
    "multiplier": (
        "PreChargeReq",
        _pre_charge(_physical(multiplier=InvalidText("5"))),
        "8062200070e033584001030c0040",
        "PreChargeReq/EVTargetVoltage/Multiplier: text that is no value of the type",
    ),
    "unit": (
        "PreChargeReq",
        _pre_charge(_physical(unit=InvalidText("kW"))),
        "806220007033811ad5e001030c0040",
        "PreChargeReq/EVTargetVoltage/Unit: text that is no value of the type",
    ),
    "no integer": (
        "PreChargeReq",
        _pre_charge(_physical(value=InvalidText("1.5"))),
        "8062200070310e05312e3580c30010",
        "PreChargeReq/EVTargetVoltage/Value: text that is no value of the type",
    ),
    "state of charge": (
        "CableCheckReq",
        {"DC_EVStatus": STATUS | {"EVRESSSOC": InvalidText("120")}},
        "800c200e0531323080",
        "CableCheckReq/DC_EVStatus/EVRESSSOC: text that is no value of the type",
    ),
    "octets": (
        "SessionSetupReq",
        {"EVCCID": InvalidText("00:01")},
        "807ee0730303a30318",
        "SessionSetupReq/EVCCID: text that is no value of the type",
    ),
    "negative": (
        "ServiceDetailReq",
        {"ServiceID": InvalidText("-1")},
        "8076e042d318",
        "ServiceDetailReq/ServiceID: text that is no value of the type",
    ),
    "octets beside an attribute": (
        "SignatureValue",
        {"@Id": "a", "#text": InvalidText("zz!")},
        "808e01b0e02bd3d10c",
        "SignatureValue/#text: text that is no value of the type",
    ),
    "octets alone": (
        "SignatureValue",
        {"#text": InvalidText("zz!")},
        "808f6057a7a218",
        "SignatureValue/#text: text that is no value of the type",
    ),
    "response code": (
        "SessionStopRes",
        {"ResponseCode": InvalidText("FAILED_Foo")},
        "8084e0c4641494c45445f466f6f8",
        "SessionStopRes/ResponseCode: text that is no value of the type",
    ),
    "empty response code": (
        "SessionStopRes",
        {"ResponseCode": NoText()},
        "808480",
        "SessionStopRes/ResponseCode: text that is no value of the type",
    ),
    "nothing in it": (
        "SessionStopRes",
        Incomplete(),
        "808500",
        "SessionStopRes: required elements lack",
    ),
    "the last element lacks": (
        "PreChargeReq",
        Incomplete({"DC_EVStatus": STATUS, "EVTargetVoltage": _physical()}),
        "806220007031000480",
        "PreChargeReq: required elements lack",
    ),
}


def _found(value: Any) -> Any:
    """With the classes of values, which compare as what they stand in for."""
    if isinstance(value, dict):
        return type(value), {key: _found(item) for key, item in value.items()}
    return type(value), value


@pytest.mark.parametrize("case", CASES)
def test_deviations_survive_and_are_listed(case: str) -> None:
    name, value, exi, violation = CASES[case]
    document = Document(DSIG if name == "SignatureValue" else BODY, name, value)
    assert encode(document, TABLE).hex() == exi
    found = decode(bytes.fromhex(exi), TABLE)
    assert _found(found.value) == _found(value)
    assert violation in violations(found, TABLE)


@pytest.mark.parametrize("case", CASES)
def test_the_strict_decoder_refuses_them(case: str) -> None:
    _, _, exi, _ = CASES[case]
    with pytest.raises(ExiDeviationError, match="undeclared"):
        decode(bytes.fromhex(exi), TABLE, strict=True)


def test_the_strict_decoder_refuses_named_types_and_takes_empty_texts() -> None:
    with pytest.raises(ExiDeviationError, match="undeclared xsi:type"):
        decode(bytes.fromhex("809800401209600ee000"), TABLE, strict=True)
    setup = Document(BODY, "SessionSetupRes", {"ResponseCode": "OK", "EVSEID": NoText()})
    assert decode(encode(setup, TABLE), TABLE, strict=True) == setup


@pytest.mark.parametrize(
    ("exi", "message"),
    [
        ("80980040120a80", "undeclared xsi:nil"),
        ("8007a10040ad2c8630", r"undeclared AT\(\*\)"),
        ("808401300304c0280063037840", "undeclared content, expected the end"),
        (
            "8062200072b003b4c0280061700594c028006303304700914c028006303414700924c02800630331",
            "undeclared content, expected EVTargetVoltage",
        ),
    ],
    ids=["nil", "attribute of no namespace", "element too many", "element in the middle lacks"],
)
def test_other_deviations_are_refused(exi: str, message: str) -> None:
    with pytest.raises(ExiDeviationError, match=message):
        decode(bytes.fromhex(exi), TABLE)


def test_none_is_absent_where_something_lacks_too() -> None:
    for name, value, same in (
        ("SessionStopRes", Incomplete({"ResponseCode": None}), Incomplete()),
        ("SignatureValue", {"@Id": None, "#text": InvalidText("zz!")}, CASES["octets alone"][1]),
    ):
        namespace = DSIG if name == "SignatureValue" else BODY
        exi = encode(Document(namespace, name, value), TABLE)
        assert exi == encode(Document(namespace, name, same), TABLE)


def test_a_dict_that_lacks_something_must_say_so() -> None:
    with pytest.raises(ExiEncodeError, match="incomplete, expected ResponseCode"):
        encode(Document(BODY, "SessionStopRes", {}), TABLE)


@pytest.mark.parametrize(
    ("table", "body", "code"),
    [
        ("din_70121", "urn:din:70121:2012:MsgBody", 23),
        ("din_70121", "urn:din:70121:2012:MsgBody", 31),
        (TABLE, BODY, 26),
        (TABLE, BODY, 31),
    ],
)
def test_a_response_code_out_of_range_is_refused(table: str, body: str, code: int) -> None:
    """Five bits index the response codes; before them header, root and two events, 17 bits."""
    exi = encode(Document(body, "SessionStopRes", {"ResponseCode": "OK"}), table)
    broken = int.from_bytes(exi) | code << 8 * len(exi) - 17 - 5
    with pytest.raises(ExiDecodeError, match=f"index {code} of"):
        decode(broken.to_bytes(len(exi)), table)


VALUES = {
    "multiplier beyond 3": _pre_charge(_physical(multiplier=4)),
    "value of 32 bits": _pre_charge(_physical(value=-(2**31))),
    "state of charge beyond 100": _pre_charge(_physical())
    | {"DC_EVStatus": STATUS | {"EVRESSSOC": 127}},
}


@pytest.mark.parametrize("name", VALUES)
def test_values_that_the_bits_can_hold_survive(name: str) -> None:
    document = Document(BODY, "PreChargeReq", VALUES[name])
    exi = encode(document, TABLE)
    assert decode(exi, TABLE, strict=True) == document
    assert violations(document, TABLE)


@pytest.mark.parametrize("octets", [b"", b"\1", b"\1\2\3\4", bytes(9)])
def test_session_ids_of_any_length_survive(octets: bytes) -> None:
    value = {"Header": {"SessionID": octets}, "Body": {"ServiceDiscoveryReq": {}}}
    for table, base in (("din_70121", "urn:din:70121:2012"), (TABLE, "urn:iso:15118:2:2013")):
        document = Document(f"{base}:MsgDef", "V2G_Message", value)
        assert decode(encode(document, table), table, strict=True) == document


@pytest.mark.parametrize("offers", [1, 2, 19, 20])
def test_protocols_of_any_name_survive(offers: int) -> None:
    names = ("urn:iso:15118:2:2010:MsgDef", "urn:iso:15118:2:2013:MsgDef", "urn:x", "", "ü" * 100)
    protocols = [
        {
            "ProtocolNamespace": names[n % len(names)],
            "VersionNumberMajor": 2**32 - 1 - n,
            "VersionNumberMinor": n,
            "SchemaID": n,
            "Priority": 1 + n,
        }
        for n in range(offers)
    ]
    namespace = "urn:iso:15118:2:2010:AppProtocol"
    document = Document(namespace, "supportedAppProtocolReq", {"AppProtocol": protocols})
    assert decode(encode(document, "app_protocol"), "app_protocol", strict=True) == document
